--- Adapter: C declarations. They cannot be undone, and LuaJIT rejects most repeated
-- declarations. So without this adapter, a module that makes declarations could not be
-- loaded again.
--
-- For new code, `ffi.cdef` accepts declarations that are equal to existing ones,
-- refuses those that differ, and adds new ones. To compare them, the adapter declares
-- new code's text under generated names. These names are permanent, so the state table
-- caches the result for each text.
--
-- If new code calls `ffi.metatype` for a type that already has methods, the new methods
-- are staged: until the commit, only new code sees them.

local require = ...
local cdecl = require('platform.cdecl')
local ctypes = require('platform.ctypes')
local failure = require('core.failure')
local ffi = require('ffi')

-- The original `ffi.cdef`. New code gets a wrapper around it.
local cdef = ffi.cdef

local Ffi = {name = 'ffi'}
Ffi.__index = Ffi

local function new(txn)
    return setmetatable({
        txn = txn,
        made = false,       -- whether new code has added declarations
        metatypes = {},     -- existing metatable -> {mt = new metatable, old = old entries, installed = wrappers}
        own = {},           -- set of the ids of the types to which new code has given methods
    }, Ffi)
end

function Ffi.snapshot()
end

--- Returns the source position of the innermost function of new code on the stack.
-- @treturn ?string
local function place(ownership)
    local level = 2
    local info = debug.getinfo(level, 'fSl')
    while info ~= nil and not ownership:is_new(info.func) do
        level = level + 1
        info = debug.getinfo(level, 'fSl')
    end
    return info and ('%s:%d: in the new code'):format(info.short_src, info.currentline)
end

--- Fails the transaction because a declaration needs a restart. The transaction fails
-- even if new code catches the error.
function Ffi:refuse(message)
    local txn = self.txn
    local ok, fail = pcall(failure.raise, {
        code = 'ffi_changed',
        phase = txn.phase,
        role = txn.role,
        module = txn.module,
        message = message .. ': a restart is needed',
        traceback = place(txn.ownership),
    })
    self.refusal = self.refusal or not ok and fail
    error(fail, 0)
end

local function generate_prefix(stash)
    stash.ffi_names = (stash.ffi_names or 0) + 1
    return ('cartridge_reload_%d_'):format(stash.ffi_names)
end

local function label(item)
    return item.keyword and ('%s %s'):format(item.keyword, item.name) or item.name
end

--- Compares the declarations in a text with the existing ones.
-- @tparam table declarations see `cdecl`
-- @tparam table known the existing declarations, see `ctypes.scan`
-- @treturn table verdict, see `declare`
function Ffi:compare(declarations, known)
    -- Returns whether Tarantool itself declares a name as a function, variable or
    -- typedef. Such a name is not compared, because LuaJIT ignores the application's
    -- declaration of it, even after a restart.
    local function is_kept(item)
        local id = known[item.space][item.name]
        return id ~= nil and id < known.border and ctypes.is_ignored(id)
    end

    local prefix = generate_prefix(self.txn.stash)
    local ok, err = pcall(cdef, declarations:rename(prefix, is_kept))
    if not ok then
        -- The text is not valid C, so report LuaJIT's own error.
        error((tostring(err):gsub(prefix, '')), 0)
    end
    local made_up = ctypes.scan(known.top)
    for _, item in ipairs(declarations.names) do
        local old_id = known[item.space][item.name]
        if old_id ~= nil and not is_kept(item) then
            local new_id = made_up[item.space][prefix .. item.name]
            local why = 'the two declarations cannot be compared'
            if new_id ~= nil then
                why = ctypes.difference(old_id, new_id, prefix)
            end
            if why ~= nil and old_id < known.border then
                return {fail = ("attempt to redefine '%s'"):format(item.name)}
            elseif why ~= nil then
                return {refuse = ('%s is already declared, and %s'):format(label(item), why)}
            end
        end
    end
    return {}
end

--- Adds the C declarations that a text contains. Fails if they contradict existing ones,
-- or cannot be compared with them or separated from them. Raises LuaJIT's error if the
-- text is not valid C.
-- @treturn table verdict: empty on success. On failure, the message is in its only
--   field, named `refuse` if restarting the instance would help, or `fail` if it would
--   not.
function Ffi:declare(text)
    local declarations = cdecl.parse(text)
    if declarations == nil or ffi.typeinfo == nil then
        local ok, err = pcall(cdef, text)
        if not ok and not tostring(err):find('attempt to redefine', 1, true) then
            error(err, 0)
        end
        self.made = self.made or ok
        return {refuse = ('C declarations cannot be compared with the existing ones: %.60s')
            :format((text:gsub('%s+', ' ')))}
    end

    local known = ctypes.scan()
    local function is_old(item)
        return known[item.space][item.name] ~= nil
    end
    local old, added
    for _, item in ipairs(declarations.names) do
        if is_old(item) then
            old = old or item
        else
            added = added or item
        end
    end
    if old ~= nil then
        local verdict = self:compare(declarations, known)
        if next(verdict) ~= nil or added == nil then
            return verdict
        end
        local rest = declarations:without(is_old)
        if rest == nil or not pcall(cdef, rest) then
            return {refuse = ('%s cannot be declared, because its declaration also contains %s, which already exists')
                :format(label(added), label(old))}
        end
    else
        local ok, err = pcall(cdef, text)
        if not ok then
            error(err, 0)
        end
    end
    self.made = self.made or added ~= nil
    return {}
end

--- Replaces each parameter (`$`) in a C declaration with the corresponding value. If
-- the value is a type, declares a name for it and inserts that name.
-- @treturn ?string nil if the number of values differs from the number of parameters
local function fill(text, ...)
    local values = {}
    for i = 1, select('#', ...) do
        local value = select(i, ...)
        if type(value) == 'cdata' then
            value = ffi.typeof(value)
            local name = ('cartridge_reload_type_%d'):format(tonumber(value))
            if not pcall(ffi.typeof, name) then
                cdef(('typedef $ %s;'):format(name), value)
            end
            value = name
        end
        values[i] = tostring(value)
    end
    return cdecl.fill(text, values)
end

--- Implements `ffi.cdef` for new code.
function Ffi:new_cdef(text, ...)
    local filled = text
    if type(text) == 'string' and select('#', ...) > 0 then
        filled = fill(text, ...)
    end
    if type(filled) ~= 'string' then
        return cdef(text, ...) -- raises its error
    end
    text = filled
    -- Existing declarations never change, so a cached verdict stays valid.
    local stash = self.txn.stash
    stash.ffi = stash.ffi or {}
    local verdict = stash.ffi[text]
    if verdict == nil then
        verdict = self:declare(text)
        stash.ffi[text] = verdict
    end
    if verdict.refuse ~= nil then
        self:refuse(verdict.refuse)
    elseif verdict.fail ~= nil then
        error(verdict.fail, 0)
    end
end

--- Returns a member of an object. Raises LuaJIT's own error if there is no such member.
local function find_member(mt, object, key)
    local methods = mt.__index
    if type(methods) == 'function' then
        return methods(object, key)
    end
    local value = methods and methods[key]
    if value == nil then
        local ctype = tostring(ffi.typeof(object)):match('^ctype<(.*)>$')
        error(("'%s' has no member named '%s'"):format(ctype, tostring(key)), 2)
    end
    return value
end

--- Stages new methods of a type: until the commit, only new code sees them. LuaJIT
-- cannot replace the metatable of a type, so the metamethods in the metatable are
-- replaced with wrappers.
-- @tparam table existing the metatable of the type
-- @tparam table mt the metatable that new code has passed to `ffi.metatype`
function Ffi:stage_methods(existing, mt)
    local txn = self.txn
    local old, installed = {}, {}
    local function current()
        return txn.staging and txn.ownership:is_calling() and mt or old
    end

    for key, value in pairs(existing) do
        old[key] = value
        -- LuaJIT binds the `__gc` finalizer to an object when the object is created. A
        -- wrapper around `__gc` would have no effect on existing objects.
        if type(value) == 'function' and tostring(key):find('^__') and key ~= '__gc' then
            installed[key] = function(...)
                return (current()[key] or value)(...)
            end
        end
    end
    function installed.__index(object, key)
        return find_member(current(), object, key)
    end
    if old.__new ~= nil or mt.__new ~= nil then
        function installed.__new(...)
            return (current().__new or ffi.new)(...)
        end
    end
    for key, f in pairs(installed) do
        existing[key] = f
    end
    self.metatypes[existing] = {mt = mt, old = old, installed = installed}
end

--- Implements `ffi.metatype` for new code.
function Ffi:new_metatype(metatype, ctype, mt)
    local ok, result = pcall(metatype, ctype, mt)
    local id = ok and tonumber(result) or nil
    if ok then
        self.made = true
        self.own[id] = true
        return result
    elseif not tostring(result):find('protected metatable', 1, true) then
        error(result, 0)
    end
    ctype = ffi.typeof(ctype)
    id = tonumber(ctype)
    if self.own[id] then
        error(result, 0) -- new code has done the same before
    end
    self.own[id] = true
    local existing = debug.getfenv(metatype)[-id]
    local staged = self.metatypes[existing]
    if type(existing) ~= 'table' or (staged ~= nil and staged.mt ~= mt) then
        self:refuse(('the methods of %s cannot be replaced'):format(tostring(ctype):match('<(.*)>')))
    elseif staged == nil and existing ~= mt then
        self:stage_methods(existing, mt)
    end
    return ctype
end

function Ffi:stage()
    local txn, metatype = self.txn, ffi.metatype
    local function is_asked()
        return txn.staging and txn.ownership:is_asking()
    end
    self.original = {cdef = cdef, metatype = metatype}
    self.staged = {
        cdef = function(...)
            if not is_asked() then
                return cdef(...)
            end
            local ok, err = pcall(self.new_cdef, self, ...)
            if not ok then
                error(err, 2)
            end
        end,
        metatype = function(...)
            if not is_asked() then
                return metatype(...)
            end
            local ok, result = pcall(self.new_metatype, self, metatype, ...)
            if not ok then
                error(result, 2)
            end
            return result
        end,
    }
    ffi.cdef, ffi.metatype = self.staged.cdef, self.staged.metatype

    -- New code often catches the error that a refused declaration raises. Fail the
    -- transaction anyway, because the existing types do not have the layout that new
    -- code expects.
    local check = txn.check
    function txn.check(...)
        if self.refusal ~= nil then
            error(self.refusal, 0)
        end
        return check(...)
    end
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
    for existing, item in pairs(self.metatypes) do
        for key in pairs(existing) do
            existing[key] = nil
        end
        for key, value in pairs(item.mt) do
            existing[key] = value
        end
    end
    if next(self.metatypes) ~= nil then
        -- Compiled traces contain the old methods as constants, so discard the traces.
        jit.flush()
    end
end

function Ffi:rollback(_, left)
    unstage(self)
    for existing, item in pairs(self.metatypes) do
        for key, f in pairs(item.installed) do
            if existing[key] == f then
                existing[key] = item.old[key]
            end
        end
    end
    if next(self.metatypes) ~= nil then
        jit.flush()
    end
    if self.made then
        table.insert(left, "the new code's C declarations (ffi.cdef) cannot be undone")
    end
end

return {new = new}
