--- Finds the files of Lua modules in the places where `require` looks.
--
-- `package.search` looks below `package.searchroot()`, which is the working directory
-- by default, and in `package.path`. Since Tarantool 2.11, `require` also looks in the
-- directory of the main script. The application is still found there after
-- `box.cfg({work_dir = ...})` has changed the working directory. No function returns
-- the directory of the main script, but a loader that finds nothing returns the name
-- of every file that it has tried.

-- A name that no module has.
local PROBE = 'cartridge-reload-probe'

--- Returns Tarantool's loader of Lua files below the search root and next to the
-- main script: the first loader after that of `package.preload`.
-- @treturn ?function
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
-- @treturn {string,...} without duplicates; empty if the server's loader does not name
--   them
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

--- Finds the file of a module, whether the module is loaded or not.
-- @tparam string name
-- @tparam ?{string,...} directories the result of `roots`, which should be passed when
--   searching for many names
-- @treturn ?string path
local function search(name, directories)
    local templates = {}
    for _, directory in ipairs(directories or roots()) do
        -- The characters `;` and `?` cannot be escaped in a template.
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
