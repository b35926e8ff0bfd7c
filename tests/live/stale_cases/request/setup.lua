-- A fiber of a rock is within the function, and waits there. That call ends with
-- the code it began with; the next one is new.
rawset(_G, 'gate', require('fiber').channel())
require('pool').start(require('shop').work)
