return require('timer').listen()
