local M = {list = {}, records = {}, by_id = {}, by_name = {}, keys = {}, last_id = 7}
local hidden = {}
local chain

function M.add(f)
    table.insert(M.list, f)
    table.insert(hidden, function(...)
        return f(...)
    end)
end

function M.add_record(name, f)
    table.insert(M.records, {name = name, run = f, calls = 0})
end

function M.add_by_id(f)
    M.last_id = M.last_id + 1
    M.by_id[M.last_id] = f
    M.by_name['task_' .. M.last_id] = {run = f}
end

function M.add_key(f)
    M.keys[f] = {calls = 0}
end

function M.wrap(f)
    local before = chain
    chain = function()
        return f() .. (before and before() or '')
    end
end

function M.call_all()
    local results = {}
    for _, f in ipairs(M.list) do
        table.insert(results, 'list ' .. f())
    end
    for _, f in ipairs(hidden) do
        table.insert(results, 'hidden ' .. f())
    end
    for _, record in ipairs(M.records) do
        table.insert(results, record.name .. ' ' .. record.run())
    end
    for _, f in pairs(M.by_id) do
        table.insert(results, 'id ' .. f())
    end
    for _, task in pairs(M.by_name) do
        table.insert(results, 'task ' .. task.run())
    end
    for f in pairs(M.keys) do
        table.insert(results, 'key ' .. f())
    end
    table.insert(results, 'chain ' .. chain())
    table.sort(results)
    return table.concat(results, ', ')
end

return M
