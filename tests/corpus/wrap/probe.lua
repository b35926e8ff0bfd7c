return require('generator').next()
