local list = {}

return {
    register = function(handlers)
        table.insert(list, handlers)
    end,
    run = function(number)
        return list[number]:run()
    end,
}
