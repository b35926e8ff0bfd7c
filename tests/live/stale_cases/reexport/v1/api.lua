return {get = require('shop').get}
