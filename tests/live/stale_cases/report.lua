-- report.lua DIR FILE ...: for the helper of the live suites.  Writes into
-- FILE.places what the report in JSON in FILE says of places, sorted, without
-- what is different each time:
--
--	patched|added|removed|left KIND | PLACE | FUNCTION [(no reason)]
--	unchecked TEXT
--	error TEXT
--
-- DIR is that of the application. What was patched and has a reason is told by
-- its first word.
-- What is left has one if the reload was to mend it.

local dir = ...
local files = {select(2, ...)}
local json = require('json')

local function plain(text)
    local from, to = text:find(dir .. '/', 1, true)
    if from ~= nil then
        text = text:sub(1, from - 1) .. text:sub(to + 1)
    end
    return (text:gsub('(fiber) %d+', '%1 N')
        :gsub('(callback) %d+', '%1 N')
        :gsub('(registry slot) %d+', '%1 N')
        :gsub('(builtin/[%w_/.]+):%d+', '%1:N'))
end

local function places_of(instance)
    local lines = {}
    for _, place in ipairs(instance.stale) do
        local what = place.patched and 'patched' or 'left'
        local has_reason = type(place.reason) == 'string'
        if place.patched and has_reason then
            what = place.reason:match('^%a+')
        end
        table.insert(lines, plain(('%s %s | %s | %s%s'):format(what, place.kind, place.where,
            place['function'], (place.patched or has_reason) and '' or ' (no reason)')))
    end
    for _, text in ipairs(instance.scan and instance.scan.unchecked or {}) do
        -- What the server hides is the same for all applications.
        if not text:find('not visible in this build of Tarantool', 1, true) then
            table.insert(lines, plain('unchecked ' .. text))
        end
    end
    if instance.error ~= nil and instance.error.code ~= 'stale_references' then
        table.insert(lines, plain('error ' .. instance.error.message))
    end
    table.sort(lines)
    return lines
end

for _, path in ipairs(files) do
    local file = io.open(path)
    local ok, report = pcall(json.decode, file:read('*a'))
    file:close()
    local lines = ok and places_of(report.instances[1]) or {'not JSON: ' .. report}
    file = io.open(path .. '.places', 'w')
    file:write(table.concat(lines, '\n'), #lines > 0 and '\n' or '')
    file:close()
end
return ''
