return rawget(_G, 'show')()
