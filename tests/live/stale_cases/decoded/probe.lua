return require('shop').find()
