-- Each object has closures of its own, over data of its own.
rawset(_G, 'account', require('shop').open('Ann'))
