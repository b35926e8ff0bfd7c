--- Determines the framework, which gives an application its roles.
--
-- A framework is a file in this directory. Its `detect()` returns nil if the instance
-- does not use the framework. Otherwise it creates an object for the running command,
-- with these fields and methods:
--   name              its name, one word
--   has_roles         whether its applications have roles
--   is_understood()   true if all internals that a reload needs were found, otherwise
--                     nil and the name of a missing one
--   refusal()         why no reload can begin now: failure fields, or nil
--   status()          fields for the command `status`, and failure fields or nil
--   alias()           the name of the instance, or nil
--   stage(txn, modules, adapters)  adds the adapters that the framework needs to the
--                     transaction; `adapters` is a table of all adapters by name
--   role_modules()    names of the modules to load first
--   register()        registers the new roles; returns the old and the new
--                     registry, each {by_number, by_role_name, by_module_name}
--   check_removed(old, new)  throws if the new registry lacks a role that the cluster
--                     needs
--   config()          an object that is replaced whenever the config is applied
--   is_master()       whether this instance is a leader
--   enabled(registry) set of the names of the roles that run on this instance
--   is_reloaded(role) whether the code of a role is new
--   offer(name, M)    sets the role that new code finds under a name
--   serving(name)     the role that all other code finds under a name
--   retire(proxies)   makes the services and variables of the old generation visible
--                     to the `stop` of old roles; `proxies` maps each live HTTP server
--                     to the proxy that `stop` gets instead
--   settle()          ends what `retire` has begun; called after the old roles have
--                     stopped
--   servers           the adapters of its HTTP servers; set by `stage`
--   methods           step -> name of the role's function: `validate`, `init`,
--                     `before_apply`, `apply`, `stop`, `after_commit`
--   arguments(step, role)  the arguments for that function
--   describe_roles()  the roles in their order, {{name, module, enabled},...}
-- Optional fields are
--   check_files(selected)  returns failure fields if this server may not load the
--                     file of a role; `selected` has the modules to reload, by name
--   notices(selected) returns messages about what a reload of these modules does not
--                     cover
--   ignores_results   true if roles fail only by throwing, and what they return is
--                     ignored
--   applies_again     true if `apply` may be called at any time without a `stop` before
--                     it; a rollback can then use `apply` to restart a role
--   hold(), resume()  suspend and resume the delivery of events to roles: no event is
--                     delivered between the commit and the moment when the config has
--                     been applied to the new roles. `hold` must not yield, and returns
--                     false if it has to be called again later.
--   activate(role)    registers functions of a new role with the server, such as a
--                     health check; they replace those of the old role
--   dependents(roles) the other roles that depend on these: they are not reloaded, but
--                     must be applied again
--
-- The transaction does not depend on the framework; nor do the adapters for objects of
-- Tarantool itself. The files in this directory do not require any adapter, because
-- read-only commands use these files, too.

local require = ...

--- Returns the framework of this instance; `none` fits every instance. Loads only the
-- frameworks that the instance may use: compiling all of them would take longer than
-- running a read-only command.
-- @treturn table
return function()
    local detected
    if package.loaded['cartridge'] ~= nil then
        detected = require('frameworks.cartridge').detect()
    end
    -- The module `config` came with Tarantool 3. On an older server, a module of that
    -- name may belong to the application or emulate Tarantool's module: `detect`
    -- distinguishes the two.
    if detected == nil and (package.loaded['config'] ~= nil or tonumber(_TARANTOOL:match('^%d+')) >= 3) then
        detected = require('frameworks.config').detect()
    end
    return detected or require('frameworks.none').detect()
end
