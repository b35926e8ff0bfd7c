--- Formats table keys for messages.

--- Returns a string that represents a table key. Never calls `__tostring`: the key may be
-- an object whose `__tostring` throws, such as a closed socket.
-- @param key
-- @treturn string
return function(key)
    local kind = type(key)
    if kind == 'string' or kind == 'number' or kind == 'boolean' then
        return tostring(key)
    end
    return ('%s: %p'):format(kind, key)
end
