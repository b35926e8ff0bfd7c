--- Protects new code from the `stop` functions of old roles.
--
-- A `stop` removes registrations from libraries by name, for example a callback, a list
-- entry or a task. When `stop` runs, the commit has already replaced the registrations of
-- the old role with those of the new role, under the same names. So whatever `stop` removes
-- belongs to new code, and is restored.
--
-- For the same reason, `stop` may find fibers of new code under these names. If `stop` tries
-- to cancel a fiber of new code, the call has no effect. If `stop` then asks for the status
-- of the fiber, the answer is "dead", even if the fiber still runs.

local require = ...
local fiber = require('fiber')
local walk_lib = require('scan.heap_walk')

local StopGuard = {}
StopGuard.__index = StopGuard

--- Creates the guard that protects new code from the `stop` of old roles. The guard has no
-- effect until `watch` and `open` are called.
-- @tparam table options
--   edges: references from libraries to new code at the commit, in the form
--     {{parent, key, child},...}, see `scan.census`
--   entries: table entries on which new code depends, in the same form, see `list_named`
--     in `reload.image`. They are restored only if `stop` has not yielded.
--   is_new_fiber: function (id) -> whether new code has started the fiber
--   is_stopping: function () -> whether the current fiber runs the `stop` of an old role
local function new(options)
    return setmetatable({options = options, wrapped = {}, ended = {}}, StopGuard)
end

--- Returns whether a list contains a value at any index. The value may have moved, because
-- entries move down when an earlier entry is removed. The first call for a list builds the
-- set of its values.
-- @tparam table lists cache: list -> set of its values
-- @tparam table list
-- @param value
local function is_in_list(lists, list, value)
    local values = lists[list]
    if values == nil then
        values = {}
        for index = 1, #list do
            local entry = rawget(list, index)
            -- Skip nil, because a list may have gaps. Skip numbers, because no caller looks
            -- for a number.
            if entry ~= nil and type(entry) ~= 'number' then
                values[entry] = true
            end
        end
        lists[list] = values
    end
    return values[value] ~= nil
end

--- Returns whether a reference still exists.
-- @tparam table edge the reference: {parent, key, child}
-- @tparam table lists cache, see `is_in_list`
local function holds(edge, lists)
    local parent, key = edge.parent, edge.key
    if type(parent) == 'function' then
        return rawequal(select(2, debug.getupvalue(parent, key)), edge.child)
    elseif key == walk_lib.KEY then
        return rawget(parent, edge.child) ~= nil
    end
    return rawequal(rawget(parent, key), edge.child) or edge.is_of_list and is_in_list(lists, parent, edge.child)
end

--- Returns whether a removed reference can be restored without overwriting another value.
-- Other code may have set a new value during a yield.
-- @tparam table edge the reference: {parent, key, child}
local function is_empty(edge)
    if type(edge.parent) == 'function' then
        return select(2, debug.getupvalue(edge.parent, edge.key)) == nil
    end
    return edge.is_of_list or rawget(edge.parent, edge.key) == nil
end

local function is_any()
    return true
end

local function put_back(edge, lists)
    local parent, key = edge.parent, edge.key
    if type(parent) == 'function' then
        debug.setupvalue(parent, key, edge.child)
    elseif key == walk_lib.KEY then
        rawset(parent, edge.child, edge.value)
    elseif edge.is_of_list then
        table.insert(parent, math.min(key, #parent + 1), edge.child)
        lists[parent][edge.child] = true
    else
        rawset(parent, key, edge.child)
    end
end

--- Records which registrations exist before the `stop` of a role runs.
-- @treturn function (has_yielded) to call after `stop`; it restores the missing
--   registrations and returns how many it restored. `has_yielded` tells whether `stop` has
--   yielded.
function StopGuard:watch()
    local present, lists = {edges = {}, entries = {}}, {}
    for name, list in pairs(present) do
        for _, edge in ipairs(self.options[name]) do
            -- `stop` may move a value to another index of a list.
            edge.is_of_list = type(edge.parent) == 'table' and type(edge.key) == 'number' and #edge.parent >= edge.key
            if holds(edge, lists) then
                edge.value = edge.key == walk_lib.KEY and rawget(edge.parent, edge.child) or nil
                table.insert(list, edge)
            end
        end
    end
    return function(has_yielded)
        local count = 0
        lists = {}
        local function check(list, is_allowed)
            for _, edge in ipairs(list) do
                if not holds(edge, lists) and is_allowed(edge) then
                    put_back(edge, lists)
                    count = count + 1
                end
            end
        end
        check(present.edges, has_yielded and is_empty or is_any)
        check(has_yielded and {} or present.entries, is_empty)
        if count > 0 then
            -- Discard compiled traces, because they treat an upvalue that is never reassigned as
            -- a constant.
            jit.flush()
        end
        return count
    end
end

local function id_of(object)
    if type(object) == 'number' then
        return object
    end
    local ok, id = pcall(function()
        return object:id()
    end)
    return ok and id or nil
end

--- Wraps a function that takes a fiber, such as `fiber.kill`, to protect fibers of new code.
-- @tparam table holder table that contains the function
-- @tparam string name key of the function
-- @tparam function instead (id, original, fiber, ...) called in place of the original
--   function when `stop` passes a fiber of new code
local function wrap(self, holder, name, instead)
    local original, options = holder[name], self.options
    if type(original) ~= 'function' then
        return
    end
    local function wrapper(object, ...)
        if options.is_stopping() then
            local id = id_of(object)
            if id ~= nil and (self.ended[id] or options.is_new_fiber(id)) then
                return instead(id, original, object, ...)
            end
        end
        return original(object, ...)
    end
    holder[name] = wrapper
    table.insert(self.wrapped, {holder = holder, name = name, original = original, wrapper = wrapper})
end

--- Prevents the `stop` of any old role from cancelling fibers of new code, until `close` is
-- called.
function StopGuard:open()
    local methods = debug.getmetatable(fiber.self())
    methods = type(methods.__index) == 'table' and methods.__index or methods
    local function cancel(id)
        self.ended[id] = true
    end
    local function status(id, original, ...)
        return self.ended[id] and 'dead' or original(...)
    end
    for _, holder in ipairs(rawequal(methods, fiber) and {fiber} or {fiber, methods}) do
        wrap(self, holder, 'cancel', cancel)
        wrap(self, holder, 'kill', cancel)
        wrap(self, holder, 'status', status)
    end
end

function StopGuard:close()
    for _, item in ipairs(self.wrapped) do
        if item.holder[item.name] == item.wrapper then
            item.holder[item.name] = item.original
        end
    end
    self.wrapped = {}
end

return {new = new}
