local id = (rawget(_G, 'id') or 0) + 1
rawset(_G, 'id', id)
box.space.a:insert({id})
return box.space.a:get(id) and 'stored v1' or 'lost', require('shop').store.find()
