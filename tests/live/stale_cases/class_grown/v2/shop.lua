local Account = {}
Account.__index = Account

function Account.new()
    return setmetatable({}, Account)
end

function Account:title()
    return self:version()
end

function Account.version()
    return 'v2'
end

return {Account = Account}
