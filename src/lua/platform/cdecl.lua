--- Parses C declarations in the syntax of `ffi.cdef`, and rewrites their text.
--
-- A name is a table {space = 'tags' | 'names', name = string}, because `struct x` and a
-- function `x` are different things.

local require = ... -- luacheck: ignore (every file begins with it)

local function set(words)
    local result = {}
    for word in words:gmatch('%S+') do
        result[word] = true
    end
    return result
end

local AGGREGATE = set('struct union enum')
-- Keywords that begin an attribute. The parser also skips the parentheses after them.
local ATTRIBUTE = set('__attribute __attribute__ __declspec asm __asm __asm__')
local TYPE = set([[void _Bool bool char short int long float double signed __signed __signed__ unsigned
    __int8 __int16 __int32 __int64 _Complex complex __complex __complex__]])
local QUALIFIER = set([[const __const __const__ volatile __volatile __volatile__ restrict __restrict __restrict__
    inline __inline __inline__ typedef extern static auto register __extension__
    __cdecl __thiscall __fastcall __stdcall __ptr32 __ptr64]])
local CLOSING = {['('] = ')', ['['] = ']', ['{'] = '}'}

-- LuaJIT accepts non-ASCII bytes in C identifiers.
local WORD = '^[%a_\128-\255][%w_\128-\255]*'

local function skip_string(text, first)
    local quote, position = text:sub(first, first), first + 1
    while position <= #text do
        local char = text:sub(position, position)
        if char == quote then
            return position
        end
        position = position + (char == '\\' and 2 or 1)
    end
    return #text
end

--- Splits C text into tokens. Skips comments and preprocessor directives.
-- @treturn {table,...} tokens {text, first, last, is_word, match}: `first` and `last`
--   are positions in the text; in the token of an opening bracket, `match` is the index
--   of the closing bracket's token
-- @treturn boolean false if the brackets are not balanced
local function tokenize(text)
    local tokens, open, balanced = {}, {}, true
    local position = text:find('[^%s\\]')
    while position ~= nil do
        local last = position
        local is_word = false
        local pair = text:sub(position, position + 1)
        local char = pair:sub(1, 1)
        if pair == '/*' then
            last = select(2, text:find('*/', position + 2, true)) or #text
        elseif pair == '//' or char == '#' then
            last = text:find('\n', position, true) or #text
        else
            if text:find(WORD, position) then
                last, is_word = select(2, text:find(WORD, position)), true
            elseif char:find('%d') then
                last = select(2, text:find('^[%w.]+', position))
            elseif char == '"' or char == "'" then
                last = skip_string(text, position)
            end
            local token = {text = text:sub(position, last), first = position, last = last, is_word = is_word}
            table.insert(tokens, token)
            if CLOSING[char] then
                table.insert(open, token)
            elseif char == ')' or char == ']' or char == '}' then
                local opening = table.remove(open)
                if opening == nil or CLOSING[opening.text] ~= char then
                    balanced = false
                else
                    opening.match = #tokens
                end
            end
        end
        position = text:find('[^%s\\]', last + 1)
    end
    return tokens, balanced and #open == 0
end

local Declarations = {}
Declarations.__index = Declarations

function Declarations:word(i)
    local token = self.tokens[i]
    return token and token.text
end

--- Skips any C attributes at token `i`, such as `__attribute__((packed))`. Returns the
-- index of the token after them; `i` if there are none.
function Declarations:skip_attributes(i)
    while ATTRIBUTE[self:word(i)] do
        i = i + 1
        while QUALIFIER[self:word(i)] do -- asm volatile
            i = i + 1
        end
        if self:word(i) ~= '(' then
            return i
        end
        i = self.tokens[i].match + 1
    end
    return i
end

--- Parses a struct, union or enum that begins at token `i`. Returns the table {keyword,
-- tag, tag_at, open, close}, and the index of the next token. `tag_at` is the token
-- index of the tag, if there is one. `open` and `close` are the token indexes of the
-- braces, if there is a body.
function Declarations:aggregate(i)
    local found = {keyword = self:word(i)}
    i = self:skip_attributes(i + 1)
    local token = self.tokens[i]
    if token ~= nil and token.is_word then
        found.tag, found.tag_at = token.text, i
        i = self:skip_attributes(i + 1)
    end
    if self:word(i) == '{' then
        found.open, found.close = i, self.tokens[i].match
        i = found.close + 1
    end
    return found, i
end

--- Returns the index of the next comma outside brackets, or `limit` if there is no such
-- comma before it.
function Declarations:find_comma(i, limit)
    while i < limit and self:word(i) ~= ',' do
        i = (self.tokens[i].match or i) + 1
    end
    return math.min(i, limit)
end

--- Returns the name that a declarator declares, such as `f` in `(*f[2])(int)`; nil if it
-- has no name.
function Declarations:declarator(i, limit)
    while i < limit do
        local word = self:word(i)
        if ATTRIBUTE[word] then
            i = self:skip_attributes(i)
        elseif word == '*' or word == '&' or QUALIFIER[word] then
            i = i + 1
        elseif word == '(' then
            return self:declarator(i + 1, self.tokens[i].match)
        else
            return self.tokens[i].is_word and not TYPE[word] and not AGGREGATE[word] and word or nil
        end
    end
    return nil
end

--- Finds the end of the declaration that begins at token `i`. Returns two token indexes.
-- The first is the index of the semicolon, or of the opening brace of a function body.
-- The second is the index of the declaration's last token.
function Declarations:ending(i)
    while i <= #self.tokens do
        local word = self:word(i)
        if word == ';' then
            return i, i
        elseif word == '{' then
            return i, self.tokens[i].match
        elseif AGGREGATE[word] then
            i = select(2, self:aggregate(i))
        else
            i = (self.tokens[i].match or i) + 1
        end
    end
    return i, i - 1
end

--- Parses one declaration. `first` is the index of its first token; `limit` is the first
-- result of `ending`. Returns {names, bodies, ...}, or nil if the declaration is not
-- supported.
function Declarations:declaration(first, limit)
    local found = {names = {}, bodies = {}}

    -- Tags and enum constants may be declared anywhere, even among the parameters of a
    -- function.
    for i = first, limit - 1 do
        local body = AGGREGATE[self:word(i)] and self:aggregate(i)
        if body and body.open ~= nil then
            table.insert(found.bodies, body)
            if body.tag ~= nil then
                table.insert(found.names, {space = 'tags', name = body.tag, keyword = body.keyword})
            end
            local constant = body.open + 1
            while body.keyword == 'enum' and constant < body.close do
                if not self.tokens[constant].is_word then
                    return nil
                end
                table.insert(found.names, {space = 'names', name = self:word(constant)})
                constant = self:find_comma(constant, body.close) + 1
            end
        end
    end

    local i, has_type = first, false
    while i < limit do
        local word = self:word(i)
        if ATTRIBUTE[word] then
            i = self:skip_attributes(i)
        elseif QUALIFIER[word] then
            i = i + 1
        elseif TYPE[word] then
            i, has_type = i + 1, true
        elseif AGGREGATE[word] then
            local body, after = self:aggregate(i)
            i, has_type = after, true
            found.aggregate = true
            found.anonymous = body.open ~= nil and body.tag == nil
        elseif self.tokens[i].is_word and not has_type then
            i, has_type = i + 1, true -- the name of a typedef
        else
            break
        end
    end
    if i >= limit then
        -- Only a declaration of a struct, union or enum may lack a declarator.
        return (found.aggregate or first == limit) and found or nil
    end
    while i < limit do
        local name = self:declarator(i, limit)
        if name == nil then
            return nil
        end
        table.insert(found.names, {space = 'names', name = name, is_declarator = true})
        i = self:find_comma(i, limit) + 1
    end
    return found
end

--- Parses C declarations.
-- @tparam string text
-- @treturn ?table nil if the text is not supported; the text may still be valid C
local function parse(text)
    local tokens, balanced = tokenize(text)
    if not balanced then
        return nil
    end
    local self = setmetatable({text = text, tokens = tokens, list = {}, names = {}}, Declarations)
    local first = 1
    while first <= #tokens do
        local limit, last = self:ending(first)
        local declaration = self:declaration(first, limit)
        if declaration == nil then
            return nil
        end
        declaration.first, declaration.last = first, last
        table.insert(self.list, declaration)
        for _, item in ipairs(declaration.names) do
            table.insert(self.names, item)
        end
        first = last + 1
    end
    return self
end

--- Replaces parts of a string. `edits` is a list of {first, last, text}, in order. An edit
-- inside an earlier one is ignored.
local function edit(text, edits)
    local pieces, position = {}, 1
    for _, item in ipairs(edits) do
        if item.first >= position then
            table.insert(pieces, text:sub(position, item.first - 1))
            table.insert(pieces, item.text)
            position = item.last + 1
        end
    end
    table.insert(pieces, text:sub(position))
    return table.concat(pieces)
end

--- Returns the text with a prefix before each declared name. A field or parameter that has
-- one of these names gets the prefix, too. This is harmless, because comparisons of types
-- ignore the prefix.
-- @tparam string prefix
-- @tparam function is_kept (name) -> whether the name must stay unchanged
function Declarations:rename(prefix, is_kept)
    local declared = {tags = {}, names = {}}
    for _, item in ipairs(self.names) do
        declared[item.space][item.name] = not is_kept(item)
    end
    local edits, i = {}, 1
    local tags = {}
    while i <= #self.tokens do
        local token = self.tokens[i]
        local after = self:skip_attributes(i)
        if after > i then
            i = after
        else
            if AGGREGATE[token.text] then
                local tag_at = self:aggregate(i).tag_at
                tags[tag_at or 0] = true
            end
            if token.is_word and declared[tags[i] and 'tags' or 'names'][token.text] then
                table.insert(edits, {first = token.first, last = token.last, text = prefix .. token.text})
            end
            i = i + 1
        end
    end
    return edit(self.text, edits)
end

--- Removes the declarations of existing names from the text. If a declaration also has
-- new names, only the bodies of its existing tags are removed.
-- @tparam function is_old (name) -> whether the name exists
-- @treturn[1] string
-- @treturn[2] nil if a declaration has existing and new names that cannot be separated
function Declarations:without(is_old)
    local edits = {}
    local function remove(first, last)
        table.insert(edits, {first = self.tokens[first].first, last = self.tokens[last].last, text = ' '})
    end
    for _, declaration in ipairs(self.list) do
        local has = {}
        for _, item in ipairs(declaration.names) do
            local age = is_old(item) and 'old' or 'new'
            has[age] = true
            has[age .. ' declarator'] = has[age .. ' declarator'] or item.is_declarator
        end
        if has.old and not has.new then
            remove(declaration.first, declaration.last)
        elseif has.old then
            if declaration.anonymous and has['old declarator'] and has['new declarator'] then
                return nil -- the new name would be one of another type
            end
            for _, body in ipairs(declaration.bodies) do
                if body.tag ~= nil and is_old({space = 'tags', name = body.tag}) then
                    remove(body.open, self:skip_attributes(body.close + 1) - 1)
                end
            end
        end
    end
    return edit(self.text, edits)
end

--- Replaces each `$` in a string with the next value.
-- @tparam string text
-- @tparam {string,...} values
-- @treturn ?string nil if there are more or fewer values than `$`
local function fill(text, values)
    local edits = {}
    for _, token in ipairs((tokenize(text))) do
        if token.text == '$' then
            table.insert(edits, {first = token.first, last = token.last, text = values[#edits + 1]})
        end
    end
    return #edits == #values and edit(text, edits) or nil
end

return {fill = fill, parse = parse}
