local M = {count = 'v1', limits = {low = 'v1'}, names = {}}

-- More than what is looked at in a table that holds code.
for i = 1, 2000 * 1 do
    M.names[i] = i
    M['name' .. i] = i
end

return M
