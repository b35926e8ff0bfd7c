return require('page').show()
