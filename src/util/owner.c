/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "util/owner.h"
#include "util/environment.h"

/* Returns the uid of the user who ran sudo(8), or 0 if it is unknown. */
static uid_t
sudo_user(void)
{
	const char *text = env_get(ENV_SUDO_UID);
	unsigned long uid;
	char *end;

	/*
	 * Trust SUDO_UID only as root, because other users could set it to any
	 * value.
	 */
	if (geteuid() != 0 || text == NULL || text[0] < '0' || text[0] > '9')
		return 0;
	uid = strtoul(text, &end, 10);
	return *end != '\0' || (uid_t)uid != uid ? 0 : (uid_t)uid;
}

int
owner_is_trusted(uid_t uid)
{
	return uid == 0 || uid == geteuid() || uid == sudo_user();
}

const char *
owner_name(uid_t uid, char *name, size_t size)
{
	const struct passwd *passwd = getpwuid(uid);

	if (passwd != NULL)
		snprintf(name, size, "%s", passwd->pw_name);
	else
		snprintf(name, size, "uid %lu", (unsigned long)uid);
	return name;
}
