--- Adapter: C declarations. They cannot be taken back, and most cannot be made
-- twice, so code that declares them at its top could not be loaded again.
--
-- While new code runs, `ffi.cdef` lets through what is declared already in the
-- same way, and fails with "restart needed" where the layout changed.
-- `ffi.metatype` for a type that has one puts the new methods aside until the
-- commit.

local require = ...
local failure = require('failure')
local ffi = require('ffi')

-- The one of LuaJIT, also while new code finds another in its place.
local cdef = ffi.cdef

local Ffi = {name = 'ffi'}
Ffi.__index = Ffi

local function new(txn)
    return setmetatable({txn = txn, declared = {}, metatypes = {}}, Ffi)
end

function Ffi.snapshot()
end

--- Splits declarations at the semicolons that are not inside of braces.
local function split(text)
    local list, depth, start = {}, 0, 1
    text = text:gsub('/%*.-%*/', ' '):gsub('//[^\n]*', ' ')
    for position, char in text:gmatch('()([{};])') do
        if char == '{' then
            depth = depth + 1
        elseif char == '}' then
            depth = depth - 1
        elseif depth == 0 then
            table.insert(list, text:sub(start, position))
            start = position + 1
        end
    end
    if text:sub(start):match('%S') then
        table.insert(list, text:sub(start))
    end
    return list
end

local function normalize(declaration)
    return (declaration:gsub('%s+', ' '):gsub('^ ', ''):gsub(' $', ''))
end

local function restart_needed(what, why)
    failure.raise({
        code = 'ffi_changed',
        message = ('%s is declared already and %s: a restart is needed'):format(what, why),
    })
end

--- A name for a temporary declaration; they stay for good, so no two alike.
local function temporary_name()
    local registry = rawget(_G, '__cartridge_reload')
    registry.ffi_names = (registry.ffi_names or 0) + 1
    return ('cartridge_reload_%d'):format(registry.ffi_names)
end

local function fields_of(body)
    local names = {}
    for declaration in body:gmatch('[^;{}]+') do
        for part in declaration:gmatch('[^,]+') do
            local name = part:gsub('%b[]', ''):gsub(':.*$', ''):match('([%a_][%w_]*)%s*%)?%s*$')
            if name ~= nil then
                table.insert(names, name)
            end
        end
    end
    return names
end

--- Compares a struct or union with the one of the same tag.
local function check_struct(kind, tag, body)
    local name = temporary_name()
    cdef(('%s %s %s;'):format(kind, name, body))
    local old, fresh = ffi.typeof(kind .. ' ' .. tag), ffi.typeof(kind .. ' ' .. name)
    local what = ('%s %s'):format(kind, tag)
    if ffi.sizeof(old) ~= ffi.sizeof(fresh) or ffi.alignof(old) ~= ffi.alignof(fresh) then
        restart_needed(what, 'its size changed')
    end
    for _, field in ipairs(fields_of(body:sub(2, -2))) do
        local old_offset, old_bits = ffi.offsetof(old, field)
        local offset, bits = ffi.offsetof(fresh, field)
        if old_offset ~= offset or old_bits ~= bits then
            restart_needed(what, ('its field %s moved'):format(field))
        end
    end
    local registry = rawget(_G, '__cartridge_reload')
    local known = registry.ffi and registry.ffi[what]
    if known ~= nil and known ~= normalize(body) then
        restart_needed(what, 'its text changed')
    end
end

--- A typedef of a name that is taken is accepted and ignored by LuaJIT: the
-- type stays what it was, so it must be the same.
local function check_typedef(text)
    local name = text:match('([%a_][%w_]*) ?;?$')
    local known, old = pcall(ffi.typeof, name)
    if not known then
        return
    end
    local other = temporary_name()
    local ok = pcall(cdef, (text:gsub('([%a_][%w_]*)( ?;?)$', other .. '%2')))
    if not ok then
        return
    end
    local fresh = ffi.typeof(other)
    local body = text:match('%b{}')
    if ffi.sizeof(old) ~= ffi.sizeof(fresh) or (body == nil and tostring(old) ~= tostring(fresh)) then
        restart_needed('type ' .. name, 'it changed')
    end
    for _, field in ipairs(body and fields_of(body:sub(2, -2)) or {}) do
        if ffi.offsetof(old, field) ~= ffi.offsetof(fresh, field) then
            restart_needed('type ' .. name, ('its field %s moved'):format(field))
        end
    end
end

--- Whether C knows a name already: as a type, a function or a constant.
local function is_declared(kind, name)
    if kind ~= nil then
        local ok, complete = pcall(function()
            return ffi.sizeof(('%s %s'):format(kind, name)) ~= nil
        end)
        return ok and complete
    end
    if pcall(ffi.typeof, name) then
        return true
    end
    local ok, err = pcall(function()
        return ffi.C[name]
    end)
    return ok or not tostring(err):find('missing declaration', 1, true)
end

--- Declares one thing; what is there already must be the same.
local function declare(self, declaration)
    local text = normalize(declaration)
    local kind, tag, body = text:match('^(struct) ([%w_]+) ?(%b{})')
    if kind == nil then
        kind, tag, body = text:match('^(union) ([%w_]+) ?(%b{})')
    end
    if kind == nil then
        kind, tag, body = text:match('^typedef (struct) ([%w_]+) ?(%b{})')
    end
    local key = kind and ('%s %s'):format(kind, tag)
        or text:match('^typedef .-([%w_]+) ?;?$') or text:match('([%w_]+) ?%b() ?;?$')
    local known = rawget(_G, '__cartridge_reload').ffi
    if key ~= nil and kind == nil and known and known[key] ~= nil and known[key] ~= text then
        restart_needed(key, 'its declaration changed')
    end
    if text:match('^typedef') and not (kind or text:match('^typedef enum')) then
        check_typedef(text)
    end
    local is_new = key == nil or not is_declared(kind, key)
    local ok, err = pcall(cdef, declaration)
    if not ok then
        if not tostring(err):find('attempt to redefine', 1, true) then
            error(err, 0) -- C that does not parse
        elseif kind ~= nil then
            check_struct(kind, tag, body)
        elseif known == nil or known[text] == nil then
            -- An enum or a constant: nothing but the text can be compared.
            if text:match('^enum') or text:match('^typedef enum') then
                self:check_enum(text)
            else
                restart_needed(text:sub(1, 60), 'cannot be compared')
            end
        end
    elseif is_new then
        self.made = true
    end
    if key ~= nil then
        self.declared[key] = kind and normalize(body) or text
    end
    self.declared[text] = true
end

--- The constants of an enum must have the values that they have.
function Ffi.check_enum(_, text)
    local body = text:match('%b{}')
    local name = temporary_name()
    local renamed = body:gsub('([%a_][%w_]*)(%s*[,}=])', function(constant, rest)
        return name .. '_' .. constant .. rest
    end)
    cdef(('enum %s %s;'):format(name, renamed))
    for constant in body:gmatch('([%a_][%w_]*)%s*[,}=]') do
        local ok, value = pcall(function()
            return ffi.C[constant]
        end)
        if not ok or value ~= ffi.C[name .. '_' .. constant] then
            restart_needed('enum constant ' .. constant, 'its value changed')
        end
    end
end

function Ffi:stage()
    local txn, metatype = self.txn, ffi.metatype
    self.original = {cdef = cdef, metatype = metatype}
    self.staged = {
        cdef = function(text, ...)
            if not (txn.staging and txn.origin:is_asking()) or select('#', ...) > 0 then
                return cdef(text, ...)
            end
            for _, declaration in ipairs(split(text)) do
                declare(self, declaration)
            end
        end,
        metatype = function(ctype, mt)
            local ok, result = pcall(metatype, ctype, mt)
            if ok then
                self.made = self.made or txn.staging and txn.origin:is_asking()
                return result
            elseif not (txn.staging and txn.origin:is_asking())
            or not tostring(result):find('protected metatable', 1, true) then
                error(result, 2)
            end
            ctype = ffi.typeof(ctype)
            local existing = debug.getfenv(metatype)[-tonumber(ctype)]
            if type(existing) ~= 'table' then
                restart_needed(tostring(ctype), 'its methods cannot be replaced')
            end
            table.insert(self.metatypes, {existing = existing, mt = mt})
            return ctype
        end,
    }
    ffi.cdef, ffi.metatype = self.staged.cdef, self.staged.metatype
end

local function unstage(self)
    for _, name in ipairs({'cdef', 'metatype'}) do
        if self.staged ~= nil and ffi[name] == self.staged[name] then
            ffi[name] = self.original[name]
        end
    end
end

function Ffi:commit()
    unstage(self)
    local registry = self.txn.registry
    registry.ffi = registry.ffi or {}
    for key, text in pairs(self.declared) do
        registry.ffi[key] = text
    end
    for _, item in ipairs(self.metatypes) do
        for key in pairs(item.existing) do
            item.existing[key] = nil
        end
        for key, value in pairs(item.mt) do
            item.existing[key] = value
        end
    end
    if #self.metatypes > 0 then
        -- Compiled code has the old methods built in.
        jit.flush()
    end
end

function Ffi:rollback(_, left)
    unstage(self)
    if self.made then
        table.insert(left, 'C declarations (ffi.cdef) of the new code cannot be taken back')
    end
end

return {new = new}
