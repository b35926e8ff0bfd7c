-- The first one was fetched last time.
return rawget(_G, 'tuples'):select({limit = 2})[2][2]
