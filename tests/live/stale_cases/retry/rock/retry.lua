local fiber = require('fiber')

return function(f, n, ...)
    for _ = 1, n do
        local ok, result = pcall(f, ...)
        if ok then
            return result
        end
        fiber.sleep(0.15)
    end
    return 'failed'
end
