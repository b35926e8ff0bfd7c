-- Test stand-in for cartridge.clusterwide-config, written from its documented and
-- observed behaviour: named sections of text, parsed once if the name of the
-- section ends in ".yml"; a locked object no longer changes.

local digest = require('digest')
local errno = require('errno')
local fio = require('fio')
local yaml = require('yaml').new()

local errors = require('errors')

yaml.cfg({encode_load_metatables = false, decode_save_metatables = false})

local LoadConfigError = errors.new_class('LoadConfigError')
local SaveConfigError = errors.new_class('SaveConfigError')

local readonly_mt = {
    __newindex = function()
        error('table is read-only', 2)
    end,
}

-- Rejects only new keys, as Cartridge does.
local function freeze(t)
    for _, v in pairs(t) do
        if type(v) == 'table' then
            freeze(v)
        end
    end
    return setmetatable(t, readonly_mt)
end

local function thaw(t)
    if type(t) ~= 'table' then
        return t
    end
    local copy = {}
    for k, v in pairs(t) do
        copy[k] = thaw(v)
    end
    return copy
end

local config = {}
local config_mt = {__type = 'ClusterwideConfig', __index = config}

local function new(plaintext)
    local self = setmetatable({
        _plaintext = table.copy(plaintext or {}),
        locked = false,
    }, config_mt)
    return self:update_luatables()
end

function config:update_luatables()
    local tables = {}
    for section, text in pairs(self._plaintext) do
        tables[section] = text
        local name = section:match('^(.+)%.yml$')
        if name ~= nil then
            local ok, value = pcall(yaml.decode, text)
            if not ok then
                return nil, LoadConfigError:new(
                    'Error parsing section %q: %s', section, value)
            end
            tables[name] = value
        end
    end
    self._luatables = freeze(tables)
    return self
end

function config:lock()
    self.locked = true
    return self
end

function config:set_plaintext(section, text)
    assert(not self.locked, 'config is locked')
    self._plaintext[section] = text
    return self
end

function config:get_plaintext(section)
    if section == nil then
        return self._plaintext
    end
    return self._plaintext[section]
end

function config:get_readonly(section)
    if section == nil then
        return self._luatables
    end
    return self._luatables[section]
end

function config:get_deepcopy(section)
    return thaw(self:get_readonly(section))
end

function config:get_checksum()
    local names = {}
    for section in pairs(self._plaintext) do
        table.insert(names, section)
    end
    table.sort(names)
    local crc = digest.crc32.new()
    for _, section in ipairs(names) do
        crc:update(section)
        crc:update(self._plaintext[section])
    end
    return crc:result()
end

-- A patch maps a section to text, a table (stored as YAML), or null (to delete it).
function config:copy_and_patch(patch)
    local plaintext = table.copy(self._plaintext)
    for section, value in pairs(patch) do
        plaintext[section] = nil
        plaintext[section .. '.yml'] = nil
        if type(value) == 'table' then
            plaintext[section .. '.yml'] = yaml.encode(value)
        elseif value ~= nil then
            plaintext[section] = tostring(value)
        end
    end
    return new(plaintext)
end

-- On disk, a config is a directory with one file per section.
local function save(self, path)
    local scratch = path .. '.' .. tostring(math.random(2 ^ 30))
    for section, text in pairs(self._plaintext) do
        local file = fio.pathjoin(scratch, section)
        fio.mktree(fio.dirname(file))
        local fh = fio.open(file, {'O_CREAT', 'O_WRONLY'}, tonumber('644', 8))
        if fh == nil then
            return nil, SaveConfigError:new('%s: %s', file, errno.strerror())
        end
        fh:write(text)
        fh:close()
    end
    if not fio.rename(scratch, path) then
        local reason = errno.strerror()
        fio.rmtree(scratch)
        return nil, SaveConfigError:new('%s: %s', path, reason)
    end
    return true
end

local function load(path)
    local plaintext = {}
    local function walk(prefix)
        for _, name in ipairs(fio.listdir(fio.pathjoin(path, prefix)) or {}) do
            local section = prefix == '' and name or fio.pathjoin(prefix, name)
            local file = fio.pathjoin(path, section)
            if fio.path.is_dir(file) then
                walk(section)
            else
                local fh = fio.open(file, {'O_RDONLY'})
                plaintext[section] = fh:read()
                fh:close()
            end
        end
    end
    walk('')
    return new(plaintext)
end

return {
    new = new,
    load = load,
    save = save,
    remove = function(path) return fio.rmtree(path) end,
}
