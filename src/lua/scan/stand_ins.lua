--- Functions of this program that replaced others while new code was staged,
-- such as the `fiber.create` that records who starts a fiber. If new code has
-- kept one in a variable, it gets the original back.
--
-- An adapter keeps the original in an upvalue of its function, under one of
-- these names.

local FUNCTIONS = {original = true, method = true, cdef = true, metatype = true}
local PLACE = 'place'

--- Returns the original that a function of this program replaced.
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
