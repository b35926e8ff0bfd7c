return rawget(_G, 'accounts')[1]:title()
