--- Ends fibers that were created, for example by a library, to run failed code. Failed
-- code is the new code of a reload that was rolled back.

local require = ...
local clock = require('clock')
local fiber = require('fiber')
local fibers_lib = require('platform.fibers')
local ownership = require('code.ownership')
local stacks = require('platform.stacks')
local terminate = require('code.terminate')

-- Time limit, in seconds, for ending fibers that catch their cancellation error.
local TERMINATE = 0.25

local FailedFibers = {}
FailedFibers.__index = FailedFibers

--- Prepares the search for fibers that run failed code.
-- @tparam table image what objects held before new code ran, see `image`
-- @tparam function is_failed (f) -> whether a function is failed code
-- @tparam {string,...} undone a line is appended for each fiber that is ended
-- @tparam {userdata,...} known the fibers that failed code itself has started
-- @treturn table the search. Its `objects` field is the set of the known fibers and of
--   the fibers that the search has ended.
local function new(image, is_failed, undone, known)
    local self = setmetatable({
        image = image,
        is_failed = is_failed,
        undone = undone,
        cancelled = {},     -- set of the ids of the fibers that were ended
        objects = {},
    }, FailedFibers)
    for _, object in ipairs(known) do
        self.objects[object] = true
    end
    return self
end

--- Returns whether a function is failed code, or a wrapper around failed code.
local function wraps_failed(self, f)
    return #ownership.list_wrapped(f, self.is_failed) > 0
end

--- Returns whether a value is a failed function, a wrapper around one, or a table with
-- one of these in a field. A table that is older than the failed code does not count.
local function holds_failed(self, value)
    if type(value) == 'function' then
        return wraps_failed(self, value)
    elseif type(value) ~= 'table' or self.image:find(value) ~= nil then
        return false
    end
    for _, field in next, value do
        if type(field) == 'function' and wraps_failed(self, field) then
            return true
        end
    end
    return false
end

--- Returns whether the stack of a fiber contains a protected call, which would catch the
-- cancellation error.
-- @treturn boolean also true if the stack is too deep to examine
local function is_protected(thread)
    for level = 0, stacks.LEVELS do
        local info = debug.getinfo(thread, level, 'f')
        if info == nil then
            return false
        elseif info.func == pcall or info.func == xpcall then
            return true
        end
    end
    return true
end

--- Returns whether a fiber was created to run failed code: its entry function is failed
-- code, or refers to failed code in an upvalue, an argument or a local variable.
local function is_for_failed(self, thread)
    local entry
    for level = 0, stacks.LEVELS do
        local info = debug.getinfo(thread, level, 'fS')
        if info == nil then
            break
        elseif info.what ~= 'C' then
            entry = {level = level, func = info.func}
        end
    end
    if entry == nil then
        return false
    elseif wraps_failed(self, entry.func) then
        return true
    end
    for index = 1, 255 do
        local name, value = debug.getupvalue(entry.func, index)
        if name == nil then
            break
        elseif holds_failed(self, value) then
            return true
        end
    end
    for _, step in ipairs({1, -1}) do
        local index = step
        while true do
            local name, value = debug.getlocal(thread, entry.level, index)
            if name == nil then
                break
            elseif holds_failed(self, value) then
                return true
            end
            index = index + step
        end
    end
    return false
end

local function note_end(self, item)
    self.cancelled[item.id], self.objects[item.object] = true, true
    table.insert(self.undone, ('fiber %d %q'):format(item.id, item.name))
end

--- Cancels the fibers that were created to run failed code. Skips fibers that would
-- catch the cancellation error; `terminate` ends them later.
-- @treturn {table,...} the cancelled and the skipped fibers: {id, thread, object}
function FailedFibers:cancel()
    local list = {}
    for _, item in ipairs(fibers_lib.threads() or {}) do
        if not self.image:has_fiber(item.id) and is_for_failed(self, item.thread) then
            item.object = fiber.find(item.id)
            if item.object ~= nil then
                table.insert(list, item)
                if not self.cancelled[item.id] and not is_protected(item.thread) then
                    pcall(item.object.cancel, item.object)
                    note_end(self, item)
                end
            end
        end
    end
    return list
end

--- Ends the fibers of failed code, even those that catch their cancellation error.
-- Yields.
-- @tparam {table,...} list result of `cancel`
function FailedFibers:terminate(list)
    local function is_over(item)
        return not fibers_lib.is_alive(item)
    end
    terminate.run(list, clock.monotonic() + TERMINATE, is_over)
    for _, item in ipairs(list) do
        if is_over(item) and not self.cancelled[item.id] then
            note_end(self, item)
        end
    end
end

return {new = new}
