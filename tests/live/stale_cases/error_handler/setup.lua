-- A fiber of a rock waits within an xpcall that has the function for its errors.
require('worker').start(require('shop').get)
