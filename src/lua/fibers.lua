--- Which functions the fibers of this instance run.
--
-- Lua has no way from a fiber to its stack, but the registry of Lua holds the
-- coroutine of every fiber, and the structure of a fiber holds the address of
-- its coroutine. Where in the structure differs between builds, so it is
-- looked for in two fibers whose coroutines are known, and only believed if
-- both agree. Memory is read, never written.
--
-- Where that fails, the back-traces of `fiber.info` have to do, which block
-- the server for some 60 microseconds a fiber.

local require = ...
local ffi = require('ffi')
local fiber = require('fiber')
local slice = require('slice')

-- How much of struct fiber is looked at, in words of 8 bytes.
local WORDS = 64
-- With more fibers than this, back-traces would block for too long.
local BACKTRACES = 200

local function address_of(coroutine_)
    return tonumber(tostring(coroutine_):match('0x(%x+)'), 16)
end

--- The structure of a fiber, as words.
-- @treturn ?cdata nil if there is no such fiber: to read from a null pointer
--   would be the end of the server
local function find_fiber(id)
    local pointer = ffi.cast('const uint64_t *', ffi.C.fiber_find(id))
    if pointer == nil then
        return nil
    end
    return pointer
end

local function word_with(pointer, address)
    for i = 0, WORDS - 1 do
        if tonumber(pointer[i]) == address then
            return i
        end
    end
    return nil
end

--- Finds out where a fiber keeps the address of its coroutine.
-- @treturn ?number index of the word, nil if this build does not tell
local function locate()
    local ok, index = pcall(function()
        -- Part of the public interface for C modules, so declared everywhere
        -- in the same way.
        ffi.cdef('struct fiber; struct fiber *fiber_find(uint32_t fid);')
        local me = find_fiber(fiber.id())
        local mine = me and word_with(me, address_of(coroutine.running()))
        if mine == nil then
            return nil
        end
        -- The other one looks at itself, so it is certainly there.
        local is_same = false
        fiber.create(function()
            local other = find_fiber(fiber.id())
            is_same = other ~= nil and tonumber(other[mine]) == address_of(coroutine.running())
        end)
        return is_same and mine or nil
    end)
    return ok and index or nil
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

--- The coroutines of fibers.
-- @tparam number index of the word, see `locate`
-- @tparam {table,...} list of fibers; each gets its `thread`, if that is found
-- @treturn {table,...} those that did
local function find_threads(index, list)
    local by_address = {}
    for _, item in ipairs(list) do
        local pointer = find_fiber(item.id)
        if pointer ~= nil then
            by_address[tonumber(pointer[index])] = item
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

local function by_coroutines(index, list)
    local result = {}
    for _, item in ipairs(find_threads(index, list)) do
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
    local index = locate()
    local list = list_all()
    if index ~= nil then
        return by_coroutines(index, list)
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
    local index = locate()
    return index and find_threads(index, list_all())
end

return {
    inspect = inspect,
    list_all = list_all,
    threads = threads,
}
