--- Command `reload --method native`: Cartridge's own `reload_roles`, with its
-- true outcome.

local require = ...
local cartridge_lib = require('cartridge')
local clock = require('clock')
local failure = require('failure')
local fiber = require('fiber')
local instance = require('instance')
local log = require('log')
local registry_lib = require('registry')
local run = require('run')

--- Why Cartridge would not begin.
local function refusal(args, cartridge)
    if cartridge == nil then
        return run.refusal(args) or run.refused({
            code = 'no_cartridge',
            message = 'the instance does not run Cartridge: --method native has nothing to call',
        })
    end
    local refused = run.refusal(args)
    -- Cartridge takes its own way out of a failed reload, so that is no reason.
    local state = cartridge:state()
    if refused ~= nil and refused.error.code == 'bad_state'
    and (state == 'ReloadError' or state == 'OperationError') then
        refused = nil
    end
    return refused
end

--- @treturn table report
local function reload(cartridge)
    local report = instance.describe('reloaded')
    local ok, result, err = failure.call(package.loaded['cartridge'].reload_roles)
    if ok and result then
        return report
    end
    local fail = failure.from(ok and err or result, {code = 'native_failed', phase = 'native'},
        not ok and err or nil)
    run.fail(report, fail)
    local state = cartridge:state()
    if state == 'RolesConfigured' then
        -- Nothing was begun: it refused by itself.
        report.outcome = 'refused'
    else
        report.outcome = 'degraded'
        report.rollback = {
            complete = false,
            undone = {},
            left = {('Cartridge is in state %q: its own reload has no way back'):format(state)},
        }
    end
    return report
end

return function(args)
    local started = clock.monotonic()
    local cartridge = cartridge_lib.detect()
    local refused = refusal(args, cartridge)
    if refused ~= nil then
        return refused
    end
    local lock, held = registry_lib.acquire(args.holder or 'unknown')
    if lock == nil then
        return run.locked(held)
    end
    local registry = registry_lib.get()
    log.info('cartridge-reload: native reload of generation %d begins, asked for by %s',
        registry.generation, lock.holder)
    local ok, report = pcall(reload, cartridge)
    -- Cartridge unsets globals that it does not know, ours among them.
    rawset(_G, registry_lib.NAME, registry)
    registry_lib.release(lock)
    if not ok then
        error(report, 0)
    end
    if report.outcome == 'reloaded' then
        registry.generation = registry.generation + 1
        registry.loaded_at = fiber.time()
        -- Which files it loaded is not known.
        registry.files, registry.names = {}, {}
        report.generation = registry.generation
    end
    report.duration_ms = (clock.monotonic() - started) * 1000
    run.record(registry, report)
    return report
end
