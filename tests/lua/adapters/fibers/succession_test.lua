-- adapters/fibers/succession.lua: finds the new fiber that replaces an old one.

local lib = dofile('tests/lua/lib.lua')
local case = lib.suite('adapters.fibers.succession')

local FILE = '/app/loops.lua'

--- Returns the functions that a chunk returns in a table.
local function code(text, path)
    return lib.old_code('return {' .. text .. '}', path or FILE)()
end

--- @tparam {{function, name},...} old
-- @tparam {{function, name},...} new
-- @tparam ?table counterparts old function -> new function
-- @treturn string for each old one whether it has a successor: "+" or "-"
local function match(old, new, counterparts)
    local function items(list)
        local result = {}
        for _, item in ipairs(list) do
            table.insert(result, {func = item[1], name = item[2] or 'lua'})
        end
        return result
    end
    local olds = items(old)
    lib.load('adapters.fibers.succession').find(olds, items(new), function(f)
        return (counterparts or {})[f]
    end)
    local verdict = {}
    for _, item in ipairs(olds) do
        table.insert(verdict, item.successor ~= nil and '+' or '-')
    end
    return table.concat(verdict), olds
end

local LOOP = 'function() while true do step(1) sleep(1) end end'
local CHANGED = 'function() while true do step(2) sleep(1) end end'
local OTHER = 'function() local list = {} while true do collect(list) report(#list) flush() end end'

case('a loop whose counterpart was started has a successor', function(t)
    local old, new = code(LOOP)[1], code('nil, ' .. OTHER)[2]
    t:is(match({{old}}, {{new}}, {[old] = new}), '+', 'whatever it looks like')
    t:is(match({{old}}, {}, {[old] = new}), '-', 'nobody has started it')
    local other = code('\n\n' .. OTHER)[1]
    t:is(match({{old}}, {{other}}, {[old] = new}), '-', 'another was started')
end)

case('a loop without a name is known by its code', function(t)
    local old, new = code(LOOP)[1], code('\n\n' .. LOOP)[1]
    t:is(match({{old}}, {{new}}), '+', 'the same on another line')
    t:is(match({{old}}, {{code('\n\n' .. LOOP, '/app/others.lua')[1]}}), '-', 'in another file')
    t:is(match({{old}}, {{code('\n\n' .. LOOP, '/release/2/loops.lua')[1]}}), '+', 'in a file that has moved')
end)

case('a loop is known by the name of its fiber', function(t)
    local old, new = code(LOOP)[1], code('\n\n' .. OTHER)[1]
    t:is(match({{old, 'gc'}}, {{new, 'gc'}}), '+', 'the same')
    t:is(match({{old, 'gc'}}, {{new, 'stats'}}), '-', 'another')
    t:is(match({{old}}, {{new}}), '-', 'none')
end)

case('a loop without a name is known by its place', function(t)
    t:is(match({{code(LOOP)[1]}}, {{code(CHANGED)[1]}}), '+', 'the same line')
    t:is(match({{code(LOOP)[1]}}, {{code('\n\n' .. CHANGED)[1]}}), '+', 'the only one')
    t:is(match({{code(LOOP)[1]}}, {{code('\n\n' .. OTHER)[1]}}), '-', 'one that does other things')
    local old = code(LOOP .. ',\n\n' .. OTHER)
    local new = code('\n' .. CHANGED .. ',\n\n' .. OTHER:gsub('flush', 'clear'))
    t:is(match({{old[2]}, {old[1]}}, {{new[1]}, {new[2]}}), '++', 'in their order')
    t:is(match({{old[2]}, {old[1]}}, {{new[2]}}), '--', 'one of two is not guessed')
end)

case('each of several equal fibers needs its own successor', function(t)
    local old, new = code(LOOP)[1], code(LOOP)[1]
    t:is(match({{old}, {old}, {old}}, {{new}, {new}, {new}}), '+++', 'as many')
    t:is(match({{old}, {old}}, {{new}, {new}, {new}}), '++', 'more')
    local verdict, olds = match({{old, 'a'}, {old, 'b'}}, {{new, 'b'}})
    t:is(verdict, '-+', 'the one of its name')
    t:is(olds[1].is_taken_over, true, 'the new code starts fibers like the other')
end)

lib.run()
