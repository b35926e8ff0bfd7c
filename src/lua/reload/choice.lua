--- Chooses and compiles the modules and files to reload, and checks whether they can be
-- reloaded. Does not change the instance.

local require = ...
local catalog = require('code.catalog')
local detect_framework = require('frameworks.detect')
local http_files = require('adapters.http_files')
local main_script = require('reload.main_script')
local no_modules = require('reload.no_modules')
local yield = require('core.yield')

--- Chooses what to reload: modules, files that HTTP servers use, and the main script.
-- May yield.
-- @tparam table args arguments of the command
-- @tparam table stash the state table, see `core.stash`
-- @treturn table result of `catalog.choose`, plus the fields that `main_script.add` adds,
--   plus a field `http_files` that contains the result of `http_files.find`
local function choose(args, stash)
    local choice = catalog.choose(args, stash)
    choice.http_files = http_files.find(choice.select)
    main_script.add(choice, args)
    return choice
end

--- Reads and compiles the chosen modules and files. May yield.
-- @tparam table choice result of `choose`
-- @tparam table stash the state table, see `core.stash`
-- @treturn {table,...} errors: {module, path, message}
local function compile_all(choice, stash)
    local problems = {}
    local function compile(module)
        yield.if_due()
        local ok, err = catalog.compile(module, stash)
        if not ok then
            table.insert(problems, {module = module.name, path = module.path, message = err})
        end
    end
    for _, module in ipairs(choice.selected) do
        compile(module)
    end
    if choice.main ~= nil then
        compile(choice.main)
    elseif choice.script ~= nil then
        -- The reload does not run the main script. Compile the script anyway, to report
        -- whether it has changed, and what would happen if it were run again.
        catalog.compile(choice.script, stash)
    end
    for _, file in ipairs(choice.files) do
        yield.if_due()
        catalog.check_loaded_file(file)
    end
    for _, item in ipairs(choice.http_files) do
        yield.if_due()
        local ok, err = http_files.check(item, stash)
        if not ok then
            table.insert(problems, {module = item.key, path = item.path, message = err})
        end
    end
    return problems
end

--- Returns whether the chosen files on disk are unchanged since the serving code was
-- loaded.
local function is_unchanged(choice)
    for _, list in ipairs({choice.selected, choice.files, choice.http_files, {choice.main}}) do
        for _, item in ipairs(list) do
            if item.changed ~= false then
                return false
            end
        end
    end
    return #choice.gone == 0
end

local function by_name(choice)
    local set = {}
    for _, module in ipairs(choice.selected) do
        set[module.name] = module
    end
    return set
end

--- Returns why the chosen modules cannot be reloaded.
-- @tparam table choice result of `choose`
-- @tparam table args arguments of the command
-- @treturn ?table fields of the failure; nil if the modules can be reloaded
local function refusal(choice, args)
    local gone = choice.gone[1]
    local has_files = #choice.http_files > 0 and #(args.modules or {}) == 0
    if choice.main_problem ~= nil then
        return choice.main_problem
    elseif choice.main ~= nil then
        return nil
    elseif #choice.selected == 0 and gone ~= nil and #(args.modules or {}) == 0 then
        -- The files of all modules are missing, probably because a directory was moved.
        -- The modules stay loaded, because code may require them later. They are
        -- removed only if --module names them.
        return {
            code = 'no_modules',
            phase = 'compile',
            message = ('the files of all application modules are missing; one of them is %s'):format(gone.path),
        }
    elseif #choice.selected == 0 and gone == nil and not has_files then
        return {
            code = 'no_modules',
            phase = 'compile',
            message = no_modules.explain(choice, args),
        }
    end
    local framework = detect_framework()
    return framework.check_files and framework:check_files(by_name(choice))
end

return {
    choose = choose,
    compile_all = compile_all,
    is_unchanged = is_unchanged,
    refusal = refusal,
}
