local Base = {}
Base.__index = Base

function Base.title()
    return 'title v1'
end

local Account = setmetatable({}, Base)
Account.__index = Account

function Account.new()
    return setmetatable({}, Account)
end

return {Account = Account}
