--- Selects the modules to reload, and reads their code from disk.
--
-- An application module is a module in `package.loaded` whose file is neither in a
-- `.rocks` tree nor installed system-wide. Other modules are not reloaded. For each of
-- them, the report gives a one-word reason.

local require = ...
local cartridge_lib = require('platform.cartridge')
local digest = require('digest')
local errno = require('errno')
local http_servers = require('platform.http_servers')
local kinds = require('code.kinds')
local module_files = require('platform.module_files')
local yield = require('core.yield')

local KIND = kinds.words

-- Names of Tarantool's own modules. An application file with one of these names is
-- never loaded, because `require` finds the built-in module first.
local BUILTIN = {}
for name in ([[
    _G argparse bit box buffer clock config console coroutine crypto csv
    datetime debug decimal digest errno error ffi fiber fio fun help
    help.en_US http.client iconv io jit json key_def log luadebug math merger
    msgpack msgpackffi net.box net.box.lib os package pickle popen pwd
    reflection serpent socket strict string swim table tap tarantool title
    trigger uri utf8 uuid varbinary xlog yaml
]]):gmatch('%S+') do
    BUILTIN[name] = true
end
-- Name prefixes of the Tarantool modules outside BUILTIN, such as `internal` in
-- `internal.trigger`.
local BUILTIN_PARENTS = {box = true, internal = true, jit = true, table = true}

local function is_builtin_name(name)
    return BUILTIN[name] or BUILTIN_PARENTS[name:match('^(%w+)%.') or ''] or false
end

-- Limits on the search for functions in a module's value: the number of fields, and the
-- depth.
local FIELDS, DEPTH = 1000, 2

-- Directories for modules that are installed system-wide. An application may itself be
-- deployed below one of these directories, see `is_system_path`.
local SYSTEM = {
    '/usr/share/tarantool/',
    '/usr/local/share/tarantool/',
    '/usr/share/lua/',
    '/usr/local/share/lua/',
}

local function starts_with(text, prefix)
    return text:sub(1, #prefix) == prefix
end

--- Converts a shell pattern with `*`, `?` and `[...]` to a Lua pattern.
local function glob_to_pattern(glob)
    local out, i = {'^'}, 1
    while i <= #glob do
        local c = glob:sub(i, i)
        local set, stop = glob:match('^%[([!^]?%]?[^%]]*)%]()', i)
        local negated, members = (set or ''):match('^([!^]?)(.*)$')
        if c == '*' then
            out[#out + 1] = '.*'
        elseif c == '?' then
            out[#out + 1] = '.'
        elseif members ~= '' then
            out[#out + 1] = ('[%s%s]'):format(
                negated ~= '' and '^' or '', (members:gsub('[%%%]%[%^]', '%%%0')))
            i = stop - 1
        else
            out[#out + 1] = c:gsub('%W', '%%%0')
        end
        i = i + 1
    end
    out[#out + 1] = '$'
    return table.concat(out)
end

local function matches_any(name, patterns)
    for _, pattern in ipairs(patterns) do
        if name:match(pattern) then
            return true
        end
    end
    return false
end

--- Returns whether a module's value contains functions of Tarantool but none from files
-- on disk. Examines only the value and its fields. That is enough to distinguish a
-- built-in module from an application module with the same name.
local function is_builtin_value(value)
    local builtin, from_disk = false, false
    local function look(f)
        if type(f) == 'function' then
            local source = debug.getinfo(f, 'S').source
            if not starts_with(source, '@') or starts_with(source, '@builtin/') then
                builtin = true
            elseif not starts_with(source, '@cartridge-reload/') then
                from_disk = true
            end
        end
    end
    look(value)
    if type(value) == 'table' then
        for _, field in next, value do
            look(field)
        end
    end
    -- `_G` is a built-in module, even though it contains the application's global
    -- functions.
    return builtin and not from_disk or value == _G
end

--- Returns the path from which a module was loaded, according to the chunk names of its
-- functions. Needed if `require` no longer finds the module's file.
-- @param value value of the module
-- @treturn ?string path
-- @treturn boolean whether the module has Lua functions other than Tarantool's
local function vanished_file(value)
    if type(value) ~= 'table' then
        value = {value}
    end
    local is_code = false
    for _, field in next, value do
        if type(field) == 'function' then
            local info = debug.getinfo(field, 'S')
            local source = info.source
            if starts_with(source, '@') and not starts_with(source, '@builtin/') then
                return source:sub(2), true
            elseif info.what ~= 'C' and not starts_with(source, '@builtin/') and not starts_with(source, '=[') then
                is_code = true
            end
        end
    end
    return nil, is_code
end

--- Returns whether the application has added a package loader.
local function has_custom_loader()
    for _, loader in ipairs(package.loaders) do
        local info = type(loader) == 'function' and debug.getinfo(loader, 'S')
        if info and info.what ~= 'C' and not starts_with(info.source, '@builtin/')
        and not starts_with(info.source, '@cartridge-reload/') then
            return true
        end
    end
    return false
end

--- Returns the directory below which `require` has found a module: the module's path
-- without the part that corresponds to the module's name.
-- @treturn ?string nil if the path does not end with that part
local function root_of(name, path)
    local below = '/' .. name:gsub('%.', '/')
    for _, ending in ipairs({'.lua', '/init.lua'}) do
        if path:sub(-#below - #ending) == below .. ending then
            return path:sub(1, -#below - #ending - 1)
        end
    end
    return nil
end

--- Checks whether a file is readable, and whether it is absent.
-- @treturn boolean whether the file can be read
-- @treturn boolean whether the file does not exist
local function check_file(path)
    local file, _, code = io.open(path, 'rb')
    if file ~= nil then
        file:close()
        return true, false
    end
    return false, code == errno.ENOENT or code == errno.ENOTDIR
end

--- Returns whether a file was installed system-wide. Returns false for the files of an
-- application that is itself deployed below a system-wide directory.
local function is_system_path(path)
    for _, dir in ipairs(SYSTEM) do
        if starts_with(path, dir) then
            for _, root in ipairs(module_files.roots()) do
                if starts_with(root .. '/', dir) and starts_with(path, root .. '/') then
                    return false
                end
            end
            return true
        end
    end
    return false
end

--- Returns whether a file belongs to the application. Such a file is neither built into
-- Tarantool, nor in a `.rocks` tree, nor installed system-wide.
local function is_application_path(path)
    return not starts_with(path, 'builtin/') and not path:find('/.rocks/', 1, true)
        and not starts_with(path, '.rocks/') and not is_system_path(path)
end

-- Servers of the `http` rock whose routes refer to controllers by name. A server looks
-- for these controllers first in a directory of its own, where `require` does not search.
local http_with_controllers = {}

--- Finds the file of a module, or of a controller of an HTTP server.
-- @tparam string name
-- @tparam ?{string,...} directories in which `require` searches first
-- @treturn ?string path
local function search(name, directories)
    local path = module_files.search(name, directories)
    for _, server in ipairs(path == nil and http_with_controllers or {}) do
        path = path or http_servers.controller_path(server.options, name)
    end
    return path
end

--- Finds the file of a module, and determines whether the module can be reloaded.
-- @tparam string name
-- @param value the module's value in `package.loaded`, or nil
-- @tparam ?table known name -> path of modules that earlier reloads have loaded
-- @tparam ?{string,...} directories in which `require` searches first; pass them when
--   classifying many modules, to save time
-- @treturn string `app` for an application module, otherwise a one-word reason why the
--   module is not reloaded
-- @treturn ?string path
local function classify(name, value, known, directories)
    if package.preload[name] ~= nil then
        return KIND.preload
    end
    if is_builtin_name(name) and is_builtin_value(value) then
        return KIND.builtin
    end
    local path = search(name, directories)
    if path == nil and is_builtin_name(name) then
        -- The application has replaced functions of this built-in module.
        return KIND.builtin
    elseif path == nil then
        local is_code
        path, is_code = vanished_file(value)
        path = known and known[name] or path
        if not path and not is_code then
            return KIND.builtin
        elseif not path then
            return has_custom_loader() and KIND.loader or KIND.no_file
        end
        local is_readable, is_absent = check_file(path)
        if not is_readable and cartridge_lib.has_section(path) then
            -- Cartridge's `extensions` role has loaded this module from the cluster
            -- config.
            return KIND.config, path
        elseif is_absent and starts_with(path, '/') then
            return path:find('/.rocks/', 1, true) and KIND.rocks or KIND.gone, path
        elseif is_readable or is_absent or root_of(name, path) == nil then
            -- The file is unknown. Either the application has assigned the value to
            -- `package.loaded` itself, or the path is relative and `box.cfg` has
            -- changed the working directory.
            return has_custom_loader() and KIND.loader or KIND.no_file, path
        end
        -- The file exists but cannot be read, so the search has skipped it. Select the
        -- module anyway, so that the reload fails with the read error.
    end
    if path:match('%.so$') or path:match('%.dylib$') then
        return KIND.shared_object, path
    end
    if path:find('/.rocks/', 1, true) then
        return KIND.rocks, path
    end
    return is_system_path(path) and KIND.system or 'app', path
end

--- Returns whether a file belongs to a loaded module other than `name`.
local function belongs_to_another(name, path)
    for other in pairs(package.loaded) do
        -- The search is slow, so search only for modules whose name matches the path.
        if type(other) == 'string' and other ~= name and root_of(other, '/' .. path)
        and module_files.search(other) == path then
            return true
        end
    end
    return false
end

--- Returns the path from which a module was loaded, if `require` now finds the module's
-- file elsewhere. Uses the path that an earlier reload has recorded, or else a chunk
-- name of the module's functions.
-- @tparam table module {name, path}, with the current path
-- @param value the value of the module
-- @tparam table stash see `core.stash`
-- @treturn ?string path; nil if the file has not moved
local function former_file(module, value, stash)
    local known, left = stash.names[module.name], FIELDS
    local is_other = {}     -- path -> whether it belongs to another module
    local function look(object, depth)
        if type(object) == 'function' then
            local path = debug.getinfo(object, 'S').source:match('^@(.*)$')
            if path == nil or starts_with(path, 'builtin/') or not root_of(module.name, '/' .. path) then
                return nil
            end
            -- The function may come from another module whose name has the same last
            -- part, such as `b.utils` instead of `a.utils`.
            if is_other[path] == nil then
                is_other[path] = path ~= module.path and belongs_to_another(module.name, path)
            end
            return not is_other[path] and path or nil
        elseif type(object) ~= 'table' or depth == 0 then
            return nil
        end
        for _, field in next, object do
            left = left - 1
            local path = left > 0 and look(field, depth - 1)
            if path then
                return path
            end
        end
        return nil
    end
    known = known or look(value, DEPTH)
    return known ~= module.path and known or nil
end

--- Builds the module filter from the command-line options.
-- @tparam table args arguments of the command: `rocks`, and the shell patterns in
--   `modules` and `exclude`
-- @tparam ?table matches the filter records here what each pattern in `modules` matched,
--   to explain why a pattern selects nothing: pattern -> kind (see `classify`) -> name
--   of one matching module of this kind
-- @treturn function (name, kind) -> `app`, or the reason why the module is not
--   reloaded. `kind` is the result of `classify`.
local function selector(args, matches)
    local include, exclude = {}, {}
    for i, glob in ipairs(args.modules or {}) do
        include[i] = glob_to_pattern(glob)
    end
    for _, glob in ipairs(args.exclude or {}) do
        table.insert(exclude, glob_to_pattern(glob))
    end
    return function(name, kind)
        if args.rocks and (kind == 'rocks' or kind == 'system') then
            kind = 'app'
        end
        for i, pattern in ipairs(matches and include or {}) do
            if name:match(pattern) then
                local matched = matches[args.modules[i]] or {}
                matches[args.modules[i]] = matched
                matched[kind] = matched[kind] or name
            end
        end
        if kind ~= 'app' then
            return kind
        elseif #include > 0 and not matches_any(name, include) then
            return KIND.not_selected
        elseif matches_any(name, exclude) then
            return KIND.excluded
        end
        return kind
    end
end

--- Reads a file. Blocks the event loop.
-- @treturn[1] string text
-- @treturn[1] string digest of the text
-- @treturn[2] nil
-- @treturn[2] string error
local function read(path)
    -- Do not use fio: it would run each call in a worker thread. For thousands of small
    -- files in the page cache, that costs far more than blocking reads.
    local file, err = io.open(path, 'rb')
    if file == nil then
        return nil, err
    end
    local text, read_err = file:read('*a')
    file:close()
    if text == nil then
        return nil, ('%s: %s'):format(path, read_err or 'cannot be read')
    end
    return text, digest.sha1_hex(text)
end

--- Chooses the modules to reload. May yield.
-- @tparam table args arguments of the command, see `selector`
-- @tparam table stash see `core.stash`
-- @treturn table
--   selected: {{name, path}, ...} sorted by name
--   gone: modules whose file no longer exists, in the same form
--   kept: reason -> sorted names of modules that are not reloaded
--   all: all application modules, in the same form as `selected`
--   matches: see `selector`
--   select: the filter for modules that new code requires for the first time
--   files: files that the modules have loaded without `require`, for example with
--     `dofile`: {{path, module, serving = digest}, ...}
local function choose(args, stash)
    local matches = {}
    local select_kind = selector(args, matches)
    local choice = {
        selected = {},
        gone = {},
        kept = {},
        files = {},
        all = {},
        matches = matches,
        select = selector(args),
    }
    http_with_controllers = {}
    for _, server in ipairs(http_servers.list()) do
        if #http_servers.named_controllers(server.routes) > 0 then
            table.insert(http_with_controllers, server)
        end
    end
    local names = {}
    for name in pairs(package.loaded) do
        if type(name) == 'string' then
            table.insert(names, name)
        end
    end
    table.sort(names)
    local directories = module_files.roots()
    for _, name in ipairs(names) do
        yield.if_due()
        local kind, path = classify(name, package.loaded[name], stash.names, directories)
        if kind == 'app' then
            table.insert(choice.all, {name = name, path = path})
        end
        if kind == KIND.gone then
            -- The removal of a module is also a change, so apply the filter to removed
            -- modules.
            kind = select_kind(name, 'app') == 'app' and KIND.gone or select_kind(name, 'app')
        else
            kind = select_kind(name, kind)
        end
        if kind == 'app' then
            table.insert(choice.selected, {name = name, path = path})
        else
            if kind == KIND.gone then
                table.insert(choice.gone, {name = name, path = path})
            end
            choice.kept[kind] = choice.kept[kind] or {}
            table.insert(choice.kept[kind], name)
        end
    end
    for _, list in ipairs({choice.selected, choice.gone}) do
        for _, module in ipairs(list) do
            for path, serving in pairs(stash.loads[module.name] or {}) do
                table.insert(choice.files, {path = path, module = module.name, serving = serving})
            end
        end
    end
    table.sort(choice.files, function(a, b)
        return a.path < b.path or a.path == b.path and a.module < b.module
    end)
    return choice
end

--- Determines whether a file has changed since a module loaded it without `require`.
-- @tparam table file {path, serving = digest}; this function sets `changed`
local function check_loaded_file(file)
    local text, digest_or_err = read(file.path)
    file.changed = file.serving ~= (text ~= nil and digest_or_err)
end

--- Reads and compiles one module.
-- @tparam table module {name, path}. This function sets `digest`, `chunk` and
--   `changed`. `changed` stays nil if the digest of the serving code is unknown.
-- @tparam table stash see `core.stash`
-- @treturn[1] boolean true
-- @treturn[2] nil
-- @treturn[2] string error message with the path of the file; for a syntax error, also
--   with the line
local function compile(module, stash)
    local text, digest_or_err = read(module.path)
    if text == nil then
        return nil, digest_or_err
    end
    module.digest = digest_or_err
    local serving = stash.files[module.path]
    if serving ~= nil then
        module.changed = serving ~= module.digest
    end
    local chunk, err = loadstring(text, '@' .. module.path)
    if chunk == nil then
        return nil, err
    end
    module.chunk = chunk
    return true
end

--- Describes a module for the report.
local function describe(module)
    return {name = module.name, path = module.path, changed = module.changed}
end

--- Describes, for the report, a file that a module has loaded without `require`.
local function describe_file(file)
    return {path = file.path, module = file.module, changed = file.changed}
end

return {
    check_loaded_file = check_loaded_file,
    classify = classify,
    choose = choose,
    compile = compile,
    describe = describe,
    describe_file = describe_file,
    former_file = former_file,
    glob_to_pattern = glob_to_pattern,
    has_custom_loader = has_custom_loader,
    is_builtin_name = is_builtin_name,
    is_application_path = is_application_path,
    read = read,
    root_of = root_of,
    vanished_file = vanished_file,
}
