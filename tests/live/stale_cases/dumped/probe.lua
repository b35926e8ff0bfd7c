local bus = require('bus')
return bus.new(), bus.first()
