-- The script for wrk that records latency over time: requests one path and writes a
-- line for each response. A thread cannot tell connections apart, so there is one
-- connection per thread, and a file for each: FILE.1 and so on.
--
--     wrk -t N -c N -s timeline.lua URL -- PATH FILE
--
-- A line has the time at which the request was sent (milliseconds of the clock),
-- the milliseconds until the response, and the status; for a request without a
-- response, `-` and 0.

local ffi = require('ffi')

ffi.cdef([[
    struct timeline_time { long seconds, nanoseconds; };
    int clock_gettime(int clock, struct timeline_time *now);
]])

local now = ffi.new('struct timeline_time')
local file, asked, text

local function clock_ms()
    ffi.C.clock_gettime(0, now)
    return tonumber(now.seconds) * 1000 + tonumber(now.nanoseconds) / 1e6
end

local function write(took, status)
    file:write(('%.3f %s %d\n'):format(asked, took, status))
    -- wrk exits without closing files.
    file:flush()
end

local threads = 0

function setup(thread) -- luacheck: globals setup
    threads = threads + 1
    thread:set('number', threads)
end

function init(args) -- luacheck: globals init
    text = wrk.format('GET', args[1]) -- luacheck: globals wrk
    file = assert(io.open(args[2] .. '.' .. number, 'w')) -- luacheck: globals number
end

function request() -- luacheck: globals request
    -- If the connection was lost, wrk silently sends a new request.
    if asked ~= nil then
        write('-', 0)
    end
    asked = clock_ms()
    return text
end

function response(status) -- luacheck: globals response
    write(('%.3f'):format(clock_ms() - asked), status)
    asked = nil
end
