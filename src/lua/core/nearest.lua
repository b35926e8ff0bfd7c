--- Finds the likely misspelling of a missing key among the keys of a map, for messages
-- such as "unknown key 'modul', did you mean module?".

-- The maximum edit distance at which a key counts as a misspelling.
local ERRORS_MAX = 2

--- Returns the optimal string alignment distance: the minimum number of insertions,
-- deletions, replacements, and swaps of adjacent letters that turn one string into the
-- other.
local function distance(a, b)
    local rows = {}
    for i = 0, #a do
        rows[i] = {[0] = i}
    end
    for j = 0, #b do
        rows[0][j] = j
    end
    for i = 1, #a do
        for j = 1, #b do
            local cost = a:byte(i) == b:byte(j) and 0 or 1
            local least = math.min(rows[i - 1][j] + 1, rows[i][j - 1] + 1, rows[i - 1][j - 1] + cost)
            if i > 1 and j > 1 and a:byte(i) == b:byte(j - 1) and a:byte(i - 1) == b:byte(j) then
                least = math.min(least, rows[i - 2][j - 2] + 1)
            end
            rows[i][j] = least
        end
    end
    return rows[#a][#b]
end

--- Among the keys of a map, finds the one whose spelling is closest to a missing key.
-- @tparam table map
-- @tparam string name the missing key
-- @treturn ?string the key found; nil if every other string key differs from `name`
--   by more than `ERRORS_MAX` edits
local function key(map, name)
    local best, errors
    for candidate in pairs(map) do
        if type(candidate) == 'string' and candidate ~= name and math.abs(#candidate - #name) <= ERRORS_MAX then
            local found = distance(candidate, name)
            if found <= ERRORS_MAX and (best == nil or found < errors or found == errors and candidate < best) then
                best, errors = candidate, found
            end
        end
    end
    return best
end

return {key = key}
