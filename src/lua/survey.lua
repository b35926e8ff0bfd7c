--- Command `survey`: the status of one instance among several, with what is
-- needed to put them into an order and to compare their code.

local require = ...
local cartridge_lib = require('cartridge')
local catalog = require('modules')
local digest = require('digest')
local instance = require('instance')
local registry_lib = require('registry')
local slice = require('slice')
local status = require('status')

--- One digest for the application files as they are on disk now: those that a
-- reload would load. Yields.
-- @treturn ?string nil if there is none
local function code_digest()
    local choice = catalog.choose({}, registry_lib.peek())
    if #choice.selected == 0 then
        return nil
    end
    local lines = {}
    for _, module in ipairs(choice.selected) do
        slice.pause()
        -- A file that cannot be read is not the same as any other.
        local _, file_digest = catalog.read(module.path)
        table.insert(lines, module.name .. ' ' .. tostring(file_digest))
    end
    return digest.sha1_hex(table.concat(lines, '\n'))
end

return function(args)
    local report = status(args)
    local fields = report.status
    fields.stateboard = package.loaded['cartridge.stateboard'] ~= nil
    local cartridge = cartridge_lib.detect()
    if cartridge ~= nil then
        fields.uri = cartridge.uri()
        fields.replicaset, fields.role = cartridge:place()
        fields.healthy = cartridge.is_healthy()
    elseif instance.is_configured() then
        fields.replicaset = cartridge_lib.replicaset()
        fields.role = box.info.ro and 'follower' or 'leader'
    end
    if type(package.search) == 'function' then
        fields.digest = code_digest()
    end
    return report
end
