local prices = rawget(_G, 'prices')
return prices.apple, prices()
