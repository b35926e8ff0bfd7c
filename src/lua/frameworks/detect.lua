--- Determines the framework, which gives an application its roles.
--
-- A framework is a file in this directory. Its `detect()` returns nil, or an
-- object that knows one instance and takes part in one reload:
--   name              a word
--   has_roles         whether its applications have roles
--   is_understood()   true, or nil and what is missing
--   refusal()         why no reload can begin now: failure fields, or nil
--   status()          fields for the command `status`, and failure fields or nil
--   alias()           the name of the instance, or nil
--   stage(txn, modules, adapters)  adds the adapters that the framework needs to the
--                     transaction; `adapters` has them by name
--   role_modules()    names of the modules to load first
--   register()        registers the new roles; returns the old and the new
--                     registry, each {by_number, by_role_name, by_module_name}
--   check_removed(old, new)  throws if the cluster needs a role that is gone
--   config()          an object that is replaced whenever the config is applied
--   is_master()       whether this instance is a leader
--   enabled(registry) names of the roles that run here, as a set
--   is_reloaded(role) whether the code of a role is new
--   offer(name, M)    sets the role that new code finds under a name
--   serving(name)     the role that all other code finds under a name
--   retire(proxies) shows the `stop` of old roles the services and variables of
--                     their generation
--   settle()          ends that, after the old roles have stopped
--   servers           the adapters of its HTTP servers, once they are staged
--   methods           step -> name of the role's function: `validate`, `init`,
--                     `before_apply`, `apply`, `stop`, `after_commit`
--   arguments(step, role)  the arguments for that function
--   describe_roles()  the roles in their order, {{name, module, enabled},...}
-- and, if it needs them,
--   check_files(selected)  failure fields if this server may not load the file of
--                     a role that is among these modules, by name
--   notices(selected) what a reload of these modules does not cover, as messages
--   ignores_results   roles fail only by throwing: what they return is ignored
--   applies_again     `apply` may be called at any time without `stop`, and so also
--                     to restart a role after a rollback
--   hold(), resume()  keep events from the roles from the commit until the new
--                     ones have got the config; `hold` must not yield, and returns
--                     false if it has to be tried again
--   activate(role)    makes the framework call a new role where it has kept functions
--                     of the old one
--   dependents(roles) roles that are not reloaded, but must be applied again because
--                     they depend on these
--
-- The transaction and the adapters of Tarantool's own things do not know the
-- framework. These files require no adapter, as read-only commands use them too.

local require = ...

--- Returns the framework of this instance; `none` fits every instance. Only those
-- that are possible here are compiled: compiling all of them would take longer than
-- a read-only command.
-- @treturn table
return function()
    local detected
    if package.loaded['cartridge'] ~= nil then
        detected = require('frameworks.cartridge').detect()
    end
    -- The config came with Tarantool 3. On an older server the module may be a
    -- stand-in, or one of the application.
    if detected == nil and (package.loaded['config'] ~= nil or tonumber(_TARANTOOL:match('^%d+')) >= 3) then
        detected = require('frameworks.config').detect()
    end
    return detected or require('frameworks.none').detect()
end
