local words = require('app.words')

local VERSION = 1
-- insert: greeting_top

return {
    text = function(name)
        return ('%s, %s (v%d)'):format(words.hello, name, VERSION)
    end,
}
