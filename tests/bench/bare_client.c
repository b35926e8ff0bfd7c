/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * A minimal client of a console, to compare the real program with: connects,
 * reads the greeting, sends one line, prints the reply.  It has no deadline and
 * hardly any checks.
 *
 *	bare_client SOCKET LINE
 */

#include <sys/socket.h>
#include <sys/un.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define GREETING 128

int
main(int argc, char *argv[])
{
	struct sockaddr_un	 addr = { .sun_family = AF_UNIX };
	char			 buf[65536];
	size_t			 len = 0, line;
	ssize_t			 n;
	int			 fd;

	if (argc != 3 || strlen(argv[1]) >= sizeof(addr.sun_path))
		return 1;
	strcpy(addr.sun_path, argv[1]);
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	if (fd == -1 ||
	    connect(fd, (struct sockaddr *)&addr, sizeof(addr)) == -1)
		return 2;
	while (len < GREETING) {
		n = read(fd, buf + len, GREETING - len);
		if (n <= 0)
			return 2;
		len += (size_t)n;
	}
	/* Send the newline in the same packet, as any client would. */
	line = strlen(argv[2]);
	argv[2][line++] = '\n';
	if (write(fd, argv[2], line) != (ssize_t)line)
		return 2;
	for (len = 0; len < sizeof(buf); ) {
		n = read(fd, buf + len, sizeof(buf) - len);
		if (n <= 0)
			return 2;
		len += (size_t)n;
		if (len >= 8 && memcmp(buf + len - 5, "\n...\n", 5) == 0)
			return fwrite(buf, 1, len, stdout) != len ||
			    fflush(stdout) == EOF;
	}
	return 2;
}
