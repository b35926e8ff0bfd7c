local page = require('page')
return page.run(1), page.run(2)
