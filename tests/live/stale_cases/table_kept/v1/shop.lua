local handlers = {}

function handlers.get()
    return 'v1'
end

return {handlers = handlers}
