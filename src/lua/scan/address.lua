--- Determines the addresses of Lua objects.
--
-- `string.format('%p')` returns an address, but creates a string each time. For a
-- large heap, that would create too many strings for the garbage collector. So the
-- object is stored in a slot of a table, and its address is read from the memory of
-- that slot. No memory outside the table is read. Before the first use, the layout
-- of the table is verified: the other slots must contain known numbers, and the
-- addresses of several objects must be the same as with `%p`.

local require = ...
local bit = require('bit')
local ffi = require('ffi')
require('table.new')

-- Numbers in the slots after the first one, by which the slots are recognised in
-- memory.
local MARKS = {1.2345e-200, 6.789e200, -4.2e-77}
-- LuaJIT allocates the slots of a table of this size right behind the table's
-- header. The size of the header is 32 bytes, or 64 bytes with 64-bit addresses
-- (GC64).
local SLOTS = 8
local HEADERS = {32, 64}
-- With GC64, the low 47 bits of a slot are the address, and the other bits are a
-- type tag.
local HIGH_BITS = 0x7fff

--- Returns the address of an object according to `%p`.
local function format(object)
    return tonumber(('%p'):format(object))
end

--- Finds the first slot of a table in memory.
-- @tparam table slots the table; the slots after the first one contain MARKS
-- @treturn ?cdata pointer to the slot, as 32-bit words; nil if the slot is not
--   found
local function locate(slots)
    local base = ffi.cast('const uint8_t *', ffi.cast('uintptr_t', format(slots)))
    for _, header in ipairs(HEADERS) do
        -- The array part of a table begins with the slot for index 0.
        local first = ffi.cast('const double *', base + header) + 1
        local same = true
        for i, mark in ipairs(MARKS) do
            same = same and first[i] == mark
        end
        if same then
            return ffi.cast('const uint32_t *', first)
        end
    end
    return nil
end

--- Creates a function that reads the address of an object from memory.
-- @treturn ?function (object) -> number; nil if the layout of tables in this build of
--   LuaJIT is unknown
local function reader()
    local ok, read = pcall(function()
        local slots = table.new(SLOTS, 0)
        slots[1] = false
        for i, mark in ipairs(MARKS) do
            slots[i + 1] = mark
        end
        local words = locate(slots)
        if words == nil then
            return nil
        end
        local band, is_wide = bit.band, ffi.abi('gc64')
        local function read_address(object)
            slots[1] = object
            if is_wide then
                return words[0] + band(words[1], HIGH_BITS) * 4294967296
            end
            return words[0]
        end
        -- Compiled code would read the slot only once, because the JIT compiler
        -- cannot tell that its contents change.
        jit.off(read_address)
        return read_address
    end)
    if not ok or read == nil then
        return nil
    end
    -- Do not compare the addresses of userdata: for userdata, `%p` returns the
    -- address of the contents.
    for _, object in ipairs({{}, function() end, coroutine.create(function() end), read, _G}) do
        if read(object) ~= format(object) then
            return nil
        end
    end
    return read
end

return {format = format, reader = reader}
