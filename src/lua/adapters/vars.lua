--- Adapter: `cartridge.vars` of the application's modules, the place for state
-- that survives a reload. What new code sets there is staged: nobody else sees
-- it before the commit.

local require = ...
local view = require('reload.overlay')

local Vars = {name = 'vars'}
Vars.__index = Vars

local function new(txn, modules)
    return setmetatable({txn = txn, modules = modules, views = {}, defaults = {}}, Vars)
end

--- The tables of a kind, by module name.
local function tables(kind)
    local all = rawget(_G, '_cluster_vars_' .. kind)
    return type(all) == 'table' and all or {}
end

function Vars:snapshot()
    for name, defaults in pairs(tables('defaults')) do
        if self.modules.by_name[name] ~= nil then
            self.defaults[name] = table.copy(defaults)
        end
    end
end

function Vars:stage()
    for name, values in pairs(tables('values')) do
        if self.modules.by_name[name] ~= nil and type(values) == 'table' then
            -- A copy has the metatable too: to be made before there is one.
            local first = table.copy(values)
            local staged = view.new(self.txn, values)
            staged.first = first
            staged:offer_all()
            self.views[name] = staged
        end
    end
end

function Vars:commit()
    for _, staged in pairs(self.views) do
        staged:close()
        for key, value in staged:each() do
            -- What new code has not touched is as the old code left it.
            if not rawequal(value, staged.first[key]) then
                staged.live[key] = value
            end
        end
    end
end

function Vars:rollback(undone)
    for name, staged in pairs(self.views) do
        staged:close()
        for key, value in staged:each() do
            if not rawequal(value, staged.first[key]) then
                table.insert(undone, ('cartridge.vars of %s: %s'):format(name, tostring(key)))
            end
        end
    end
    for name in pairs(tables('values')) do
        if self.modules.by_name[name] ~= nil and self.views[name] == nil then
            tables('values')[name] = nil
        end
    end
    for name in pairs(tables('defaults')) do
        if self.modules.by_name[name] ~= nil then
            tables('defaults')[name] = self.defaults[name]
        end
    end
end

return {new = new}
