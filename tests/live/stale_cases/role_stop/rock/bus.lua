local fiber = require('fiber')
local M = {names = {}, list = {}, keys = {}, counters = {}}
local handler
local tasks = {}

function M.set(f)
    handler = f
end

function M.kill(name)
    local task = tasks[name]
    if task ~= nil then
        tasks[name] = nil
        fiber.kill(task:id())
        while task:status() ~= 'dead' do
            fiber.sleep(0.001)
        end
    end
end

function M.start(name, f)
    M.kill(name)
    tasks[name] = fiber.create(function()
        while true do
            M.said = f()
            fiber.sleep(0.002)
        end
    end)
end

--- The counter of this name, which may be there.
function M.counter(name)
    M.counters[name] = M.counters[name] or {name = name, value = 0}
    return M.counters[name]
end

function M.unregister(counter)
    M.counters[counter.name] = nil
end

--- What is registered.
function M.tell()
    local results = {handler and handler() or 'no handler', M.names.shop and M.names.shop() or 'no name'}
    for _, item in ipairs(M.list) do
        table.insert(results, item.run())
    end
    for f in pairs(M.keys) do
        table.insert(results, f())
    end
    M.said = nil
    local deadline = fiber.clock() + 2
    while M.said == nil and tasks.shop ~= nil and fiber.clock() < deadline do
        fiber.sleep(0.001)
    end
    table.insert(results, M.said or 'no task')
    table.insert(results, M.counters.shop and 'a counter' or 'no counter')
    return table.concat(results, ', ')
end

return M
