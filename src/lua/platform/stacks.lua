--- The stacks of coroutines.
--
-- A fiber that is suspended inside a coroutine has its frames on several stacks. The
-- function at the top of an outer stack leads to the inner coroutine: the coroutine is
-- the argument of `coroutine.resume`, or the upvalue of a function made by
-- `coroutine.wrap`.

local getinfo, getlocal, getupvalue = debug.getinfo, debug.getlocal, debug.getupvalue

-- The maximum number of frames to examine in a coroutine. The limit is low because
-- LuaJIT walks the stack from its top for each frame.
local LEVELS = 200
-- Maximum depth of nested coroutines.
local DEPTH = 20

--- Returns the coroutine that the top frame of a coroutine has resumed.
-- @treturn ?thread
local function resumed_by(thread)
    local info = getinfo(thread, 0, 'f')
    if info == nil then
        return nil
    end
    local name, value
    if info.func == coroutine.resume then
        name, value = getlocal(thread, 0, 1)
    else
        name, value = getupvalue(info.func, 1)
        -- Only C functions have upvalues without names.
        name = name == '' and name or nil
    end
    return name ~= nil and type(value) == 'thread' and coroutine.status(value) ~= 'dead' and value or nil
end

--- Returns a coroutine and those nested in it, the outermost first.
local function chain_of(thread)
    local chain = {}
    while thread ~= nil and #chain < DEPTH do
        table.insert(chain, thread)
        thread = resumed_by(thread)
    end
    return chain
end

--- Whether a matching function is anywhere on the stack of a coroutine, or on the
-- stacks of the coroutines nested in it.
-- @tparam thread thread
-- @tparam function test (f) -> whether a function matches
local function runs(thread, test)
    while thread ~= nil and coroutine.status(thread) ~= 'dead' do
        for level = 0, LEVELS do
            local info = getinfo(thread, level, 'f')
            if info == nil then
                break
            elseif test(info.func) then
                return true
            end
        end
        thread = resumed_by(thread)
    end
    return false
end

--- Returns the frames of a coroutine.
-- @tparam thread thread
-- @treturn {table,...} {func, is_c, where, line, thread, level}, the innermost
--   first; empty if the coroutine has not started or has ended
-- @treturn boolean whether the list is complete
local function frames_of(thread)
    local frames, is_whole = {}, true
    if coroutine.status(thread) == 'dead' then
        return frames, is_whole
    end
    local chain = chain_of(thread)
    for index = #chain, 1, -1 do
        for level = 0, LEVELS do
            local info = getinfo(chain[index], level, 'fSl')
            if info == nil then
                break
            elseif level == LEVELS then
                is_whole = false
                break
            end
            table.insert(frames, {
                func = info.func,
                is_c = info.what == 'C',
                source = info.source,
                line = info.currentline,
                where = ('%s:%d'):format(info.short_src, info.currentline),
                thread = chain[index],
                level = level,
            })
        end
    end
    return frames, is_whole
end

--- Returns the frame of the function that a fiber was created with. If that function is
-- `pcall` or `xpcall`, returns the frame of the function that it calls.
-- @tparam {table,...} frames see `frames_of`
-- @treturn ?table frame
-- @treturn ?number index of the frame
local function entry_of(frames)
    local index = #frames
    while index > 1 and (frames[index].func == pcall or frames[index].func == xpcall) do
        index = index - 1
    end
    return frames[index], index
end

-- C functions that do not catch the errors of the functions they call.
local TRANSPARENT = {
    [dofile] = true,
    [require] = true,
    [string.gsub] = true,
    [table.foreach] = true,
    [table.foreachi] = true,
    [table.sort] = true,
}

--- Whether a protected call may catch an error that is raised at the top of the stack,
-- so that the error does not reach the entry function. An unknown C function counts as
-- a protected call.
-- @tparam {table,...} frames see `frames_of`
-- @tparam number entry index of the entry function's frame
local function is_protected(frames, entry)
    for index = 1, entry - 1 do
        local frame = frames[index]
        if frame.is_c and not TRANSPARENT[frame.func] then
            local name, value = getupvalue(frame.func, 1)
            local is_wrap = name == '' and type(value) == 'thread'
            local waits = index == 1 and frame.func ~= pcall and frame.func ~= xpcall
            if not waits and not is_wrap then
                return true
            end
        end
    end
    return false
end

--- Whether a fiber was created with arguments. A parameter to which the function
-- has assigned a value counts as an argument.
-- @tparam table frame of the entry function
local function has_arguments(frame)
    local info = getinfo(frame.func, 'u')
    for index = 1, info.nparams do
        local _, value = getlocal(frame.thread, frame.level, index)
        if value ~= nil then
            return true
        end
    end
    return getlocal(frame.thread, frame.level, -1) ~= nil
end

return {
    LEVELS = LEVELS,
    entry_of = entry_of,
    frames_of = frames_of,
    has_arguments = has_arguments,
    is_protected = is_protected,
    runs = runs,
}
