-- adapters/ffi.lua: C declarations that are made again by a reload.

local ffi = require('ffi')
local lib = dofile('tests/lua/lib.lua')
local case = lib.suite('adapters.ffi')

-- Declarations stay for good: every case has names of its own, "@" in a text.
local count = 0
-- The names that the adapter makes up stay too, and are counted in the
-- registry, which each case has anew.
local made_up = 0

local function new_registry(load)
    made_up = made_up + 1000
    local registry = load('core.state').get()
    registry.ffi_names = made_up
    return registry
end

--- @treturn table transaction, with `again(text)`: new code that declares it
local function begin(registry)
    count = count + 1
    local load = lib.loader()
    local txn = lib.transaction(load, registry or new_registry(load))
    local adapter = load('adapters.ffi').new(txn)
    txn:add(adapter)
    function txn.again(text)
        text = text:gsub('@', 'crt' .. count)
        return pcall(txn.code("local text = ... require('ffi').cdef(text)"), text)
    end
    return txn, adapter
end

local function name(text)
    return (text:gsub('@', 'crt' .. count))
end

--- Declares as the generation that serves, then begins.
local function after(text)
    ffi.cdef((text:gsub('@', 'crt' .. count + 1)))
    return begin()
end

local SAME = {
    ['struct'] = 'struct @ { int a; char b; double c; };',
    ['struct in other words'] = {'struct @ { int a; };', 'struct   @\n{ /* a; */ int a; // }\n};'},
    ['struct with the brace close'] = 'struct @{int a;};',
    ['union'] = 'union @ { int a; double b; };',
    ['forward and body'] = 'struct @; struct @ { struct @ *next; int value; };',
    ['nested struct with a name'] = 'struct @ { int x; struct { int a; struct { char b; } deep; } inner; int z; };',
    ['nested anonymous struct and union'] =
        'struct @ { int x; union { struct { int a; int b; }; double c; }; int z; };',
    ['arrays and bits'] = 'struct @ { int a[4][2]; unsigned b:3, c:5; char d[]; };',
    ['pointers to functions'] = 'struct @ { int (*f)(int a, const char *b); void *(*g)(void); int last; };',
    ['several in a line'] = 'struct @ { int a, *b, c[3]; };',
    ['typedef of a struct'] = 'typedef struct @ { int a; } @_t;',
    ['typedef of an anonymous struct'] = 'typedef struct { int a; char b; } @_t;',
    ['typedef of a pointer'] = 'typedef int *@_t;',
    ['typedef of an array'] = 'typedef char @_t[16];',
    ['typedef of a function'] = 'typedef int (*@_t)(int, const char *);',
    ['typedef and pointer'] = 'typedef struct @ { int a; } @_t, *@_p;',
    ['enum'] = 'enum @ { @_A, @_B = 5, @_C };',
    ['enum in hexadecimal'] = 'enum @ { @_A = 0x10, @_B = 0xFFu, @_C = 0XaB };',
    ['enum by other constants'] =
        'enum @x { @_X = 3 }; enum @ { @_A = 1 << 4, @_B = @_A | 1, @_C = @_X, @_D = (@_X + 1) };',
    ['anonymous enum'] = 'enum { @_A, @_B };',
    ['typedef of an enum'] = 'typedef enum { @_A, @_B } @_t;',
    ['typedef of an enum with a tag'] = 'typedef enum @ { @_A, @_B } @_t;',
    ['constant'] = 'static const int @_A = 10;',
    ['function'] = 'int @_f(int a, const char *b);',
    ['function with a name for the linker'] = 'int @_f(int) __asm__("strlen");',
    ['variable'] = 'extern int @_v;',
    ['packed'] = 'struct @ { char a; int b; } __attribute__((packed));',
    ['packed, before the tag'] = 'struct __attribute__((packed)) @ { char a; int b; };',
    ['aligned field'] = 'struct @ { char a; int b __attribute__((aligned(16))); };',
    ['under a pragma'] =
        '#pragma pack(push, 1)\nstruct @ { char a; int b; };\nstruct @2 { char a; int b; };\n#pragma pack(pop)\n',
    ['no semicolon at the end'] = 'struct @ { int a; }',
    ['const'] = 'typedef const struct @ { int a; } @_t;',
}

case('what is declared in the same way is let through, and leaves nothing to undo', function(t)
    local labels = {}
    for label in pairs(SAME) do
        table.insert(labels, label)
    end
    table.sort(labels)
    for _, label in ipairs(labels) do
        local text = SAME[label]
        local first, second = text, text
        if type(text) == 'table' then
            first, second = text[1], text[2]
        end
        local txn = after(first)
        local ok, err = txn.again(second)
        t:ok(ok, ('%s%s'):format(label, ok and '' or ': ' .. tostring(err)))
        if ok then
            local _, left = txn.undo()
            t:is(#left, 0, label .. ': nothing is left by a rollback')
        end
    end
end)

local CHANGED = {
    ['a field more'] = {'struct @ { int a; };', 'struct @ { int a; int b; };'},
    ['a field less'] = {'struct @ { int a; int b; };', 'struct @ { int a; };'},
    ['fields in another order'] = {'struct @ { int a; int b; };', 'struct @ { int b; int a; };'},
    ['another name'] = {'struct @ { int a; int b; };', 'struct @ { int a; int c; };'},
    ['another size in the middle'] = {'struct @ { char a; char b; int c; };', 'struct @ { char a; short b; int c; };'},
    ['bits'] = {'struct @ { unsigned a:3, b:4; };', 'struct @ { unsigned a:3, b:5; };'},
    ['in a nested struct'] = {'struct @ { struct { short a; short b; } in; };',
        'struct @ { struct { short b; short a; } in; };'},
    ['a union'] = {'union @ { int a; };', 'union @ { double a; };'},
    ['typedef of a struct'] = {'typedef struct @ { int a; } @_t;', 'typedef struct @ { char a; } @_t;'},
    ['typedef of an anonymous struct'] = {'typedef struct { int a; } @_t;', 'typedef struct { int a, b; } @_t;'},
    ['typedef of a pointer'] = {'typedef int *@_t;', 'typedef char *@_t;'},
    ['typedef of a number'] = {'typedef int @_t;', 'typedef unsigned @_t;'},
    ['typedef of an array'] = {'typedef char @_t[16];', 'typedef char @_t[32];'},
    ['typedef of a function'] = {'typedef int (*@_t)(int);', 'typedef int (*@_t)(double);'},
    ['enum'] = {'enum @ { @_A, @_B };', 'enum @ { @_B, @_A };'},
    ['enum with a constant more'] = {'enum @ { @_A };', 'enum @ { @_A, @_B };'},
    ['anonymous enum'] = {'enum { @_A = 0x10 };', 'enum { @_A = 0x11 };'},
    ['constant'] = {'static const int @_A = 10;', 'static const int @_A = 11;'},
    ['function of the C library'] = {'int strlen_@(const char *) __asm__("strlen");',
        'double strlen_@(const char *) __asm__("strlen");'},
    ['packed'] = {'struct @ { char a; int b; };', 'struct @ { char a; int b; } __attribute__((packed));'},
}

case('what is declared in another way needs a restart, and says so', function(t)
    local labels = {}
    for label in pairs(CHANGED) do
        table.insert(labels, label)
    end
    table.sort(labels)
    for _, label in ipairs(labels) do
        local txn = after(CHANGED[label][1])
        local ok, err = txn.again(CHANGED[label][2])
        t:ok(not ok and tostring(err):find('restart', 1, true) ~= nil,
            ('%s%s'):format(label, ok and '' or ': ' .. tostring(err)))
    end
end)

case('a refusal that new code catches still ends the transaction', function(t)
    -- pcall(ffi.cdef, ...) is the usual way to declare twice.
    local txn = after('struct @ { int a; };')
    txn.code("local text = ... pcall(require('ffi').cdef, text)")(name('struct @ { int a; int b; };'))
    local ok, err = pcall(txn.commit, txn)
    t:ok(not ok or txn.commit_error ~= nil, 'no commit')
    t:ok(not ok and tostring(err):find('restart', 1, true), 'with that reason: ' .. tostring(err))
end)

case('new declarations have the layout that they say', function(t)
    local txn = begin()
    t:ok(txn.again([[
        #pragma pack(push, 1)
        struct @a { char a; int b; };
        struct @b { char a; int b; };
        #pragma pack(pop)
        struct @c { char a; int b; };
        typedef struct { struct @a x[2]; } @d;
    ]]))
    t:is(ffi.sizeof(name('struct @a')), 5, 'first under the pragma')
    t:is(ffi.sizeof(name('struct @b')), 5, 'second under the pragma')
    t:is(ffi.sizeof(name('struct @c')), 8, 'after it')
    t:is(ffi.sizeof(name('@d')), 10, 'made of them')
end)

case('new declarations beside old ones are made', function(t)
    local txn = after('struct @ { int a; };')
    t:ok(txn.again('struct @ { int a; }; struct @_more { struct @ x[3]; };'), 'declared')
    t:is(ffi.sizeof(name('struct @_more')), 12, 'there')
    local _, left = txn.undo()
    t:is(#left, 1, 'and told by a rollback')
end)

case('C that does not parse is the error that it would be', function(t)
    local txn = begin()
    local ok, err = txn.again('struct @ { int a')
    t:ok(not ok, 'fails')
    t:like(tostring(err), 'expected', 'words of LuaJIT')
    t:is(type(err), 'string', 'a text')
end)

case('semicolons and braces in comments do not count', function(t)
    local txn = begin()
    t:ok(txn.again('/* ; { */ struct @ { int a; // } ; {\n int b; /* } */ }; // ;'), 'declared')
    t:is(ffi.sizeof(name('struct @')), 8, 'there')
end)

case('declarations with parameters are left alone', function(t)
    local txn = begin()
    local ok = pcall(txn.code("require('ffi').cdef('struct $ { int a; };', (...))"), name('@_p'))
    t:ok(ok, 'declared')
    t:is(ffi.sizeof(name('struct @_p')), 4, 'there')
end)

case('other code declares as ever', function(t)
    local txn = after('struct @ { int a; };')
    local ok, err = lib.elsewhere(function()
        return pcall(ffi.cdef, name('struct @ { int a; };'))
    end)
    t:ok(not ok, 'fails')
    t:like(tostring(err), 'attempt to redefine', 'as without a reload')
    txn.undo()
end)

case('cdef and metatype are the ones that they were, after both ends', function(t)
    local cdef, metatype = ffi.cdef, ffi.metatype
    local txn = begin()
    t:ok(ffi.cdef ~= cdef, 'not meanwhile')
    txn:commit()
    t:is(ffi.cdef, cdef, 'cdef after a commit')
    t:is(ffi.metatype, metatype, 'metatype after a commit')
    txn = begin()
    txn.undo()
    t:is(ffi.cdef, cdef, 'cdef after a rollback')
    t:is(ffi.metatype, metatype, 'metatype after a rollback')
end)

case('a change that keeps the layout is found from the second reload on', function(t)
    local registry = new_registry(lib.loader())
    count = count + 1
    local function reload(text)
        local load = lib.loader()
        local txn = lib.transaction(load, registry)
        local adapter = load('adapters.ffi').new(txn)
        txn:add(adapter)
        return txn, pcall(txn.code("local text = ... require('ffi').cdef(text)"), name(text))
    end
    local txn = reload('struct @ { int a; };')
    txn:commit()
    local ok, second
    second, ok = reload('struct @ { float a; };')
    t:ok(not ok, 'int is not float')
    second.undo()
    second, ok = reload('struct   @ { int a; /* the same */ };')
    t:ok(ok, 'another comment is no change')
    second:commit()
end)

case('methods of a type are replaced at the commit, not before', function(t)
    local registry = new_registry(lib.loader())
    count = count + 1
    ffi.cdef(name('struct @ { int a; };'))
    local T = ffi.metatype(name('struct @'), {__index = {say = function() return 'old' end}})
    local object = T(1)
    local load = lib.loader()
    local txn = lib.transaction(load, registry)
    txn:add(load('adapters.ffi').new(txn))
    local ok, ctype = pcall(txn.code([[
        local name = ...
        local methods = {say = function() return 'new' end, more = function() return 1 end}
        return require('ffi').metatype(name, {__index = methods})
    ]]), name('struct @'))
    t:ok(ok, 'accepted: ' .. tostring(ctype))
    t:is(ok and ffi.sizeof(ctype), 4, 'the type')
    t:is(object:say(), 'old', 'before')
    txn:commit()
    local results = {}
    for i = 1, 200 do
        results[i] = object:say()
    end
    t:is(results[1], 'new', 'after')
    t:is(results[200], 'new', 'also when it is compiled')
    t:is(object:more(), 1, 'another method')
end)

case('methods of a type stay after a rollback', function(t)
    count = count + 1
    ffi.cdef(name('struct @ { int a; };'))
    local T = ffi.metatype(name('struct @'), {__index = {say = function() return 'old' end}})
    local txn
    do
        local load = lib.loader()
        txn = lib.transaction(load, new_registry(load))
        txn:add(load('adapters.ffi').new(txn))
    end
    pcall(txn.code("require('ffi').metatype(..., {__index = {say = function() return 'new' end}})"), name('struct @'))
    local _, left = txn.undo()
    t:is(T(1):say(), 'old', 'method')
    t:is(#left, 0, 'nothing is left')
end)

case('new code can use new methods before the commit, or is refused', function(t)
    count = count + 1
    ffi.cdef(name('struct @ { int a; };'))
    ffi.metatype(name('struct @'), {__index = {say = function() return 'old' end}})
    local load = lib.loader()
    local txn = lib.transaction(load, new_registry(load))
    txn:add(load('adapters.ffi').new(txn))
    local ok, err = pcall(txn.code([[
        local T = require('ffi').metatype(..., {__index = {fresh = function() return 'new' end}})
        return T(1):fresh()
    ]]), name('struct @'))
    t:ok(ok or tostring(err):find('restart', 1, true), 'a method that is new: ' .. tostring(err))
end)

case('a type that new code declares gets its methods at once', function(t)
    local txn = begin()
    local ok, value = pcall(txn.code([[
        local ffi, name = require('ffi'), ...
        ffi.cdef('struct ' .. name .. ' { int a; };')
        return ffi.metatype('struct ' .. name, {__index = {say = function() return 'new' end}})():say()
    ]]), name('@'))
    t:ok(ok, 'declared')
    t:is(value, 'new', 'method')
    txn.undo()
end)

lib.run()
