-- What the section "stale" has in the instances that it measures: heaps, the
-- gaps that a fiber notices, and a library that keeps functions.

local clock = require('clock')
local fiber = require('fiber')

-- Seconds: how often the fiber that measures gaps runs, and the time after
-- which one that makes garbage lets others run.
local EVERY, STEP = 0.0005, 0.002
-- Bytes of a record without 64-bit addresses.
local RECORD = 80

local M = {}

local function record(i)
    return {id = i, price = i % 100}
end

--- One table with all the records in it.
function M.flat(count)
    local list = {}
    for i = 1, count do
        list[i] = record(i)
    end
    return list
end

--- Records in lists of ten, which are in lists of ten, and so on.
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

--- Begins to measure the gaps in which no other fiber runs.
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
            -- The scan comes after the new generation has taken over.
            if last ~= first then
                self.scan_gap, self.scan_busy = math.max(self.scan_gap, gap), math.max(self.scan_busy, busy)
            end
            self.most = math.max(self.most, collectgarbage('count'))
            wall, cpu, last = wall_now, cpu_now, generation()
        end
    end)
end

--- Ends it: the longest gap in ms and the most that was computed in one, then
-- the same for the scan at the end of a reload; by how much the heap has grown
-- in kB, and the time of the processor in ms.
function M.watched()
    local self = watched
    watched = nil
    return ('gap=%.3f busy=%.3f scan_gap=%.3f scan_busy=%.3f grown=%.0f cpu=%.1f'):format(
        self.gap, self.busy, self.scan_gap, self.scan_busy, self.most - self.before,
        (clock.thread() - self.cpu) * 1000)
end

--- Makes garbage evenly, twice as much as there is in the heap: the collector
-- goes through all of it once at least.
function M.litter(seconds)
    local steps = math.ceil(seconds / STEP)
    local count = math.ceil(collectgarbage('count') * 1024 * 2 / RECORD / steps)
    local started = clock.monotonic()
    for step = 1, steps do
        for i = 1, count do
            -- What is seen nowhere is not even made.
            M.littered = record(i)
        end
        fiber.sleep(math.max(0, started + step * STEP - clock.monotonic()))
    end
end

--- What a library keeps of the application: functions that are called later, in
-- a table, in an upvalue, and in the stack of a fiber.
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

--- How many generations of code there are, and how much memory is in use.
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
