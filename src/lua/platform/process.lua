--- Facts about the process of this instance.

local fiber = require('fiber')

-- Ticks a second in /proc/PID/stat: USER_HZ, which is 100 wherever Linux runs
-- Tarantool.
local TICKS = 100

local function read_line(path)
    local file = io.open(path, 'r')
    local line = file and file:read('*l')
    if file ~= nil then
        file:close()
    end
    return line or ''
end

--- How long the process has been running, by the kernel.
-- @treturn ?number seconds, exact to some hundredths
local function running_time()
    local since_boot = tonumber(read_line('/proc/uptime'):match('^[%d.]+'))
    -- The name of the program stands in parentheses and may hold anything. The
    -- time of the start is the 22nd field, the 20th after the name.
    local fields = read_line('/proc/self/stat'):match('.*%) (.*)') or ''
    local index, ticks = 0, nil
    for field in fields:gmatch('%S+') do
        index = index + 1
        if index == 20 then
            ticks = tonumber(field)
            break
        end
    end
    return since_boot and ticks and since_boot - ticks / TICKS
end

--- When the process was started.
-- `box.info.uptime` counts begun seconds, so it alone would be up to a second
-- off. It decides where the kernel's figures are not those of this process, as in
-- some containers.
-- @treturn number unix time
local function started()
    local whole = box.info.uptime
    local exact = running_time()
    if exact == nil or exact > whole + 1 or exact < whole - 2 then
        exact = whole - 1
    end
    return fiber.time() - exact
end

return {started = started}
