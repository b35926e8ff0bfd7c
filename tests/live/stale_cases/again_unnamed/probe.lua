return require('bus').call_all()
