--- Creates and reports failures: error values that end a command early. The report of
-- the command contains the failure.
--
-- A failure has the fields `code` (the error code), `outcome` (by default, the one that
-- core/codes.lua lists for the error code), `phase`, `role`, `module`, `message`,
-- `traceback`, and `transient` (whether a retry may succeed).

local require = ...
local codes = require('core.codes')
local ffi = require('ffi')

local MT = {
    __tostring = function(self)
        return self.message
    end,
}

--- Converts an error value to text. Supports strings, tables, box errors and objects of
-- the `errors` rock.
-- @treturn string message
-- @treturn ?string traceback, if the error value has one
local function describe(err)
    if type(err) == 'table' and type(rawget(err, 'err')) == 'string' then
        local stack = rawget(err, 'stack')
        return rawget(err, 'err'), type(stack) == 'string' and stack or nil
    end
    -- In newer versions of Tarantool, `tostring` adds details to the message of a box
    -- error, so read the message itself.
    local is_box, message = pcall(function()
        return type(err) == 'cdata' and ffi.istype('struct error', err) and err.message
    end)
    if is_box and type(message) == 'string' then
        return message
    end
    local ok, text = pcall(tostring, err)
    if not ok or type(text) ~= 'string' then
        text = string.format('(%s whose __tostring fails)', type(err))
    elseif type(err) == 'table' and string.match(text, '^table: ') then
        local encoded, encoded_text = pcall(require('json').encode, err)
        text = encoded and encoded_text or text
    end
    return text
end

--- Returns the outcome of a failure: its `outcome` field, or else the default for its
-- error code.
local function outcome_of(fields)
    -- Look up the error code even if `outcome` is set, so that the tests find unknown
    -- error codes. In the tests, the lookup of an unknown code raises an error.
    local usual = codes[fields.code]
    return fields.outcome or usual
end

--- Raises a failure, which ends the command.
-- @tparam table fields fields of the failure, described at the top of this file
local function raise(fields)
    fields.outcome = outcome_of(fields)
    error(setmetatable(fields, MT), 0)
end

--- Returns whether a value is a failure.
local function is(value)
    return getmetatable(value) == MT
end

--- Converts an error value to a failure.
-- @param err a failure, or any other error value
-- @tparam table defaults values for the fields that the failure lacks
-- @tparam ?string traceback of the error
local function from(err, defaults, traceback)
    if is(err) then
        for key, value in pairs(defaults) do
            if err[key] == nil then
                err[key] = value
            end
        end
        return err
    end
    local message, own = describe(err)
    local fields = setmetatable({}, MT)
    for key, value in pairs(defaults) do
        fields[key] = value
    end
    fields.outcome = outcome_of(fields)
    fields.message, fields.traceback = message, own or traceback
    return fields
end

--- Removes the frames of this program from a traceback.
local function trim(traceback)
    local lines = {}
    for line in traceback:gmatch('[^\n]+') do
        if line:find('[string "return (loadstring(', 1, true) then
            break -- frames below belong to the console
        end
        local ours = line:find('^%s*cartridge%-reload/')
        if ours and #lines > 0 and lines[#lines]:find("^%[C%]: in function 'xpcall'") then
            table.remove(lines)
        elseif not ours and not line:find('stack traceback:', 1, true)
        and not (#lines == 0 and line:find("in function 'error'", 1, true)) then
            -- The traceback shows the application's function as `f`, the name of a
            -- variable in `call`. Show a readable name instead.
            line = line:gsub('^%s+', ''):gsub("in function 'f'$", 'in function called by the reload')
            table.insert(lines, line)
        end
    end
    if #lines > 0 and lines[#lines]:find("^%[C%]: in function 'xpcall'") then
        table.remove(lines)
    end
    return table.concat(lines, '\n')
end

--- Calls a function of the application, and catches errors.
-- @tparam function f
-- @treturn boolean whether the function returned normally
-- @return the first result of the function, or the error value
-- @return the second result of the function, or the traceback, which may be nil
local function call(f, ...)
    local traceback
    local argc, argv = select('#', ...), {...}
    local results = {xpcall(function()
        -- Avoid a tail call: `trim` needs the frame of this function in the traceback.
        local result, second = f(unpack(argv, 1, argc))
        return result, second
    end, function(err)
        -- Catch errors of `trim`, which calls string methods that the application may
        -- have replaced.
        local ok, text = pcall(trim, debug.traceback('', 2))
        traceback = ok and text or nil
        return err
    end)}
    if not results[1] then
        return false, results[2], traceback
    end
    return true, results[2], results[3]
end

--- Adds a failure to the report of a command.
-- @tparam table report
-- @tparam table fail fields of the failure. After a rollback, they include `rollback`:
--   {undone, left, doubts}, each a list of lines.
local function set_error(report, fail)
    report.outcome = outcome_of(fail) or 'failed'
    report.error = {
        code = fail.code,
        phase = fail.phase,
        role = fail.role,
        module = fail.module,
        message = fail.message,
        traceback = fail.traceback,
        transient = fail.transient,
    }
    if fail.rollback ~= nil then
        local complete = #fail.rollback.left == 0
        report.rollback = {
            complete = complete,
            undone = fail.rollback.undone,
            left = fail.rollback.left,
        }
        report.warnings = report.warnings or {}
        for _, doubt in ipairs(fail.rollback.doubts) do
            table.insert(report.warnings, doubt)
        end
        if not complete then
            report.outcome = 'degraded'
        end
    end
    return report
end

return {
    call = call,
    describe = describe,
    from = from,
    is = is,
    raise = raise,
    set_error = set_error,
}
