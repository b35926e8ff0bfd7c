local M = {records = {}, closures = {}, named = {}}

function M.subscribe(f)
    table.insert(M.records, {callback = f, calls = 0})
    table.insert(M.closures, function(...)
        return f(...)
    end)
    M.named[f] = {calls = 0}
end

function M.call_all()
    local results = {}
    for _, record in ipairs(M.records) do
        table.insert(results, 'record ' .. record.callback())
    end
    for _, closure in ipairs(M.closures) do
        table.insert(results, 'closure ' .. closure())
    end
    for f in pairs(M.named) do
        table.insert(results, 'key ' .. f())
    end
    return unpack(results)
end

M.subscribe(function() return 'rock' end)

return M
