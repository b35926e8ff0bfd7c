-- core/codes.lua against the table of the program.

local lib = dofile('tests/lua/lib.lua')
local case = lib.suite('core.codes')

case('each code is one of the program\'s, with the same outcome', function(t)
    local pipe = assert(io.popen((os.getenv('BUILD_DIR') or 'build') .. '/print_tables'))
    local outcomes = {}
    for line in pipe:lines() do
        local code, outcome = line:match('^error\t([^\t]+)\t([^\t]+)\t')
        if code ~= nil then
            outcomes[code] = outcomes[code] or {}
            outcomes[code][outcome] = true
        end
    end
    pipe:close()
    t:ok(next(outcomes) ~= nil, 'the program has codes')
    for code, outcome in pairs(lib.load('core.codes')) do
        t:ok((outcomes[code] or {})[outcome], code)
    end
end)

case('a failure with an unknown code fails its test', function(t)
    local failure = lib.load('core.failure')
    for _, fields in ipairs({{code = 'no_such_code'}, {code = 'no_such_code', outcome = 'failed'}}) do
        local _, err = pcall(failure.raise, fields)
        t:ok(not failure.is(err), 'raised')
        t:ok(not pcall(failure.from, 'text', fields), 'converted')
    end
    t:ok(not pcall(failure.set_error, {}, {code = 'no_such_code', outcome = 'failed'}), 'in a report')
end)

lib.run()
