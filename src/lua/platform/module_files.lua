--- Finds the files of Lua modules as `require` does.
--
-- `package.search` looks in `package.path` and below `package.searchroot()`, which is
-- the working directory by default. Since Tarantool 2.11, `require` also looks in the
-- directory of the main script. So the application is still found after
-- `box.cfg({work_dir = ...})` has changed the working directory. No function returns
-- the directory of the main script. However, a loader that finds no file returns the
-- names of all files that it tried, including those in this directory.

-- A name that no module has. Searching for it makes the loader list the files it tries.
local PROBE = 'cartridge-reload-probe'

--- Returns Tarantool's loader of Lua files below the search root and in the directory of
-- the main script. It is the first built-in loader after the one for `package.preload`.
-- @treturn ?function nil if there is none
local function file_loader()
    for i, loader in ipairs(package.loaders) do
        if i > 1 and type(loader) == 'function'
        and debug.getinfo(loader, 'S').source:sub(1, 9) == '@builtin/' then
            return loader
        end
    end
    return nil
end

--- Returns the directories that `require` searches first: the search root and the
-- directory of the main script.
-- @treturn {string,...} without duplicates; empty if the loader does not name them
local function roots()
    local loader = file_loader()
    local ok, tried = pcall(loader or error, PROBE)
    local list, seen = {}, {}
    for file in (ok and tostring(tried) or ''):gmatch("no file '([^\n]+)'") do
        local directory = file:match('^(.*)/cartridge%-reload%-probe%.lua$')
        if directory ~= nil and not seen[directory] then
            seen[directory] = true
            table.insert(list, directory)
        end
    end
    return list
end

--- Finds the file of a module, whether or not the module is loaded.
-- @tparam string name
-- @tparam ?{string,...} directories the result of `roots`; pass it when searching for
--   many modules, to save time
-- @treturn ?string path
local function search(name, directories)
    local templates = {}
    for _, directory in ipairs(directories or roots()) do
        -- Search templates offer no way to escape `;` and `?` in the name of a directory.
        if not directory:find('[;?]') then
            table.insert(templates, directory .. '/?.lua')
            table.insert(templates, directory .. '/?/init.lua')
        end
    end
    local path = table.concat(templates, ';')
    local found = path ~= '' and package.searchpath(name, path) or package.search(name)
    return type(found) == 'string' and found or nil
end

return {
    roots = roots,
    search = search,
}
