rawset(_G, 'seen', 'nothing')
box.space.users:replace({1})
return rawget(_G, 'seen')
