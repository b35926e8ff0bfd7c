local M = {}

function M.index(text, name)
    if name == 'labelled' then
        return text .. ' v2'
    end
    return string[name]
end

return M
