local objects = rawget(_G, 'objects')
rawset(_G, 'closed', 'nothing')
objects[#objects] = nil
collectgarbage()
collectgarbage()
return rawget(_G, 'closed')
