--- Adapter: tasks of the `expirationd` rock.
--
-- If new code starts a task under a name that is in use, the rock kills the previous
-- task: it marks the task's worker fiber as cancelled, and the worker ends. A rollback
-- restores the fields of each killed task. The task's guardian fiber then restarts the
-- worker.

local Expirationd = {name = 'expirationd'}
Expirationd.__index = Expirationd

--- Finds the table of tasks, which the rock keeps in an upvalue of its functions.
-- @treturn ?table task name -> task
local function find_tasks(lib)
    local f = type(lib) == 'table' and rawget(lib, 'tasks')
    for index = 1, type(f) == 'function' and 255 or 0 do
        local name, value = debug.getupvalue(f, index)
        if name == nil then
            break
        elseif name == 'task_list' and type(value) == 'table' then
            return value
        end
    end
    return nil
end

--- Creates the adapter.
-- @tparam table txn the transaction
-- @tparam table modules the modules adapter
local function new(txn, modules)
    return setmetatable({txn = txn, modules = modules}, Expirationd)
end

function Expirationd:snapshot()
    local lib = not self.modules.by_name.expirationd and package.loaded.expirationd or nil
    self.tasks, self.before = find_tasks(lib), {}
    for name, task in pairs(self.tasks or {}) do
        if type(task) == 'table' then
            self.before[name] = {task = task, fields = table.copy(task)}
        end
    end
end

function Expirationd.commit()
end

local function is_alive(object)
    local ok, status = pcall(function()
        return object:status()
    end)
    return ok and status ~= 'dead'
end

--- Restores the fields of a task.
-- @tparam table item {task, fields}
local function restore(item)
    local task, worker = item.task, item.task.worker_fiber
    for key, value in pairs(item.fields) do
        rawset(task, key, value)
    end
    -- The guardian fiber may have replaced the worker fiber since the snapshot.
    if worker ~= nil and worker ~= task.worker_fiber and is_alive(worker) then
        if is_alive(task.worker_fiber) then
            pcall(worker.cancel, worker)
        else
            task.worker_fiber = worker
        end
    end
end

function Expirationd:rollback(undone)
    for name, item in pairs(self.before or {}) do
        local is_changed = self.tasks[name] ~= item.task or item.task.guardian_fiber ~= item.fields.guardian_fiber
        -- A dead guardian fiber means that old code has ended the task. New code cannot
        -- have ended the guardian, because the `endings` adapter defers new code's
        -- cancellations of existing fibers.
        if is_changed and is_alive(item.fields.guardian_fiber) then
            restore(item)
            self.tasks[name] = item.task
            table.insert(undone, ('expirationd task %q'):format(name))
        end
    end
end

return {new = new}
