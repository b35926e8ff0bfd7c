-- adapters/vars/stop_effects.lua: the variables that an old `stop` ends.

local fiber = require('fiber')
local lib = dofile('tests/lua/lib.lua')
local case = lib.suite('adapters.vars.stop_effects')

local stop_effects = lib.load('adapters.vars.stop_effects')

--- Returns the variables that a `stop` ends. `text` is a chunk that gets them.
-- @tparam string text
-- @tparam table values
local function effects(text, values)
    local vars = setmetatable({module_name = 'app.web'}, {
        __type = 'vars',
        __index = values,
        __newindex = function(_, name, value) values[name] = value end,
    })
    local chunk = assert(loadstring('local vars = ... ' .. text, '@/app/web.lua'))
    local result = stop_effects({chunk(vars)}, function(f)
        return debug.getinfo(f, 'S').source == '@/app/web.lua'
    end, {['app.web'] = values})
    local names = {}
    for name in pairs(result['app.web'] or {}) do
        table.insert(names, name)
    end
    table.sort(names)
    return table.concat(names, ' ')
end

local function values()
    local worker = fiber.new(function() end)
    local server = setmetatable({}, {__index = {stop = function() end, start = function() end}})
    return {
        worker = worker,
        workers = {worker},
        server = server,
        started = true,
        cache = setmetatable({}, {__index = {flush = function() end}}),
        count = 5,
    }
end

case('assignments and endings in a stop function are found', function(t)
    for text, expected in pairs({
        ['return function() vars.started = false end'] = 'started',
        ['return function() vars.server:stop() vars.server = nil end'] = 'server',
        ['return function() vars.server:stop() end'] = 'server',
        ['return function() local f = vars.worker if f then f:cancel() end end'] = 'worker',
        ['return function() for _, f in ipairs(vars.workers) do f:cancel() end end'] = 'workers',
        ['return function() vars.cache:flush() print(vars.count) end'] = '',
        ['return function() vars.server:start() end'] = '',
        ['local function close() vars.server = nil end return function() close() end'] = 'server',
        ['local M = {} function M.close() vars.server = nil end function M.stop() M.close() end return M.stop'] =
            'server',
        ['local M = {} function M.close() vars.server = nil end function M.stop() end return M.stop'] = '',
        ['return function() pcall(function() vars.worker:cancel() vars.worker = nil end) end'] = 'worker',
        ['return function() end'] = '',
    }) do
        t:is(effects(text, values()), expected, text)
    end
end)

case('functions of rocks are not analysed', function(t)
    local vars = setmetatable({module_name = 'app.web'}, {__type = 'vars'})
    local rock = assert(loadstring('local vars = ... return function() vars.count = 0 end', '@/rocks/x.lua'))(vars)
    local result = stop_effects({rock}, function() return false end, {['app.web'] = {count = 1}})
    t:is(next(result), nil, 'nothing')
end)

lib.run()
