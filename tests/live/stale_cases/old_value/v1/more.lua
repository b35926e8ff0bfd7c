local shop = require('shop')

function shop.more()
    return 'v1'
end

return {}
