return require('bus').call('get')
