return require('store').new('c')
