-- The new method of an old object calls another one that the old class does not
-- have.
rawset(_G, 'account', require('shop').Account.new())
