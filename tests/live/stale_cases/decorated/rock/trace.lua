return function(f)
    return function()
        return f()
    end
end
