return require('bus').call(), require('cartridge').service_get('pricing').get()
