-- Named objects with a method.
local objects, methods = {}, {}
methods.__index = methods

function methods:put()
    self.count = (self.count or 0) + 1
    return 'put'
end

local function new(name)
    objects[name] = objects[name] or setmetatable({name = name}, methods)
    return objects[name]
end

return {new = new, objects = objects}
