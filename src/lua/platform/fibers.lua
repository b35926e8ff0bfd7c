--- Finds the fibers of this instance, their coroutines, and the functions that they run.
--
-- Lua offers no way to get from a fiber to its stack. However, the Lua registry holds
-- the coroutine of every fiber. In memory, `struct fiber` holds the address of this
-- coroutine, the fiber's id and flags, and its links in the list of all fibers.
--
-- The offsets of these fields differ between builds. To find them, this module creates
-- two fibers and searches their memory for known values. The offsets are trusted only
-- if they are the same in both fibers and the server knows every fiber in the list.
-- This module reads no memory except that of the fibers and of the head of their list.
-- It never writes to that memory.
--
-- `fiber.info` is used only if the offsets cannot be found, because `fiber.info` blocks
-- the event loop for tens of milliseconds if there are thousands of fibers.

local require = ...
local bit = require('bit')
local ffi = require('ffi')
local fiber = require('fiber')
local yield = require('core.yield')
local jutil = require('jit.util')
local stacks = require('platform.stacks')

local getinfo = debug.getinfo

-- Maximum number of 8-byte words to examine in a `struct fiber`.
local WORDS = 64
-- Maximum number of fibers in the list. A longer list is considered corrupt.
local LIMIT = 1000000
-- Modulus that yields the lower 32 bits of a fiber id. An id has 32 or 64 bits.
local HALF = 4294967296

local function address_of(coroutine_)
    return tonumber(tostring(coroutine_):match('0x(%x+)'), 16)
end

local function words_at(address)
    return ffi.cast('const uint64_t *', ffi.cast('uintptr_t', address))
end

--- Finds the bit of `struct fiber` that marks a fiber as joinable. It is the only bit
-- that changes when the running fiber is made joinable. `halves` is the memory of the
-- running fiber, in words of 32 bits. Returns {word, mask}, or nil if not found. `word`
-- is an index in `halves`.
local function find_joinable(halves)
    local before = {}
    for i = 0, WORDS * 2 - 1 do
        before[i] = halves[i]
    end
    local object = fiber.self()
    object:set_joinable(true)
    local flag
    for i = 0, WORDS * 2 - 1 do
        local change = bit.bxor(before[i], halves[i])
        if change ~= 0 then
            -- If a single bit has changed, `change` is a power of two.
            flag = flag == nil and bit.band(change, change - 1) == 0 and {word = i, mask = change} or false
        end
    end
    object:set_joinable(false)
    return flag or nil
end

--- Returns facts about the running fiber, such as its id and address. Does not need the
-- layout of `struct fiber`.
local function look_at_self()
    -- Other modules may declare `fiber_self`, too. Since this function is part of
    -- Tarantool's public C API, their declarations are the same.
    ffi.cdef('struct fiber; struct fiber *fiber_self(void);')
    local address = tonumber(ffi.cast('uintptr_t', ffi.C.fiber_self()))
    local words = words_at(address)
    local halves = ffi.cast('const uint32_t *', words)
    return {
        address = address,
        words = words,
        halves = halves,
        id = fiber.id() % HALF,
        thread = address_of(coroutine.running()),
        joinable = find_joinable(halves),
    }
end

--- Returns the first offset from `from` to `count - 1` for which `holds` returns true, or
-- nil if there is none.
local function find_offset(from, count, holds)
    for i = from, count - 1 do
        if holds(i) then
            return i
        end
    end
    return nil
end

--- Walks the list of all fibers. Does not yield.
-- @tparam table layout {thread, id, link, first, joinable}: `thread`, `link` and `id` are
--   offsets of fields of `struct fiber`. `thread` and `link` count words of 8 bytes, but
--   `id` counts words of 4 bytes. `first` is the address of the head of the list.
--   `joinable` is a result of `find_joinable`.
-- @tparam function visit called with the lower 32 bits of the id, the address of the
--   coroutine, and whether the fiber is joinable; returns false to end the walk
-- @treturn boolean whether the walk reached the end of the list
local function walk(layout, visit)
    local node = tonumber(words_at(layout.first)[1])
    local flag = layout.joinable
    for _ = 1, LIMIT do
        if node == layout.first then
            return true
        end
        local words = words_at(node - layout.link * 8)
        local halves = ffi.cast('const uint32_t *', words)
        local is_joinable = flag and bit.band(halves[flag.word], flag.mask) ~= 0
        if visit(tonumber(halves[layout.id]), tonumber(words[layout.thread]), is_joinable) == false then
            return false
        end
        node = tonumber(words_at(node)[1])
    end
    return false
end

--- Returns whether a layout of `struct fiber` seems right. The list of fibers that is
-- read with this layout must contain both sample fibers, and only fibers that the server
-- knows.
local function is_believable(layout, a, b)
    local threads = {}
    local is_whole = walk(layout, function(id, thread)
        if threads[id] ~= nil or fiber.find(id) == nil then
            return false
        end
        threads[id] = thread
    end)
    return is_whole and threads[a.id] == a.thread and threads[b.id] == b.thread
end

--- Finds the layout of `struct fiber` by comparing two sample fibers, as returned by
-- `look_at_self`. Fiber `b` was created right after fiber `a`, so they are neighbours
-- at the head of the list of fibers. Returns nil if the layout is not found.
local function compare(a, b)
    local layout = {
        thread = find_offset(0, WORDS, function(i)
            return tonumber(a.words[i]) == a.thread and tonumber(b.words[i]) == b.thread
        end),
        id = find_offset(0, WORDS * 2, function(i)
            return a.halves[i] == a.id and b.halves[i] == b.id
        end),
        joinable = a.joinable,
    }
    if layout.thread == nil or layout.id == nil or a.joinable == nil or b.joinable == nil
    or a.joinable.word ~= b.joinable.word or a.joinable.mask ~= b.joinable.mask then
        return nil
    end
    local link = -1
    while true do
        link = find_offset(link + 1, WORDS, function(i)
            -- A link consists of two pointers: to the previous fiber, then to the next
            -- one.
            return tonumber(b.words[i + 1]) == a.address + i * 8 and
                tonumber(a.words[i]) == b.address + i * 8
        end)
        if link == nil then
            return nil
        end
        layout.link, layout.first = link, tonumber(b.words[link])
        if is_believable(layout, a, b) then
            return layout
        end
    end
end

local found_layout

--- Returns the layout of `struct fiber`. The first call determines the layout. Does not
-- yield.
-- @treturn ?table layout, see `walk`; nil if it cannot be found in this build
local function locate()
    if found_layout == nil then
        found_layout = false
        pcall(fiber.create, function()
            local ok, a = pcall(look_at_self)
            if not ok then
                return
            end
            fiber.create(function()
                local _, found = pcall(function()
                    return compare(a, look_at_self())
                end)
                found_layout = type(found) == 'table' and found
            end)
        end)
    end
    return found_layout or nil
end

--- Lists all fibers except the running one. Does not yield.
-- @treturn {table,...} {id, address, is_joinable}: `address` is the address of the
--   coroutine. Only `id` is set if the layout of `struct fiber` is unknown.
local function list()
    local result, layout, own = {}, locate(), fiber.id() % HALF
    if layout ~= nil then
        walk(layout, function(id, address, is_joinable)
            if id ~= own then
                result[#result + 1] = {id = id, address = address, is_joinable = is_joinable}
            end
        end)
        return result
    end
    for id in pairs(fiber.info({backtrace = false, bt = false})) do
        if id ~= fiber.id() then
            table.insert(result, {id = id})
        end
    end
    return result
end

local function name_of(id)
    local ok, object = pcall(fiber.find, id)
    return ok and object ~= nil and object:name() or ''
end

local function by_id(a, b)
    return a.id < b.id
end

--- Lists the ids and names of all fibers except the running one. May yield.
-- @treturn {table,...} {id, name}, sorted by id
local function list_all()
    local result = list()
    for _, item in ipairs(result) do
        yield.if_due()
        item.name = name_of(item.id)
    end
    table.sort(result, by_id)
    return result
end

--- Returns the ids of all fibers except the running one. Does not yield.
-- @treturn table set
local function ids()
    local set = {}
    for _, item in ipairs(list()) do
        set[item.id] = true
    end
    return set
end

--- Returns the coroutines in the Lua registry, which belong to fibers and triggers. Does
-- not yield.
-- @treturn {thread,...}
local function registered()
    local threads = {}
    -- The application may have removed debug.getregistry.
    for key, value in next, debug.getregistry ~= nil and debug.getregistry() or {} do
        if type(key) == 'number' and type(value) == 'thread' then
            threads[#threads + 1] = value
        end
    end
    return threads
end

--- Lists the fibers whose coroutines are known, except the running fiber. May yield.
-- @tparam ?{thread,...} among coroutines of the fibers to list; nil for all fibers
-- @treturn[1] {table,...} {id, name, thread, is_joinable}, sorted by id
-- @treturn[2] nil if the layout of `struct fiber` or the Lua registry is unavailable
local function threads(among)
    if locate() == nil or among == nil and debug.getregistry == nil then
        return nil
    end
    local by_address, result = {}, {}
    for _, thread in ipairs(among or registered()) do
        by_address[address_of(thread)] = thread
        yield.if_due()
    end
    for _, item in ipairs(list()) do
        item.thread = by_address[item.address]
        if item.thread ~= nil then
            result[#result + 1] = item
        end
    end
    for _, item in ipairs(result) do
        yield.if_due()
        item.name = name_of(item.id)
    end
    table.sort(result, by_id)
    return result
end

--- Returns the coroutines that have a matching function on their stacks, except the
-- running coroutine. Yields.
-- @tparam function test (f) -> whether a function matches
-- @treturn {thread,...}
local function running(test)
    local answers, result = {}, {}
    local function is_it(f)
        local answer = answers[f]
        if answer == nil then
            answer = test(f) and true or false
            answers[f] = answer
        end
        return answer
    end
    local own = coroutine.running()
    for _, thread in ipairs(registered()) do
        if thread ~= own and stacks.runs(thread, is_it) then
            table.insert(result, thread)
        end
        yield.if_due()
    end
    return result
end

--- Describes each coroutine that runs a matching function, together with the coroutine's
-- fiber. Yields.
--
-- `is_request` is true if the fiber may be serving a request: its entry function does
-- not match, another fiber may be waiting to join it, or the fiber or a part of its
-- stack is unknown.
-- @tparam function test (f) -> whether a function matches
-- @treturn {table,...} {thread, frames, is_whole, entry, entry_index, is_request, id,
--   name, is_joinable}, see `stacks`. The last three fields are nil if the coroutine
--   has no known fiber, for example because it belongs to a trigger.
local function inspect(test)
    local among = running(test)
    local result, fibers = {}, {}
    for _, item in ipairs(threads(among) or {}) do
        fibers[item.thread] = item
    end
    for _, thread in ipairs(among) do
        local item = fibers[thread] or {thread = thread}
        item.frames, item.is_whole = stacks.frames_of(thread)
        item.entry, item.entry_index = stacks.entry_of(item.frames)
        if item.entry ~= nil then
            item.is_request = item.id == nil or item.is_joinable or not item.is_whole
                or not test(item.entry.func)
            table.insert(result, item)
        end
        yield.if_due()
    end
    return result
end

--- Cancels a fiber, unless a protected call on its stack may catch the resulting error.
-- Does not yield.
--
-- A fiber that catches this error keeps running, but can no longer wait: every call that
-- would wait raises the error again at once. A loop around the protected call would then
-- block the event loop.
-- @tparam table item {id, thread}
-- @treturn boolean whether the fiber was cancelled
local function cancel_safely(item)
    if item.thread ~= nil then
        local frames, is_whole = stacks.frames_of(item.thread)
        local entry, index = stacks.entry_of(frames)
        if entry ~= nil and (not is_whole or stacks.is_protected(frames, index)) then
            return false
        end
    end
    local ok, object = pcall(fiber.find, item.id)
    return ok and object ~= nil and pcall(object.cancel, object)
end

--- Returns the table in which Tarantool keeps the Lua object of each fiber, by fiber id.
-- @treturn table empty if not found
local function known()
    local metatable = debug.getmetatable(fiber.self())
    local table_ = type(metatable) == 'table' and rawget(metatable, 'memoize')
    return type(table_) == 'table' and table_ or {}
end

--- Returns whether a fiber is still running. A joinable fiber that has ended is not
-- `dead` until it is joined. So a fiber with an empty stack counts as ended, even if it
-- has not started yet.
-- @tparam table item {id, thread}
local function is_alive(item)
    local ok, object = pcall(fiber.find, item.id)
    return ok and object ~= nil and object:status() ~= 'dead'
        and (item.thread == nil or getinfo(item.thread, 0, 'f') ~= nil)
end

--- Returns whether another fiber is waiting for the given fiber to end. Does not yield.
-- @tparam userdata object the given fiber
local function is_awaited(object)
    for _, thread in ipairs(registered()) do
        local info = getinfo(thread, 0, 'f')
        if info ~= nil and info.func ~= nil then
            local _, first = debug.getlocal(thread, 0, 1)
            if rawequal(first, object) and jutil.funcinfo(info.func).proto == nil then
                return true
            end
        end
    end
    return false
end

--- Joins a joinable fiber that has ended, unless another fiber is already waiting to
-- join it. Does not yield.
-- @tparam table item {id, thread, is_joinable}
local function reap(item)
    local ok, object = pcall(fiber.find, item.id)
    if ok and object ~= nil and item.is_joinable and not is_alive(item) and not is_awaited(object) then
        pcall(object.join, object)
    end
end

--- Starts watching for yields of the running fiber.
-- @treturn function () -> whether the fiber has yielded since `watch_yield` was
--   called
local function watch_yield()
    local object = fiber.self()
    local ok, before = pcall(function()
        return object:csw()
    end)
    if ok then
        return function()
            return object:csw() ~= before
        end
    end
    -- This Tarantool lacks `fiber:csw()`. Use a new fiber to detect a yield: it runs as
    -- soon as the running fiber yields.
    local has_yielded = false
    fiber.new(function()
        has_yielded = true
    end)
    return function()
        return has_yielded
    end
end

return {
    cancel_safely = cancel_safely,
    ids = ids,
    inspect = inspect,
    is_alive = is_alive,
    is_awaited = is_awaited,
    known = known,
    list_all = list_all,
    locate = locate,
    reap = reap,
    running = running,
    threads = threads,
    watch_yield = watch_yield,
}
