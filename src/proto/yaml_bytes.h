/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * Bytes that are no text: what the console may send and YAML or JSON does not
 * take.
 *
 * libyaml refuses input with bytes that are not UTF-8 or with raw control
 * characters, and since 2.11 the console writes such bytes as "\xNN", which
 * libyaml would read as a code point.  So the input gets stand-ins for them
 * before libyaml reads it, and each scalar that comes back is put right.
 */

#ifndef CR_YAML_BYTES_H
#define CR_YAML_BYTES_H

#include <sys/types.h>

#include <stddef.h>

struct prepared {
	char	*copy;		/* with stand-ins, to be freed; NULL if the
				 * input can be read as it is */
	size_t	 len;
	size_t	 directives;	/* lines of the input that begin with '%' */
};

/*
 * Looks through a YAML stream.  If it has something to stand in for, makes a
 * copy of at most `max` bytes.  Returns 0, or -1 with errno EMSGSIZE or ENOMEM
 * and nothing to be freed.
 */
int	 bytes_prepare(struct prepared *, const char *data, size_t len,
	    size_t max);

/*
 * Puts what the stand-ins of a scalar stand for in their place: a raw control
 * character as it was, all else as the text \xNN in small letters.  Outside of
 * double quotes "\xNN" was plain text and is that again.  Returns the new
 * length, which is not larger; there is no NUL at the end of it.
 */
size_t	 bytes_restore(char *text, size_t len, int double_quoted);

/*
 * The text for bytes of any kind: what is not UTF-8 becomes \xNN, and so does
 * NUL if asked for.  Returns a string of *text_len bytes to be freed, or NULL
 * if memory is out.
 */
char	*bytes_text(const unsigned char *bytes, size_t len, int escape_nul,
	    size_t *text_len);

/*
 * Decodes base64 in place, as it only gets shorter; white space in it and
 * missing padding are fine.  Returns the length, or -1 if it is none, and has
 * changed nothing then.
 */
ssize_t	 bytes_from_base64(char *text, size_t len);

#endif
