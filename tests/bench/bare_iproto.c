/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * A minimal client of a binary port, to compare the real program with:
 * connects, reads the greeting, evaluates Lua as the user guest, and prints the
 * first result, a string.  It has no deadline and hardly any checks.
 *
 *	bare_iproto PORT LUA [ARGUMENT]
 */

#include <sys/socket.h>

#include <arpa/inet.h>
#include <netinet/in.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <msgpuck.h>

#define GREETING 128

/* Reads exactly this many bytes.  Returns 0, or -1 at the end of the stream. */
static int
read_all(int fd, char *to, size_t len)
{
	ssize_t n;

	for (; len > 0; to += n, len -= (size_t)n)
		if ((n = read(fd, to, len)) <= 0)
			return -1;
	return 0;
}

int
main(int argc, char *argv[])
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	static char buf[262144];
	const char *at;
	char *end;
	uint32_t len;
	int fd;

	if (argc < 3 || strlen(argv[2]) > 1000)
		return 1;
	address.sin_port = htons((uint16_t)atoi(argv[1]));
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	fd = socket(AF_INET, SOCK_STREAM, 0);
	if (fd == -1 || connect(fd, (struct sockaddr *)&address,
	    sizeof(address)) == -1 || read_all(fd, buf, GREETING) == -1)
		return 2;
	end = mp_encode_map(buf + 5, 2);
	end = mp_encode_uint(end, 0x00);
	end = mp_encode_uint(end, 8);
	end = mp_encode_uint(end, 0x01);
	end = mp_encode_uint(end, 1);
	end = mp_encode_map(end, 2);
	end = mp_encode_uint(end, 0x27);
	end = mp_encode_str(end, argv[2], (uint32_t)strlen(argv[2]));
	end = mp_encode_uint(end, 0x21);
	end = mp_encode_array(end, argc > 3);
	if (argc > 3)
		end = mp_encode_str(end, argv[3], (uint32_t)strlen(argv[3]));
	buf[0] = (char)0xce;
	mp_store_u32(buf + 1, (uint32_t)(end - buf - 5));
	if (write(fd, buf, (size_t)(end - buf)) != end - buf ||
	    read_all(fd, buf, 5) == -1)
		return 2;
	at = buf;
	len = (uint32_t)mp_decode_uint(&at);
	if (len > sizeof(buf) || read_all(fd, buf, len) == -1)
		return 2;
	at = buf;
	if (mp_check(&at, buf + len) != 0 || at == buf + len)
		return 3;
	/* The body: the data, with one result. */
	if (mp_decode_map(&at) != 1 || mp_decode_uint(&at) != 0x30 ||
	    mp_decode_array(&at) != 1 || mp_typeof(*at) != MP_STR)
		return 3;
	at = mp_decode_str(&at, &len);
	return fwrite(at, 1, len, stdout) != len || fflush(stdout) == EOF;
}
