/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <stddef.h>

#include "proto/report_schema.h"

static const struct field module_fields[] = {
	{ "name", FIELD_STRING, DEFAULT_NULL, NULL },
	{ "path", FIELD_STRING, DEFAULT_NULL, NULL },
	{ "changed", FIELD_BOOLEAN, DEFAULT_NULL, NULL },
	{ NULL, 0, 0, NULL }
};

/*
 * The fields of an entry of "files".  An entry describes a file that a module
 * loads without `require`, or a file of the HTTP server, such as a template.
 */
static const struct field file_fields[] = {
	{ "path", FIELD_STRING, DEFAULT_NULL, NULL },
	{ "module", FIELD_STRING, DEFAULT_NULL, NULL },
	{ "changed", FIELD_BOOLEAN, DEFAULT_NULL, NULL },
	{ NULL, 0, 0, NULL }
};

static const struct field role_fields[] = {
	{ "name", FIELD_STRING, DEFAULT_NULL, NULL },
	{ "module", FIELD_STRING, DEFAULT_NULL, NULL },
	{ "enabled", FIELD_BOOLEAN, DEFAULT_ZERO, NULL },
	{ "stopped", FIELD_BOOLEAN, DEFAULT_ZERO, NULL },
	{ "validated", FIELD_BOOLEAN, DEFAULT_ZERO, NULL },
	{ "initialized", FIELD_BOOLEAN, DEFAULT_ZERO, NULL },
	{ "applied", FIELD_BOOLEAN, DEFAULT_ZERO, NULL },
	{ NULL, 0, 0, NULL }
};

static const struct field route_fields[] = {
	{ "added", FIELD_INTEGER, DEFAULT_ZERO, NULL },
	{ "replaced", FIELD_INTEGER, DEFAULT_ZERO, NULL },
	{ "removed", FIELD_INTEGER, DEFAULT_ZERO, NULL },
	{ NULL, 0, 0, NULL }
};

static const struct field fiber_fields[] = {
	{ "id", FIELD_INTEGER, DEFAULT_NULL, NULL },
	{ "name", FIELD_STRING, DEFAULT_NULL, NULL },
	{ "where", FIELD_STRING, DEFAULT_NULL, NULL },
	{ "reason", FIELD_STRING, DEFAULT_NULL, NULL },
	{ NULL, 0, 0, NULL }
};

static const struct field fibers_fields[] = {
	{ "cancelled", FIELD_OBJECTS, DEFAULT_ZERO, fiber_fields },
	{ "left", FIELD_OBJECTS, DEFAULT_ZERO, fiber_fields },
	{ "restarted", FIELD_OBJECTS, DEFAULT_ZERO, fiber_fields },
	{ NULL, 0, 0, NULL }
};

static const struct field stale_fields[] = {
	{ "kind", FIELD_STRING, DEFAULT_NULL, NULL },
	{ "where", FIELD_STRING, DEFAULT_NULL, NULL },
	{ "function", FIELD_STRING, DEFAULT_NULL, NULL },
	{ "patched", FIELD_BOOLEAN, DEFAULT_ZERO, NULL },
	{ "name", FIELD_STRING, DEFAULT_NULL, NULL },
	{ "generation", FIELD_INTEGER, DEFAULT_NULL, NULL },
	{ "reason", FIELD_STRING, DEFAULT_NULL, NULL },
	{ NULL, 0, 0, NULL }
};

static const struct field scan_fields[] = {
	{ "objects", FIELD_INTEGER, DEFAULT_ZERO, NULL },
	{ "functions", FIELD_INTEGER, DEFAULT_ZERO, NULL },
	{ "passes", FIELD_INTEGER, DEFAULT_ZERO, NULL },
	{ "slices", FIELD_INTEGER, DEFAULT_ZERO, NULL },
	{ "max_slice_ms", FIELD_NUMBER, DEFAULT_NULL, NULL },
	{ "bytes", FIELD_INTEGER, DEFAULT_ZERO, NULL },
	{ "complete", FIELD_BOOLEAN, DEFAULT_ZERO, NULL },
	{ "more", FIELD_INTEGER, DEFAULT_ZERO, NULL },
	{ "unchecked", FIELD_STRINGS, DEFAULT_ZERO, NULL },
	{ NULL, 0, 0, NULL }
};

const struct field report_error_fields[] = {
	{ "code", FIELD_STRING, DEFAULT_NULL, NULL },
	{ "phase", FIELD_STRING, DEFAULT_NULL, NULL },
	{ "role", FIELD_STRING, DEFAULT_NULL, NULL },
	{ "module", FIELD_STRING, DEFAULT_NULL, NULL },
	{ "message", FIELD_STRING, DEFAULT_NULL, NULL },
	{ "traceback", FIELD_STRING, DEFAULT_NULL, NULL },
	{ NULL, 0, 0, NULL }
};

static const struct field rollback_fields[] = {
	{ "complete", FIELD_BOOLEAN, DEFAULT_ZERO, NULL },
	{ "undone", FIELD_STRINGS, DEFAULT_ZERO, NULL },
	{ "left", FIELD_STRINGS, DEFAULT_ZERO, NULL },
	{ NULL, 0, 0, NULL }
};

static const struct field timing_fields[] = {
	{ "compile", FIELD_NUMBER, DEFAULT_NULL, NULL },
	{ "load", FIELD_NUMBER, DEFAULT_NULL, NULL },
	{ "validate", FIELD_NUMBER, DEFAULT_NULL, NULL },
	{ "init", FIELD_NUMBER, DEFAULT_NULL, NULL },
	{ "commit", FIELD_NUMBER, DEFAULT_NULL, NULL },
	{ "scan", FIELD_NUMBER, DEFAULT_NULL, NULL },
	{ NULL, 0, 0, NULL }
};

static const struct field problem_fields[] = {
	{ "module", FIELD_STRING, DEFAULT_NULL, NULL },
	{ "path", FIELD_STRING, DEFAULT_NULL, NULL },
	{ "message", FIELD_STRING, DEFAULT_NULL, NULL },
	{ NULL, 0, 0, NULL }
};

static const struct field kept_fields[] = {
	{ "reason", FIELD_STRING, DEFAULT_NULL, NULL },
	{ "names", FIELD_STRINGS, DEFAULT_ZERO, NULL },
	{ NULL, 0, 0, NULL }
};

static const struct field main_fields[] = {
	{ "path", FIELD_STRING, DEFAULT_NULL, NULL },
	{ "runs", FIELD_BOOLEAN, DEFAULT_ZERO, NULL },
	{ "changed", FIELD_BOOLEAN, DEFAULT_NULL, NULL },
	{ "calls", FIELD_STRINGS, DEFAULT_ZERO, NULL },
	{ "risks", FIELD_STRINGS, DEFAULT_ZERO, NULL },
	{ NULL, 0, 0, NULL }
};

static const struct field reloading_fields[] = {
	{ "holder", FIELD_STRING, DEFAULT_NULL, NULL },
	{ "seconds", FIELD_NUMBER, DEFAULT_NULL, NULL },
	{ "phase", FIELD_STRING, DEFAULT_NULL, NULL },
	{ "role", FIELD_STRING, DEFAULT_NULL, NULL },
	{ NULL, 0, 0, NULL }
};

static const struct field last_fields[] = {
	{ "outcome", FIELD_STRING, DEFAULT_NULL, NULL },
	{ "code", FIELD_STRING, DEFAULT_NULL, NULL },
	{ "at", FIELD_NUMBER, DEFAULT_NULL, NULL },
	{ "duration_ms", FIELD_NUMBER, DEFAULT_NULL, NULL },
	{ NULL, 0, 0, NULL }
};

static const struct field status_fields[] = {
	{ "box", FIELD_STRING, DEFAULT_NULL, NULL },
	{ "state", FIELD_STRING, DEFAULT_NULL, NULL },
	{ "tarantool", FIELD_STRING, DEFAULT_NULL, NULL },
	{ "cartridge", FIELD_STRING, DEFAULT_NULL, NULL },
	{ "read_only", FIELD_BOOLEAN, DEFAULT_NULL, NULL },
	{ "pid", FIELD_INTEGER, DEFAULT_NULL, NULL },
	{ "loaded_at", FIELD_NUMBER, DEFAULT_NULL, NULL },
	{ "reloading", FIELD_OBJECT, DEFAULT_NULL, reloading_fields },
	{ "last", FIELD_OBJECT, DEFAULT_NULL, last_fields },
	{ "role", FIELD_STRING, DEFAULT_NULL, NULL },
	{ "replicaset", FIELD_STRING, DEFAULT_NULL, NULL },
	{ "uri", FIELD_STRING, DEFAULT_NULL, NULL },
	{ "healthy", FIELD_BOOLEAN, DEFAULT_NULL, NULL },
	{ "digest", FIELD_STRING, DEFAULT_NULL, NULL },
	{ "stateboard", FIELD_BOOLEAN, DEFAULT_NULL, NULL },
	{ "loaded_digest", FIELD_STRING, DEFAULT_NULL, NULL },
	{ "outdated", FIELD_BOOLEAN, DEFAULT_NULL, NULL },
	{ "root", FIELD_STRING, DEFAULT_NULL, NULL },
	{ "unhealthy", FIELD_STRINGS, DEFAULT_ZERO, NULL },
	{ "package_reload", FIELD_INTEGER, DEFAULT_NULL, NULL },
	{ NULL, 0, 0, NULL }
};

static const struct field topology_instance_fields[] = {
	{ "uuid", FIELD_STRING, DEFAULT_NULL, NULL },
	{ "uri", FIELD_STRING, DEFAULT_NULL, NULL },
	{ "alias", FIELD_STRING, DEFAULT_NULL, NULL },
	{ "replicaset", FIELD_STRING, DEFAULT_NULL, NULL },
	{ "role", FIELD_STRING, DEFAULT_NULL, NULL },
	{ "state", FIELD_STRING, DEFAULT_NULL, NULL },
	{ "health", FIELD_STRING, DEFAULT_NULL, NULL },
	{ "disabled", FIELD_BOOLEAN, DEFAULT_ZERO, NULL },
	{ "expelled", FIELD_BOOLEAN, DEFAULT_ZERO, NULL },
	{ NULL, 0, 0, NULL }
};

static const struct field topology_fields[] = {
	{ "entry", FIELD_STRING, DEFAULT_NULL, NULL },
	{ "instances", FIELD_OBJECTS, DEFAULT_ZERO, topology_instance_fields },
	{ "direct", FIELD_BOOLEAN, DEFAULT_OMIT, NULL },
	{ NULL, 0, 0, NULL }
};

static const struct field section_fields[] = {
	{ "added", FIELD_STRINGS, DEFAULT_ZERO, NULL },
	{ "changed", FIELD_STRINGS, DEFAULT_ZERO, NULL },
	{ "removed", FIELD_STRINGS, DEFAULT_ZERO, NULL },
	{ "unchanged", FIELD_STRINGS, DEFAULT_ZERO, NULL },
	{ "kept", FIELD_STRINGS, DEFAULT_ZERO, NULL },
	{ NULL, 0, 0, NULL }
};

static const struct field cluster_fields[] = {
	{ "alias", FIELD_STRING, DEFAULT_NULL, NULL },
	{ "uuid", FIELD_STRING, DEFAULT_NULL, NULL },
	{ "uri", FIELD_STRING, DEFAULT_NULL, NULL },
	{ "outcome", FIELD_STRING, DEFAULT_NULL, NULL },
	{ "state", FIELD_STRING, DEFAULT_NULL, NULL },
	{ "message", FIELD_STRING, DEFAULT_NULL, NULL },
	{ NULL, 0, 0, NULL }
};

const struct field report_name_fields[] = {
	{ "alias", FIELD_STRING, DEFAULT_NULL, NULL },
	{ "uuid", FIELD_STRING, DEFAULT_NULL, NULL },
	{ NULL, 0, 0, NULL }
};

const struct field report_fields[] = {
	{ "generation", FIELD_INTEGER, DEFAULT_NULL, NULL },
	{ "duration_ms", FIELD_NUMBER, DEFAULT_NULL, NULL },
	{ "modules", FIELD_OBJECTS, DEFAULT_ZERO, module_fields },
	{ "roles", FIELD_OBJECTS, DEFAULT_ZERO, role_fields },
	{ "routes", FIELD_OBJECT, DEFAULT_ZERO, route_fields },
	{ "fibers", FIELD_OBJECT, DEFAULT_ZERO, fibers_fields },
	{ "stale", FIELD_OBJECTS, DEFAULT_ZERO, stale_fields },
	{ "error", FIELD_OBJECT, DEFAULT_NULL, report_error_fields },
	{ "rollback", FIELD_OBJECT, DEFAULT_NULL, rollback_fields },
	{ "timings_ms", FIELD_OBJECT, DEFAULT_ZERO, timing_fields },
	{ "warnings", FIELD_STRINGS, DEFAULT_ZERO, NULL },
	{ "scan", FIELD_OBJECT, DEFAULT_OMIT, scan_fields },
	{ "problems", FIELD_OBJECTS, DEFAULT_OMIT, problem_fields },
	{ "kept", FIELD_OBJECTS, DEFAULT_OMIT, kept_fields },
	{ "files", FIELD_OBJECTS, DEFAULT_OMIT, file_fields },
	{ "main", FIELD_OBJECT, DEFAULT_OMIT, main_fields },
	{ "status", FIELD_OBJECT, DEFAULT_OMIT, status_fields },
	{ "results", FIELD_STRING, DEFAULT_OMIT, NULL },
	{ "sections", FIELD_OBJECT, DEFAULT_OMIT, section_fields },
	{ "cluster", FIELD_OBJECTS, DEFAULT_OMIT, cluster_fields },
	{ "topology", FIELD_OBJECT, DEFAULT_OMIT, topology_fields },
	{ NULL, 0, 0, NULL }
};
