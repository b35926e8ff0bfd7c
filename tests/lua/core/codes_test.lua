-- core/codes.lua against the table of the program.

local lib = dofile('tests/lua/lib.lua')
local case = lib.suite('core.codes')

case('each code is one of the program, with that outcome', function(t)
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

lib.run()
