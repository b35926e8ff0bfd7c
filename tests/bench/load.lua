-- The script for wrk: requests the paths given as arguments in turn, and at the end
-- prints one line for load.sh.

local requests, n = {}, 0

function init(args) -- luacheck: globals init
    for _, path in ipairs(args) do
        table.insert(requests, wrk.format('GET', path)) -- luacheck: globals wrk
    end
end

function request() -- luacheck: globals request
    n = n % #requests + 1
    return requests[n]
end

function done(summary, latency) -- luacheck: globals done
    local e = summary.errors
    local out = {
        'LOAD', summary.requests, ('%.1f'):format(summary.requests * 1e6 / summary.duration),
        e.connect, e.read, e.write, e.timeout, e.status,
    }
    for _, p in ipairs({50, 75, 90, 95, 99, 99.5, 99.9, 99.99}) do
        table.insert(out, ('%.3f'):format(latency:percentile(p) / 1000))
    end
    table.insert(out, ('%.3f'):format(latency.max / 1000))
    print(table.concat(out, ' '))
end
