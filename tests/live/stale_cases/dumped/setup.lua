-- A rock keeps copies of functions: of the newest generation, and of the first.
require('shop')
