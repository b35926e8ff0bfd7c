--- A set of Lua objects that is cheap for the server: instead of a table with an
-- entry per object, which would block everything whenever it grows, it uses one
-- bit per eight bytes of memory.
--
-- An object must stay alive while it is in the set, as another one could get
-- its address.

local require = ...
local address_lib = require('scan.address')
local bit = require('bit')
require('table.new')

-- Bytes covered by one page of bits, and its size in words of 32 bits.
local PAGE = 65536
local WORDS = PAGE / 8 / 32

local band, bor, lshift, rshift = bit.band, bit.bor, bit.lshift, bit.rshift
local new_table = table.new

--- @treturn function adds an object; returns whether it was already in the set
local function new()
    local address_of = address_lib.reader() or address_lib.format
    local pages = {}
    return function(object)
        local address = address_of(object)
        local offset = address % PAGE
        local key = address - offset
        local page = pages[key]
        if page == nil then
            page = new_table(WORDS, 0)
            for i = 0, WORDS - 1 do
                page[i] = 0
            end
            pages[key] = page
        end
        local word, mask = rshift(offset, 8), lshift(1, band(rshift(offset, 3), 31))
        local bits = page[word]
        if band(bits, mask) ~= 0 then
            return true
        end
        page[word] = bor(bits, mask)
        return false
    end
end

return {new = new}
