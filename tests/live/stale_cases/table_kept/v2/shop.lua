local handlers = {}

function handlers.get()
    return 'v2'
end

return {handlers = handlers}
