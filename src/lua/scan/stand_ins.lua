--- Functions of this program that stood for others while new code was staged,
-- such as the `fiber.create` that notes who starts a fiber. New code may have
-- kept one in a variable; there it is to have the one that it stood for.
--
-- An adapter keeps that one in an upvalue of its function, under one of the names
-- below.

local FUNCTIONS = {original = true, method = true, cdef = true, metatype = true}
local PLACE = 'place'

--- What a function of this program stood for.
-- @tparam function f
-- @treturn ?function nil if it stood for none
local function original_of(f)
    for index = 1, 60 do
        local name, value = debug.getupvalue(f, index)
        if name == nil then
            return nil
        elseif FUNCTIONS[name] and type(value) == 'function' then
            return value
        elseif name == PLACE and type(value) == 'table' and type(value.original) == 'function' then
            return value.original
        end
    end
    return nil
end

return {original_of = original_of}
