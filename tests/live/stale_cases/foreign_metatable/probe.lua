local first, second = rawget(_G, 'first'), rawget(_G, 'second')
return getmetatable(first).__type, tostring(first), getmetatable(second).__type
