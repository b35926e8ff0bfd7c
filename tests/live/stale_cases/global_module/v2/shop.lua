-- luacheck: globals shop find registry
shop = {limits = {max = 2}}

function shop.get()
    return 'v2 max '
end

function find()
    return 'find v2'
end

registry = {shop = function()
    return 'v2'
end}
