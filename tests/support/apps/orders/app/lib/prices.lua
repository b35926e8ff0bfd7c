-- A module that requests require while they run.
local VERSION = 1

return {version = VERSION}
