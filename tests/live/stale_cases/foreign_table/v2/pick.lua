return require('store').new('d')
