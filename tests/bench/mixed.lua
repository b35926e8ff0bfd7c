-- The script for wrk in plain.sh: requests a path whose response names the version
-- of each module that took part in it, and counts responses with several versions.
-- With the second argument "close", each request has a connection of its own.

-- luacheck: globals wrk setup init response done mixed

local threads = {}

function setup(thread)
    table.insert(threads, thread)
end

function init(args)
    mixed = 0
    wrk.path = args[1]
    if args[2] == 'close' then
        wrk.headers.Connection = 'close'
    end
end

function response(_, _, body)
    local first
    for version in body:gmatch('v(%d+)') do
        first = first or version
        if version ~= first then
            mixed = mixed + 1
            return
        end
    end
end

function done(summary, latency)
    local e, all = summary.errors, 0
    for _, thread in ipairs(threads) do
        all = all + thread:get('mixed')
    end
    print(('PLAIN %d %d %d %.3f %.3f'):format(summary.requests, e.connect + e.read + e.write + e.status + e.timeout,
        all, latency:percentile(99) / 1000, latency.max / 1000))
end
