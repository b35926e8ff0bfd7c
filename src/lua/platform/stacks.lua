--- What coroutines run.
--
-- A fiber that waits inside of a coroutine which it has resumed has its frames
-- on several stacks: the inner ones are found through `coroutine.resume`, which
-- has the coroutine as its argument, and through the function that
-- `coroutine.wrap` made, which has it as its upvalue.

local getinfo, getlocal, getupvalue = debug.getinfo, debug.getlocal, debug.getupvalue

-- Frames of a coroutine that are looked at: LuaJIT walks the stack from its top
-- for each of them.
local LEVELS = 200
-- Coroutines inside of each other.
local DEPTH = 20

--- The coroutine that the top frame of a coroutine has resumed.
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
        -- Only a function of C has upvalues without names.
        name = name == '' and name or nil
    end
    return name ~= nil and type(value) == 'thread' and coroutine.status(value) ~= 'dead' and value or nil
end

--- Coroutines that wait for each other, the outermost first.
local function chain_of(thread)
    local chain = {}
    while thread ~= nil and #chain < DEPTH do
        table.insert(chain, thread)
        thread = resumed_by(thread)
    end
    return chain
end

--- Whether a function of a kind is anywhere on the stack of a coroutine.
-- @tparam thread thread
-- @tparam function test (f) -> boolean
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

--- The frames of a coroutine.
-- @tparam thread thread
-- @treturn {table,...} {func, is_c, where, line, thread, level}, the innermost
--   first; empty if the coroutine has not begun or is over
-- @treturn boolean whether these are all
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

--- The function that a fiber was made to run, which may be run by `pcall`.
-- @tparam {table,...} frames see `frames_of`
-- @treturn ?table frame
-- @treturn ?number its index
local function entry_of(frames)
    local index = #frames
    while index > 1 and (frames[index].func == pcall or frames[index].func == xpcall) do
        index = index - 1
    end
    return frames[index], index
end

-- Functions of C that hand on the errors of what they call.
local TRANSPARENT = {
    [dofile] = true,
    [require] = true,
    [string.gsub] = true,
    [table.foreach] = true,
    [table.foreachi] = true,
    [table.sort] = true,
}

--- Whether an error at the top of a stack may not reach the entry, as a protected
-- call stands between them. A function of C that is not known counts as one.
-- @tparam {table,...} frames see `frames_of`
-- @tparam number entry index of the entry
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

--- Whether a fiber was given arguments for its entry. A parameter that has got a
-- value since counts as one.
-- @tparam table frame of the entry
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
    entry_of = entry_of,
    frames_of = frames_of,
    has_arguments = has_arguments,
    is_protected = is_protected,
    runs = runs,
}
