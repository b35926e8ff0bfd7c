-- platform/process.lua: facts about the process.

local fiber = require('fiber')
local lib = dofile('tests/lua/lib.lua')
local case = lib.suite('platform.process')

--- Returns the start time of a process with these lines in /proc.
local function started(lines)
    local real = io.open
    lib.defer(function() rawset(io, 'open', real) end)
    rawset(io, 'open', function(path, ...)
        if lines[path] == nil then
            return real(path, ...)
        end
        return {read = function() return lines[path] end, close = function() end}
    end)
    local result = lib.load('platform.process').started()
    rawset(io, 'open', real)
    return fiber.time() - result
end

local function stat(ticks)
    return ('7 (a ) b) S %s%d 0 0'):format(('1 '):rep(18), ticks)
end

case('the start time is exact to some hundredths of a second', function(t)
    lib.box()
    local process = lib.load('platform.process')
    local first, uptime = process.started(), box.info.uptime
    t:ok(fiber.time() - first <= uptime + 1, 'not before the process')
    t:ok(math.abs(process.started() - first) < 0.1, 'and always the same')
end)

case('implausible figures are rejected', function(t)
    lib.box()
    local uptime = box.info.uptime
    local function age(seconds)
        return started({['/proc/uptime'] = '1000.00 5.00', ['/proc/self/stat'] = stat((1000 - seconds) * 100)})
    end
    t:ok(math.abs(age(uptime - 0.25) - uptime + 0.25) < 0.2, 'these can')
    t:ok(math.abs(age(uptime + 500) - uptime + 1) < 0.2, 'far too long')
    t:ok(math.abs(age(-500) - uptime + 1) < 0.2, 'far too short')
    t:ok(math.abs(started({['/proc/uptime'] = '', ['/proc/self/stat'] = ''}) - uptime + 1) < 0.2, 'none at all')
end)

lib.run()
