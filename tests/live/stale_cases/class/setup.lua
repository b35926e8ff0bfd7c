-- Objects in a global live on, with the old class as their metatable.
rawset(_G, 'accounts', {require('shop').Account.new('Ann')})
