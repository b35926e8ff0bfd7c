--- Which framework gives this application its roles.
--
-- A framework is a file in this directory. Its `detect()` returns nil, or an
-- object that knows one instance and takes part in one reload:
--   name              a word
--   has_roles         whether its applications have roles
--   is_understood()   true, or nil and what is missing
--   refusal()         why no reload can begin now: failure fields, or nil
--   status()          fields for the command `status`, and a problem or nil
--   alias()           the name of the instance, or nil
--   stage(txn, modules, adapters)  adds those of the adapters, a table by name,
--                     that the framework's own things need
--   role_modules()    names of the modules to load first
--   register()        registers the new roles; returns the old and the new
--                     registry, each {by_number, by_role_name, by_module_name}
--   check_removed(old, new)  throws if the cluster needs a role that is gone
--   config()          the identity of the active config
--   is_master()       whether this instance leads
--   enabled(registry) names of the roles that run here, as a set
--   is_reloaded(role) whether the code of a role is new
--   offer(name, M), serving(name)  what new code finds as a role, and what
--                     everybody else finds
--   retire(stand_ins), settle()  gives the old `stop` what its generation had, as it
--                     is now; ends that
--   servers           the adapters of its HTTP servers, once they are staged
--   methods           step -> name of the role's function: `validate`, `init`,
--                     `before_apply`, `apply`, `stop`, `after_commit`
--   arguments(step, role)  what such a function is called with
--   describe_roles()  the roles in their order, {{name, module, enabled},...}
-- and, if it needs them,
--   check_files(selected)  failure fields if this server may not load the file of
--                     one of these modules, by name, as a role
--   notices(selected) what a reload of them cannot do, a line each
--   ignores_results   only what a function throws is a failure, not what it returns
--   applies_again     `apply` may be called at any time without `stop`, so a role
--                     is revived by it
--   hold(), resume()  keeps events from the roles from the commit until the new
--                     ones have got the config; `hold` must not yield, and returns
--                     false if it has to be tried again
--   activate(role)    has what the framework keeps of a role call the new one
--   dependents(roles) roles that stay and are to be applied again after these
--
-- The transaction and the adapters of Tarantool's own things know no framework.
-- These files require no adapter: commands that only look need them too.

local require = ...

--- A framework is compiled only where it can be: all of them would take longer
-- than a command that only looks.
-- @treturn table the framework of this instance; `none` fits every instance
return function()
    local detected
    if package.loaded['cartridge'] ~= nil then
        detected = require('frameworks.cartridge').detect()
    end
    -- The config came with Tarantool 3.
    if detected == nil and tonumber(_TARANTOOL:match('^%d+')) >= 3 then
        detected = require('frameworks.config').detect()
    end
    return detected or require('frameworks.none').detect()
end
