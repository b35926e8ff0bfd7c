--- Adapter: actions that a program takes once per process, such as configuring the
-- database. Usually only the main script takes them, and a reload may run it again.
--
--   * A call to box.cfg is ignored if no option changes, and is refused otherwise.
--   * console.start ends the script, because the call does not return at process start
--     either.
--   * os.exit is refused.
--   * Until the script calls box.cfg, fio.cwd returns the directory in which the
--     process was started, as on the first run of the script.
--
-- A refused call fails the reload, even if new code catches the error.

local require = ...
local console = require('console')
local failure = require('core.failure')
local fio = require('fio')

local Process = {name = 'process'}
Process.__index = Process

-- The error value that the stand-in for `console.start` throws to end the main script. If
-- the script catches the error and calls `os.exit`, the stand-in for `os.exit` throws the
-- same value.
local END = setmetatable({}, {
    __tostring = function()
        return 'console.start: the main script ends here when it is run again'
    end,
})

-- Log levels by name. `box.cfg` accepts both names and numbers.
local LEVELS = {
    fatal = 0, syserror = 1, error = 2, crit = 3, warn = 4, info = 5, verbose = 6, debug = 7,
}

--- Creates the adapter.
-- @tparam table txn the transaction
-- @tparam ?table main the main script {path, given, chunk, directory}; nil if the
--   reload does not run it
local function new(txn, main)
    return setmetatable({txn = txn, main = main, staged = {}}, Process)
end

function Process:snapshot()
    self.path, self.cpath = package.path, package.cpath
    self.searchroot = package.searchroot and package.searchroot()
end

--- Returns whether a new value of a `box.cfg` option equals the current value. The
-- server stores port numbers as strings, and a single URI as a list with one element.
local function is_same_option(name, a, b)
    if a == b then
        return true
    elseif name == 'log_level' then
        a, b = LEVELS[a] or a, LEVELS[b] or b
    end
    if type(a) ~= 'table' and type(b) ~= 'table' then
        return a ~= nil and b ~= nil and tostring(a) == tostring(b)
    end
    a, b = type(a) == 'table' and a or {a}, type(b) == 'table' and b or {b}
    for key, value in pairs(a) do
        if not is_same_option(nil, value, b[key]) then
            return false
        end
    end
    for key in pairs(b) do
        if a[key] == nil then
            return false
        end
    end
    return true
end

--- Throws an error that fails the reload, because new code has made a call that it must
-- not make.
-- @tparam table fields {code, message} of the failure
function Process:refuse(fields)
    fields.phase, fields.module = self.txn.phase, self.txn.module
    self.refused = self.refused or fields
    failure.raise(table.copy(fields))
end

--- Handles a call to `box.cfg` if the reload runs the main script. Throws if an option
-- changes.
-- @tparam table current the options in effect
-- @tparam ?table options the options passed by the caller
-- @treturn boolean whether the call was handled and must not reach the server
function Process:configure(current, options)
    if self.main == nil then
        return false
    end
    self.is_configured = true
    local names = {}
    for name, value in pairs(type(options) == 'table' and options or {}) do
        if not is_same_option(name, value, current[name]) then
            table.insert(names, tostring(name))
        end
    end
    if #names > 0 then
        table.sort(names)
        -- Print only the names of options, because their values may be secrets.
        self:refuse({
            code = 'box_cfg_changed',
            message = ('the main script changes box.cfg options that a reload cannot change: %s')
                :format(table.concat(names, ', ')),
        })
    end
    return true
end

local function put(self, holder, name, f)
    table.insert(self.staged, {holder = holder, name = name, original = holder[name], staged = f})
    holder[name] = f
end

function Process:stage()
    local txn = self.txn
    local exit, start, cwd = os.exit, console.start, fio.cwd
    local function is_new()
        return txn.staging and txn.ownership:is_new_code()
    end
    put(self, os, 'exit', function(...)
        if not is_new() then
            return exit(...)
        elseif self.is_over then
            error(END, 0)
        end
        self:refuse({code = 'os_exit', message = 'the new code calls os.exit, which would end the instance'})
    end)
    put(self, console, 'start', function(...)
        if not is_new() then
            return start(...)
        end
        self.is_over = self.is_running and txn.ownership:is_own_fiber() or self.is_over
        error(END, 0)
    end)
    if self.main ~= nil and self.main.directory ~= nil then
        put(self, fio, 'cwd', function()
            if is_new() and self.is_running and not self.is_configured then
                return self.main.directory
            end
            return cwd()
        end)
    end
end

--- Runs the main script until it ends or starts the console.
-- @treturn boolean whether the script has succeeded
-- @return the error value, if the script has failed
-- @treturn ?string traceback
function Process:run()
    self.is_running = true
    local argv = type(arg) == 'table' and arg or {}
    local ok, err, traceback = failure.call(self.main.chunk, unpack(argv, 1, table.maxn(argv)))
    self.is_running = false
    if ok or rawequal(err, END) then
        return true
    end
    return false, err, traceback
end

--- Throws if a call by new code was refused. New code may have caught the original
-- error.
function Process:check()
    if self.refused ~= nil then
        failure.raise(self.refused)
    end
end

local function unstage(self)
    for _, item in ipairs(self.staged) do
        if item.holder[item.name] == item.staged then
            item.holder[item.name] = item.original
        end
    end
end

local function without_duplicates(path)
    local list, seen = {}, {}
    for template in path:gmatch('[^;]+') do
        if not seen[template] then
            seen[template] = true
            table.insert(list, template)
        end
    end
    return table.concat(list, ';')
end

function Process:commit()
    unstage(self)
    -- A main script may prepend its directories to `package.path` and `package.cpath`
    -- each time it runs, so remove duplicates.
    for _, field in ipairs(self.main ~= nil and {'path', 'cpath'} or {}) do
        if package[field] ~= self[field] then
            package[field] = without_duplicates(package[field])
        end
    end
end

function Process:rollback(undone)
    unstage(self)
    if self.searchroot ~= nil and package.searchroot() ~= self.searchroot then
        package.setsearchroot(self.searchroot)
        table.insert(undone, 'package.searchroot')
    end
end

return {new = new}
