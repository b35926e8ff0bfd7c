-- A stand-in for the rock `package.reload`, as far as an application can tell them
-- apart. What it has in common with the rock: the first require takes note of the
-- script and of the modules that are loaded, and each later one ends a generation;
-- the module does not stay in package.loaded; calling it runs the script again.

local fiber = require('fiber')

local NAME = ...
local SCRIPT_LEVEL = 3

local function forget()
    package.loaded[NAME] = nil
end

--- Begins the first generation.
local function first()
    local self = {O = {}, F = {}, C = {}, loaded = {}, count = 1, started = os.date('%Y-%m-%dT%H:%M:%S')}
    self.script = debug.getinfo(SCRIPT_LEVEL + 1, 'S').source:gsub('^@', '')
    for name, value in pairs(package.loaded) do
        self.loaded[name] = value
    end
    return setmetatable(self, {
        __tostring = function()
            return 'package.reload{}'
        end,
        __call = function()
            dofile(self.script)
        end,
    })
end

local M = package.reload
local is_first = M == nil
if is_first then
    M = first()
    rawset(package, 'reload', M)
end

function M:cleanup()
    for object, method in pairs(table.copy(self.O)) do
        self.O[object] = nil
        method(object)
    end
    for f in pairs(table.copy(self.F)) do
        self.F[f] = nil
        f()
    end
    for call in pairs(table.copy(self.C)) do
        self.C[call] = nil
        call[1](unpack(call, 2))
    end
end

M.deregister = M.cleanup

function M:_reload()
    self.count = self.count + 1
    for name in pairs(table.copy(package.loaded)) do
        if self.loaded[name] == nil then
            package.loaded[name] = nil
        end
    end
    self.reloaded = os.date('%Y-%m-%dT%H:%M:%S')
    self:cleanup()
end

function M:register(first_one, second, ...)
    if type(first_one) == 'table' and second == nil then
        self.O[first_one] = assert(first_one.destroy, 'no destroy')
    elseif type(first_one) == 'function' and second == nil then
        self.F[first_one] = first_one
    elseif type(first_one) == 'function' then
        local call = {first_one, second, ...}
        self.C[call] = call
    else
        assert(type(second) == 'function', 'bad arguments')
        self.O[first_one] = second
    end
end

if not is_first then
    M:_reload()
end

fiber.create(function()
    repeat
        fiber.sleep(0.001)
    until type(box.cfg) ~= 'function' and box.info.status == 'running'
    forget()
end)

return M
