local held = rawget(_G, 'held')
require('fiber').sleep(0.05)
return require('shop.alias').limit, held.inherits.limit, held.bound(), held.scoped(), held.resumed(),
    rawget(_G, 'seen')
