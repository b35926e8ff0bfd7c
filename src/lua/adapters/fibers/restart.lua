--- Restarts loops of old code with new code, if the new code has not started them
-- itself.
--
-- A loop is restarted only if all of these conditions hold. Its entry function has
-- a counterpart in the new code. The fiber was created without arguments and has
-- nothing in its storage. The loop is endless, so it is not a job that ends by
-- itself. No protected call can swallow its cancellation. And every reference to
-- the old fiber can be replaced by one to the new fiber: code may use such a
-- reference to check whether its loop is running.
--
-- The oldest loop is restarted first, because a loop that supervises others is
-- older than those others, and may start them itself.

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

--- Whether the `storage` of a fiber has any entries, or cannot be read.
local function has_storage(object)
    local ok, storage = pcall(function()
        return object.storage
    end)
    return not ok or type(storage) == 'table' and next(storage) ~= nil
end

--- Whether a fiber runs an endless loop of old code.
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

--- Whether a loop meets the conditions described at the head of this file. Does not
-- check the references to its fiber: `holders:can_replace` does. Does not yield,
-- because the recorded stack levels are valid only until the fiber runs again.
local function is_restartable(item, is_old)
    item.frames, item.is_whole = stacks.frames_of(item.thread)
    item.entry, item.entry_index = stacks.entry_of(item.frames)
    return item.entry ~= nil and item.counterpart ~= nil and not item.is_taken_over
        and item.is_whole and item.entry_index == #item.frames
        and never_ends(item.frames, is_old)
        and not stacks.has_arguments(item.entry)
        and item.object ~= nil and not has_storage(item.object)
end

--- Whether the counterpart of an old loop is already running. If so, a loop that was
-- restarted earlier has started it.
-- @tparam table item the old loop
-- @tparam table ours set of the ids of the fibers that `exchange` has started
-- @tparam table ownership see `ownership`
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

--- Cancels a loop and creates a fiber for its counterpart. Does not yield.
-- @treturn ?number id of the new fiber; nil if the loop has ended, or cannot be
--   cancelled because it is in a protected call
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

--- Restarts loops. Yields.
-- @tparam {table,...} loops as returned by `fibers.inspect`; in addition, each has the
--   field `counterpart`: the counterpart of its entry function
-- @tparam table options
--   ownership: see `ownership`
--   is_old: function (f) -> whether the function is old
--   deadline: on the monotonic clock
--   limit: Lua memory at which to stop, in kilobytes
-- @treturn {table,...} the restarted loops. The field `successor` is the id of the new
--   fiber, or true if a loop that was restarted earlier has started the new fiber.
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
                -- Let the new loop run: it may start others.
                fiber.sleep(0)
            end
        end
    end
    return done
end

return {never_ends = never_ends, run = run}
