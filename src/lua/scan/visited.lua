--- A set of Lua objects, stored as a bitmap with one bit for each eight bytes of
-- memory. A Lua table with an entry for each object would block the server whenever
-- it grows.
--
-- The caller must keep the objects in the set alive. Otherwise another object could
-- get the address of a freed one, and count as a member.

local require = ...
local address_lib = require('scan.address')
local bit = require('bit')
require('table.new')

-- The bitmap is divided into pages. PAGE is the number of bytes of memory that a
-- page covers. WORDS is the number of 32-bit words in a page.
local PAGE = 65536
local WORDS = PAGE / 8 / 32

local band, bor, lshift, rshift = bit.band, bit.bor, bit.lshift, bit.rshift
local new_table = table.new

--- Creates an empty set.
-- @treturn function (object) that adds an object to the set, and returns whether the
--   set already contained it
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
