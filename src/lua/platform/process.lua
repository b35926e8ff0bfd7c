--- Finds out when the process of this instance was started.

local fiber = require('fiber')

-- Ticks per second in /proc/PID/stat (USER_HZ): 100 wherever Tarantool runs on Linux.
local TICKS = 100

local function read_line(path)
    local file = io.open(path, 'r')
    local line = file and file:read('*l')
    if file ~= nil then
        file:close()
    end
    return line or ''
end

--- Returns how long the process has been running, according to the kernel.
-- @treturn ?number seconds, accurate to a few hundredths of a second; nil if unknown
local function running_time()
    local since_boot = tonumber(read_line('/proc/uptime'):match('^[%d.]+'))
    -- The program name is in parentheses and may contain any character. The start time
    -- is field 22 of the line, which is field 20 after the program name.
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

--- Returns the time when the process was started.
--
-- `box.info.uptime` has only whole seconds, so the kernel's figure is preferred. In
-- some containers, the kernel's figure describes another process. If it contradicts
-- `box.info.uptime`, it is ignored.
-- @treturn number Unix time
local function started()
    local whole = box.info.uptime
    local exact = running_time()
    if exact == nil or exact > whole + 1 or exact < whole - 2 then
        exact = whole - 1
    end
    return fiber.time() - exact
end

return {started = started}
