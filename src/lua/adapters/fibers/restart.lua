--- Restarts loops of old code so that they run new code. Used for loops that new code
-- has not started itself.
--
-- A loop is restarted only if all of these conditions hold:
--   * Its entry function has a counterpart in the new code.
--   * The fiber was created without arguments and has nothing in its `storage`.
--   * The loop is endless, not a job that ends after some time.
--   * No protected call can catch the error that ends a cancelled fiber.
--   * Every reference to the old fiber can be replaced with a reference to the new
--     fiber. Code may use the reference to check whether its loop is running.
--
-- Older loops are restarted before newer ones. An older loop may supervise newer ones,
-- and start them itself.

local require = ...
local bytecode = require('platform.bytecode')
local fiber = require('fiber')
local fibers_lib = require('platform.fibers')
local holders_lib = require('scan.holders')
local stacks = require('platform.stacks')

local function object_of(id)
    local ok, object = pcall(fiber.find, id)
    return ok and object or nil
end

--- Returns true if the `storage` of a fiber has entries or cannot be read.
local function has_storage(object)
    local ok, storage = pcall(function()
        return object.storage
    end)
    return not ok or type(storage) == 'table' and next(storage) ~= nil
end

--- Returns whether a fiber runs an endless loop of old code.
-- @tparam {table,...} frames as returned by `stacks.frames_of`
-- @tparam function is_old (f) -> boolean
local function never_ends(frames, is_old)
    for _, frame in ipairs(frames) do
        if is_old(frame.func) and bytecode.loops_for_ever(frame.func) then
            return true
        end
    end
    return false
end

--- Returns whether a loop can be restarted, see the conditions at the top of this file.
-- The conditions on references and protected calls are not checked here, but later. Does
-- not yield, because the recorded stack levels are valid only until the fiber runs again.
local function is_restartable(item, is_old)
    item.frames, item.is_whole = stacks.frames_of(item.thread)
    item.entry, item.entry_index = stacks.entry_of(item.frames)
    return item.entry ~= nil and item.counterpart ~= nil and not item.is_taken_over
        and item.is_whole and item.entry_index == #item.frames
        and never_ends(item.frames, is_old)
        and not stacks.has_arguments(item.entry)
        and item.object ~= nil and not has_storage(item.object)
end

--- Returns whether a loop that was restarted earlier has already started a fiber that
-- runs the counterpart of an old loop.
-- @tparam table item the old loop
-- @tparam table ours set of the ids of the fibers that `exchange` has started
-- @tparam table ownership see `code.ownership`
local function has_started(item, ours, ownership)
    for _, new in ipairs(fibers_lib.inspect(function(f)
        return ownership:is_new(f)
    end)) do
        if new.id ~= nil and not ours[new.id] and ownership.is_same(new.entry.func, item.counterpart) then
            return true
        end
    end
    return false
end

--- Cancels a loop, creates a fiber for its counterpart, and replaces the references to
-- the old fiber. Does not yield.
-- @treturn ?number id of the new fiber; nil if the old loop has ended or is inside a
--   protected call
local function exchange(item, holders)
    if item.object:status() == 'dead' or not fibers_lib.cancel_safely(item) then
        return nil
    end
    local object = fiber.new(item.counterpart)
    object:set_joinable(item.is_joinable or false)
    object:name(item.name, {truncate = true})
    holders:replace(item.object, object)
    return object:id()
end

--- Restarts the loops that meet the conditions at the top of this file. Searches for
-- references to their fibers, in order to replace these references. Yields.
-- @tparam {table,...} loops as returned by `fibers.inspect`. Each has the additional
--   field `counterpart`, the counterpart of its entry function.
-- @tparam table options
--   ownership: see `code.ownership`
--   is_old: function (f) -> whether the function is old
--   deadline: time on the monotonic clock at which the search for references stops
--   limit: size of the Lua heap at which that search stops, in kilobytes
-- @treturn {table,...} the restarted loops. The field `successor` of each is the id of
--   the new fiber, or true if another restarted loop has started its new fiber.
local function run(loops, options)
    local candidates, objects, threads = {}, {}, {}
    for _, item in ipairs(loops) do
        item.object = object_of(item.id)
        if is_restartable(item, options.is_old) then
            table.insert(candidates, item)
            table.insert(objects, item.object)
            threads[item.thread] = true
        end
    end
    if #candidates == 0 then
        return {}
    end
    local ignored = {[debug.getregistry()] = true, [candidates] = true, [fibers_lib.known()] = true}
    for _, item in ipairs(candidates) do
        ignored[item] = true
    end
    local holders = holders_lib.find(objects, {
        deadline = options.deadline,
        limit = options.limit,
        threads = threads,
        ignored = ignored,
    })
    local done, ours = {}, {}
    table.sort(candidates, function(a, b)
        return a.id < b.id
    end)
    for _, item in ipairs(candidates) do
        if #done > 0 and has_started(item, ours, options.ownership) then
            item.successor = true
            table.insert(done, item)
        elseif holders:can_replace(item.object) then
            local id = exchange(item, holders)
            if id ~= nil then
                item.successor, ours[id] = id, true
                table.insert(done, item)
                -- Let the new loop run, because it may start other loops.
                fiber.sleep(0)
            end
        end
    end
    return done
end

return {never_ends = never_ends, run = run}
