--- Recognises copies of serving functions, made with `string.dump`, which are not stale
-- although they look so.
--
-- A copy is loaded from bytecode, not parsed, so its generation is not recorded, and
-- its chunk name is that of the file. But if it has no upvalues, it depends on its
-- code alone. If the serving generation has the same code on the same line, it does
-- not matter which of the two functions is called.

local require = ...
local bit = require('bit')
local jutil = require('jit.util')
local vmdef = require('jit.vmdef')

-- Maximum number of instructions and constants that are compared.
local INSTRUCTIONS, CONSTANTS = 5000, 1000
-- Instructions that the JIT compiler replaces by variants: the same name with the
-- prefix I or J.
local VARIANTS = {FORI = true, FORL = true, ITERL = true, LOOP = true, FUNCF = true, FUNCV = true}

local Copies = {}
Copies.__index = Copies

--- Creates a recogniser for one pass of the scan.
-- @tparam table registry see `core.registry`
local function new(registry)
    return setmetatable({registry = registry}, Copies)
end

--- Returns an instruction; for one that the JIT compiler may have replaced by a
-- variant, the common name of the variants.
local function instruction_of(f, pc)
    local instruction = jutil.funcbc(f, pc)
    if instruction == nil then
        return nil
    end
    local op = bit.band(instruction, 0xff)
    local name = vmdef.bcnames:sub(op * 6 + 1, op * 6 + 6):gsub(' +$', '')
    local base = name:gsub('^[IJ]', '')
    if VARIANTS[name] or VARIANTS[base] then
        return VARIANTS[name] and name or base
    end
    return instruction
end

local is_same

--- Whether two constants are equal. Only numbers, strings and prototypes are compared
-- by value; others, such as template tables, only by type.
local function is_same_constant(a, b)
    if type(a) ~= type(b) then
        return false
    elseif type(a) == 'proto' then
        return is_same(a, b)
    end
    return a == b or type(a) ~= 'string' and type(a) ~= 'number'
end

--- Whether two functions or prototypes have the same code.
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

--- Returns the prototypes of a unit's serving generation: line -> list of prototypes.
local function by_line(self, unit)
    self.lines = self.lines or {}
    local lines = self.lines[unit]
    if lines == nil then
        lines = {}
        for proto, generation in pairs(self.registry.protos) do
            if self.registry.units[proto] == unit and generation >= (self.registry.sources[unit] or 0) then
                local line = jutil.funcinfo(proto).linedefined
                lines[line] = lines[line] or {}
                table.insert(lines[line], proto)
            end
        end
        self.lines[unit] = lines
    end
    return lines
end

--- Whether a function is a copy of a serving function. If so, records the generation of
-- its prototype, so that it no longer counts as stale. Does not yield.
-- @tparam function f a stale function
-- @tparam string unit unit of the function, see `ownership`
-- @treturn boolean
function Copies:has(f, unit)
    local info = jutil.funcinfo(f)
    if info.proto == nil or info.upvalues > 0 or self.registry.protos[info.proto] ~= nil then
        return false
    end
    for _, proto in ipairs(by_line(self, unit)[info.linedefined] or {}) do
        if is_same(f, proto) then
            -- Record it now: the serving function may have been collected by the
            -- next scan.
            self.registry.protos[info.proto] = self.registry.protos[proto]
            self.registry.units[info.proto] = unit
            return true
        end
    end
    return false
end

return {new = new}
