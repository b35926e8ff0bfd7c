--- A set of objects of Lua that costs the server little: no table with an entry
-- for each, which would stop everything whenever it grows, but one bit for
-- every eight bytes of the memory where objects are.
--
-- An object must not be collected while it is in the set: another one could
-- get its address.

local require = ...
local address_lib = require('scan.address')
local bit = require('bit')
require('table.new')

-- Bytes that one page of bits stands for, and the words of 32 bits that it has.
local PAGE = 65536
local WORDS = PAGE / 8 / 32

local band, bor, lshift, rshift = bit.band, bit.bor, bit.lshift, bit.rshift
local new_table = table.new

--- @treturn function adds an object; says whether it was there before
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
