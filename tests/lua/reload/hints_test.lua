-- reload/hints.lua: hints in the messages of failures with a usual cause.

local lib = dofile('tests/lua/lib.lua')
local case = lib.suite('reload.hints')
local hints = lib.load('reload.hints')

--- Returns the message after hints were added `times` times.
local function message(text, times)
    local fail = {message = text}
    for _ = 1, times or 1 do
        hints.add(fail)
    end
    return fail.message
end

case('a known message gets one hint', function(t)
    for _, text in ipairs({'Cluster is already initialized', 'bind: Address already in use'}) do
        local once = message('role web: ' .. text)
        t:is(once:find('role web: ' .. text .. ' (', 1, true), 1, text)
        t:is(message('role web: ' .. text, 2), once, 'not twice')
    end
end)

case('other messages are unchanged', function(t)
    t:is(message('boom'), 'boom', 'another text')
    t:is(message(nil), nil, 'no text')
end)

lib.run()
