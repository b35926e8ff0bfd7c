--- Describes places (slots that hold a reference) in terms that a developer
-- understands, for example `upvalue on_commit of function app/roles/a.lua:12`.

local require = ...
local walk_lib = require('scan.heap_walk')

local ENVIRONMENT, FRAME, KEY, METATABLE =
    walk_lib.ENVIRONMENT, walk_lib.FRAME, walk_lib.KEY, walk_lib.METATABLE

-- STEPS: maximum number of keys in a description. KEY_LENGTH, LENGTH: maximum lengths
-- of a key and of the whole description, in bytes.
local STEPS, KEY_LENGTH, LENGTH = 6, 40, 400
-- LAST: maximum number of steps to describe, counted from the end of a path. ALL:
-- maximum number of steps to trace a path back towards its root.
local LAST, ALL = 30, 20000

--- Shortens the path of a file: makes it relative to the application's directory, or
-- to the directory that contains `.rocks`.
-- @tparam string source chunk name with the path
-- @treturn string
local function short_path(source)
    local path = source:gsub('^@', '')
    local rocks = path:match('/(%.rocks/.*)$')
    local root = package.searchroot and package.searchroot() or ''
    if rocks ~= nil then
        return rocks
    elseif root ~= '' and path:sub(1, #root + 1) == root .. '/' then
        return path:sub(#root + 2)
    end
    return path
end

local function function_text(f)
    local info = debug.getinfo(f, 'S')
    if info.what == 'C' then
        return 'a C function'
    elseif info.source:match('^[@=]') == nil then
        return ('(compiled from a string):%d'):format(info.linedefined)
    end
    return ('%s:%d'):format(short_path(info.source:gsub('^=', '')), info.linedefined)
end

--- Formats a key so that it can follow the name of a table: `.key`, `['a key']` or
-- `[1]`.
local function key_text(key)
    if type(key) == 'string' then
        if #key > KEY_LENGTH then
            -- Do not cut through a UTF-8 character.
            key = key:sub(1, KEY_LENGTH):gsub('[\192-\255][\128-\191]*$', '') .. '...'
        elseif key:match('^[%a_][%w_]*$') then
            return '.' .. key
        end
        return ("['%s']"):format(key)
    elseif type(key) == 'number' or type(key) == 'boolean' then
        return ('[%s]'):format(tostring(key))
    elseif type(key) == 'cdata' then
        local ok, text = pcall(tostring, key)
        return ('[%s]'):format(ok and text:sub(1, KEY_LENGTH) or 'cdata')
    end
    return ('[a %s]'):format(type(key))
end

--- A description under construction. It consists of the text `head`, a list of keys,
-- and the text `tail`.
local Text = {}
Text.__index = Text

local function new_text(kind, head, tail)
    return setmetatable({kind = kind, head = head, tail = tail or '', keys = {}}, Text)
end

function Text:__tostring()
    local keys, first = self.keys, 1
    local dots = ''
    if #keys > STEPS then
        first, dots = #keys - STEPS + 1, '...'
    end
    return self.head .. dots .. table.concat(keys, '', first) .. self.tail
end

--- Returns the description of a part of an object: `LABEL of OBJECT`.
-- @tparam string kind kind of the part, see the manual
-- @tparam string label
-- @treturn table
function Text:of(kind, label)
    return new_text(kind, label .. ' of ' .. tostring(self))
end

local function is_route(object)
    return type(object) == 'table' and type(rawget(object, 'path')) == 'string'
        and type(rawget(object, 'method')) == 'string'
end

local SERVER_TABLES = {hooks = 'hook', helpers = 'helper'}

--- Returns the name of a field that contains the handler of an HTTP route, or a hook
-- or helper of an HTTP server. This name is clearer than the path to the field.
-- @param object object with the field
-- @param key key of the field
-- @param owner object that refers to `object`
-- @param owner_key key under which `owner` refers to `object`
-- @treturn ?string kind of the place; nil for any other field
-- @treturn ?string name
local function well_known(object, key, owner, owner_key)
    if key == 'sub' and is_route(object) then
        return 'route', ('http route %s %s'):format(rawget(object, 'method'), rawget(object, 'path'))
    end
    local kind = SERVER_TABLES[owner_key]
    if kind ~= nil and type(key) == 'string' and type(owner) == 'table'
    and rawequal(rawget(owner, owner_key), object) and type(rawget(owner, 'iroutes')) == 'table' then
        return kind, ('http %s %s'):format(kind, key)
    end
    return nil
end

--- Returns the description of the next object on a path.
-- @tparam table text description of the previous object
-- @param from the previous object
-- @param key key under which `from` refers to the next object, or a marker of
--   `heap_walk`
-- @treturn table
local function step(text, from, key)
    if key == METATABLE then
        text = text:of('metatable', 'metatable')
        text.is_metatable = true
        return text
    elseif key == KEY then
        return text:of('key', 'key')
    elseif key == ENVIRONMENT and type(from) == 'function' then
        return new_text('environment', 'environment of function ' .. function_text(from))
    elseif key == ENVIRONMENT then
        return text:of('environment', 'environment')
    elseif key == FRAME then
        return text
    elseif type(from) == 'function' then
        local name = debug.getupvalue(from, key)
        if name == '' then
            -- Upvalues of C functions have no names: leave them out. An example is
            -- the coroutine in the function that `coroutine.wrap` returns.
            return text
        end
        return new_text('upvalue', 'upvalue ' .. tostring(name),
            ' of function ' .. function_text(from))
    elseif type(from) == 'thread' then
        return new_text('local', 'local ' .. tostring(key), ' of ' .. tostring(text))
    end
    if text.is_metatable then
        -- Turn "metatable of X" into "metatable __index of X".
        local label, rest = tostring(text):match('^(%a+)( .*)$')
        return new_text(text.kind, ('%s %s'):format(label, (key_text(key):gsub('^%.', ''))), rest)
    elseif text.first ~= nil then
        local kind, words, is_metatable = text.first(key)
        text = new_text(kind, words)
        text.is_metatable = is_metatable
        return text
    end
    table.insert(text.keys, key_text(key))
    return text
end

-- Stands for the root of a path that is too long to be traced back.
local NOWHERE = {kind = 'table', words = 'somewhere'}

--- Describes a place.
-- @tparam table walk the walk that has found the place
-- @tparam {table,...} roots the roots of that walk, see `roots`
-- @tparam table place {number, kind, key}, see `heap_walk`. The kind `object`
--   stands for the object itself, not for a reference in it.
-- @treturn string kind of the place, see the manual
-- @treturn string description
local function describe(walk, roots, place)
    local way, number, count = {}, place.number, 0
    while number > 0 and count < ALL do
        local object, parent, key = walk:at(number)
        count = count + 1
        if count <= LAST then
            way[count] = {object = object, key = key}
        end
        number = parent
    end
    for i = 1, math.floor(#way / 2) do
        way[i], way[#way + 1 - i] = way[#way + 1 - i], way[i]
    end
    local root = number < 0 and roots[-number] or NOWHERE
    local is_whole = count <= LAST
    local text = new_text(root.kind, root.words)
    if is_whole then
        text.first = root.first
    else
        table.insert(text.keys, '...')
    end
    local anchor = root.is_anchor and root.words or nil

    -- The last step leads from the last object on the path to the place.
    local last = place.key
    if place.kind == 'key' then
        last = KEY
    elseif place.kind == 'frame' then
        last = FRAME
    elseif place.kind == 'local' then
        last = place.key.name
    end
    if place.kind ~= 'root' and place.kind ~= 'object' then
        table.insert(way, {key = last})
    end
    for index = 2, #way do
        local from, key = way[index - 1], way[index].key
        local owner = way[index - 2]
        local kind, words = well_known(from.object, key, owner and owner.object, from.key)
        if kind ~= nil then
            anchor = words
            text = new_text(kind, words)
        else
            text = step(text, from.object, key)
        end
    end

    local words, kind = tostring(text), text.kind
    if place.kind == 'frame' and root.kind == 'registry' and #way == 3 and is_whole then
        kind, words = 'fiber', 'a fiber with an unknown id'
    elseif place.kind == 'frame' and (root.kind ~= 'fiber' or #way > 2) then
        kind, words = 'coroutine', 'coroutine in ' .. words
    elseif place.kind == 'local' then
        words = ('%s at %s:%d'):format(words, short_path(place.key.source), place.key.line)
    end
    if anchor ~= nil and words:find(anchor, 1, true) == nil then
        words = ('%s (%s)'):format(words, anchor)
    end
    if #words > LENGTH then
        words = words:sub(1, LENGTH):gsub('[\192-\255][\128-\191]*$', '') .. '...'
    end
    return kind, words
end

--- Formats a key that follows a label, as in `global NAME`. Unlike `key_text`, adds
-- no dot to a plain name, and no brackets to a number.
local function field_text(key)
    if type(key) == 'number' then
        return tostring(key)
    end
    return (key_text(key):gsub('^%.', ''))
end

return {field_text = field_text, key_text = key_text, describe = describe}
