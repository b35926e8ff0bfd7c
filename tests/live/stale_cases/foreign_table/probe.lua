local first = rawget(_G, 'first')
local count = box.space.a:count()
box.space.a:insert({count + 1})
return ('%d inserted'):format(box.space.a:count() - count), box.space.a.find(), first:put(), first.find(),
    require('store').objects.c.name, require('pick').name
