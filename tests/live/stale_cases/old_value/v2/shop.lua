local M = {count = 'v2', limits = {low = 'v2'}, names = {}}

-- More than what is looked at in a table that holds code.
for i = 1, 2000 * 2 do
    M.names[i] = i
    M['name' .. i] = i
end

return M
