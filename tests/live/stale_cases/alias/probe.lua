return rawget(_G, 'get_balance')()
