--- Adapter: defers calls by which new code ends an object that existed before the
-- reload: a fiber, a channel, a `net.box` connection or a `popen` process.
--
-- Code often ends an existing object before it creates a replacement: `if vars.loop
-- then vars.loop:cancel() end`. If the new code then failed, the object could not be
-- brought back. So these calls are made after the commit, and a rollback drops them. To
-- new code, a fiber that it has cancelled looks dead, although the call is deferred.

local require = ...
local clock = require('clock')
local fiber = require('fiber')
local fibers_lib = require('platform.fibers')
local stacks = require('platform.stacks')

local Endings = {name = 'endings'}
Endings.__index = Endings

-- The maximum time, in seconds, to wait for a fiber to leave a protected call
-- (`pcall`). After that time, the fiber is cancelled anyway, unless the `fibers` adapter
-- handles it (see `is_judged_elsewhere`).
local PATIENCE = 1
local TURN = 0.01
-- The maximum depth of the search for the methods of `net.box` connections. The search
-- starts at the upvalues of `net.box.connect`.
local DEPTH = 3

--- Creates the adapter.
-- @tparam table txn the transaction
-- @tparam ?function on_cancel (id) called before new code cancels a fiber
local function new(txn, on_cancel)
    return setmetatable({
        txn = txn,
        on_cancel = on_cancel or function() end,
        made = setmetatable({}, {__mode = 'k'}),    -- set of the objects that new code has created
        order = {},     -- deferred calls: {object, original, arguments}
        cancelled = {}, -- fiber id -> fiber that new code has cancelled
        replaced = {},  -- {holder, name, original, staged}
    }, Endings)
end

function Endings:snapshot()
    self.before = fibers_lib.ids()
end

--- Returns whether the caller is new code, or old code that the transaction has called.
-- Returns false for the `stop` function of an old role, because `stop` may end what the
-- role owns.
local function is_asking(txn)
    return txn.staging and txn.ownership:is_asking() and not txn.ownership:is_stopping()
end

--- Replaces a function until the end of the transaction.
-- @tparam ?table holder table that has the function as a field
-- @tparam string name name of the field
-- @tparam function make (original) -> the replacement
local function replace(self, holder, name, make)
    local original = type(holder) == 'table' and rawget(holder, name)
    if type(original) ~= 'function' then
        return
    end
    local staged = make(original)
    table.insert(self.replaced, {holder = holder, name = name, original = original, staged = staged})
    rawset(holder, name, staged)
end

local function replace_all(self, holder, names, make)
    for _, name in ipairs(names) do
        replace(self, holder, name, make)
    end
end

--- Wraps constructors to record the objects that they create for new code.
local function record_created(self, holder, names)
    local txn = self.txn
    replace_all(self, holder, names, function(original)
        return function(...)
            local object, err = original(...)
            if object ~= nil and is_asking(txn) then
                self.made[object] = true
            end
            return object, err
        end
    end)
end

--- Defers new code's calls to the named methods until after the commit. Does not defer
-- calls on objects that new code has created.
local function defer(self, holder, names)
    local txn = self.txn
    replace_all(self, holder, names, function(original)
        return function(object, ...)
            if object == nil or not is_asking(txn) or self.made[object] then
                return original(object, ...)
            end
            table.insert(self.order, {object = object, original = original, arguments = {...}})
            return true
        end
    end)
end

--- Returns the fiber to which an argument refers, if that fiber existed before the
-- reload.
-- @param subject fiber or fiber id
-- @treturn ?userdata fiber
local function find_older(self, subject)
    local ok, object = pcall(function()
        return type(subject) == 'number' and fiber.find(subject) or subject
    end)
    local is_known, id = pcall(function()
        return object:id()
    end)
    return ok and is_known and self.before[id] and object or nil
end

--- Returns the id of a fiber, or nil if the fiber has ended.
-- @param subject fiber or fiber id
local function id_of(subject)
    local is_known, id = pcall(function()
        return type(subject) == 'number' and subject or subject:id()
    end)
    return is_known and id or nil
end

local function stage_fibers(self)
    local txn = self.txn
    local function make_cancel(original)
        return function(subject, ...)
            local object = subject ~= nil and is_asking(txn) and find_older(self, subject)
            local id = subject ~= nil and is_asking(txn) and id_of(subject)
            if id then
                self.on_cancel(id)
            end
            if not object or self.cancelled[object:id()] == nil and object:status() == 'dead' then
                return original(subject, ...)
            end
            self.cancelled[object:id()] = object
        end
    end
    --- Returns a `make` function, as `replace` expects. It makes a replacement that
    -- returns the results given here if new code calls it for a fiber whose cancellation
    -- is deferred. In all other cases, the replacement calls the original.
    local function answering(...)
        local answers = {...}
        return function(original)
            return function(subject, ...)
                local object = subject ~= nil and is_asking(txn) and next(self.cancelled)
                    and find_older(self, subject)
                if object and self.cancelled[object:id()] then
                    return unpack(answers)
                end
                return original(subject, ...)
            end
        end
    end
    for _, holder in ipairs({fiber, debug.getmetatable(fiber.self())}) do
        replace_all(self, holder, {'cancel', 'kill'}, make_cancel)
        replace(self, holder, 'status', answering('dead'))
        replace(self, holder, 'join', answering(false, 'fiber is cancelled'))
    end
end

--- Finds the method tables of `net.box` connections in the upvalues of
-- `net.box.connect`.
-- @treturn {table,...}
local function connection_methods(lib)
    local seen, result = {}, {}
    local function search(value, depth)
        if type(value) ~= 'function' and type(value) ~= 'table' or depth > DEPTH or seen[value] then
            return
        end
        seen[value] = true
        if type(value) == 'table' then
            if type(rawget(value, 'is_connected')) == 'function' then
                table.insert(result, value)
            end
            search(rawget(value, '__index'), depth + 1)
            return
        end
        local index, name, upvalue = 1, debug.getupvalue(value, 1)
        while name ~= nil do
            search(upvalue, depth + 1)
            index = index + 1
            name, upvalue = debug.getupvalue(value, index)
        end
    end
    search(type(lib) == 'table' and rawget(lib, 'connect'), 0)
    return result
end

function Endings:stage()
    local registry = debug.getregistry ~= nil and debug.getregistry() or {}
    stage_fibers(self)
    record_created(self, fiber, {'channel'})
    defer(self, registry['fiber.channel'], {'close'})
    local net_box = package.loaded['net.box']
    for _, methods in ipairs(connection_methods(net_box)) do
        defer(self, methods, {'close'})
    end
    record_created(self, net_box, {'connect', 'new'})
    record_created(self, package.loaded.popen, {'new', 'shell'})
    defer(self, registry.popen_handle, {'close', 'kill', 'terminate', 'signal', 'shutdown'})
end

local function unstage(self)
    for i = #self.replaced, 1, -1 do
        local item = self.replaced[i]
        if rawget(item.holder, item.name) == item.staged then
            rawset(item.holder, item.name, item.original)
        end
    end
    self.replaced = {}
end

--- Returns a function that drops all calls deferred since `mark` was called.
function Endings:mark()
    local count, cancelled = #self.order, table.copy(self.cancelled)
    return function()
        for i = #self.order, count + 1, -1 do
            self.order[i] = nil
        end
        self.cancelled = cancelled
    end
end

function Endings:commit()
    unstage(self)
end

function Endings:rollback()
    unstage(self)
end

--- Returns whether the entry function of a fiber is old code of the application. If so,
-- the `fibers` adapter decides whether to cancel the fiber.
local function is_judged_elsewhere(self, thread)
    local entry = thread ~= nil and stacks.entry_of((stacks.frames_of(thread)))
    return entry and self.txn.ownership:is_old(entry.func) or false
end

--- Cancels the fibers whose cancellation by new code was deferred. Yields.
local function cancel_all(self)
    local items = {}
    for _, item in ipairs(next(self.cancelled) and fibers_lib.threads() or {}) do
        if self.cancelled[item.id] ~= nil then
            table.insert(items, item)
            self.cancelled[item.id] = nil
        end
    end
    -- Some builds of Tarantool do not expose a fiber's coroutine. Without the coroutine,
    -- protected calls cannot be detected, so cancel the remaining fibers immediately.
    for _, object in pairs(self.cancelled) do
        pcall(object.cancel, object)
    end
    self.cancelled = {}
    local until_time = math.min(self.txn.deadline, clock.monotonic() + PATIENCE)
    while #items > 0 do
        local left = {}
        for _, item in ipairs(items) do
            if not fibers_lib.cancel_safely(item) then
                table.insert(left, item)
            end
        end
        items = left
        if #items > 0 and clock.monotonic() > until_time then
            break
        elseif #items > 0 then
            fiber.sleep(TURN)
        end
    end
    for _, item in ipairs(items) do
        local object = not is_judged_elsewhere(self, item.thread) and fiber.find(item.id)
        if object then
            pcall(object.cancel, object)
        end
    end
end

--- Makes the deferred calls. Must be called after the commit. Yields.
function Endings:settle()
    for _, item in ipairs(self.order) do
        pcall(item.original, item.object, unpack(item.arguments))
    end
    self.order = {}
    cancel_all(self)
end

return {new = new}
