--- Restores registrations of new code that the `stop` of an old role has removed.
--
-- A `stop` removes registrations from libraries by name: for example a callback, an
-- entry of a list or a task. But by then the new role has made its registrations
-- under the same names, and they have replaced the old ones at the commit. So
-- whatever `stop` removes belongs to new code, and is restored.
--
-- Likewise, `stop` may find fibers of new code under such names, and must not
-- cancel them. An attempt to cancel such a fiber has no effect. But from then on,
-- the fiber appears to be dead when `stop` asks for its status.

local require = ...
local fiber = require('fiber')
local walk_lib = require('scan.heap_walk')

local StopGuard = {}
StopGuard.__index = StopGuard

--- Creates the protection of new code from `stop`. Has no effect until `watch` and
-- `open` are called.
-- @tparam table options
--   edges: references {{parent, key, child},...} from libraries to new code at the
--     commit, see `scan.census`
--   entries: table entries that new code depends on, in the same form, see
--     `list_named` in `reload.image`. They are restored only if `stop` has not
--     yielded.
--   is_new_fiber: function (id) -> whether new code has started the fiber
--   is_stopping: function () -> whether the caller is the `stop` of an old role
local function new(options)
    return setmetatable({options = options, wrapped = {}, ended = {}}, StopGuard)
end

--- Whether a list contains a value, at any index: when an entry is removed from a
-- list, the entries behind it move. The first call for a list builds the set of
-- its values.
-- @tparam table lists cache: list -> set of its values
-- @tparam table list
-- @param value
local function is_in_list(lists, list, value)
    local values = lists[list]
    if values == nil then
        values = {}
        for index = 1, #list do
            local entry = rawget(list, index)
            -- A list may have gaps. Leave out numbers: the value to look for is
            -- never a number.
            if entry ~= nil and type(entry) ~= 'number' then
                values[entry] = true
            end
        end
        lists[list] = values
    end
    return values[value] ~= nil
end

--- Whether a reference still exists.
-- @tparam table edge {parent, key, child}
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

--- Whether a reference that was removed can be restored without overwriting
-- anything. This is not the case if its slot has another value: other code may have
-- set it during a yield.
-- @tparam table edge {parent, key, child}
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
-- @treturn function (has_yielded) to be called after `stop`; `has_yielded` tells
--   whether `stop` has yielded. Restores the registrations that are missing, and
--   returns their number.
function StopGuard:watch()
    local present, lists = {edges = {}, entries = {}}, {}
    for name, list in pairs(present) do
        for _, edge in ipairs(self.options[name]) do
            -- In a list, the value may be at another index after `stop`.
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
            -- Compiled traces treat upvalues that never changed as constants: discard the
            -- traces.
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

--- Wraps a function that takes a fiber, such as `fiber.kill`, to protect fibers of
-- new code.
-- @tparam table holder table with the function
-- @tparam string name key of the function
-- @tparam function instead (id, original, fiber, ...) called instead of the
--   original function, if a `stop` calls it for a fiber of new code
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

--- Prevents any `stop` from cancelling fibers of new code, until `close`.
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
