--- Determines the directory from which the application's code is read, and
-- whether a link to it now points to another release.
--
-- Deployment tools put each release into a directory of its own and move a link
-- to it. A process started inside the link has the directory itself as its
-- working directory, and keeps reading the old release.

local require = ...
local catalog = require('code.catalog')
local fio = require('fio')
local slice = require('core.yield')

-- Limits: links in one path, and entries of a directory.
local LINKS, ENTRIES = 40, 200

--- Resolves all links of an absolute path.
-- @treturn ?string nil if there are too many
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

--- Returns the name of a release without its version, time or commit.
local function stem(name)
    if #name >= 7 and name:match('^%x+$') then
        return ''
    end
    return (name:gsub('[-_.]?v?%d.*$', ''))
end

--- Returns the directory of most of these modules, with links resolved. Yields.
-- @tparam {table,...} modules {name, path}
-- @treturn ?string
-- @treturn ?string path of a module, relative to it
local function root(modules)
    local counts, best, file = {}, nil, nil
    for _, module in ipairs(modules) do
        slice.pause()
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

--- Whether a directory is another release of the application in `release`.
local function is_other_release(directory, release, file)
    local parent, name = split(directory)
    local own_parent, own_name = split(release)
    return directory ~= release and parent == own_parent and stem(name) == stem(own_name)
        and fio.path.exists(directory .. '/' .. file)
end

--- Lists the links in a directory, in order. Each entry costs a call to one of
-- fio's worker threads.
-- @tparam ?string directory
-- @tparam table listed directory -> what this has returned for it
-- @treturn {{path, target},...} without those that tools keep to the
--   previous release
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

--- Searches for a link next to a release, or next to the directory of all
-- releases.
-- @treturn[1] boolean true, if a link leads to the release itself
-- @treturn[2] boolean false
-- @treturn[2] ?string link that leads to another release
-- @treturn[2] ?string that release
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

--- Returns the link that led to the code of these modules, if it now points
-- elsewhere.
-- @tparam {table,...} modules {name, path}
-- @treturn ?string link
-- @treturn ?string where it leads
-- @treturn ?string where code is read from
local function moved(modules)
    local directory, file = root(modules)
    -- The working directory as the shell named it at startup.
    local pwd = os.getenv('PWD')
    local now = directory and pwd and pwd:sub(1, 1) == '/' and resolve(pwd)
    -- The code may be below the release directory.
    local release, listed = directory, {}
    for _ = 1, 2 do
        if release == nil or release == '/' then
            return nil
        end
        if now and now ~= pwd and is_other_release(now, release, file) then
            return pwd, now, directory
        end
        local is_current, link, other = search(release, file, listed)
        if is_current then
            return nil
        elseif link ~= nil then
            return link, other, directory
        end
        local parent, name = split(release)
        release, file = parent, name .. '/' .. file
    end
    return nil
end

--- Returns a warning if the link has moved.
-- @tparam {table,...} modules {name, path}
-- @treturn ?string
local function warning(modules)
    local link, now, directory = moved(modules)
    if link == nil then
        return nil
    end
    return ('code is read from %s, but %s now leads to %s: only a restart runs that release'):format(
        directory, link, now)
end

return {root = root, moved = moved, warning = warning}
