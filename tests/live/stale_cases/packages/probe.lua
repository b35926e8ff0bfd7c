local late = require('late')
package.loaded.late = nil
return require('legacy').get(), late
