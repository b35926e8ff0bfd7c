local library, count = require('library'), rawget(_G, 'count')
return count(library.send), count(function()
    return library.object.field
end), count(library.receive)
