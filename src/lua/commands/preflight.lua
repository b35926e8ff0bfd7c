--- Command `preflight`: the status of one instance among several, with what is
-- needed to put them into an order and to compare their code.

local require = ...
local cartridge_lib = require('platform.cartridge')
local catalog = require('reload.catalog')
local digest = require('digest')
local fio = require('fio')
local instance = require('core.instance')
local registry_lib = require('core.state')
local slice = require('core.yield')
local status = require('commands.status')

-- How deep, and at how many files and directories, to look.
local DEPTH = 16
local ENTRIES = 20000

--- Looks for all Lua files below a directory, in a fixed order. Yields.
-- @tparam table found gets path -> name below `root`; `left` counts down
local function walk(found, root, name, depth)
    local names = fio.listdir(root .. '/' .. name) or {}
    table.sort(names)
    for _, entry in ipairs(names) do
        slice.pause()
        found.left = found.left - 1
        if found.left < 0 then
            return
        end
        local below = name .. '/' .. entry
        local path = root .. '/' .. below
        if entry:match('%.lua$') then
            found.files[path] = below
        elseif depth < DEPTH and entry:sub(1, 1) ~= '.' and fio.path.is_dir(path) and not fio.path.is_link(path) then
            walk(found, root, below, depth + 1)
        end
    end
end

--- All files of the packages of the application. Which of them an instance has
-- loaded so far can depend on its roles and on its past, and is not what makes
-- the code of one host different from that of another.
local function package_files(modules)
    local found, seen = {files = {}, left = ENTRIES}, {}
    for _, module in ipairs(modules) do
        local root = catalog.root_of(module.name, module.path)
        local package_name = module.name:match('^([^.]+)%.')
        local directory = root and package_name and root .. '/' .. package_name
        found.files[module.path] = root and module.path:sub(#root + 2) or module.name
        if directory and not seen[directory] then
            seen[directory] = true
            walk(found, root, package_name, 1)
        end
    end
    return found.files
end

--- One digest for the files of the application as they are on disk now. Yields.
-- @treturn ?string nil if there is none
local function code_digest()
    local choice = catalog.choose({}, registry_lib.peek())
    if #choice.selected == 0 then
        return nil
    end
    local lines = {}
    for path, name in pairs(package_files(choice.selected)) do
        slice.pause()
        -- A file that cannot be read is not the same as any other.
        local _, file_digest = catalog.read(path)
        table.insert(lines, name .. ' ' .. tostring(file_digest))
    end
    table.sort(lines)
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
    -- While a reload runs, not all modules are seen by everybody.
    if type(package.search) == 'function' and fields.reloading == nil then
        fields.digest = code_digest()
    end
    return report
end
