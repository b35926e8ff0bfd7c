local first = rawget(_G, 'first')
return getmetatable(first).__type, tostring(first)
