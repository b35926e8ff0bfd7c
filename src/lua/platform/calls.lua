--- Lists the named functions that a chunk calls at its top level.
--
-- The bytecode is read in order, without following jumps, and the name of the last
-- value in each stack slot is remembered. A value has a name if it is a global
-- variable, a required module, or a field of a named value. Calls to unnamed functions
-- and to `require` are omitted.

local require = ...
local bit = require('bit')
local bytecode = require('platform.bytecode')
local jutil = require('jit.util')

-- Maximum number of instructions to examine.
local INSTRUCTIONS = 20000

local CALLS = {CALL = true, CALLM = true, CALLT = true, CALLMT = true}

-- The bytecode of this sample call shows the distance from the stack slot of a called
-- function to the slot of its first argument. The distance is 1, or 2 in builds with
-- 64-bit references (GC64).
local function probe()
    return require('x')
end

--- Returns an instruction's opcode and its operands A, B, C and D. D combines the
-- bits of B and C. Returns nil after the last instruction.
local function decode(f, pc)
    local name, instruction = bytecode.decode(f, pc)
    if name == nil then
        return nil
    end
    return name, bit.band(bit.rshift(instruction, 8), 0xff), bit.rshift(instruction, 24),
        bit.band(bit.rshift(instruction, 16), 0xff), bytecode.operand_d(instruction)
end

local function find_first_argument()
    local callee
    for pc = 1, 10 do
        local name, a = decode(probe, pc)
        if name == 'GGET' then
            callee = a
        elseif name == 'KSTR' and callee ~= nil then
            return a - callee
        end
    end
    return 1
end

local function constant(f, index)
    local value = jutil.funck(f, -1 - index)
    return type(value) == 'string' and value or nil
end

--- Lists the named functions that a chunk calls.
-- @tparam function chunk
-- @treturn {{name, line},...} without duplicates, in the order of the first calls
local function list(chunk)
    local first, slots, texts = find_first_argument(), {}, {}
    local result, seen = {}, {}
    for pc = 1, INSTRUCTIONS do
        local name, a, b, c, d = decode(chunk, pc)
        if name == nil then
            break
        elseif name == 'GGET' then
            slots[a], texts[a] = constant(chunk, d), nil
        elseif name == 'TGETS' then
            local field = constant(chunk, c)
            slots[a], texts[a] = slots[b] and field and ('%s.%s'):format(slots[b], field), nil
        elseif name == 'MOV' then
            slots[a], texts[a] = slots[d], texts[d]
        elseif name == 'KSTR' then
            slots[a], texts[a] = nil, constant(chunk, d)
        elseif CALLS[name] then
            local callee = slots[a]
            local module = callee == 'require' and texts[a + first] or nil
            if callee ~= nil and callee ~= 'require' and not seen[callee] then
                seen[callee] = true
                table.insert(result, {name = callee, line = jutil.funcinfo(chunk, pc).currentline})
            end
            slots[a], texts[a] = module, nil
        elseif not name:match('^IS') and not name:match('^JMP') and not name:match('^[GTU]SET')
            and not name:match('^RET') then
            slots[a], texts[a] = nil, nil
        end
    end
    return result
end

return {list = list}
