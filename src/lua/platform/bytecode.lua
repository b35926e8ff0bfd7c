--- Decodes the bytecode of Lua functions, and finds loops and constants in it.

local bit = require('bit')
local jutil = require('jit.util')
local vmdef = require('jit.vmdef')

-- Maximum number of instructions to examine.
local INSTRUCTIONS = 5000
-- A jump instruction stores the distance to its target, plus this bias, as its operand.
local BIAS = 0x7fff

--- Decodes one bytecode instruction of a function.
-- @tparam function|proto f
-- @tparam number pc index of the instruction; 0 is the function header
-- @treturn ?string name of the opcode; nil if there is no instruction at this index
-- @treturn number the whole instruction
local function decode(f, pc)
    local instruction = jutil.funcbc(f, pc)
    if instruction == nil then
        return nil
    end
    local op = bit.band(instruction, 0xff)
    local name = vmdef.bcnames:sub(op * 6 + 1, op * 6 + 6):gsub(' +$', '')
    return name, instruction
end

--- Returns operand D of an instruction, which is its upper 16 bits.
local function operand_d(instruction)
    return bit.rshift(instruction, 16)
end

local JUMPS = {JMP = true, UCLO = true}
-- Opcodes that mark the start of a `while` or `repeat` loop. The JIT compiler patches
-- LOOP to JLOOP when it compiles the loop, and to ILOOP when it blacklists the loop.
local LOOPS = {LOOP = true, ILOOP = true, JLOOP = true}

--- Returns whether a function has a loop that only an error can end: a loop without a
-- condition, `break` or `return`.
-- @tparam function f
local function loops_for_ever(f)
    local code, ends = {}, {}
    for pc = 1, INSTRUCTIONS do
        local name, instruction = decode(f, pc)
        if name == nil then
            break
        end
        local target = pc + operand_d(instruction) - BIAS
        code[pc] = {name = name, target = target}
        if JUMPS[name] and target <= pc and code[target] and LOOPS[code[target].name] then
            ends[target] = pc
        end
    end
    for first, last in pairs(ends) do
        local before = code[last - 1].name
        -- A comparison right before the jump back to the start is the loop's condition.
        local is_endless = before:match('^IS') == nil
        for pc = first + 1, last do
            local name, target = code[pc].name, code[pc].target
            if JUMPS[name] and target > last or name:match('^RET') or name:match('^CALLM?T$') then
                is_endless = false
            end
        end
        if is_endless then
            return true
        end
    end
    return false
end

--- Returns whether a function has a `while` or `repeat` loop.
-- @tparam function f
local function has_loop(f)
    for pc = 1, INSTRUCTIONS do
        local name = decode(f, pc)
        if name == nil then
            return false
        elseif LOOPS[name] then
            return true
        end
    end
    return false
end

--- Searches the constants of a function, and of the functions nested in it, for any of
-- the given strings. Field and method names are among these constants.
-- @tparam function|proto f
-- @tparam table wanted set of strings
-- @treturn ?string the first string found
local function find_constant(f, wanted)
    if type(f) == 'function' and jutil.funcinfo(f).proto == nil then
        return nil
    end
    local index = -1
    while true do
        local constant = jutil.funck(f, index)
        if constant == nil then
            return nil
        elseif type(constant) == 'string' and wanted[constant] then
            return constant
        end
        local found = type(constant) == 'proto' and find_constant(constant, wanted)
        if found then
            return found
        end
        index = index - 1
    end
end

return {
    decode = decode,
    find_constant = find_constant,
    has_loop = has_loop,
    loops_for_ever = loops_for_ever,
    operand_d = operand_d,
}
