--- Adapter: fibers. Background loops of the old generation end after the
-- commit; those that the new code started end when it fails.
--
-- A fiber belongs to a generation by its entry function. A fiber that has old
-- code further up its stack serves a request, and is left to finish.

local require = ...
local fiber = require('fiber')
local fibers_lib = require('platform.fibers')

local Fibers = {name = 'fibers'}
Fibers.__index = Fibers

-- Seconds. A fiber that a request has started to help it has old code as its
-- entry too, and should not be cut short: it gets this long to end by itself.
local DRAIN = 0.25

local CONSTRUCTORS = {'create', 'new'}

local function new(txn)
    return setmetatable({txn = txn, born = {}, report = {cancelled = {}, left = {}}}, Fibers)
end

function Fibers:snapshot()
    self.before = {}
    for _, item in ipairs(fibers_lib.list_all()) do
        self.before[item.id] = true
    end
end

--- Notes which fibers the new code starts.
function Fibers:stage()
    local txn, born = self.txn, self.born
    self.wrapped = {}
    for _, name in ipairs(CONSTRUCTORS) do
        local original = fiber[name]
        local function staged(f, ...)
            if not (txn.staging and txn.origin:is_asking()) or type(f) ~= 'function' then
                return original(f, ...)
            end
            local object = original(function(...)
                -- A fiber may begin only after all was rolled back.
                if self.is_over then
                    return nil
                end
                txn.origin:adopt(fiber.id())
                return f(...)
            end, ...)
            born[object:id()] = object
            return object
        end
        self.wrapped[name] = {original = original, staged = staged}
        fiber[name] = staged
    end
end

local function unstage(self)
    for name, wrap in pairs(self.wrapped or {}) do
        if fiber[name] == wrap.staged then
            fiber[name] = wrap.original
        end
    end
end

function Fibers:commit()
    unstage(self)
end

--- The function that a fiber was made to run, which may be run through pcall.
local function entry_of(item)
    local index = #item.frames
    while index > 1 and (item.frames[index].func == pcall or item.frames[index].func == xpcall) do
        index = index - 1
    end
    return item.frames[index]
end

--- Whether a frame is code of an earlier generation.
local function is_old(self, id, frame)
    if frame.func ~= nil then
        return self.txn.origin:is_old(frame.func)
    end
    if frame.file == nil then
        return false
    end
    -- A file alone does not tell the generation, but who started it does.
    return self.born[id] == nil and self.txn.origin.files['@' .. frame.file] ~= nil
end

local function is_alive(id)
    local ok, object = pcall(fiber.find, id)
    return ok and object ~= nil and object:status() ~= 'dead'
end

local function cancel(id)
    local ok, object = pcall(fiber.find, id)
    if ok and object ~= nil then
        return pcall(object.cancel, object)
    end
    return false
end

--- Ends the loops of the old generation. Yields.
-- @treturn ?string why that could not be done
function Fibers:finish()
    local list, err = fibers_lib.inspect()
    if list == nil then
        return err
    end
    local loops = {}
    for _, item in ipairs(list) do
        local frames = item.frames
        local entry = entry_of(item)
        if entry ~= nil and self.born[item.id] == nil then
            if is_old(self, item.id, entry) then
                table.insert(loops, {id = item.id, name = item.name, where = entry.where})
            else
                for _, frame in ipairs(frames) do
                    if is_old(self, item.id, frame) then
                        table.insert(self.report.left, {id = item.id, name = item.name, where = frame.where})
                        break
                    end
                end
            end
        end
    end

    local deadline = fiber.clock() + DRAIN
    while fiber.clock() < deadline do
        local alive = false
        for _, item in ipairs(loops) do
            alive = alive or is_alive(item.id)
        end
        if not alive then
            break
        end
        fiber.sleep(0.01)
    end
    for _, item in ipairs(loops) do
        if is_alive(item.id) then
            cancel(item.id)
            table.insert(self.report.cancelled, item)
        end
    end
    return nil
end

--- After roles were stopped and started again: a loop that `stop` has not ended
-- runs twice now. The one from before ends. Yields.
function Fibers:revive()
    unstage(self)
    local list = fibers_lib.inspect() or {}
    local function function_of(item)
        local entry = entry_of(item)
        return entry and entry.func
    end
    local gone = {}
    for _, item in ipairs(list) do
        local entry = self.born[item.id] ~= nil and function_of(item)
        -- Only code of the application: the server of a library looks the same
        -- on every port.
        for _, other in ipairs(self.txn.origin:is_old(entry) and list or {}) do
            if self.before[other.id] and not gone[other.id]
            and self.txn.origin.is_same(entry, function_of(other)) then
                gone[other.id] = true
                cancel(other.id)
                break
            end
        end
    end
end

function Fibers:mark()
    local before = table.copy(self.born)
    return function()
        for id in pairs(self.born) do
            if before[id] == nil then
                cancel(id)
            end
        end
    end
end

--- Cancels what the failed code started.
function Fibers:rollback(undone)
    unstage(self)
    self.is_over = true
    for id, object in pairs(self.born) do
        if object:status() ~= 'dead' then
            local name = object:name()
            if cancel(id) then
                table.insert(undone, ('fiber %d %q'):format(id, name))
            end
        end
    end
end

--- Names the fibers that did not end although they were cancelled. Yields.
function Fibers:check_left(left)
    local deadline = fiber.clock() + DRAIN
    for id, object in pairs(self.born) do
        while object:status() ~= 'dead' and fiber.clock() < deadline do
            fiber.sleep(0.01)
        end
        if object:status() ~= 'dead' then
            table.insert(left, ('fiber %d %q runs new code and does not stop'):format(id, object:name()))
        end
    end
end

return {new = new}
