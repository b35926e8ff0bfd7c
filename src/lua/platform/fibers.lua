--- Which functions the fibers of this instance run.
--
-- Lua has no way from a fiber to its stack, but the registry of Lua holds the
-- coroutine of every fiber, and the structure of a fiber holds the address of
-- its coroutine, its number, and its place in the list of all fibers. Where in
-- the structure differs between builds, so it is looked for in two fibers that
-- have just been made, of which all three are known, and only believed if both
-- agree and the list has just the fibers that `fiber.info` tells. Memory is
-- read, never written, and only in fibers and in the list of them.
--
-- Where that fails, the back-traces of `fiber.info` have to do, which block
-- the server for some 60 microseconds a fiber.

local require = ...
local ffi = require('ffi')
local fiber = require('fiber')
local slice = require('core.yield')

-- How much of struct fiber is looked at, in words of 8 bytes.
local WORDS = 64
-- With more fibers than this, back-traces would block for too long.
local BACKTRACES = 200
-- Fibers are told apart by the lower half of their number: it has one or two
-- halves, by version.
local HALF = 4294967296

local function address_of(coroutine_)
    return tonumber(tostring(coroutine_):match('0x(%x+)'), 16)
end

local function words_at(address)
    return ffi.cast('const uint64_t *', ffi.cast('uintptr_t', address))
end

--- What is known of the running fiber without its structure.
local function look_at_self()
    -- Part of the public interface for C modules, so declared everywhere in
    -- the same way.
    ffi.cdef('struct fiber; struct fiber *fiber_self(void);')
    local address = tonumber(ffi.cast('uintptr_t', ffi.C.fiber_self()))
    local words = words_at(address)
    return {
        address = address,
        words = words,
        halves = ffi.cast('const uint32_t *', words),
        id = fiber.id() % HALF,
        thread = address_of(coroutine.running()),
    }
end

--- The first place, from `from` on, for which something holds.
local function find_place(from, count, holds)
    for i = from, count - 1 do
        if holds(i) then
            return i
        end
    end
    return nil
end

--- What the list of all fibers says. Does not yield.
-- @tparam table layout {thread, id, link, first}: where things are in the
--   structure, and the address of the list
-- @tparam number limit of fibers, more are none of ours
-- @treturn ?table lower half of the number -> address of the coroutine
-- @treturn number of fibers
local function walk(layout, limit)
    local threads, count = {}, 0
    local node = tonumber(words_at(layout.first)[1])
    while node ~= layout.first do
        count = count + 1
        if count > limit then
            return nil, count
        end
        local words = words_at(node - layout.link * 8)
        local id = tonumber(ffi.cast('const uint32_t *', words)[layout.id])
        threads[id] = tonumber(words[layout.thread])
        node = tonumber(words_at(node)[1])
    end
    return threads, count
end

--- Whether it is the list of the fibers that the server tells, each once, of
-- the running one and of the two that were made to find it.
local function is_complete(layout, list)
    local expected = #list + 3
    local threads, count = walk(layout, expected)
    if threads == nil or count ~= expected then
        return false
    end
    for _, item in ipairs(list) do
        if threads[item.id % HALF] == nil then
            return false
        end
    end
    return true
end

--- Compares two fibers, the second one made right after the first, so that it
-- is the first one's neighbour and at the head of the list.
-- @tparam {table,...} list see `list_all`
-- @treturn ?table layout, see `walk`
local function compare(list, a, b)
    local layout = {
        thread = find_place(0, WORDS, function(i)
            return tonumber(a.words[i]) == a.thread and tonumber(b.words[i]) == b.thread
        end),
        id = find_place(0, WORDS * 2, function(i)
            return a.halves[i] == a.id and b.halves[i] == b.id
        end),
    }
    if layout.thread == nil or layout.id == nil then
        return nil
    end
    local place = -1
    while true do
        place = find_place(place + 1, WORDS, function(i)
            -- Each has two pointers: to the one before it, to the one behind.
            return tonumber(b.words[i + 1]) == a.address + i * 8 and
                tonumber(a.words[i]) == b.address + i * 8
        end)
        if place == nil then
            return nil
        end
        layout.link, layout.first = place, tonumber(b.words[place])
        if is_complete(layout, list) then
            return layout
        end
    end
end

--- Finds out how the structure of a fiber is laid out. Does not yield.
-- @tparam {table,...} list see `list_all`
-- @treturn ?table layout, see `walk`; nil if this build does not tell
local function locate(list)
    local layout
    pcall(fiber.create, function()
        local ok, a = pcall(look_at_self)
        if not ok then
            return
        end
        fiber.create(function()
            local _, found = pcall(function()
                return compare(list, a, look_at_self())
            end)
            layout = type(found) == 'table' and found or nil
        end)
    end)
    return layout
end

--- The functions on a stack, the innermost first.
-- @tparam thread coroutine_
-- @treturn {table,...} {func, where}
local function frames_of(coroutine_)
    local frames, level = {}, 0
    while true do
        local info = debug.getinfo(coroutine_, level, 'fSl')
        if info == nil then
            return frames
        end
        table.insert(frames, {
            func = info.func,
            where = ('%s:%d'):format(info.short_src, info.currentline),
        })
        level = level + 1
    end
end

--- The coroutines of fibers. Does not yield.
-- @tparam table layout see `walk`
-- @tparam {table,...} list of fibers; each gets its `thread`, if that is found
-- @treturn {table,...} those that did
local function find_threads(layout, list)
    local threads, by_address = walk(layout, math.huge), {}
    for _, item in ipairs(list) do
        local address = threads[item.id % HALF]
        if address ~= nil then
            by_address[address] = item
        end
    end
    local result = {}
    for key, value in pairs(debug.getregistry()) do
        if type(key) == 'number' and type(value) == 'thread' then
            local item = by_address[address_of(value)]
            if item ~= nil then
                item.thread = value
                table.insert(result, item)
            end
        end
    end
    return result
end

local function by_coroutines(layout, list)
    local result = {}
    for _, item in ipairs(find_threads(layout, list)) do
        if coroutine.status(item.thread) ~= 'dead' then
            item.frames = frames_of(item.thread)
            table.insert(result, item)
        end
        slice.pause()
    end
    return result
end

--- From back-traces there are no functions, only files and lines.
local function by_backtraces(list)
    local info = fiber.info()
    for _, item in ipairs(list) do
        item.frames = {}
        local backtrace = info[item.id] and info[item.id].backtrace or {}
        for _, entry in ipairs(backtrace) do
            local text = type(entry) == 'table' and entry.L
            if text then
                local file, line = text:match(' in @?(.-) at line (%d+)')
                if file == nil then
                    file, line = text:match('@(.-):(%d+)')
                end
                if file ~= nil then
                    table.insert(item.frames, {
                        file = file,
                        where = ('%s:%s'):format(file, line),
                    })
                end
            end
        end
        if item.name == 'main' then
            -- A request from the network: C has called what is on the stack.
            table.insert(item.frames, {where = '[C]'})
        end
    end
    return list
end

--- All fibers but the running one, without what they run.
-- @treturn {table,...} {id, name}
local function list_all()
    local list = {}
    for id, info in pairs(fiber.info({backtrace = false, bt = false})) do
        if id ~= fiber.id() then
            table.insert(list, {id = id, name = info.name})
        end
    end
    table.sort(list, function(a, b)
        return a.id < b.id
    end)
    return list
end

--- All fibers but the running one, with what they run. May yield.
-- @treturn[1] {table,...} {id, name, frames = {{func or file, where}, ...}},
--   the innermost frame first
-- @treturn[2] nil
-- @treturn[2] string why it cannot be said
local function inspect()
    local list = list_all()
    local layout = locate(list)
    if layout ~= nil then
        return by_coroutines(layout, list)
    elseif #list <= BACKTRACES then
        return by_backtraces(list)
    end
    return nil, ('%d fibers cannot be inspected on this build of Tarantool without blocking it')
        :format(#list)
end

--- All fibers but the running one, with their coroutines. Does not yield.
-- @treturn[1] {table,...} {id, name, thread}, those of which it is found
-- @treturn[2] nil if this build does not tell
local function threads()
    local list = list_all()
    local layout = locate(list)
    return layout and find_threads(layout, list)
end

return {
    inspect = inspect,
    list_all = list_all,
    threads = threads,
}
