local library = require('library')
local shop_send = library.send

function library.send()
    rawget(_G, 'add_layer')()
    return shop_send()
end

return {}
