-- A module registers functions that have no name in it, at each place where rocks
-- keep such. Its next generation does so again, and each is called once.
require('shop')
