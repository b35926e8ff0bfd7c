/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * The table of all error codes, from this program and from instances.  Each row
 * has a constant, the name in reports, the outcome, and the sentence with which
 * the manual explains the error code.  A name with several outcomes has one row
 * for each outcome.  src/lua/core/codes.lua lists the error codes that the Lua
 * code uses.
 *
 * Only error.h includes this file.  Both error.h and error.c expand the table.
 */

#ifndef CR_ERROR_CODES_H
#define CR_ERROR_CODES_H

#define ERROR_CODES(ROW)						\
	/* Errors in the command line, or on this machine. */		\
	ROW(LOCAL, "local_error", USAGE,				\
	    "A system call of the client failed.")			\
	ROW(OUT_OF_MEMORY, "out_of_memory", USAGE,			\
	    "The client is out of memory.")				\
	ROW(OUTPUT, "output", USAGE,					\
	    "Standard output could not be written.")			\
	ROW(USAGE, "usage", USAGE,					\
	    "The command line, or a file that it names, is wrong.")	\
	/* The instance cannot be reached, or denies access. */		\
	ROW(ACCESS_DENIED, "access_denied", UNREACHABLE,		\
	    "The user of the binary port lacks a privilege.")		\
	ROW(BUSY, "busy", UNREACHABLE,					\
	    "The socket's listen backlog is full.")			\
	ROW(CLOSED_EARLY, "closed", UNREACHABLE,			\
	    "The connection was closed before the request was sent.")	\
	ROW(CLOSED_BEFORE_GREETING, "closed_before_greeting", UNREACHABLE, \
	    "The connection was closed before the greeting.")		\
	ROW(CONNECTION_FAILED, "connection_failed", UNREACHABLE,	\
	    "The gateway instance cannot connect to the instance.")	\
	ROW(LOADING, "loading", UNREACHABLE,				\
	    "The instance is still starting and accepts no requests.")	\
	ROW(LOGIN_FAILED, "login_failed", UNREACHABLE,			\
	    "The user or the password is wrong.")			\
	ROW(NAME_RESOLUTION, "name_resolution", UNREACHABLE,		\
	    "The host name could not be resolved.")			\
	ROW(NO_ADDRESS, "no_address", UNREACHABLE,			\
	    "The cluster's topology has no address for the instance.")	\
	ROW(NO_GREETING, "no_greeting", UNREACHABLE,			\
	    "The connection was accepted, but no greeting came in time.") \
	ROW(NO_PASSWORD, "no_password", UNREACHABLE,			\
	    "The user of a binary port needs a password, and none was given.") \
	ROW(NO_PERMISSION, "no_permission", UNREACHABLE,		\
	    "This user may not write to the socket or search its directory.") \
	ROW(NO_SOCKET, "no_socket", UNREACHABLE,			\
	    "There is no such socket, or none that matches.")		\
	ROW(NOT_A_CONSOLE, "not_a_console", UNREACHABLE,		\
	    "The peer is not a Tarantool server.")			\
	ROW(NOT_A_SOCKET, "not_a_socket", UNREACHABLE,			\
	    "The path is a file or a directory, not a socket.")		\
	ROW(REFUSED, "refused", UNREACHABLE,				\
	    "No process is listening.")					\
	ROW(SHUTTING_DOWN, "shutting_down", UNREACHABLE,		\
	    "The instance is shutting down and accepts no requests.")	\
	ROW(UNREACHABLE, "unreachable", UNREACHABLE,			\
	    "The connection failed for another reason.")		\
	ROW(WRONG_OWNER, "wrong_owner", UNREACHABLE,			\
	    "The owner of the socket is not trusted.")			\
	/* The command failed; the old code is still serving. */	\
	ROW(APPLY_FAILED, "apply_failed", FAILED,			\
	    "apply_config() raised or returned an error.")		\
	ROW(BAD_CONFIG, "bad_config", FAILED,				\
	    "The config to push is invalid.")				\
	ROW(BAD_RESULT, "bad_result", FAILED,				\
	    "The results of eval could not be encoded.")		\
	ROW(BAD_ROLE, "bad_role", FAILED,				\
	    "A role's module does not define a valid role.")		\
	ROW(BOX_CFG_CHANGED, "box_cfg_changed", FAILED,			\
	    "The main script changes box.cfg() options.")		\
	ROW(CANCELLED, "cancelled", FAILED,				\
	    "The reload's fiber was cancelled.")			\
	ROW(COMPILE_ERROR, "compile_error", FAILED,			\
	    "A file has a syntax error, or cannot be read.")		\
	ROW(CONFIG_CHANGING, "config_changing", FAILED,			\
	    "The config kept changing while it was being applied.")	\
	ROW(FFI_CHANGED, "ffi_changed", FAILED,				\
	    "A C declaration has changed: a restart is needed.")	\
	ROW(INIT_FAILED, "init_failed", FAILED,				\
	    "init() raised or returned an error.")			\
	ROW(INTERNAL, "internal_error", FAILED,				\
	    "There is a bug in cartridge-reload itself.")		\
	ROW(LOAD, "load_error", FAILED,					\
	    "A module raised an error when it was loaded.")		\
	ROW(LUA, "lua_error", FAILED,					\
	    "The Lua code that was sent raised an error.")		\
	ROW(OS_EXIT, "os_exit", FAILED,					\
	    "The new code calls os.exit().")				\
	ROW(PUSH_FAILED, "push_failed", FAILED,				\
	    "Cartridge could not change the config.")			\
	ROW(VALIDATE_FAILED, "validate_failed", FAILED,			\
	    "validate_config() rejected the config.")			\
	/* No final reply came in time. */				\
	ROW(CLOSED_IN_CLUSTER, "closed", TIMEOUT,			\
	    "The connection from the gateway to the instance was closed.") \
	ROW(DEADLINE, "deadline", TIMEOUT,				\
	    "The time limit set by --timeout has passed.")		\
	ROW(INTERRUPTED, "interrupted", TIMEOUT,			\
	    "A second signal ended the wait.")				\
	/* The state of the instance or cluster forbids the command. */	\
	ROW(ALL_SKIPPED, "all_skipped", REFUSED,			\
	    "Every instance was skipped, so nothing was done.")		\
	ROW(BAD_STATE, "bad_state", REFUSED,				\
	    "The framework's state does not allow a reload.")		\
	ROW(CONFIG_CHANGED, "config_changed", REFUSED,			\
	    "The config was changed concurrently.")			\
	ROW(CONFIG_DIFFERS, "config_differs", REFUSED,			\
	    "The config differs between the instances of the cluster.")	\
	ROW(CONFIG_LOCKED, "config_locked", REFUSED,			\
	    "A config change is being applied.")			\
	ROW(FAIL_IF, "fail_if", REFUSED,				\
	    "The fail_if tag forbids a role on this server.")		\
	ROW(FORBIDDEN, "forbidden", REFUSED,				\
	    "The application has called forbid_reload().")		\
	ROW(LOCKED, "locked", REFUSED,					\
	    "Another reload or push is running.")			\
	ROW(MIXED_CODE, "mixed_code", REFUSED,				\
	    "The code on disk differs between the instances.")		\
	ROW(NATIVE_FAILED, "native_failed", REFUSED,			\
	    "The application's own reload was refused.")		\
	ROW(NO_CARTRIDGE, "no_cartridge", REFUSED,			\
	    "The command or the option requires Cartridge.")		\
	ROW(NO_EXTENSIONS, "no_extensions", REFUSED,			\
	    "No replica set has the extensions role enabled.")		\
	ROW(NO_MAIN_SCRIPT, "no_main_script", REFUSED,			\
	    "The main script cannot be run again.")			\
	ROW(NO_MODULES, "no_modules", REFUSED,				\
	    "No application module is loaded, or the options select "	\
	    "none.")							\
	ROW(NO_TOPOLOGY, "no_topology", REFUSED,			\
	    "The instance does not belong to a cluster.")		\
	ROW(NOT_RUNNING, "not_running", REFUSED,			\
	    "The instance is starting or stopping.")			\
	ROW(OLD_TOPOLOGY, "old_topology", REFUSED,			\
	    "The instance has an outdated view of the cluster.")	\
	ROW(ROLE_REMOVED, "role_removed", REFUSED,			\
	    "An enabled role is missing from the new code.")		\
	ROW(SCAN_TOO_LARGE, "scan_too_large", REFUSED,			\
	    "There is not enough memory to scan the instance.")		\
	ROW(UNREACHABLE_INSTANCES, "unreachable_instances", REFUSED,	\
	    "Some instances of the cluster cannot be reached.")		\
	ROW(UNSUPPORTED, "unsupported", REFUSED,			\
	    "This version of Tarantool or Cartridge is not supported.")	\
	/* The command failed and was not fully rolled back. */		\
	ROW(COMMIT_FAILED, "commit_failed", DEGRADED,			\
	    "The commit, which cannot be rolled back, has failed.")	\
	ROW(NATIVE_BROKEN, "native_failed", DEGRADED,			\
	    "The application's own reload has failed.")			\
	ROW(NOT_HEALTHY, "not_healthy", DEGRADED,			\
	    "The instance was reloaded, but did not become healthy in time.") \
	/* References to old code remain, or may remain. */		\
	ROW(SCAN_INCOMPLETE, "scan_incomplete", STALE,			\
	    "The scan was not completed.")				\
	ROW(STALE_REFERENCES, "stale_references", STALE,		\
	    "There are references to old code.")			\
	/* The reply is invalid or incomplete. */			\
	ROW(BAD_HANDSHAKE, "bad_handshake", PROTOCOL,			\
	    "The console rejected YAML, or a greeting has no salt.")	\
	ROW(BAD_REPLY, "bad_reply", PROTOCOL,				\
	    "The reply is not valid for the command.")			\
	ROW(CLOSED, "closed", PROTOCOL,					\
	    "The connection was closed before the reply; "		\
	    "the outcome is unknown.")					\
	ROW(NO_MEMORY_FOR_REPLY, "out_of_memory", PROTOCOL,		\
	    "There was not enough memory for the reply.")		\
	ROW(REPLY_TOO_DEEP, "reply_too_deep", PROTOCOL,			\
	    "The reply is nested too deeply.")				\
	ROW(REPLY_TOO_LARGE, "reply_too_large", PROTOCOL,		\
	    "A reply, or the total of all replies, is too large.")	\
	ROW(SERVER, "server_error", PROTOCOL,				\
	    "The binary port answered with another error.")		\
	ROW(WRONG_INSTANCE, "wrong_instance", PROTOCOL,			\
	    "Another instance answered at the address.")

#endif
