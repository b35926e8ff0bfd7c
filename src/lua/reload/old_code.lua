--- Distinguishes the old code of a reload from the new code. Records the functions of
-- both, and finds the counterparts of old functions in the new code.

local require = ...
local catalog = require('code.catalog')
local counterparts = require('scan.counterparts')
local global_code = require('code.global_code')
local reach = require('code.reach')
local yield = require('core.yield')

local OldCode = {}
OldCode.__index = OldCode

--- Creates the record of old and new code for one reload. Records nothing yet.
-- @tparam table txn the transaction
-- @tparam table choice result of `choose` in `reload.choice`, already passed to
--   `compile_all`
local function new(txn, choice)
    return setmetatable({
        txn = txn,
        choice = choice,
        former = {},    -- module name -> path of the file that it had before
    }, OldCode)
end

--- Records as new code the functions of the compiled modules and, if the reload runs the
-- main script again, those of that script. All other functions from the same files count
-- as old code. So do functions from the former files of moved or removed modules. May
-- yield.
function OldCode:record()
    local txn = self.txn
    for _, module in ipairs(self.choice.selected) do
        txn.ownership:record(module.chunk, module.path)
        yield.if_due()
        local former = catalog.former_file(module, package.loaded[module.name], txn.stash)
        if former ~= nil then
            txn.ownership:forget(former)
            self.former[module.name] = former
        end
    end
    for _, module in ipairs(self.choice.gone) do
        txn.ownership:forget(module.path)
    end
    local main = self.choice.main
    if main ~= nil then
        txn.ownership:record(main.chunk, main.path)
        txn.ownership:add_source('@' .. main.given, '@' .. main.path)
    end
end

--- Finds code that old modules have loaded without `require`, for example with `dofile`,
-- and records it as old code. Skips modules that an earlier reload has loaded, because
-- their code is already recorded. May yield.
function OldCode:survey()
    local ownership, modules, paths = self.txn.ownership, {}, {}
    for _, module in ipairs(self.choice.all) do
        yield.if_due()
        paths[module.path] = true
    end
    for _, list in ipairs({self.choice.selected, self.choice.gone}) do
        for _, module in ipairs(list) do
            yield.if_due()
            if self.txn.stash.names[module.name] == nil then
                table.insert(modules, {
                    name = module.name,
                    path = module.path,
                    value = package.loaded[module.name],
                })
            end
        end
    end
    local files, protos = reach.survey(modules, paths)
    ownership:learn(protos)
    for _, file in ipairs(files) do
        ownership:add_source('@' .. file.path, file.unit)
    end
end

--- Lists the functions and tables of the old modules before new code can change them.
-- `match` later finds their counterparts in the new code. May yield.
function OldCode:list()
    local paths = {}
    for _, list in ipairs({self.choice.selected, self.choice.gone}) do
        for _, module in ipairs(list) do
            yield.if_due()
            paths[module.name] = module.path
        end
    end
    self.globals = global_code.list(self.txn.ownership)
    local old_values = table.copy(package.loaded)
    for _, item in ipairs(self.globals) do
        paths[item.name], old_values[item.name] = item.path, item.value
    end
    self.things = counterparts.list(self.txn.stash, self.txn.ownership, old_values, {paths, self.former})
end

--- Corrects the result of `survey`: code does not count as old if new modules refer to it
-- without having loaded it. Such code belongs to something that is not reloaded, for
-- example the main script. May yield.
-- @tparam table modules the `modules` adapter of the transaction
function OldCode:disown_shared(modules)
    local ownership, loaded, values = self.txn.ownership, {}, {}
    if next(ownership.learned) == nil then
        return
    end
    for _, file in ipairs(modules:loaded_files()) do
        loaded[file.path] = true
    end
    for name in pairs(modules.by_name) do
        values[name] = modules.view:find(name)
    end
    yield.if_due()
    ownership:disown(reach.find_shared(values, ownership), loaded)
end

--- Prepares the search for counterparts: the functions and tables of the new code that
-- correspond to those of the old code. May yield.
-- @tparam table modules the `modules` adapter of the transaction
-- @tparam table http_files the `http_files` adapter of the transaction
-- @treturn table the search, see `scan.counterparts`
function OldCode:match(modules, http_files)
    local paths, gone = {}, {}
    for _, list in ipairs({self.choice.selected, modules.added}) do
        for _, module in ipairs(list) do
            yield.if_due()
            paths[module.name] = module.path
        end
    end
    for _, module in ipairs(self.choice.gone) do
        gone[module.name] = module.path
    end
    local view, new_values = modules.view, {}
    for name in pairs(paths) do
        yield.if_due()
        new_values[name] = view:find(name)
    end
    local old_values = table.copy(modules.before)
    for _, item in ipairs(http_files:replaced()) do
        paths[item.name], old_values[item.name], new_values[item.name] = item.path, item.old, item.new
    end
    local shared = {}
    for _, item in ipairs(self.globals) do
        paths[item.name], old_values[item.name] = item.path, item.value
        new_values[item.name], shared[item.name] = rawget(_G, item.variable), item.is_shared or nil
    end
    local things = self.things
    self.things, self.globals = nil, nil
    return counterparts.new(self.txn.stash, {
        ownership = self.txn.ownership,
        old = old_values,
        new = new_values,
        paths = paths,
        former = self.former,
        gone = gone,
        things = things,
        shared = shared,
    })
end

return {new = new}
