-- Test stand-in for cartridge.hotreload 2.17, written from its documented and
-- observed behaviour: the snapshot that Cartridge takes before it loads roles, and
-- how it is restored. Fibers are identified only by their names.

local fiber = require('fiber')
local log = require('log')

local registry = require('cartridge.service-registry')
local vars = require('cartridge.vars').new('cartridge.hotreload')

vars:new('packages', nil)
vars:new('globals', nil)
vars:new('fibers', nil)
vars:new('routes_count', nil)

-- Fibers of the server and of its libraries, which are kept.
local PRESERVED_PREFIXES = {
    'vinyl.', 'vshard.', 'console/', 'applier/', 'applierw/', 'watchdog_',
    'box.watchable',
}
local PRESERVED_NAMES = {checkpoint = true, raft_worker = true}

local function key_set(t)
    local set = {}
    for k in pairs(t) do
        set[k] = true
    end
    return set
end

local M = {}

function M.snap_fibers()
    local names = {}
    if vars.fibers ~= nil then
        for _, info in pairs(fiber.info({backtrace = false})) do
            names[info.name] = true
        end
    end
    return names
end

function M.diff(old, new)
    local added = {}
    for name in pairs(new) do
        if not old[name] then
            table.insert(added, name)
        end
    end
    table.sort(added)
    return added
end

function M.whitelist_fibers(names)
    if vars.fibers == nil then
        return
    end
    for _, name in ipairs(names) do
        if name ~= 'lua' and name ~= 'main'
            and not name:endswith('(net.box)') then
            vars.fibers[name] = true
        end
    end
end

function M.whitelist_globals(names)
    if vars.globals == nil then
        return
    end
    for _, name in ipairs(names) do
        vars.globals[name] = true
    end
end

function M.state_saved()
    return vars.packages and vars.globals and vars.fibers and vars.routes_count
end

function M.save_state()
    vars.packages = key_set(package.loaded)
    vars.globals = key_set(_G)
    vars.fibers = {}
    M.whitelist_fibers(M.diff({}, M.snap_fibers()))
    local httpd = registry.get('httpd')
    vars.routes_count = httpd and table.maxn(httpd.routes) or 0
end

local function is_preserved(info)
    if info.fid == 101 or info.fid == fiber.id()
        or PRESERVED_NAMES[info.name] or vars.fibers[info.name] then
        return true
    end
    for _, prefix in ipairs(PRESERVED_PREFIXES) do
        if info.name:startswith(prefix) then
            return true
        end
    end
    return false
end

function M.load_state()
    assert(M.state_saved(), "Hot-reload state wasn't saved")
    for name in pairs(package.loaded) do
        if not vars.packages[name] then
            package.loaded[name] = nil
        end
    end
    for name in pairs(_G) do
        if not vars.globals[name] then
            log.info('Unsetting global %q', name)
            _G[name] = nil
        end
    end
    for _, info in pairs(fiber.info({backtrace = false})) do
        if not is_preserved(info) then
            log.info('Killing fiber %q (%d)', info.name, info.fid)
            fiber.kill(info.fid)
        end
    end
    local httpd = registry.get('httpd')
    if httpd ~= nil then
        for i = table.maxn(httpd.routes), vars.routes_count + 1, -1 do
            local route = httpd.routes[i]
            if route ~= nil then
                if route.name ~= nil then
                    httpd.iroutes[route.name] = nil
                end
                httpd.routes[i] = nil
            end
        end
    end
end

return M
