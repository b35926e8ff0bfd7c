--- Records the code that is compiled by new code: with `dofile`, `loadfile` or
-- `loadstring`, or through a rock that keeps one of these functions in a local
-- variable.
--
-- LuaJIT raises a VM event for each prototype that its parser creates. The recorder
-- handles this event, so it need not replace `dofile` or `loadstring`. The handler is
-- attached only while new code is loaded. Bytecode does not go through the parser, so
-- it raises no event.
--
-- The event does not name the file from which the compiled text was read. Therefore the
-- recorder also notes which files new code opens. It attributes compiled text to a file
-- with the same content. It looks for this file among the opened files, and among the
-- paths in variables and constants of the functions on the stack. If it finds none, it
-- attributes the text to all files opened since the previous compilation.

local require = ...
local catalog = require('code.catalog')
local jutil = require('jit.util')

local OURS = '@cartridge-reload/'
-- Limits on the search for the path of a file: the number of stack frames, the number
-- of paths that are tried, and the length of a path in bytes.
local FRAMES, TRIES, PATH = 6, 50, 1024
-- Maximum number of opened files that are noted between two compilations.
local OPENED = 64

local Recorder = {}
Recorder.__index = Recorder

--- Returns the innermost Lua function on the stack.
-- @tparam number level stack level at which to start
-- @treturn ?table {func, source, ...}, see debug.getinfo
local function caller(level)
    level = level + 1
    while true do
        local info = debug.getinfo(level, 'fS')
        if info == nil or info.what ~= 'C' then
            return info
        end
        level = level + 1
    end
end

--- Finds the file from which compiled text was read, if the chunk name is not the path
-- of the file. Tries the local variables and constants of the functions on the stack as
-- paths, until it finds a file with exactly this content.
-- @tparam string text
-- @tparam number level stack level at which to start
-- @treturn ?string path
local function file_of_text(text, level)
    local tried, tries = {}, 0
    local function is_it(path)
        if type(path) ~= 'string' or #path > PATH or tried[path] or tries >= TRIES or path:find('[%z\n]') then
            return false
        end
        tried[path], tries = true, tries + 1
        return catalog.read(path) == text
    end
    for frame = level + 1, level + FRAMES do
        local info = debug.getinfo(frame, 'f')
        if info == nil then
            return nil
        end
        local index, name, value = 1, debug.getlocal(frame, 1)
        while name ~= nil do
            if is_it(value) then
                return value
            end
            index = index + 1
            name, value = debug.getlocal(frame, index)
        end
        index = -1
        local is_lua = jutil.funcinfo(info.func).proto ~= nil
        value = is_lua and jutil.funck(info.func, index)
        while value do
            if is_it(value) then
                return value
            end
            index = index - 1
            value = jutil.funck(info.func, index)
        end
    end
    return nil
end

--- Records a file that a module has loaded without `require`.
function Recorder:add_file(path, unit)
    local text, digest = catalog.read(path)
    -- The path may be an arbitrary chunk name, for which no file exists.
    if text == nil or not catalog.is_application_path(path) then
        return
    end
    self.files[unit] = self.files[unit] or {}
    self.files[unit][path] = digest
    -- From now on, code of earlier generations from this file counts as old.
    self.txn.ownership:add_source('@' .. path, unit)
end

--- Notes a file that new code has opened.
local function note_opened(self, path)
    if type(path) == 'string' and #path <= PATH and #self.opened < OPENED and catalog.is_application_path(path) then
        table.insert(self.opened, path)
    end
end

--- Finds the opened file that was probably the source of a chunk passed to `loadstring`.
-- @tparam string text chunk name: usually the source text, or the path of its file
-- @treturn ?string path of an opened file with this path or content
local function find_opened(self, text)
    if self.sought ~= text then
        self.sought, self.found = text, nil
        for index = #self.opened, 1, -1 do
            if self.opened[index] == text or catalog.read(self.opened[index]) == text then
                self.found = self.opened[index]
                break
            end
        end
    end
    return self.found
end

--- Records the files that may be the source of a chunk passed to `loadstring`.
-- @tparam string source chunk name: the name passed to `loadstring`; without a name, the
--   source text
-- @tparam string unit
function Recorder:add_text(source, unit)
    local path = source:sub(1, 1) ~= '=' and (find_opened(self, source) or file_of_text(source, 4)) or nil
    for _, opened in ipairs(path == nil and self.opened or {}) do
        self:add_file(opened, unit)
    end
    -- The chunk name passed to `loadstring` is often the path of a file.
    self:add_file(path or source, unit)
    self.opened, self.sought, self.found = {}, nil, nil
end

--- Handles the VM event for a new prototype. LuaJIT raises the event for nested
-- functions first, and for the chunk itself last.
function Recorder:note(proto)
    local ownership = self.txn.ownership
    local by = caller(3)
    if by == nil or by.source:sub(1, #OURS) == OURS then
        return
    end
    local info = jutil.funcinfo(proto)
    local path = info.source:match('^@(.*)$')
    -- Record neither code from library files nor code that libraries generate. But
    -- record application files, even if a library loads them.
    if path ~= nil and not catalog.is_application_path(path)
    or path == nil and not ownership:is_new(by.func) and find_opened(self, info.source) == nil then
        return
    end
    local module = self.current()
    local unit = ownership:unit_on_stack(3) or module and ownership:is_own_fiber() and '@' .. module.path
    if not unit then
        return
    end
    ownership.protos[proto] = unit
    if info.linedefined ~= 0 or info.source == unit then
        return
    elseif path ~= nil then
        self:add_file(path, unit)
    else
        self:add_text(info.source, unit)
    end
end

--- Installs a stand-in for a function that opens files. The stand-in notes the files
-- that new code opens, and calls the original function.
-- @tparam table holder table with the function
-- @tparam string name key of the function
local function watch(self, holder, name)
    local txn, original = self.txn, holder ~= nil and holder[name]
    if type(original) ~= 'function' then
        return
    end
    local function staged(path, ...)
        if txn.staging and txn.ownership:is_new_code() then
            note_opened(self, path)
        end
        return original(path, ...)
    end
    table.insert(self.watched, {holder = holder, name = name, original = original, staged = staged})
    holder[name] = staged
end

--- Starts recording.
-- @tparam table txn the transaction
-- @tparam function current () -> the module that is being loaded, or nil
-- @treturn table the recorder. Its field `files` contains the recorded files: unit ->
--   path -> digest.
local function start(txn, current)
    local self = setmetatable({txn = txn, current = current, files = {}, opened = {}, watched = {}}, Recorder)
    watch(self, io, 'open')
    watch(self, io, 'lines')
    watch(self, package.loaded.fio, 'open')
    self.handler = function(proto)
        if txn.staging and txn.ownership:is_new_code() then
            self:note(proto)
        end
    end
    jit.attach(self.handler, 'bc')
    return self
end

--- Stops recording. A second call does nothing.
function Recorder:stop()
    if self.handler ~= nil then
        jit.attach(self.handler)
        self.handler = nil
    end
    for _, item in ipairs(self.watched) do
        if item.holder[item.name] == item.staged then
            item.holder[item.name] = item.original
        end
    end
    self.watched, self.opened = {}, {}
end

return {start = start}
