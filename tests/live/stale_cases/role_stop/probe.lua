return require('bus').tell()
