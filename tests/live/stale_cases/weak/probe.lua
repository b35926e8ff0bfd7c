return rawget(_G, 'cache').get(), rawget(_G, 'holder')()
