--- Determines the framework that provides the application's roles.
--
-- A framework is a file in this directory. Its `detect()` function returns nil if the
-- instance does not use the framework. Otherwise it returns an object for use by one
-- command. The object has these fields and methods:
--   name              name of the framework, one word
--   has_roles         whether applications with this framework have roles
--   is_understood()   returns true if all internals that a reload needs were found,
--                     otherwise nil and the name of a missing one
--   refusal()         returns failure fields if no reload can begin now, otherwise nil
--   status()          returns fields for the `status` command, and failure fields or nil
--   alias()           returns the name of the instance, or nil
--   stage(txn, modules, adapters)  adds the framework's adapters to the transaction;
--                     `adapters` contains all adapters by name
--   role_modules()    returns the names of the modules to load first
--   register()        registers the new roles; returns the old and the new registry,
--                     each {by_number, by_role_name, by_module_name}
--   check_removed(old, new)  throws if the new registry lacks a role that the cluster
--                     needs
--   config()          returns an object that identifies the applied config, or nil if there
--                     is none; whenever the config is applied, a new object replaces
--                     the object
--   is_master()       returns whether this instance is a leader
--   enabled(registry) returns the names of the roles that run on this instance, as a set
--   is_reloaded(role) returns whether a role's code is new
--   offer(name, M)    sets the role that only new code finds under a name
--   serving(name)     returns the role that all other code finds under a name
--   retire(proxies)   makes the services and variables of the old generation visible
--                     to the `stop` functions of old roles; `proxies` maps each live
--                     HTTP server to the proxy that these functions get instead
--   settle()          reverts `retire` after the old roles have stopped
--   servers           adapters of the framework's HTTP servers, set by `stage`
--   methods           maps each step to the name of the function that roles have for it;
--                     steps are `validate`, `init`, `before_apply`, `apply`, `stop` and
--                     `after_commit`
--   arguments(step, role)  returns the arguments for a role's function for this step
--   describe_roles()  returns the roles in their order, {{name, module, enabled},...}
--
-- These fields and methods are optional:
--   check_files(selected)  returns failure fields if this instance must not load the
--                     file of a role; `selected` contains the modules to reload, by name
--   notices(selected) returns messages about what a reload of these modules does not
--                     cover
--   ignores_results   true if a role's function fails only if it throws; the values that
--                     it returns are ignored
--   applies_again     true if `apply` may be called at any time without `stop` before it,
--                     so that a rollback can use `apply` to restart a role
--   hold(), resume()  suspend and resume the delivery of events to roles, so that none is
--                     delivered between the commit and the moment when the config has
--                     been applied to the new roles. `hold` does not yield, and returns
--                     false if it must be called again later.
--   activate(role)    registers functions of a new role with Tarantool, such as a
--                     health check; they replace those of the old role
--   dependents(roles) returns the roles that are not reloaded but depend on these
--                     reloaded roles; the config must be applied to the dependents again
--
-- Neither the transaction nor the adapters for Tarantool's own objects depend on a
-- framework. The files in this directory load no adapters, because read-only commands
-- use these files, too.

local require = ...

--- Returns the framework of this instance, `none` by default. Loads only the frameworks
-- that the instance may use, because compiling all of them would take longer than
-- running a read-only command.
-- @treturn table
return function()
    local detected
    if package.loaded['cartridge'] ~= nil then
        detected = require('frameworks.cartridge').detect()
    end
    -- The built-in `config` module has existed since Tarantool 3. On an older server, a module
    -- of this name may belong to the application, or emulate the built-in one. The
    -- framework's `detect` distinguishes these cases.
    if detected == nil and (package.loaded['config'] ~= nil or tonumber(_TARANTOOL:match('^%d+')) >= 3) then
        detected = require('frameworks.config').detect()
    end
    return detected or require('frameworks.none').detect()
end
