local Account = {}
Account.__index = Account

function Account.new()
    return setmetatable({}, Account)
end

function Account.title()
    return 'v1'
end

return {Account = Account}
