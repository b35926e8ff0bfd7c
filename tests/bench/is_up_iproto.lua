-- What a script with only Tarantool at hand would do: ask a binary port.
local conn = require('net.box').connect(arg[1])
print(conn:eval('return box.info.status'))
os.exit(conn:ping() and 0 or 1)
