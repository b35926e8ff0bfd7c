-- Runs inside the instances that the section "stale" measures: makes heaps,
-- measures gaps in which no fiber runs, and provides a library that keeps
-- functions.

local clock = require('clock')
local fiber = require('fiber')

-- Seconds: the interval of the fiber that measures gaps, and the length of a step
-- of the one that makes garbage.
local EVERY, STEP = 0.0005, 0.002
-- Bytes of a record in builds without 64-bit addresses.
local RECORD = 80

local M = {}

local function record(i)
    return {id = i, price = i % 100}
end

--- Returns one table with all the records.
function M.flat(count)
    local list = {}
    for i = 1, count do
        list[i] = record(i)
    end
    return list
end

--- Returns the records in lists of ten, these in lists of ten, and so on.
function M.tree(count)
    local level = M.flat(count * 0.9)
    while #level > 1 do
        local above = {}
        for i = 1, #level, 10 do
            local list = {}
            for k = i, math.min(i + 9, #level) do
                list[k - i + 1] = level[k]
            end
            table.insert(above, list)
        end
        level = above
    end
    return level[1]
end

function M.collect()
    collectgarbage()
    collectgarbage()
    return collectgarbage('count')
end

local watched

local function generation()
    return (rawget(_G, '__cartridge_reload') or {}).generation
end

--- Starts to measure the gaps in which no other fiber runs.
function M.watch()
    local self = {
        gap = 0, busy = 0, scan_gap = 0, scan_busy = 0,
        before = collectgarbage('count'), most = 0, cpu = clock.thread(),
    }
    watched = self
    fiber.create(function()
        local first, last = generation(), generation()
        local wall, cpu = clock.monotonic(), clock.thread()
        while watched == self do
            fiber.sleep(EVERY)
            local wall_now, cpu_now = clock.monotonic(), clock.thread()
            local gap, busy = (wall_now - wall) * 1000, (cpu_now - cpu) * 1000
            self.gap, self.busy = math.max(self.gap, gap), math.max(self.busy, busy)
            -- The scan runs after the generation number has changed.
            if last ~= first then
                self.scan_gap, self.scan_busy = math.max(self.scan_gap, gap), math.max(self.scan_busy, busy)
            end
            self.most = math.max(self.most, collectgarbage('count'))
            wall, cpu, last = wall_now, cpu_now, generation()
        end
    end)
end

--- Stops measuring. Returns the longest gap and the longest computation, in ms; the
-- same for the scan at the end of a reload; the growth of the heap in kB; and the
-- processor time in ms.
function M.watched()
    local self = watched
    watched = nil
    return ('gap=%.3f busy=%.3f scan_gap=%.3f scan_busy=%.3f grown=%.0f cpu=%.1f'):format(
        self.gap, self.busy, self.scan_gap, self.scan_busy, self.most - self.before,
        (clock.thread() - self.cpu) * 1000)
end

--- Makes garbage at an even rate, twice the size of the heap: the collector goes
-- through the whole heap at least once.
function M.litter(seconds)
    local steps = math.ceil(seconds / STEP)
    local count = math.ceil(collectgarbage('count') * 1024 * 2 / RECORD / steps)
    local started = clock.monotonic()
    for step = 1, steps do
        for i = 1, count do
            -- Store the record, so that the JIT compiler does not remove its
            -- creation.
            M.littered = record(i)
        end
        fiber.sleep(math.max(0, started + step * STEP - clock.monotonic()))
    end
end

--- Returns a library that keeps functions of the application and calls them later:
-- in a table, in an upvalue, and on the stack of a fiber.
function M.keeper()
    local self = {handlers = {}, guards = {}, last = {}}

    function self.keep(name, f)
        self.handlers[name] = self.handlers[name] or f
    end

    function self.guard(name, f)
        self.guards[name] = self.guards[name] or function(...)
            return f(...)
        end
    end

    function self.every(name, seconds, f)
        if self.last[name] == nil then
            self.last[name] = 0
            fiber.create(function()
                while true do
                    fiber.sleep(seconds)
                    self.last[name] = f()
                end
            end)
        end
    end

    return self
end

--- Returns how many generations of code are alive, and how much memory is in use.
function M.alive()
    local heap = M.collect()
    -- Finalizers may need other fibers.
    fiber.sleep(0)
    heap = math.min(heap, M.collect())
    local seen, count = {}, 0
    for _, number in pairs(rawget(_G, '__cartridge_reload').protos) do
        if not seen[number] then
            seen[number] = true
            count = count + 1
        end
    end
    return ('alive=%d heap=%.0f'):format(count, heap)
end

return M
