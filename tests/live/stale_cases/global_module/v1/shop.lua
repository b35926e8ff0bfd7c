-- luacheck: globals shop find registry
shop = {limits = {max = 1}}

function shop.get()
    return 'v1 max '
end

function find()
    return 'find v1'
end

registry.shop = function()
    return 'v1'
end
