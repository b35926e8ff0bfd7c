-- A rock: calls a function repeatedly until it raises no error.
local fiber = require('fiber')

return function(f, tries, pause, ...)
    local ok, result
    for _ = 1, tries do
        ok, result = pcall(f, ...)
        if ok then
            return result
        end
        fiber.sleep(pause)
    end
    error(result, 0)
end
