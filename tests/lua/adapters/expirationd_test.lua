-- adapters/expirationd.lua: tasks of the rock expirationd.

local fiber = require('fiber')
local lib = dofile('tests/lua/lib.lua')
local case = lib.suite('adapters.expirationd')

lib.box()

local FILE = '/app/tasks.lua'

--- A library that keeps tasks as the rock does.
local function library()
    local task_list = {}
    local M = {}
    local function is_alive(f)
        return f ~= nil and f:status() ~= 'dead'
    end
    local Task = {}
    Task.__index = Task
    function Task:stop()
        if is_alive(self.guardian_fiber) then
            self.guardian_fiber:cancel()
            self.guardian_fiber = nil
        end
        if is_alive(self.worker_fiber) then
            self.worker_cancelled = true
            self.worker_fiber:cancel()
            self.worker_fiber = nil
        end
    end
    local function work(task)
        while not task.worker_cancelled do
            fiber.sleep(0.001)
        end
    end
    local function guard(task)
        while true do
            if not is_alive(task.worker_fiber) then
                task.worker_fiber = fiber.create(work, task)
            end
            fiber.sleep(0.001)
        end
    end
    function M.tasks()
        local names = {}
        for name in pairs(task_list) do
            table.insert(names, name)
        end
        return names
    end
    function M.start(name, is_tuple_expired)
        M.kill(name)
        local task = setmetatable({worker_cancelled = false, is_tuple_expired = is_tuple_expired}, Task)
        task_list[name] = task
        task.guardian_fiber = fiber.create(guard, task)
        return task
    end
    function M.kill(name)
        if task_list[name] ~= nil then
            task_list[name]:stop()
            task_list[name] = nil
        end
    end
    function M.task(name)
        return task_list[name]
    end
    return M
end

--- A task of serving code, and a transaction.
local function begin()
    local M = library()
    package.loaded.expirationd = M
    local task = M.start('old', lib.old_code('return function() end', FILE)())
    lib.defer(function()
        for _, name in ipairs(M.tasks()) do
            M.kill(name)
        end
        package.loaded.expirationd = nil
    end)
    lib.wait(function() return task.worker_fiber ~= nil end)
    local load = lib.loader()
    local txn = lib.transaction(load)
    txn.ownership:forget(FILE)
    txn:add(load('adapters.expirationd').new(txn, {by_name = {}}))
    txn:add(load('adapters.endings').new(txn))
    return M, task, txn
end

--- Whether a task has a guardian and a worker, and has had them for some time.
local function runs(task)
    fiber.sleep(0.01)
    local worker = task.worker_fiber
    fiber.sleep(0.01)
    return task.guardian_fiber:status() ~= 'dead' and worker:status() ~= 'dead' and task.worker_fiber == worker
end

local START = 'local lib, name = ... return lib.start(name, function() end)'

case('a rollback restores a task that new code has started again', function(t)
    local M, task, txn = begin()
    local new = txn.code(START, FILE)(M, 'old')
    t:is(M.task('old'), new, 'new code has another one')
    fiber.sleep(0.01)
    local undone = txn.undo()
    t:is(M.task('old'), task, 'put back')
    t:ok(lib.mentions(undone, 'task "old"'), 'and told')
    t:ok(runs(task), 'it runs')
end)

case('a rollback restarts a task that new code has killed', function(t)
    local M, task, txn = begin()
    txn.code('local lib, name = ... lib.kill(name)', FILE)(M, 'old')
    t:is(M.task('old'), nil, 'it is gone')
    txn.undo()
    t:is(M.task('old'), task, 'put back')
    t:ok(runs(task), 'it runs')
end)

case('a task that serving code kills during the reload stays dead after a rollback', function(t)
    local M, _, txn = begin()
    lib.elsewhere(M.kill, 'old')
    fiber.sleep(0.005)
    txn.undo()
    t:is(M.task('old'), nil, 'killed')
end)

case('a commit keeps the tasks of new code', function(t)
    local M, task, txn = begin()
    local new = txn.code(START, FILE)(M, 'old')
    txn:commit()
    t:is(M.task('old'), new, 'the new one')
    t:isnt(new, task, 'is another one')
    t:ok(runs(new), 'it runs')
end)

case('a rollback does not touch tasks that new code has not changed', function(t)
    local M, task, txn = begin()
    local undone = txn.undo()
    t:is(M.task('old'), task, 'the task')
    t:is(#undone, 0, 'nothing to tell')
    t:ok(runs(task), 'it runs')
end)

lib.run()
