/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * Handles bytes that the console may send but that YAML or JSON does not
 * accept.  libyaml rejects raw control characters and bytes that are not UTF-8.
 * Since Tarantool 2.11, the console escapes a byte that is not UTF-8 as "\xNN",
 * which libyaml would read as a code point.  Therefore placeholders replace
 * these bytes and escapes before libyaml parses the input.  Afterwards, the
 * placeholders in each scalar are converted back.
 */

#ifndef CR_YAML_BYTES_H
#define CR_YAML_BYTES_H

#include <sys/types.h>

#include <stddef.h>

struct prepared {
	char	*copy;		/* owned copy with placeholders, or NULL */
	size_t	 len;
	size_t	 directives;	/* number of lines that begin with '%' */
};

/*
 * Prepares a YAML stream for libyaml.  If the stream needs placeholders, makes
 * a copy.  Returns 0, or -1 with errno set to ENOMEM, or to EMSGSIZE if the
 * copy would exceed `max` bytes.  On failure, makes no copy.
 */
int	 bytes_prepare(struct prepared *, const char *data, size_t len,
	    size_t max);

/*
 * Converts the placeholders in a scalar back, in place.  The placeholder for
 *
 * - an ASCII control character becomes that character;
 * - any other raw byte becomes \xNN in lower case;
 * - an escape in a double-quoted scalar becomes \xNN in lower case;
 * - an escape in any other scalar becomes \xNN in its original case, because
 *   it is plain text there.
 *
 * Returns the new length, which is never larger.  The result has no terminating
 * NUL.
 */
size_t	 bytes_restore(char *text, size_t len, int double_quoted);

/*
 * Converts arbitrary bytes to UTF-8 text.  Bytes that are not UTF-8 become
 * \xNN, and so does NUL if `escape_nul` is set.  Returns a string that the
 * caller frees, and sets *text_len to its length.  Returns NULL if out of
 * memory.
 */
char	*bytes_text(const unsigned char *bytes, size_t len, int escape_nul,
	    size_t *text_len);

/*
 * Decodes base64 in place.  The result is never longer than the input.  Accepts
 * white space and missing padding.  Returns the new length.  If the text is not
 * base64, returns -1 and leaves it unchanged.
 */
ssize_t	 bytes_from_base64(char *text, size_t len);

#endif
