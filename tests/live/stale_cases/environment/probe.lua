return rawget(_G, 'page')()
