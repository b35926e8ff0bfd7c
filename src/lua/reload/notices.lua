--- Writes the notices of a report. A notice tells the user about code that is not reloaded,
-- although the user may expect it to be.

local require = ...
local detect_framework = require('frameworks.detect')
local no_modules = require('reload.no_modules')
local release = require('code.release_link')

-- Maximum number of module names to list in one notice.
local NAMES = 5

--- Returns the notices of a reload.
-- @tparam table choice what is reloaded: result of `catalog.choose`
-- @tparam table args arguments of the command
-- @treturn {string,...} one line for each notice
local function of(choice, args)
    local list = #choice.selected > 0 and no_modules.unmatched(choice, args) or {}
    local names = choice.kept.loader
    if names ~= nil then
        local count = #names
        table.insert(list, ("%d %s loaded by the application's own loader %s not reloaded: %s%s"):format(
            count, count == 1 and 'module' or 'modules', count == 1 and 'is' or 'are',
            table.concat(names, ', ', 1, math.min(count, NAMES)), count > NAMES and ', ...' or ''))
    end
    table.insert(list, release.warning(choice.selected))
    local framework, selected = detect_framework(), {}
    for _, module in ipairs(choice.selected) do
        selected[module.name] = true
    end
    for _, text in ipairs(framework.notices and framework:notices(selected) or {}) do
        table.insert(list, text)
    end
    return list
end

return {of = of}
