--- The C types that LuaJIT knows: finds declarations by their name, and tells
-- whether two of them say the same.
--
-- LuaJIT keeps all of them in one table, in the order in which they were
-- declared; `ffi.typeinfo` reads it. An entry has a kind and flags, the type
-- that it is made of (the type of a field, what a pointer points to), its size
-- (also the offset of a field, the value of a constant) and the next of its
-- siblings (fields, constants, parameters).

local require = ...
local bit = require('bit')
local ffi = require('ffi')

local KINDS = {
    [0] = 'number', 'struct', 'pointer', 'array', 'void', 'enum', 'function', 'typedef', 'attribute', 'field',
    'bits', 'constant', 'variable', 'keyword',
}
-- Kinds whose low bits are the type that they are made of.
local MADE_OF = {
    pointer = true, array = true, enum = true, ['function'] = true, typedef = true, attribute = true, field = true,
    constant = true, variable = true,
}
-- Kinds with a list of siblings that belong to them.
local LISTS = {struct = true, enum = true, ['function'] = true, variable = true}
-- Kinds that have a name which can be found, and where.
local SPACES = {
    struct = 'tags', enum = 'tags',
    ['function'] = 'names', typedef = 'names', constant = 'names', variable = 'names',
}

local function read(id)
    local raw = ffi.typeinfo(id)
    if raw == nil then
        return nil
    end
    local kind = KINDS[bit.rshift(raw.info, 28)]
    local made_of = MADE_OF[kind] and bit.band(raw.info, 0xffff) or nil
    return {
        kind = kind,
        flags = made_of and bit.rshift(raw.info, 16) or raw.info,
        made_of = made_of,
        size = raw.size,
        next = raw.sib,
        name = raw.name,
    }
end

--- Whether the body of a struct, union or enum is known.
local function is_complete(ctype)
    return ctype.size ~= nil or ctype.next ~= nil
end

--- Finds all that has a name.
-- @tparam ?number first entry to look at
-- @treturn table with `tags` (struct, union and enum, if their body is known)
--   and `names` (all else), name -> entry; and `top`, the entry to come
local function scan(first)
    local found = {tags = {}, names = {}}
    local own = {} -- constants inside of a struct, which only it knows
    local id = first or 1
    local ctype = read(id)
    while ctype ~= nil do
        local space = SPACES[ctype.kind]
        if space == 'names' and ctype.name ~= nil and not own[id] then
            found.names[ctype.name] = id
        elseif space == 'tags' and ctype.name ~= nil and is_complete(ctype) then
            found.tags[ctype.name] = id
        end
        local member = ctype.kind == 'struct' and ctype.next
        while member do
            own[member] = true
            member = read(member).next
        end
        id = id + 1
        ctype = read(id)
    end
    found.top = id
    return found
end

local Comparison = {}
Comparison.__index = Comparison

--- The name of a new declaration without the prefix of the made-up ones.
function Comparison:plain(name)
    if name ~= nil and name:sub(1, #self.prefix) == self.prefix then
        return name:sub(#self.prefix + 1)
    end
    return name
end

--- Compares the siblings of two entries.
-- @treturn boolean
-- @treturn ?string the name of the first that differs
function Comparison:is_same_list(old, new)
    local old_id, new_id = old.next, new.next
    while old_id ~= nil and new_id ~= nil do
        if not self:is_same(old_id, new_id, old.kind == 'function') then
            local member = read(old_id)
            return false, member.name or self:plain(read(new_id).name)
        end
        old_id, new_id = read(old_id).next, read(new_id).next
    end
    local more = old_id or new_id
    return more == nil, more and self:plain(read(more).name)
end

--- Whether two entries say the same.
-- @tparam number old_id
-- @tparam number new_id
-- @tparam ?boolean any_name whether their names do not count
function Comparison:is_same(old_id, new_id, any_name)
    if old_id == new_id then
        return true
    end
    -- What is being compared further up is the same unless that tells otherwise.
    local pair = old_id * 65536 + new_id
    if self.seen[pair] then
        return true
    end
    self.seen[pair] = true

    local old, new = read(old_id), read(new_id)
    if old.kind ~= new.kind then
        return false
    end
    local is_field = old.kind == 'field'
    if not (any_name and is_field) and old.name ~= self:plain(new.name) then
        return false
    end
    if SPACES[old.kind] == 'tags' and old.name ~= nil and not is_complete(old) then
        -- A tag whose body comes only now.
        return old.kind == 'enum' or bit.band(bit.bxor(old.flags, new.flags), self.union_flag) == 0
    end
    if old.flags ~= new.flags or old.size ~= new.size then
        return false
    end
    if old.made_of ~= nil and not self:is_same(old.made_of, new.made_of) then
        return false
    end
    return not LISTS[old.kind] or (self:is_same_list(old, new))
end

local WHAT = {struct = 'field', enum = 'constant'}

--- Tells what differs between two declarations.
-- @tparam number old_id
-- @tparam number new_id
-- @tparam string prefix that made-up names have, in the new one
-- @treturn ?string nil if they are the same
local function difference(old_id, new_id, prefix)
    local comparison = setmetatable({
        prefix = prefix,
        seen = {},
        union_flag = 0x00800000,
    }, Comparison)
    if comparison:is_same(old_id, new_id) then
        return nil
    end
    local old, new = read(old_id), read(new_id)
    while old.kind == new.kind and (old.kind == 'typedef' or old.kind == 'attribute') do
        old, new = read(old.made_of), read(new.made_of)
    end
    if old.kind == new.kind and WHAT[old.kind] then
        comparison.seen = {}
        local same, name = comparison:is_same_list(old, new)
        if not same and name ~= nil then
            return ('its %s %s differs'):format(WHAT[old.kind], name)
        elseif same and old.kind == 'struct' then
            return 'its size or alignment differs'
        end
    elseif old.kind == 'constant' and new.kind == 'constant' then
        return 'its value differs'
    end
    return 'its type differs'
end

return {difference = difference, scan = scan}
