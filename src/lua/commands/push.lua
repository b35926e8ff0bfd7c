--- Command `push`: deploys code for Cartridge's `extensions` role. The code is stored
-- in sections of the cluster-wide config, so Cartridge distributes it with its
-- two-phase commit.

local require = ...
local cartridge_lib = require('platform.cartridge')
local clock = require('clock')
local deadline = require('core.deadline')
local failure = require('core.failure')
local instance = require('commands.common.instance')
local log = require('log')
local peers = require('cluster.peers')
local stash_lib = require('core.stash')
local request = require('commands.common.request')
local sections_lib = require('cluster.sections')
-- The `sources` module has no file: boot.lua creates it from the request. Its `pushed`
-- field contains the text of all pushed sections.
local sources = require('sources')

-- Cartridge states in which an instance accepts a config change. OperationError means
-- that a role has failed: the change may fix that role.
local TAKES_CONFIG = {RolesConfigured = true, OperationError = true}

-- Assumed rate at which even a busy instance reads a config, in bytes per second.
local PACE = 2 * 1024 * 1024

-- Assumed time that a slow disk takes to write the file of one config section, in
-- seconds.
local FILE_SECONDS = 0.02

-- Names of Cartridge's time limits for a config change.
local LIMITS = {'netbox_call_timeout', 'validate_config_timeout'}

local Push = {}
Push.__index = Push

--- Checks whether code can be pushed through this instance.
-- @treturn ?table failure fields; nil if a push is possible
local function not_ready(cartridge)
    if cartridge == nil then
        return {code = 'no_cartridge', message = 'the instance does not run Cartridge, so it has no extensions'}
    end
    local state, err = cartridge:state()
    if not TAKES_CONFIG[state] then
        local message = ('Cartridge is in state %q and accepts no config change'):format(tostring(state))
        if err ~= nil then
            message = message .. ': ' .. failure.describe(err)
        end
        return {code = 'bad_state', message = message, transient = cartridge_lib.PASSING[state]}
    end
    local twophase = cartridge:vars('cartridge.twophase')
    if twophase.prepared_config ~= nil or (twophase.locks or {}).clusterwide == true then
        return {
            code = 'config_locked',
            message = 'another change to the cluster-wide config is being applied',
            transient = true,
        }
    end
    if not sections_lib.has_role(cartridge:config_tables().topology or {}) then
        return {
            code = 'no_extensions',
            message = ('no replica set has the role %q enabled'):format(sections_lib.ROLE),
        }
    end
end

--- Queries the state of all instances of the cluster. In the report, marks those that
-- do not answer.
-- @treturn table uuid -> {state, why, checksum, locked}
function Push:query_states()
    local states, failures = peers.states(self.instances, self:left())
    for _, one in ipairs(self.cluster) do
        local state = states[one.uuid]
        one.state = state and state.state
        if state == nil and one.outcome ~= 'skipped' then
            one.outcome = 'unreachable'
            one.message = failures[one.uuid]
        end
    end
    return states
end

function Push:left()
    return math.max(0, self.deadline - clock.monotonic())
end

--- Sets the outcome of each instance in the report. Unreachable and skipped instances
-- keep their outcome if they have no message.
-- @tparam string outcome the outcome of instances without a message
-- @tparam ?table messages uuid -> message
-- @tparam ?string wrong the outcome of instances with a message
function Push:set_outcomes(outcome, messages, wrong)
    for _, one in ipairs(self.cluster) do
        local message = (messages or {})[one.uuid]
        if message ~= nil then
            one.outcome, one.message = wrong, message
        elseif one.outcome ~= 'skipped' and one.outcome ~= 'unreachable' then
            one.outcome = outcome
        end
    end
end

--- Formats messages as text such as "3 of 4 instances: a, b: no answer; c: disk full".
-- Instances with the same message are listed together.
-- @tparam table messages uuid -> message of the instance
-- @treturn string
function Push:list(messages)
    local names, order, count = {}, {}, 0
    for _, one in ipairs(self.cluster) do
        local message = messages[one.uuid]
        if message ~= nil then
            if names[message] == nil then
                names[message] = {}
                table.insert(order, message)
            end
            table.insert(names[message], one.alias)
            count = count + 1
        end
    end
    local list = {}
    for _, message in ipairs(order) do
        table.insert(list, ('%s: %s'):format(table.concat(names[message], ', '), message))
    end
    return ('%d of %d instances: %s'):format(count, #self.instances, table.concat(list, '; '))
end

--- Refuses the push because some instances cannot accept it. Must be called before any
-- instance has begun to change its config. Always raises a failure.
-- @tparam table fields of the failure
-- @tparam table messages uuid -> why the instance cannot accept the push
function Push:refuse(fields, messages)
    self:set_outcomes('unchanged', messages, 'refused')
    fields.outcome = 'refused'
    fields.message = ('%s %s'):format(fields.message, self:list(messages))
    failure.raise(fields)
end

--- Refuses the push if an instance is unreachable or does not accept config changes.
-- Also refuses the push if it would revert changes made through other instances.
function Push:check_cluster()
    local states = self:query_states()
    local silent, locked, unready, different = {}, {}, {}, {}
    local passing = true
    local checksum = tostring(self.config:get_checksum())
    for _, one in ipairs(self.instances) do
        local state = states[one.uuid]
        if state == nil then
            silent[one.uuid] = self.by_uuid[one.uuid].message or 'no answer'
        elseif state.locked then
            locked[one.uuid] = 'another change to the cluster-wide config is being applied'
        elseif not TAKES_CONFIG[state.state] then
            unready[one.uuid] = ('Cartridge is in state %q'):format(state.state)
            passing = passing and cartridge_lib.PASSING[state.state] == true
        elseif state.checksum ~= checksum then
            different[one.uuid] = 'its config differs from the one on this instance'
        end
        self.was_broken = self.was_broken or state ~= nil and state.state == 'OperationError'
    end
    if next(silent) ~= nil then
        self:set_outcomes('unchanged')
        failure.raise({
            code = 'unreachable_instances',
            message = 'a push requires an answer from every instance; no answer from ' .. self:list(silent),
            transient = true,
        })
    elseif next(locked) ~= nil then
        self:refuse({code = 'config_locked', message = 'the config is locked on', transient = true}, locked)
    elseif next(unready) ~= nil then
        self:refuse({
            code = 'bad_state',
            message = 'config changes are refused by',
            transient = passing,
        }, unready)
    elseif next(different) ~= nil then
        -- A disabled or expelled instance gets no config changes, so its config is
        -- outdated.
        self:refuse({
            code = 'config_differs',
            message = "this instance's config is outdated; a push would revert changes made on",
            transient = true,
        }, different)
    end
end

--- Raises a failure that describes the problems in the pushed files.
local function fail_validation(report, fields, problems)
    report.problems = problems
    local message = problems[1].message
    fields.phase = 'compile'
    fields.module = problems[1].module
    fields.message = #problems == 1 and message or ('%s (and %d more)'):format(message, #problems - 1)
    failure.raise(fields)
end

--- Checks the pushed files as far as possible without running their code. Raises a
-- failure if a check finds a problem.
-- @treturn table the new config
function Push:check_code(given)
    local problems = sections_lib.compile(given)
    if #problems > 0 then
        fail_validation(self.report, {code = 'compile_error'}, problems)
    end
    problems = sections_lib.check_yaml(given)
    if #problems > 0 then
        fail_validation(self.report, {code = 'bad_config'}, problems)
    end
    local candidate, err = self.config:copy_and_patch(self.patch)
    local ok = candidate ~= nil
    if ok then
        ok, err = candidate:update_luatables()
    end
    if not ok then
        -- Omit the traceback, because it would contain only frames of this program.
        failure.raise({code = 'bad_config', phase = 'compile', message = failure.describe(err)})
    end
    local name = sections_lib.CONFIG:gsub('%.yml$', '')
    problems = sections_lib.check_config(candidate:get_readonly()[name], candidate:get_plaintext())
    if #problems > 0 then
        fail_validation(self.report, {code = 'bad_config'}, problems)
    end
    return candidate
end

--- Changes the config on all instances, through Cartridge. Cartridge's time limits for
-- a change do not depend on the size of the config. This function therefore raises the
-- limits during the change, if this version of Cartridge allows that.
-- @tparam table patch
-- @treturn[1] boolean true
-- @treturn[2] nil
-- @return[2] error
function Push:change(patch)
    local twophase = package.loaded['cartridge.twophase']
    local more, before = 0, {}
    for _, sections in ipairs({self.config:get_plaintext(), patch}) do
        for _, text in pairs(sections) do
            more = more + FILE_SECONDS + (text ~= nil and #text or 0) / PACE
        end
    end
    for _, name in ipairs(LIMITS) do
        local get, set = twophase['get_' .. name], twophase['set_' .. name]
        if type(get) == 'function' and type(set) == 'function' then
            before[name] = get()
            set(before[name] + more)
        end
    end
    local ok, done, err = pcall(package.loaded['cartridge'].config_patch_clusterwide, patch)
    for name, value in pairs(before) do
        twophase['set_' .. name](value)
    end
    if not ok then
        return nil, done
    end
    return done, err
end

--- Finds the instances on which a config change has failed.
-- @treturn table uuid -> error message of the instance
-- @treturn boolean whether any instance has applied the new config
function Push:find_failed()
    local states = self:query_states()
    local before, list, is_applied = tostring(self.config:get_checksum()), {}, false
    for _, one in ipairs(self.instances) do
        local state = states[one.uuid]
        is_applied = is_applied or state ~= nil and state.checksum ~= before
        if state == nil then
            list[one.uuid] = self.by_uuid[one.uuid].message
        elseif state.state ~= 'RolesConfigured' then
            list[one.uuid] = ('%s: %s'):format(state.state, state.why or 'reason unknown')
        end
    end
    return list, is_applied
end

--- Restores the previous config sections on all instances.
-- @treturn table the `rollback` field of the report
function Push:undo()
    local names, left = {}, {}
    for name in pairs(self.patch) do
        table.insert(names, name)
    end
    table.sort(names)
    local active = self.cartridge:active_config()
    if self.was_broken then
        table.insert(left, 'the new sections were kept, because '
            .. 'the roles were already failing before the push')
    elseif not sections_lib.has_patch(active:get_plaintext(), self.patch) then
        table.insert(left, "this instance's config is no longer the one that was pushed, so nothing was restored")
    else
        local ok, err = self:change(sections_lib.inverse(self.config:get_plaintext(), self.patch))
        if not ok then
            table.insert(left, 'the previous sections were not restored: ' .. failure.describe(err))
        end
    end
    if #left == 0 then
        for uuid, message in pairs((self:find_failed())) do
            table.insert(left, ('%s: %s'):format(self.by_uuid[uuid].alias, message))
        end
        table.sort(left)
    end
    return {undone = #left == 0 and names or {}, left = left, doubts = {}}
end

--- Handles the failure of a config change. If any instance has applied the new config,
-- tries to restore the previous one. Always raises a failure.
function Push:give_up(candidate, err)
    local message = failure.describe(err)
    local failed, is_applied = self:find_failed()
    if is_applied then
        log.error('cartridge-reload: the pushed config could not be applied: %s', message)
        local rollback = self:undo()
        self:set_outcomes(#rollback.left == 0 and 'unchanged' or 'ok', failed, 'failed')
        failure.raise({
            code = 'apply_failed',
            phase = 'apply',
            message = next(failed) ~= nil and 'the new code failed on ' .. self:list(failed) or message,
            rollback = rollback,
        })
    end
    -- Another config change holds the lock, on this instance or on another one.
    if message:find('locked') or message:find('already running') then
        self:set_outcomes('unchanged')
        failure.raise({code = 'config_locked', message = message, transient = true})
    end
    -- Cartridge returns the error of only one instance, so ask each instance why it
    -- rejects the config.
    local objections = peers.objections(self.instances, candidate:get_plaintext(), self:left())
    -- Abort the prepare phase last, to give a slow instance time to finish that phase.
    local released = peers.release(self.instances, tostring(candidate:get_checksum()),
        clock.monotonic() - self.entered, self:left())
    for _, one in ipairs(self.instances) do
        if released[one.uuid] == false then
            table.insert(self.report.warnings, ('%s is still locked by an abandoned config change'):format(
                self.by_uuid[one.uuid].alias))
        end
    end
    self:set_outcomes('unchanged', objections, 'refused')
    if next(objections) == nil then
        failure.raise({code = 'push_failed', phase = 'commit', message = message})
    end
    failure.raise({
        code = 'validate_failed',
        phase = 'validate',
        message = 'refused by ' .. self:list(objections),
    })
end

function Push:commit(args, candidate)
    if request.check_deadline(args) ~= nil or self:left() == 0 then
        failure.raise({
            code = 'deadline',
            message = 'timed out before the change could start',
        })
    end
    -- Nothing yields between this check and the point where Cartridge reads the config,
    -- so no other fiber can change the config in between.
    if self.cartridge:active_config() ~= self.config then
        failure.raise({
            code = 'config_changed',
            message = 'the cluster-wide config was changed concurrently',
            transient = true,
        })
    end
    local ok, err = self:change(self.patch)
    if not ok then
        self:give_up(candidate, err)
    end
    self:set_outcomes('ok')
    local states = self:query_states()
    for _, one in ipairs(self.cluster) do
        local state = states[one.uuid]
        if one.outcome == 'unreachable' or state ~= nil and state.state ~= 'RolesConfigured' then
            table.insert(self.report.warnings, ('%s accepted the code, but is now %s'):format(one.alias,
                state ~= nil and ('in state %q'):format(state.state) or 'unreachable'))
        end
    end
end

function Push:work(args, on_phase)
    local report, given = self.report, sections_lib.cut(args.sections, sources.pushed)
    local function enter(phase)
        self.entered = clock.monotonic()
        on_phase(phase)
    end
    local function leave(phase)
        report.timings_ms[phase] = (clock.monotonic() - self.entered) * 1000
    end
    enter('compile')
    report.sections, self.patch = sections_lib.compare(self.config:get_plaintext(), given, args.prune)
    local candidate = self:check_code(given)
    leave('compile')
    on_phase('compare')
    self:check_cluster()
    if next(self.patch) == nil then
        report.outcome = 'unchanged'
        self:set_outcomes('unchanged')
    elseif args.dry_run then
        report.outcome = 'planned'
        self:set_outcomes('planned')
    else
        enter('commit')
        self:commit(args, candidate)
        leave('commit')
    end
end

local function push(args, on_phase)
    local cartridge = cartridge_lib.detect()
    local why = not_ready(cartridge)
    if why ~= nil then
        return request.refused(why)
    end
    local self = setmetatable({
        cartridge = cartridge,
        config = cartridge:active_config(),
        deadline = deadline.of(args),
        report = instance.describe('ok'),
        cluster = {},
        by_uuid = {},
    }, Push)
    local instances, unknown = cartridge:instances()
    if instances == nil then
        return request.refused({code = 'no_topology', message = unknown})
    end
    self.instances = peers.enabled(instances)
    for _, one in ipairs(instances) do
        if not one.expelled then
            local entry = {uuid = one.uuid, uri = one.uri, alias = one.alias}
            if one.disabled then
                entry.outcome, entry.message = 'skipped', 'disabled'
            end
            table.insert(self.cluster, entry)
            self.by_uuid[one.uuid] = entry
        end
    end
    local report = self.report
    report.cluster, report.warnings, report.timings_ms = self.cluster, {}, {}
    local ok, err, traceback = failure.call(self.work, self, args, on_phase)
    if not ok then
        request.fail(report, failure.from(err, {code = 'internal_error'}, traceback))
    end
    return report
end

--- Runs a push while holding the same lock as a reload. Logs the start and the outcome
-- for audits.
local function locked_push(args, on_phase)
    local lock, held = stash_lib.acquire(args.holder or 'unknown')
    if lock == nil then
        return request.locked(held)
    end
    log.info('cartridge-reload: %s started a push (sections: %d)', lock.holder, #args.sections)
    local ok, report = pcall(push, args, on_phase)
    stash_lib.release(lock)
    if not ok then
        log.error('cartridge-reload: %s', tostring(report))
        error(report, 0)
    end
    local err = report.error
    local write = report.error == nil and log.info or log.error
    write('cartridge-reload: push: %s%s', report.outcome,
        err and (': %s: %s'):format(tostring(err.code), tostring(err.message)) or '')
    return report
end

return function(args)
    local started = clock.monotonic()
    local late = request.check_deadline(args)
    if late ~= nil then
        return late
    elseif not instance.is_configured() then
        return request.refused({code = 'not_running', message = 'box.cfg() has not been called yet', transient = true})
    end
    local report = request.run_in_fiber(args, function(on_phase)
        -- A dry run changes nothing, so it needs no lock.
        return (args.dry_run and push or locked_push)(args, on_phase)
    end)
    report.duration_ms = (clock.monotonic() - started) * 1000
    return report
end
