--- Determines the directory from which the application's code is read, and whether the
-- symbolic link through which the code was deployed now points to another release.
--
-- Deployment tools put each release into its own directory, and let a link such as
-- `current` point to the latest release. If a process is started in the directory
-- `current`, its working directory is the release directory itself, not the link. The
-- process therefore keeps reading the old release after the link has changed.

local require = ...
local catalog = require('code.catalog')
local environment = require('core.environment')
local fio = require('fio')
local yield = require('core.yield')

-- Maximum number of symbolic links in one path, and maximum number of entries in a
-- directory. A larger directory is not searched for links.
local LINKS, ENTRIES = 40, 200

--- Resolves all symbolic links in an absolute path.
-- @treturn ?string nil if there are too many links, for example in a loop
local function resolve(path)
    local resolved, rest, left = '', path, LINKS
    while rest ~= '' do
        local part, after = rest:match('^/*([^/]*)(.*)$')
        rest = after
        if part == '..' then
            resolved = resolved:match('^(.*)/[^/]*$') or ''
        elseif part ~= '' and part ~= '.' then
            local target = fio.readlink(resolved .. '/' .. part)
            if target == nil then
                resolved = resolved .. '/' .. part
            elseif left == 0 then
                return nil
            else
                left = left - 1
                resolved = target:sub(1, 1) == '/' and '' or resolved
                rest = target .. '/' .. rest
            end
        end
    end
    return resolved == '' and '/' or resolved
end

local function split(path)
    local parent, name = path:match('^(.*)/([^/]+)$')
    return parent ~= '' and parent or '/', name
end

--- Returns the name of a release directory without version, timestamp or commit id. All
-- releases of an application have this part of the name in common.
local function stem(name)
    if #name >= 7 and name:match('^%x+$') then
        return ''
    end
    return (name:gsub('[-_.]?v?%d.*$', ''))
end

--- Returns the directory from which most of the modules are loaded. Yields.
-- @tparam {table,...} modules {name, path}
-- @treturn ?string absolute path, with symbolic links resolved
-- @treturn ?string path of one of the modules, relative to the directory
local function root(modules)
    local counts, best, file = {}, nil, nil
    for _, module in ipairs(modules) do
        yield.if_due()
        local directory = catalog.root_of(module.name, module.path)
        if directory ~= nil then
            counts[directory] = (counts[directory] or 0) + 1
            if best == nil or counts[directory] > counts[best] then
                best, file = directory, module.path:sub(#directory + 2)
            end
        end
    end
    if best == nil or best:sub(1, 1) ~= '/' then
        return nil
    end
    return resolve(best), file
end

--- Returns whether a directory is another release of the same application. Another
-- release has the same parent directory as `release` and a similar name, and contains
-- the same module.
-- @tparam string directory
-- @tparam string release
-- @tparam string file path of the module, relative to `release`
local function is_other_release(directory, release, file)
    local parent, name = split(directory)
    local own_parent, own_name = split(release)
    return directory ~= release and parent == own_parent and stem(name) == stem(own_name)
        and fio.path.exists(directory .. '/' .. file)
end

--- Returns whether the parent directory of a release may contain another release of the
-- application, that is, an entry with a similar name. Yields.
-- @tparam string directory the release directory
-- @treturn boolean also true if the parent directory cannot be listed, because a link may
--   still be found through PWD or in another directory
local function has_sibling(directory)
    local parent, own = split(directory)
    local names = fio.listdir(parent)
    for _, name in ipairs(names or {}) do
        yield.if_due()
        if name ~= own and stem(name) == stem(own) then
            return true
        end
    end
    return names == nil
end

--- Lists the symbolic links in a directory, sorted by name. Some tools keep a link to
-- the previous release. Such links are omitted. Caches the result, because fio reads
-- each link in a worker thread, which is slow. Yields.
-- @tparam ?string directory
-- @tparam table listed cache: directory -> result
-- @treturn {{path, target},...}
local function links_in(directory, listed)
    if directory == nil then
        return {}
    elseif listed[directory] ~= nil then
        return listed[directory]
    end
    local links, names = {}, fio.listdir(directory) or {}
    table.sort(names)
    for i = 1, #names <= ENTRIES and #names or 0 do
        local name = names[i]
        local path = (directory == '/' and '' or directory) .. '/' .. name
        local is_back = name:match('^prev') or name:match('^old') or name:match('^last') or name:match('^rollback')
        local target = not is_back and fio.readlink(path) and resolve(path)
        if target then
            table.insert(links, {path = path, target = target})
        end
    end
    listed[directory] = links
    return links
end

--- Searches the parent and the grandparent of a release directory for a symbolic link to
-- a release. Yields.
-- @tparam string release release directory, with symbolic links resolved
-- @tparam string file path of a module, relative to `release`
-- @tparam table listed cache, see `links_in`
-- @treturn[1] boolean true if a link points to this release
-- @treturn[2] boolean false
-- @treturn[2] ?string link that points to another release
-- @treturn[2] ?string directory of that release
local function search(release, file, listed)
    local link, other
    local releases = split(release)
    for _, directory in ipairs({releases, (split(releases))}) do
        for _, found in ipairs(links_in(directory, listed)) do
            if found.target == release then
                return true
            elseif link == nil and is_other_release(found.target, release, file) then
                link, other = found.path, found.target
            end
        end
    end
    return false, link, other
end

--- Finds the symbolic link through which the modules were deployed, if the link now
-- points to another release. Yields.
-- @tparam {table,...} modules {name, path}
-- @treturn ?string the link; nil if none was found, or if it still points to the same
--   release
-- @treturn ?string directory to which the link points now
-- @treturn ?string directory from which the modules are read
local function moved(modules)
    local directory, file = root(modules)
    -- The modules may be in a subdirectory of the release directory.
    local candidates, release = {}, directory
    while #candidates < 2 and release ~= nil and release ~= '/' do
        local parent, name = split(release)
        table.insert(candidates, {release = release, file = file})
        release, file = parent, name .. '/' .. file
    end
    -- A moved link points to another release in the same parent directory. Check first
    -- whether that directory may contain another release, because that is far faster
    -- than reading every link.
    local may_move = false
    for _, candidate in ipairs(candidates) do
        may_move = may_move or has_sibling(candidate.release)
    end
    if not may_move then
        return nil
    end
    -- The shell sets PWD to the path by which the working directory was entered, with
    -- symbolic links unresolved.
    local pwd, listed = environment.get('PWD'), {}
    local now = pwd and pwd:sub(1, 1) == '/' and resolve(pwd)
    for _, candidate in ipairs(candidates) do
        if now and now ~= pwd and is_other_release(now, candidate.release, candidate.file) then
            return pwd, now, directory
        end
        local is_current, link, other = search(candidate.release, candidate.file, listed)
        if is_current then
            return nil
        elseif link ~= nil then
            return link, other, directory
        end
    end
    return nil
end

--- Returns a warning if the symbolic link through which the modules were deployed now
-- points to another release. Yields.
-- @tparam {table,...} modules {name, path}
-- @treturn ?string
local function warning(modules)
    local link, now, directory = moved(modules)
    if link == nil then
        return nil
    end
    return ('code is read from %s, but %s now points to %s: restart the instance to run that release'):format(
        directory, link, now)
end

return {root = root, moved = moved, warning = warning}
