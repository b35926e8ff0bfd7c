-- A module that requests look up when they run.
local VERSION = 1

return {version = VERSION}
