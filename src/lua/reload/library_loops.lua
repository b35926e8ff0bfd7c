--- Loops of libraries that call a function of a module, such as a timer.
--
-- The code of such a loop is the library's, so it serves on whatever is reloaded.
-- But when the new code has asked the library for the same loop once more, both
-- would run. They are told by the code of their entry, by where it has the
-- function, in a variable or in a table there, and by the function itself: the
-- new one is the counterpart of the old one.

local require = ...
local bytecode = require('platform.bytecode')
local fibers_lib = require('platform.fibers')
local jutil = require('jit.util')
local slice = require('core.yield')
local stacks = require('platform.stacks')
local twins = require('scan.twins')

local getlocal, getupvalue = debug.getlocal, debug.getupvalue

-- Variables of an entry, and fields of a table, that are looked at.
local VARIABLES, FIELDS = 60, 50

--- Calls back for each function that an entry has in its variables.
-- @tparam table frame see `stacks`
-- @tparam function visit (where, f)
local function each_function(frame, visit)
    local function look(where, value)
        if type(value) == 'function' then
            visit(where, value)
        elseif type(value) == 'table' then
            local left = FIELDS
            for key, field in next, value do
                left = left - 1
                if left == 0 then
                    return
                elseif type(field) == 'function' and type(key) == 'string' then
                    visit(where .. '.' .. key, field)
                end
            end
        end
    end
    for index = 1, VARIABLES do
        local name, value = getupvalue(frame.func, index)
        if name == nil then
            break
        end
        look('upvalue ' .. name, value)
    end
    for index = 1, VARIABLES do
        local name, value = getlocal(frame.thread, frame.level, index)
        if name == nil then
            break
        end
        look('local ' .. name, value)
    end
end

--- Finds old loops that new ones have made superfluous. Yields.
-- @tparam table options
--   before: set of the numbers of the fibers that there were before the reload
--   at_commit: the same at the commit
--   is_old, is_new: functions (f) -> whether it is old or new code
--   find_counterpart: function (f) -> ?function
-- @treturn {table,...} {id, name, thread, func = the old function, where}
local function find(options)
    -- Prototype of the entry and where the function is -> both sides.
    local places = {}
    for _, item in ipairs(fibers_lib.threads() or {}) do
        slice.pause()
        local side = options.before[item.id] and 'old' or options.at_commit[item.id] and 'new'
        local frames = side and stacks.frames_of(item.thread) or {}
        local frame = stacks.entry_of(frames)
        if frame ~= nil and not frame.is_c and not options.is_old(frame.func) and not options.is_new(frame.func)
        and bytecode.has_loop(frame.func) then
            each_function(frame, function(where, f)
                if side == 'old' and options.is_old(f) or side == 'new' and options.is_new(f) then
                    local key = ('%s %s'):format(tostring(jutil.funcinfo(frame.func).proto), where)
                    places[key] = places[key] or {old = {}, new = {}}
                    table.insert(places[key][side], {
                        id = item.id, name = item.name, thread = item.thread, func = f, where = frame.where,
                    })
                end
            end)
        end
    end
    local found = {}
    for _, both in pairs(places) do
        local free, olds, news = {}, {}, {}
        for _, item in ipairs(both.new) do
            free[item.func] = (free[item.func] or 0) + 1
        end
        local function take(item, f)
            if f ~= nil and (free[f] or 0) > 0 then
                free[f] = free[f] - 1
                table.insert(found, item)
            end
        end
        for _, item in ipairs(both.old) do
            item.counterpart = options.find_counterpart(item.func)
            if item.counterpart ~= nil then
                take(item, item.counterpart)
            else
                table.insert(olds, item.func)
            end
        end
        for _, item in ipairs(both.new) do
            if (free[item.func] or 0) > 0 then
                table.insert(news, item.func)
            end
        end
        local pairs_of = twins.pair(olds, news)
        for _, item in ipairs(both.old) do
            if item.counterpart == nil then
                take(item, pairs_of[item.func])
            end
        end
    end
    return found
end

return {find = find}
