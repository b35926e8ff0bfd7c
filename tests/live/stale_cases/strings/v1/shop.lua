local M = {}

function M.index(text, name)
    if name == 'labelled' then
        return text .. ' v1'
    end
    return string[name]
end

return M
