-- The method is two metatables away from the object.
rawset(_G, 'account', require('shop').Account.new())
