-- Test stand-in for cartridge.cluster-cookie, written from its documented
-- behaviour: the secret shared by the instances of a cluster, and the user whose
-- password it is.

local digest = require('digest')

local cookie

return {
    init = function() end,
    username = function() return 'admin' end,
    cookie = function() return cookie end,
    set_cookie = function(value) cookie = value end,
    get_cookie_hash = function() return digest.sha256_hex(cookie or '') end,
}
