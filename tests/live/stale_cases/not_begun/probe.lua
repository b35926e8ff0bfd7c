return select(2, coroutine.resume(table.remove(rawget(_G, 'threads'))))
