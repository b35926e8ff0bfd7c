/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * Handles bytes that the console may send but YAML or JSON does not accept.
 * libyaml rejects bytes that are not UTF-8, and raw control characters.  Since
 * Tarantool 2.11 the console writes "\xNN" for a byte that is not UTF-8, which
 * libyaml would read as a code point.  Therefore all these are replaced by
 * placeholders before libyaml parses the input, and the placeholders in each
 * scalar are converted back afterwards.
 */

#ifndef CR_YAML_BYTES_H
#define CR_YAML_BYTES_H

#include <sys/types.h>

#include <stddef.h>

struct prepared {
	char	*copy;		/* copy with placeholders, owned; or NULL */
	size_t	 len;
	size_t	 directives;	/* number of lines that begin with '%' */
};

/*
 * Scans a YAML stream.  If it needs placeholders, makes a copy of at most `max`
 * bytes.  Returns 0.  On failure, makes no copy and returns -1 with errno
 * EMSGSIZE or ENOMEM.
 */
int	 bytes_prepare(struct prepared *, const char *data, size_t len,
	    size_t max);

/*
 * Converts the placeholders of a scalar back, in place.  The placeholder of a
 * control character becomes that character; that of any other raw byte becomes
 * \xNN in lower case.  The placeholder of an escape becomes \xNN, too: in lower
 * case if the scalar was double-quoted, otherwise with the original case,
 * because outside of double quotes "\xNN" is plain text.  Returns the new
 * length, which is never larger.  The result has no terminating NUL.
 */
size_t	 bytes_restore(char *text, size_t len, int double_quoted);

/*
 * Converts arbitrary bytes to text.  Bytes that are not UTF-8 become \xNN, and
 * so does NUL if `escape_nul` is set.  Returns a string that the caller frees
 * and sets *text_len to its length, or returns NULL if out of memory.
 */
char	*bytes_text(const unsigned char *bytes, size_t len, int escape_nul,
	    size_t *text_len);

/*
 * Decodes base64 in place; the result is always shorter.  Accepts white space
 * and missing padding.  Returns the length, or -1 without changes if the text
 * is not base64.
 */
ssize_t	 bytes_from_base64(char *text, size_t len);

#endif
