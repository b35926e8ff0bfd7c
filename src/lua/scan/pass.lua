--- One pass of the scan: a walk over the heap that judges each place as it finds
-- it, and mends it if it can.

local require = ...
local generations = require('reload.generations')
local fiber = require('fiber')
local mend_lib = require('scan.patch')
local roots_lib = require('scan.roots')
local slice = require('core.yield')
local walk_lib = require('scan.heap_walk')
local words = require('scan.describe')

-- Places that are listed; the others are counted.
local PLACES = 5000
-- Functions made from text that are looked at.
local TEXTS = 200
-- A table of a module with more entries is data.
local SMALL = 1000
-- How far new code is looked for on the way to a place.
local HOLDERS = 50

--- Mends a place, if it is wanted and can be done.
-- @treturn[1] boolean true
-- @treturn[2] boolean false
-- @treturn[2] ?string why not
local function mend(options, place)
    if not options.mend then
        return false
    end
    local counterpart, why = options.counterparts:find(place.func, place.source)
    if counterpart == nil then
        return false, why
    end
    return mend_lib.mend(place, counterpart)
end

--- One walk over the heap.
local Pass = {}
Pass.__index = Pass

--- @tparam table options see `scan`, with
--   believed: what of the registry says which code is stale
--   limit: the most memory that Lua may have in use, in kilobytes
--   lists: see `walk`
-- @treturn table after `run`: `patched` and `left`, lists of what is reported of
--   places, `patched_count` and `left_count`, `texts`, `threads`, `walk`,
--   `is_complete`, `stopped`
local function new(options)
    local self = setmetatable({
        options = options,
        patched = {},       -- places
        left = {},
        patched_count = 0,
        left_count = 0,
        keys = {},          -- places to be mended after the walk
        fibers = {},        -- set of their coroutines
        threads = {},       -- those of them that run old code
        texts = {},         -- functions that were made from text
        triggers = {},      -- functions found as such
        mended = {},        -- objects with a place that was mended
        renewed = {},       -- tables that were seen to as a whole
        told = {},          -- object -> key -> function, of places that are left
    }, Pass)
    self.walk = walk_lib.new({
        deadline = options.deadline,
        limit = options.limit,
        lists = options.lists,
        -- What it remembers it remembers weakly.
        without = {options.registry},
        classify = function(f)
            return (generations.classify(options.believed, f))
        end,
        on_text = function(number)
            if #self.texts < TEXTS then
                table.insert(self.texts, {number = number, kind = 'object'})
            end
        end,
        on_place = function(...)
            return self:on_place(...)
        end,
    })
    return self
end

function Pass:keep(place)
    -- A table that was begun again gives its places twice.
    local told = place.object ~= nil and self.told[place.object]
    if told and told[place.key] == place.func
    or place.kind == 'key' and rawget(place.object, place.func) == nil then
        return
    end
    place.is_mended = place.object ~= nil and self.mended[place.object]
    place.is_iterated = place.kind == 'key' and self.walk:is_iterated(place.object)
    if self.options.mend and self:is_of_new_code(place) then
        place.patched, place.reason = false, 'the new code itself has taken it'
    else
        place.patched, place.reason = mend(self.options, place)
    end
    if place.patched and place.object ~= nil then
        self.mended[place.object] = true
    elseif place.kind == 'field' or place.kind == 'key' then
        self.told[place.object] = told or {}
        self.told[place.object][place.key] = place.func
    end
    self:list(place)
end

function Pass:list(place)
    local name = place.patched and 'patched' or 'left'
    if #self[name] < PLACES then
        table.insert(self[name], place)
    end
    self[name .. '_count'] = self[name .. '_count'] + 1
end

local function new_place(known, number, kind, key, f, object)
    local place = {number = number, kind = kind, key = key, func = f, object = object}
    local _
    _, place.source, place.line, place.generation = generations.classify(known, f)
    return place
end

--- Whether new code itself holds a place, in its variables or in what its module
-- has. It got hold of an old function somewhere, often to put one of its own
-- around it: to replace that by the one around it would make it call itself.
function Pass:is_of_new_code(place)
    local judge, object = self.options.counterparts, place.object
    if place.kind == 'local' then
        return judge:is_newest(place.key.func)
    elseif place.kind == 'root' or place.kind == 'frame' then
        return false
    end
    local number, key_before = place.number, place.key
    for _ = 1, HOLDERS do
        if type(object) == 'function' and judge:is_newest(object) then
            return true
        elseif rawequal(object, package.loaded) then
            return not rawequal(place.object, object) and judge:is_replaced(key_before)
        end
        local _, parent, key = self.walk:at(number)
        if parent < 0 then
            return false
        end
        number, key_before = parent, key
        object = self.walk:at(number)
    end
    return false
end

--- Brings a table of an old module, such as a class that objects still have as
-- their metatable, up to its counterpart, in one step. What the new functions
-- call must be there, also if the old module had nothing like it.
-- @treturn boolean whether the table has got new keys
function Pass:renew(first, counterpart)
    local known, object, number = self.options.believed, first.object, first.number
    local added = false
    for key, f in next, object do
        if type(f) == 'function' and generations.classify(known, f) == 'stale' then
            self:keep(new_place(known, number, 'field', key, f, object))
        end
    end
    for key, f in next, counterpart do
        -- Not in the array part: there order is what matters.
        if type(key) == 'string' and type(f) == 'function' and rawget(object, key) == nil then
            rawset(object, key, f)
            added = true
            local info = debug.getinfo(f, 'S')
            self:list({
                name = self.options.counterparts:name_beside(first.func, first.source, key),
                number = number,
                kind = 'field',
                key = key,
                func = f,
                source = info.source,
                line = info.linedefined,
                generation = self.options.registry.generation,
                patched = true,
                reason = 'added with the new code',
            })
        end
    end
    return added
end

local function is_small(object)
    local count = 0
    for _ in next, object do
        count = count + 1
        if count > SMALL then
            return false
        end
    end
    return true
end

--- Called by the walk for each place.
-- @treturn ?boolean whether the object has got new keys
function Pass:on_place(number, kind, key, f, object)
    if kind == 'root' then
        self.triggers[f] = true
    elseif object == debug.getregistry() and self.triggers[f] then
        -- Was told by its name.
        return
    elseif kind == 'frame' then
        if self.fibers[object] then
            table.insert(self.threads, object)
        end
    elseif kind == 'field' and self.renewed[object] then
        return
    end
    local place = new_place(self.options.believed, number, kind, key, f, object)
    if kind == 'key' then
        -- The table is being walked.
        table.insert(self.keys, place)
        return
    elseif kind == 'field' and self.options.mend then
        local counterpart = self.options.counterparts:find_table(object, place.source)
        if counterpart ~= nil and is_small(object) and is_small(counterpart)
        and not self:is_of_new_code(place) and not self.walk:is_iterated(object) then
            self.renewed[object] = true
            return self:renew(place, counterpart)
        end
    end
    self:keep(place)
end

--- What is reported of a place. The names in it are of the application, with
-- functions of its own that can fail.
local function describe(self, place)
    local ok, kind, where = pcall(words.tell, self.walk, self.roots, place)
    if not ok then
        kind, where = 'table', 'a place that cannot be named'
    end
    return {
        kind = kind,
        where = where,
        ['function'] = ('%s:%d'):format(place.source:gsub('^@', ''), place.line),
        name = place.name or self.options.counterparts:name_of(place.func, place.source),
        generation = place.generation,
        patched = place.patched,
        reason = place.reason,
    }
end

--- Replaces the places by what is reported of them. May yield.
function Pass:describe(list)
    for i, place in ipairs(list) do
        -- Also in a fiber that was cancelled, which must not pause.
        pcall(slice.pause)
        list[i] = describe(self, place)
    end
end

--- Makes the pass. Yields.
function Pass:run()
    -- Fibers that have not begun to run have no stack.
    fiber.sleep(0)
    self.roots, self.hidden = roots_lib.collect()
    for _, root in ipairs(self.roots) do
        if root.kind == 'fiber' then
            self.fibers[root.value] = true
        end
    end
    -- What was mended is told, whatever happens.
    local ok, err = pcall(function()
        self.is_complete = self.walk:run(self.roots)
        for _, place in ipairs(self.keys) do
            if not self.walk:go_on() then
                self.is_complete = false
                break
            end
            self:keep(place)
        end
    end)
    self.stopped = self.walk.stopped
    if not ok then
        self.is_complete, self.stopped = false, tostring(err)
    end
    if self.patched_count > 0 then
        -- Compiled code has the old functions built in.
        jit.flush()
    end
    self:describe(self.patched)
    self:describe(self.left)
    local texts = self.texts
    self.texts = {}
    for _, place in ipairs(texts) do
        local told, kind, where = pcall(words.tell, self.walk, self.roots, place)
        -- Those are of Tarantool.
        if told and kind ~= 'registry' then
            table.insert(self.texts, where)
        end
    end
end

return {new = new}
