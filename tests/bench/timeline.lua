-- wrk's side of the picture of latency over time: asks for one path and writes
-- down when each answer came.  Threads know nothing of connections, so each has
-- one, and a file of its own, FILE.1 and so on.
--
--     wrk -t N -c N -s timeline.lua URL -- PATH FILE
--
-- A line of a file: milliseconds of the clock at which the request was sent,
-- milliseconds until its answer, and the status; of a request that never had
-- one, `-` and 0.

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
    -- wrk ends without closing files.
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
    -- wrk asks anew without a word if the connection was lost.
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
