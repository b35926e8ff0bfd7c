--- Keeps apart the old and the new code of a reload: records which functions belong to
-- the new code, finds those that belong to the old code, and matches the two.

local require = ...
local catalog = require('code.catalog')
local counterparts = require('scan.counterparts')
local global_code = require('code.global_code')
local reach = require('code.reach')
local yield = require('core.yield')

local OldCode = {}
OldCode.__index = OldCode

--- Creates the record of one reload. Changes nothing yet.
-- @tparam table txn the transaction
-- @tparam table choice result of `choose` in `reload.choice`, after `compile_all`
local function new(txn, choice)
    return setmetatable({
        txn = txn,
        choice = choice,
        former = {},    -- module name -> path of the file that it had before
    }, OldCode)
end

--- Records the compiled modules and the main script as the new code, and everything
-- else from their files as the old code. May yield.
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

--- Finds code that the modules have loaded by other means than `require`, and
-- records it as old code, see `reach`. Examines only modules that no reload has
-- loaded yet: for the others, such code is already recorded. May yield.
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

--- Lists the functions and tables of the old modules, before new code can change
-- them. `match` later looks for their counterparts. May yield.
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

--- Corrects the result of `survey`: code that new code uses without having loaded
-- it no longer counts as old. Such code is shared with something that is not
-- reloaded, for example the main script. May yield.
-- @tparam table modules the adapter `modules` of the transaction
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

--- Prepares the search for the counterparts of old code in the new code. May yield.
-- @tparam table modules the adapter `modules` of the transaction
-- @tparam table http_files the adapter `http_files` of the transaction
-- @treturn table see `scan.counterparts`
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
