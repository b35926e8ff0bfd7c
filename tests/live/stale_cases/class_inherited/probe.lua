return rawget(_G, 'account'):title()
