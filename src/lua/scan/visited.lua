--- A set of Lua objects, stored as a bitmap with one bit for each eight bytes of
-- memory. A table with an entry for each object would block the server whenever
-- it grows.
--
-- An object must be kept alive while it is in the set, because otherwise another
-- object could get its address.

local require = ...
local address_lib = require('scan.address')
local bit = require('bit')
require('table.new')

-- Size of the memory that one page of the bitmap covers, in bytes; and size of the page,
-- in 32-bit words.
local PAGE = 65536
local WORDS = PAGE / 8 / 32

local band, bor, lshift, rshift = bit.band, bit.bor, bit.lshift, bit.rshift
local new_table = table.new

--- Creates an empty set.
-- @treturn function (object) adds an object; returns whether the set already had it
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
