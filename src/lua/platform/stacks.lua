--- Reads the stacks of coroutines.
--
-- If a fiber runs nested coroutines, its frames are on several stacks. The top frame of
-- an outer coroutine leads to the inner coroutine, which is the argument of
-- `coroutine.resume` or the upvalue of a function made by `coroutine.wrap`.

local getinfo, getlocal, getupvalue = debug.getinfo, debug.getlocal, debug.getupvalue

-- Maximum number of frames to examine in a coroutine. The limit is low because, for each
-- frame, LuaJIT walks the stack again from the top.
local LEVELS = 200
-- Maximum number of nested coroutines to examine.
local DEPTH = 20

--- Returns the coroutine that the given coroutine has resumed.
-- @treturn ?thread nil if there is none
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
        -- Only C functions, such as those that `coroutine.wrap` makes, have upvalues
        -- without names.
        name = name == '' and name or nil
    end
    return name ~= nil and type(value) == 'thread' and coroutine.status(value) ~= 'dead' and value or nil
end

--- Returns a coroutine and the coroutines nested in it, outermost first.
local function chain_of(thread)
    local chain = {}
    while thread ~= nil and #chain < DEPTH do
        table.insert(chain, thread)
        thread = resumed_by(thread)
    end
    return chain
end

--- Returns whether a matching function is on the stack of a coroutine, or of a coroutine
-- nested in it.
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

--- Returns the frames of a coroutine and of the coroutines nested in it.
-- @tparam thread thread
-- @treturn {table,...} {func, is_c, source, where, line, thread, level}, the innermost
--   frame first; empty if the coroutine has not started or has ended
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

--- Returns the frame of the function with which a fiber was created (its entry
-- function). If this function is `pcall` or `xpcall`, returns the frame of the function
-- that it calls.
-- @tparam {table,...} frames frames of the fiber, see `frames_of`
-- @treturn ?table frame
-- @treturn ?number index of the frame
local function entry_of(frames)
    local index = #frames
    while index > 1 and (frames[index].func == pcall or frames[index].func == xpcall) do
        index = index - 1
    end
    return frames[index], index
end

-- C functions that call other functions but do not catch their errors.
local TRANSPARENT = {
    [dofile] = true,
    [require] = true,
    [string.gsub] = true,
    [table.foreach] = true,
    [table.foreachi] = true,
    [table.sort] = true,
}

--- Returns whether a protected call may catch an error that is raised in the innermost
-- frame, so that the error does not reach the entry function. An unknown C function
-- counts as a protected call, unless it is in the innermost frame.
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

--- Returns whether a fiber seems to have been created with arguments. A value that the
-- entry function has assigned to a parameter counts as an argument, too.
-- @tparam table frame frame of the entry function
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
