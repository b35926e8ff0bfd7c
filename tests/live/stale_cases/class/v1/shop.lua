local Account = {}
Account.__index = Account

function Account.new(owner)
    return setmetatable({owner = owner}, Account)
end

function Account:title()
    return self.owner .. ' v1'
end

return {Account = Account}
