return select(2, coroutine.resume(rawget(_G, 'steps')))
