--- Finds the original of a stand-in. A stand-in is a function with which an adapter
-- temporarily replaces another function, the original, while new code is staged
-- (before the commit). For example, one stand-in replaces `fiber.create`, and
-- records which code starts a fiber.
--
-- New code may have kept a stand-in in a variable. The scan then replaces the
-- stand-in with the original.

-- Names of upvalues in which a stand-in may keep the original.
local FUNCTIONS = {original = true, method = true, cdef = true, metatype = true}
-- Name of an upvalue in which a stand-in may keep a table. The field `original` of this
-- table is the original function.
local PLACE = 'place'

--- Returns the original function that a stand-in has replaced.
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
