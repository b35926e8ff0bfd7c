--- Finds the original of a stand-in: a function by which an adapter has replaced another
-- one while new code was staged, such as a `fiber.create` that records which code
-- starts a fiber. New code may have kept a stand-in in a variable, where the scan
-- replaces it by the original.

-- Names of the upvalue in which a stand-in keeps the original.
local FUNCTIONS = {original = true, method = true, cdef = true, metatype = true}
-- Name of an upvalue with a table whose field `original` is the original.
local PLACE = 'place'

--- Returns the function that a stand-in has replaced.
-- @tparam function f a function of this program
-- @treturn ?function nil if `f` is not a stand-in
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
