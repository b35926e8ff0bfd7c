/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include "cli/options.h"

#define CHANGES		(COMMAND_RELOAD | COMMAND_PLAN)
#define CLUSTER		(CHANGES | COMMAND_STATUS | COMMAND_STALE)
/* The commands that can have several targets. */
#define MANY		((unsigned)COMMAND_ALL & ~(unsigned)(COMMAND_PUSH | \
			    COMMAND_CONSOLE))
/* The commands that send one request to each instance. */
#define REQUEST		((unsigned)COMMAND_ALL & ~(unsigned)COMMAND_CONSOLE)

enum option_key {
	KEY_RUN_DIR = 256,
	KEY_PASSWORD_FILE,
	KEY_CLUSTER,
	KEY_ALLOW_MIXED,
	KEY_PRUNE,
	KEY_MAIN,
	KEY_ROCKS,
	KEY_METHOD,
	KEY_STALE,
	KEY_NO_STOP,
	KEY_IF_CHANGED,
	KEY_EXIT_CODE,
	KEY_COLOR,
	KEY_PROGRESS,
	KEY_PRINT_LUA
};

#define AT(field)	offsetof(struct options, field)

const struct option_row option_table[] = {
	{ 's', "socket", "TARGET", NULL,
	    "console or binary port to connect to: a path, a glob pattern or"
	    " [USER@]HOST:PORT; may be repeated",
	    COMMAND_ALL, OPTION_LIST, AT(sockets), OPT_CLI_ONLY },
	{ 'a', "app", "NAME", NULL,
	    "select all instances of this application on this machine;"
	    " may be repeated",
	    COMMAND_ALL, OPTION_LIST, AT(apps), OPT_CLI_ONLY },
	{ 'i', "instance", "NAME", NULL,
	    "select instances with this name; may be repeated",
	    COMMAND_ALL, OPTION_LIST, AT(instances), OPT_CLI_ONLY },
	{ KEY_RUN_DIR, "run-dir", "DIR", NULL,
	    "directory to search for sockets",
	    COMMAND_ALL, OPTION_TEXT, AT(run_dir), OPT_CLI_ONLY },
	{ 'u', "user", "NAME", NULL,
	    "user name for a binary port (default: $TT_CLI_USERNAME; else"
	    " admin if a cluster cookie is known, else guest)",
	    COMMAND_ALL, OPTION_TEXT, AT(user), OPT_CLI_ONLY },
	{ KEY_PASSWORD_FILE, "password-file", "FILE", NULL,
	    "read the password from FILE (- for standard input) instead of"
	    " $TT_CLI_PASSWORD, $TARANTOOL_CLUSTER_COOKIE or a prompt",
	    COMMAND_ALL, OPTION_TEXT, AT(password_file), OPT_CLI_ONLY },
	{ KEY_CLUSTER, "cluster", NULL, NULL,
	    "act on the whole cluster, through one of its instances",
	    CLUSTER, OPTION_FLAG, AT(cluster), 0 },
	{ KEY_ALLOW_MIXED, "allow-mixed", NULL, NULL,
	    "proceed even if instances have different code on disk",
	    CHANGES, OPTION_FLAG, AT(allow_mixed), OPT_IN_FULL },
	{ 'j', "jobs", "N", NULL,
	    "number of instances to process in parallel (default: 1;"
	    " 64 for read-only commands)",
	    MANY, OPTION_COUNT, AT(jobs), 0 },
	{ 'k', "keep-going", NULL, NULL,
	    "continue with other instances after a failure",
	    MANY, OPTION_FLAG, AT(keep_going), OPT_IN_FULL },
	{ 't', "timeout", "SECONDS", NULL,
	    "time limit for each instance (default: 60)",
	    COMMAND_ALL, OPTION_TIME_LIMIT, AT(timeout), 0 },
	{ 'w', "wait", "SECONDS", NULL,
	    "retry for up to SECONDS until the instance is reachable and"
	    " ready (default: 0)",
	    COMMAND_ALL, OPTION_TIME, AT(wait), 0 },
	{ 'm', "module", "GLOB", NULL,
	    "reload only modules whose names match GLOB; may be repeated",
	    CHANGES, OPTION_LIST, AT(modules), OPT_STAGED_ONLY },
	{ 'x', "exclude", "GLOB", NULL,
	    "skip modules whose names match GLOB; may be repeated",
	    CHANGES, OPTION_LIST, AT(excludes), OPT_STAGED_ONLY },
	{ KEY_MAIN, "main", NULL, NULL,
	    "run the main script again (applications without a framework)",
	    CHANGES, OPTION_FLAG, AT(run_main), OPT_STAGED_ONLY },
	{ KEY_ROCKS, "rocks", NULL, NULL,
	    "also reload modules under .rocks",
	    CHANGES, OPTION_FLAG, AT(rocks), OPT_STAGED_ONLY },
	{ KEY_METHOD, "method", "METHOD", "staged|native",
	    "staged: reload in a transaction; native: use the application's"
	    " own mechanism, Cartridge's reload_roles() or package.reload"
	    " (default: staged)",
	    CHANGES, OPTION_CHOICE, AT(method), 0 },
	{ KEY_STALE, "stale", "ACTION", "patch|report|fail",
	    "patch: patch unambiguous references to old code; report: patch"
	    " none, only report them; fail: like patch, but exit with"
	    " status 7 if references remain (default: patch)",
	    COMMAND_RELOAD, OPTION_TEXT, AT(stale), 0 },
	{ KEY_NO_STOP, "no-stop", NULL, NULL,
	    "do not call the old roles' stop()",
	    CHANGES, OPTION_FLAG, AT(no_stop),
	    OPT_IN_FULL | OPT_STAGED_ONLY },
	{ KEY_IF_CHANGED, "if-changed", NULL, NULL,
	    "do nothing if no application file has changed",
	    CHANGES, OPTION_FLAG, AT(if_changed), OPT_STAGED_ONLY },
	{ 'n', "dry-run", NULL, NULL,
	    "same as the plan command; with push, only show what would"
	    " change",
	    CHANGES | COMMAND_PUSH, OPTION_FLAG, AT(dry_run), 0 },
	{ KEY_EXIT_CODE, "exit-code", NULL, NULL,
	    "with plan or push -n: exit with status 9 if something would"
	    " change",
	    CHANGES | COMMAND_PUSH, OPTION_FLAG, AT(exit_code),
	    OPT_CLI_ONLY },
	{ KEY_PRUNE, "prune", NULL, NULL,
	    "with push, also remove extension files that are not in DIR",
	    COMMAND_PUSH, OPTION_FLAG, AT(prune), OPT_IN_FULL },
	{ 'f', "file", "FILE", NULL,
	    "run the Lua code in FILE (- for standard input)",
	    COMMAND_EVAL, OPTION_TEXT, AT(eval_file), 0 },
	{ 'o', "output", "FORMAT", "text|json",
	    "format of the report on standard output (default: text)",
	    COMMAND_ALL, OPTION_FORMAT, AT(output), 0 },
	{ 'q', "quiet", NULL, NULL,
	    "print nothing but errors",
	    COMMAND_ALL, OPTION_FLAG, AT(quiet), 0 },
	{ 'v', "verbose", NULL, NULL,
	    "print each phase and more details",
	    COMMAND_ALL, OPTION_FLAG, AT(verbose), 0 },
	{ KEY_COLOR, "color", "WHEN", "auto|always|never",
	    "when to use colours in the report (default: auto)",
	    COMMAND_ALL, OPTION_CHOICE, AT(color), 0 },
	{ KEY_PROGRESS, "progress", "WHEN", "auto|always|never",
	    "when to show a progress line on standard error (default: auto)",
	    COMMAND_ALL, OPTION_CHOICE, AT(progress), 0 },
	{ KEY_PRINT_LUA, "print-lua", NULL, NULL,
	    "print the Lua line that would be sent, without connecting",
	    REQUEST, OPTION_FLAG, AT(print_lua), OPT_CLI_ONLY },
	{ 'h', "help", NULL, NULL,
	    "show this help, or help for one command",
	    COMMAND_ALL, OPTION_FLAG, AT(help), 0 },
	{ 'V', "version", NULL, NULL,
	    "show the version",
	    COMMAND_ALL, OPTION_FLAG, AT(version), OPT_CLI_ONLY },
	{ 0, NULL, NULL, NULL, NULL, 0, OPTION_FLAG, 0, 0 }
};
