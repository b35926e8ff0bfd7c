local shop = require('shop')

function shop.more()
    return 'v2'
end

return {}
