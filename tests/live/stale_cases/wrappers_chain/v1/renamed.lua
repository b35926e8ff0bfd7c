local library = require('library')
local receive = library.receive

function library.receive()
    rawget(_G, 'add_layer')()
    return receive()
end

return {}
