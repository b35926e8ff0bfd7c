local native = require('native')
return native.norm(rawget(_G, 'point'), 1000), rawget(_G, 'line').length
