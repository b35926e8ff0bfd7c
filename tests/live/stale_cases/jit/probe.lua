local sums = require('sums')
sums.sum(1000)
return 'v' .. sums.sum(1000) / 1000
