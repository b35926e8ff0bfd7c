--- Recognises copies of serving functions that were made with `string.dump`. The
-- copies look stale, but behave like the serving code.
--
-- The generation of a function is noted when LuaJIT compiles its source. A copy is
-- loaded from bytecode, so no generation is noted for it. Its chunk name is that of
-- the module's file. It therefore looks like stale code from before the first reload.
-- But a copy without upvalues has the same effect as a serving function with the same
-- code on the same line.

local require = ...
local bytecode = require('platform.bytecode')
local jutil = require('jit.util')

-- Functions with more instructions or more constants than this are not compared.
local INSTRUCTIONS, CONSTANTS = 5000, 1000
-- Instructions that the JIT compiler may replace with variants. The name of a variant
-- has the prefix I or J.
local VARIANTS = {FORI = true, FORL = true, ITERL = true, LOOP = true, FUNCF = true, FUNCV = true}

local Copies = {}
Copies.__index = Copies

--- Creates an object that recognises copies, for one pass of the scan.
-- @tparam table stash see `core.stash`
local function new(stash)
    return setmetatable({stash = stash}, Copies)
end

--- Returns a value by which instructions can be compared: the instruction itself, or
-- the name that its JIT variants share.
-- @tparam function|proto f
-- @tparam number pc index of the instruction
-- @treturn ?number|string nil if there is no instruction at this index
local function instruction_of(f, pc)
    local name, instruction = bytecode.decode(f, pc)
    if name == nil then
        return nil
    end
    local base = name:gsub('^[IJ]', '')
    if VARIANTS[name] or VARIANTS[base] then
        return VARIANTS[name] and name or base
    end
    return instruction
end

local is_same

--- Whether two constants are equal. Numbers and strings are compared by value,
-- prototypes by their bytecode. Other constants, such as the templates of table
-- constructors, are compared only by type.
local function is_same_constant(a, b)
    if type(a) ~= type(b) then
        return false
    elseif type(a) == 'proto' then
        return is_same(a, b)
    end
    return a == b or type(a) ~= 'string' and type(a) ~= 'number'
end

--- Whether two functions or prototypes have the same bytecode and constants.
function is_same(f, g)
    local a, b = jutil.funcinfo(f), jutil.funcinfo(g)
    for _, field in ipairs({'linedefined', 'lastlinedefined', 'params', 'isvararg', 'bytecodes', 'nconsts', 'gcconsts',
        'upvalues'}) do
        if a[field] ~= b[field] then
            return false
        end
    end
    if a.bytecodes > INSTRUCTIONS or a.nconsts > CONSTANTS or a.gcconsts > CONSTANTS then
        return false
    end
    for pc = 1, a.bytecodes - 1 do
        if instruction_of(f, pc) ~= instruction_of(g, pc) then
            return false
        end
    end
    for index = -a.gcconsts, a.nconsts - 1 do
        if not is_same_constant(jutil.funck(f, index), jutil.funck(g, index)) then
            return false
        end
    end
    return true
end

--- Returns the prototypes of a unit's functions in the serving generation.
-- @treturn table line -> list of prototypes
local function by_line(self, unit)
    self.lines = self.lines or {}
    local lines = self.lines[unit]
    if lines == nil then
        lines = {}
        for proto, generation in pairs(self.stash.protos) do
            if self.stash.units[proto] == unit and generation >= (self.stash.sources[unit] or 0) then
                local line = jutil.funcinfo(proto).linedefined
                lines[line] = lines[line] or {}
                table.insert(lines[line], proto)
            end
        end
        self.lines[unit] = lines
    end
    return lines
end

--- Whether a stale function is only a copy of a serving function. If so, records the
-- copy as part of the serving generation, so that it is no longer stale. Does not
-- yield.
-- @tparam function f
-- @tparam string unit unit of the function, see `ownership`
-- @treturn boolean
function Copies:has(f, unit)
    local info = jutil.funcinfo(f)
    if info.proto == nil or info.upvalues > 0 or self.stash.protos[info.proto] ~= nil then
        return false
    end
    for _, proto in ipairs(by_line(self, unit)[info.linedefined] or {}) do
        if is_same(f, proto) then
            -- Record the copy now: the serving function may be gone before the next
            -- scan.
            self.stash.protos[info.proto] = self.stash.protos[proto]
            self.stash.units[info.proto] = unit
            return true
        end
    end
    return false
end

return {new = new}
