--- Finds LuaJIT's C types by name, and compares them.
--
-- LuaJIT keeps all C types in one table, in the order of declaration; `ffi.typeinfo`
-- reads an entry. An entry has a kind and flags, and can have:
--   - a base type, such as the type of a field or the target of a pointer
--   - a size; for a field, its offset; for a constant, its value
--   - a link: from a struct, enum or function to its first field, constant or parameter,
--     and from each of these to the next one

local require = ...
local bit = require('bit')
local ffi = require('ffi')

local KINDS = {
    [0] = 'number', 'struct', 'pointer', 'array', 'void', 'enum', 'function', 'typedef', 'attribute', 'field',
    'bits', 'constant', 'variable', 'keyword',
}
-- Kinds of entries that have a base type. The lower bits of an entry's `info` are the
-- number of the base type's entry.
local MADE_OF = {
    pointer = true, array = true, enum = true, ['function'] = true, typedef = true, attribute = true, field = true,
    constant = true, variable = true,
}
-- Kinds of entries that have a list of fields, constants or parameters.
local LISTS = {struct = true, enum = true, ['function'] = true, variable = true}
-- The C name space of each kind of entry that can be looked up by name.
local SPACES = {
    struct = 'tags', enum = 'tags',
    ['function'] = 'names', typedef = 'names', constant = 'names', variable = 'names',
}

-- C functions that Tarantool declares late in its startup. All C types that were declared
-- before these functions are therefore Tarantool's own.
local MARKERS = {'password_prepare', 'console_set_output_format'}

-- The flag that marks a union among the entries of kind `struct`.
local UNION = 0x00800000

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

--- Returns whether a struct, union or enum has a body.
local function is_complete(ctype)
    return ctype.size ~= nil or ctype.next ~= nil
end

--- Returns whether two types are both structs, both unions, or both enums.
local function is_alike(old, new)
    return old.kind == new.kind
        and (old.kind == 'enum' or bit.band(bit.bxor(old.flags, new.flags), UNION) == 0)
end

--- Finds all named C types.
-- @tparam ?number first number of the first entry to examine
-- @treturn table {tags, names, top, border}: `tags` maps the names of structs,
--   unions and enums that have a body to their entry numbers; `names` does the same for
--   functions, typedefs, constants and variables. `top` is the number that the next new
--   entry will get. Tarantool itself declared the entries below `border`.
local function scan(first)
    local found = {tags = {}, names = {}}
    local own = {} -- constants that belong to a struct
    local id = first or 1
    local ctype = read(id)
    while ctype ~= nil do
        local space = SPACES[ctype.kind]
        if space == 'names' and ctype.name ~= nil and not own[id] then
            found.names[ctype.name] = id
        elseif space == 'tags' and ctype.name ~= nil and is_complete(ctype) then
            found.tags[ctype.name] = id
        end
        -- A failed `ffi.cdef` may leave a struct with an incomplete list of fields.
        local member = ctype.kind == 'struct' and ctype.next
        while member and not own[member] do
            own[member] = true
            member = (read(member) or {}).next
        end
        id = id + 1
        ctype = read(id)
    end
    found.top, found.border = id, 0
    for _, name in ipairs(MARKERS) do
        found.border = math.max(found.border, found.names[name] or 0)
    end
    return found
end

-- The maximum number of C types in LuaJIT.
local LIMIT = 65536

local function pair(old_id, new_id)
    return old_id * LIMIT + new_id
end

local Comparison = {}
Comparison.__index = Comparison

--- Returns the name of a new declaration without the prefix that `cdecl` added to it.
function Comparison:plain(name)
    if name ~= nil and name:sub(1, #self.prefix) == self.prefix then
        return name:sub(#self.prefix + 1)
    end
    return name
end

--- Compares the fields, constants or parameters of two entries.
-- @treturn boolean whether they are the same
-- @treturn ?string name of the first one that differs
function Comparison:is_same_list(old, new)
    local old_id, new_id = old.next, new.next
    local count = 0
    while old_id ~= nil and new_id ~= nil do
        local old_member, new_member = read(old_id), read(new_id)
        count = count + 1
        if old_member == nil or new_member == nil or count > LIMIT then
            return false
        elseif not self:is_same(old_id, new_id, old.kind == 'function') then
            return false, old_member.name or self:plain(new_member.name)
        end
        old_id, new_id = old_member.next, new_member.next
    end
    local more = read(old_id or new_id or 0)
    return old_id == new_id, more and self:plain(more.name)
end

--- Returns whether an existing and a new entry declare the same thing. `any_name` is
-- true if the entries are parameters, whose names do not matter.
function Comparison:is_same(old_id, new_id, any_name)
    if old_id == new_id then
        return true
    end
    -- If this pair of types is already being compared, it counts as equal here: the
    -- outer comparison decides.
    if self.seen[pair(old_id, new_id)] then
        return true
    end
    self.seen[pair(old_id, new_id)] = true

    local old, new = read(old_id), read(new_id)
    if old == nil or new == nil or old.kind ~= new.kind then
        return false
    end
    local is_field = old.kind == 'field'
    if not (any_name and is_field) and old.name ~= self:plain(new.name) then
        return false
    end
    if SPACES[old.kind] == 'tags' and old.name ~= nil and not is_complete(old) then
        -- The existing struct, union or enum has no body yet, so the new declaration
        -- may add one.
        return is_alike(old, new)
    end
    if old.flags ~= new.flags or old.size ~= new.size then
        return false
    end
    if old.made_of ~= nil and not self:is_same(old.made_of, new.made_of) then
        return false
    end
    return not LISTS[old.kind] or (self:is_same_list(old, new))
end

local MEMBER = {struct = 'field', enum = 'constant'}

--- Describes how an existing and a new declaration differ.
-- @tparam number old_id number of the existing entry
-- @tparam number new_id number of the new entry
-- @tparam string prefix text that `cdecl` added to the new names; the comparison
--   ignores it
-- @treturn ?string nil if the declarations are the same
local function difference(old_id, new_id, prefix)
    local comparison = setmetatable({prefix = prefix, seen = {}}, Comparison)
    if comparison:is_same(old_id, new_id) then
        return nil
    end
    local old, new = read(old_id), read(new_id)
    while old.kind == new.kind and (old.kind == 'typedef' or old.kind == 'attribute') do
        old_id, new_id = old.made_of, new.made_of
        old, new = read(old_id), read(new_id)
    end
    if old.kind == new.kind and MEMBER[old.kind] then
        comparison.seen = {[pair(old_id, new_id)] = true}
        local same, name = comparison:is_same_list(old, new)
        if not same then
            return name and ('its %s %s differs'):format(MEMBER[old.kind], name)
                or ('its %ss differ'):format(MEMBER[old.kind])
        elseif old.kind == 'struct' and is_alike(old, new) then
            return 'its size or alignment differs'
        end
    elseif old.kind == 'constant' and new.kind == 'constant' then
        return 'its value differs'
    end
    return 'its type differs'
end

--- Returns whether LuaJIT accepts and ignores a repeated declaration of an entry.
local function is_ignored(id)
    local kind = read(id).kind
    return kind == 'function' or kind == 'typedef' or kind == 'variable'
end

return {difference = difference, is_ignored = is_ignored, scan = scan}
