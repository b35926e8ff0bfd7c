-- The clients of the application `orders`: each sends requests of one kind, one
-- after the other, until the file STOP is there. Writes a line for each:
--
--	BEGIN END KIND ID STATUS ANSWER
--
-- with the times in milliseconds. Arguments: URL, LOG, STOP, SECONDS (the shortest
-- request; the longest takes three times as long), CLIENTS (of each kind).

local fiber = require('fiber')
local fio = require('fio')
local http = require('http.client')

local KINDS = {
    'retry', 'transaction', 'joined', 'queued', 'service', 'vars', 'module', 'coroutine', 'method',
}

local url, log_path, stop, seconds, clients = unpack(arg)
local log = assert(io.open(log_path, 'w'))
log:setvbuf('line')
local last_id, running = 0, 0
local over = fiber.cond()

local function now()
    return math.floor(fiber.time() * 1000)
end

local function ask(kind)
    last_id = last_id + 1
    local id, begin = last_id, now()
    local uri = ('%s/request/%s?id=%d&seconds=%.3f'):format(url, kind, id, seconds * (1 + math.random() * 2))
    local response = http.get(uri, {timeout = 30})
    local answer = (response.body or response.reason or ''):gsub('%s*\n.*', '')
    log:write(('%d %d %s %d %d %s\n'):format(begin, now(), kind, id, response.status, answer))
end

for number = 1, tonumber(clients) do
    for _, kind in ipairs(KINDS) do
        running = running + 1
        fiber.create(function()
            fiber.sleep(seconds * (number - 1 + math.random()))
            while not fio.path.exists(stop) do
                ask(kind)
            end
            running = running - 1
            over:signal()
        end)
    end
end
fiber.create(function()
    while running > 0 do
        over:wait()
    end
    log:close()
    os.exit(0)
end)
