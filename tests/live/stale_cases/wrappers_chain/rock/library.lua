return {
    send = function() end,
    receive = function() end,
}
