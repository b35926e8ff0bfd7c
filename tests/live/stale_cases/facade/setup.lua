-- A rock is a facade: it exports functions of the application again.
require('facade')
