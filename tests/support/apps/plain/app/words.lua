local VERSION = 1
-- insert: words_top

return {hello = 'hello', version = VERSION}
