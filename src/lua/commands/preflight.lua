--- Command `preflight`: reports the status and the code digests of an instance. Before
-- the client changes several instances, it sends them this command to determine in
-- which order to reload them, and whether they have the same code.

local require = ...
local cartridge_lib = require('platform.cartridge')
local catalog = require('code.catalog')
local digest = require('digest')
local fio = require('fio')
local instance = require('commands.common.instance')
local stash_lib = require('core.stash')
local process = require('platform.process')
local release = require('code.release_link')
local yield = require('core.yield')
local status = require('commands.status')

-- Limits on the search for Lua files: the depth of directories, and the number of
-- directory entries.
local DEPTH = 16
local ENTRIES = 20000

--- Finds all Lua files below a directory, in a fixed order. Yields.
-- @tparam table found {files, left}. The function adds the files to `files`: path of a
--   file -> its name relative to `root`. `left` is the number of directory entries that
--   may still be read.
-- @tparam string root
-- @tparam string name of the directory, relative to `root`
-- @tparam number depth of the directory below `root`
local function walk(found, root, name, depth)
    local names = fio.listdir(root .. '/' .. name) or {}
    table.sort(names)
    for _, entry in ipairs(names) do
        yield.if_due()
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

--- Returns all Lua files of the application's packages, even those that are not loaded.
-- The comparison of instances covers all files, because the set of loaded files depends
-- on an instance's roles and history.
-- @treturn table path -> name
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

local function digest_of(lines)
    table.sort(lines)
    return digest.sha1_hex(table.concat(lines, '\n'))
end

--- Returns whether a file, or a symbolic link in its path, was written or replaced
-- after a given time. The loaded code may then differ from the file. The check uses
-- ctime, because copying a file may preserve mtime.
-- @tparam string path
-- @tparam number time Unix time, in seconds
-- @tparam table links cache: path of a directory -> ctime if the directory is a
--   symbolic link, otherwise false
local function is_newer(path, time, links)
    local stat = fio.stat(path)
    if stat == nil or stat.ctime > time then
        return true
    end
    for prefix in path:gmatch('()/') do
        local directory = path:sub(1, prefix - 1)
        if links[directory] == nil then
            local found = prefix > 1 and fio.lstat(directory)
            links[directory] = found and found:is_link() and found.ctime or false
        end
        if links[directory] and links[directory] > time then
            return true
        end
    end
    return false
end

--- Computes digests of the application's files on disk and of the loaded code. Code that
-- no reload has loaded is assumed to equal its file. But if the file has changed since
-- the process started, the digest of the loaded code is unknown. Yields.
-- @tparam table choice as returned by `catalog.choose`
-- @tparam table stash the state table
-- @treturn string digest of the files on disk
-- @treturn ?string digest of the loaded code; nil if unknown
-- @treturn boolean whether the loaded code differs from the files on disk
local function code_digests(choice, stash)
    local started = process.started()
    local on_disk, loaded, outdated, is_known = {}, {}, false, true
    local is_loaded, links = {}, {}
    for _, module in ipairs(choice.selected) do
        is_loaded[module.path] = true
    end
    for path, name in pairs(package_files(choice.selected)) do
        yield.if_due()
        -- If the file cannot be read, `disk` is the error message, which differs from
        -- every digest.
        local _, disk = catalog.read(path)
        local serving = stash.files[path]
        if not is_loaded[path] then
            serving = disk
        elseif serving == nil then
            serving = disk
            if is_newer(path, started, links) then
                outdated, is_known = true, false
            end
        end
        outdated = outdated or serving ~= disk
        table.insert(on_disk, name .. ' ' .. tostring(disk))
        table.insert(loaded, name .. ' ' .. tostring(serving))
    end
    for _, module in ipairs(choice.gone) do
        outdated = true
        table.insert(loaded, module.name .. ' ' .. tostring(stash.files[module.path]))
    end
    for module_name, paths in pairs(stash.loads or {}) do
        for path, serving in pairs(paths) do
            yield.if_due()
            local _, disk = catalog.read(path)
            if serving ~= disk then
                outdated = true
                table.insert(loaded, module_name .. ' ' .. path .. ' ' .. tostring(serving))
            end
        end
    end
    return digest_of(on_disk), is_known and digest_of(loaded) or nil, outdated
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
        fields.unhealthy = fields.healthy == false and cartridge:unhealthy() or nil
    elseif instance.is_configured() then
        fields.replicaset = cartridge_lib.replicaset()
        fields.role = box.info.ro and 'follower' or 'leader'
    end
    -- Do not compute digests during a reload: old and new code then see different
    -- modules in `package.loaded`.
    if type(package.search) == 'function' and fields.reloading == nil and instance.is_configured() then
        local stash = stash_lib.peek()
        local choice = catalog.choose({}, stash)
        if #choice.selected > 0 then
            fields.digest, fields.loaded_digest, fields.outdated = code_digests(choice, stash)
            fields.root = release.root(choice.selected)
            report.warnings = {release.warning(choice.selected)}
        end
    end
    return report
end
