return 'v' .. require('native').callback()
