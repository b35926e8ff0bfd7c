return require('memo').call(require('shop').get)
