--- Formats the key of a table for a message.

--- Returns the text of a key without calling code of the application: a key may be an
-- object whose `__tostring` throws, such as a closed socket.
-- @param key
-- @treturn string
return function(key)
    local kind = type(key)
    if kind == 'string' or kind == 'number' or kind == 'boolean' then
        return tostring(key)
    end
    return ('%s: %p'):format(kind, key)
end
