-- C types of a rock have methods of the application, and a loop that calls one
-- is compiled.
local native = require('native')
rawset(_G, 'point', native.point())
rawset(_G, 'line', native.line())
