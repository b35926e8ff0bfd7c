local metatable = getmetatable(require('library').object)
local index = metatable.__index

function metatable.__index(object, key)
    rawget(_G, 'add_layer')()
    if type(index) == 'table' then
        return index[key]
    end
    return index(object, key)
end

return {}
