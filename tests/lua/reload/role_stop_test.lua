-- reload/role_stop.lua: stops old roles behind a separate view.

local lib = dofile('tests/lua/lib.lua')
local case = lib.suite('reload.role_stop')

--- A stop of roles whose parts and transaction only record what happens, in `calls`.
-- @tparam ?{table,...} servers HTTP servers
local function start(servers)
    local calls, stopping = {}, false
    local function note(text)
        table.insert(calls, text)
    end
    local function adapter(name)
        return {new = function(facade, live)
            return {
                live = live,
                snapshot = function() note(name .. '.snapshot') end,
                stage = function()
                    note(name .. '.stage')
                    return {stands_in_for = live}
                end,
                discard = function() note(name .. '.discard') end,
                facade = facade,
            }
        end}
    end
    local txn = {
        stash = {},
        ownership = {
            is_stopping = function() return stopping end,
            call_stop = function(_, call, role)
                stopping = true
                call(role)
                stopping = false
            end,
        },
        guard = function()
            note('guard')
            return function() note('put_back') end
        end,
    }
    local framework = {retire = function(self, stand_ins)
        note('retire')
        self.stand_ins = stand_ins
    end}
    local role_stop = lib.load('reload.role_stop').new(txn, framework,
        {triggers = adapter('triggers'), http = adapter('http')}, {list = function() return servers or {} end})
    return role_stop, calls, framework
end

case('each role is stopped once, in order, within the separate view', function(t)
    local role_stop, calls = start()
    role_stop:stop({'one', 'two'}, function(role) table.insert(calls, 'stop ' .. role) end)
    t:is(table.concat(calls, ', '), 'triggers.snapshot, triggers.stage, retire, guard, stop one, put_back, '
        .. 'guard, stop two, put_back, triggers.discard', 'order')
end)

case('without old roles nothing happens', function(t)
    local role_stop, calls = start()
    role_stop:stop({}, error)
    t:is(#calls, 0, 'no call')
end)

case('the framework gets a stand-in for each HTTP server', function(t)
    local live = {}
    local role_stop, _, framework = start({{live = live}})
    role_stop:stop({'one'}, function() end)
    t:is(framework.stand_ins[live].stands_in_for, live, 'by its live server')
end)

case('a stop counts as new code while it runs, and what it stages is never committed', function(t)
    local role_stop = start()
    local facade
    role_stop:stop({'one'}, function()
        facade = role_stop.parts[1].facade
        t:ok(facade.ownership.is_asking() and facade.ownership.is_new_code(), 'while it runs')
        t:ok(not facade.ownership.is_new() and not facade.ownership.is_old(), 'owns nothing')
    end)
    t:ok(not facade.ownership.is_asking(), 'not afterwards')
    t:is(#role_stop.parts, 0, 'the parts are discarded')
end)

case('a second close does nothing', function(t)
    local role_stop, calls = start()
    role_stop:stop({'one'}, function() end)
    local count = #calls
    role_stop:close()
    t:is(#calls, count, 'no further call')
end)

case('registrations and fibers of new code are protected around each stop', function(t)
    local role_stop, calls = start()
    local function note(text)
        return function() table.insert(calls, text) end
    end
    local yielded = {}
    role_stop:protect({
        open = note('open'),
        close = note('close'),
        watch = function()
            table.insert(calls, 'watch')
            return function(has_yielded)
                table.insert(calls, 'restore')
                table.insert(yielded, has_yielded)
            end
        end,
    })
    role_stop:stop({'one', 'two'}, function(role)
        table.insert(calls, 'stop')
        if role == 'two' then
            require('fiber').yield()
        end
    end)
    t:like(table.concat(calls, ' '), 'open.*watch stop restore.*watch stop restore.*close', 'order')
    t:is(yielded[1], false, 'the first stop has not yielded')
    t:is(yielded[2], true, 'the second one has')
end)

lib.run()
