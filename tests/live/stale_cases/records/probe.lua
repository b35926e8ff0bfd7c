local results = {require('bus').call_all()}
table.sort(results)
return unpack(results)
