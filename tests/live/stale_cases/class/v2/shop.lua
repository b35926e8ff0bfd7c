local Account = {}
Account.__index = Account

function Account.new(owner)
    return setmetatable({owner = owner}, Account)
end

function Account:title()
    return self.owner .. ' v2'
end

return {Account = Account}
