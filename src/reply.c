/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <sys/types.h>

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>
#include <yaml.h>

#include "reply.h"

#define BINARY_TAG	"tag:yaml.org,2002:binary"

/*
 * libyaml compares each directive with all those before it; the console sends
 * one at most.
 */
#define DIRECTIVES_MAX	8

/*
 * libyaml refuses input with bytes that are not UTF-8 or with raw control
 * characters, and since 2.11 the console writes such bytes as "\xNN", which
 * libyaml would read as a code point.  Both are replaced by a character from
 * the end of the last private plane, four bytes long as "\xNN" is, and are
 * put right in the scalars that libyaml returns:
 *
 *	STAND_IN | kind << 8 | byte
 */
#define STAND_IN	0x10f000UL
#define STAND_IN_LEN	4
enum stand_in {
	STAND_IN_RAW,		/* the byte itself was there */
	STAND_IN_ESCAPE		/* "\xNN"; the low bits tell the case of NN */
};
#define UPPER_HIGH	1
#define UPPER_LOW	2
#define STAND_IN_END	(STAND_IN_ESCAPE + 4)

/* What a look at the whole input has found. */
struct survey {
	unsigned char	*to;		/* where to write, or NULL */
	size_t		 len;		/* with the stand-ins */
	size_t		 directives;
	int		 foreign;	/* stand-ins are needed */
};

struct anchor {
	json_t		*node;
	size_t		 size;
	unsigned	 height;
	int		 open;		/* we are inside of it */
};

/* An array or object that is not complete yet. */
struct frame {
	json_t		*node;
	char		*key;		/* waits for its value */
	size_t		 key_len;
	size_t		 size;		/* of the text, aliases expanded */
	unsigned	 height;	/* of the tree below */
	size_t		 anchor;	/* its number plus one, or 0 */
};

struct reader {
	yaml_parser_t	 parser;
	struct frame	 frames[REPLY_DEPTH_MAX];
	unsigned	 depth;
	json_t		*root;
	json_t		*names;		/* of anchors, to their numbers */
	struct anchor	*anchors;
	size_t		 anchor_count;
	size_t		 anchor_room;
	size_t		 expansion;	/* what aliases and keys have added */
	int		 foreign;	/* there are stand-ins */
	struct error	*error;
};

static const char hex_digits[] = "0123456789abcdef";

static int
out_of_memory(struct reader *reader)
{
	return error_set(reader->error, OUTCOME_PROTOCOL, "out_of_memory",
	    "out of memory for the reply");
}

static int
too_deep(struct reader *reader)
{
	return error_set(reader->error, OUTCOME_PROTOCOL, "reply_too_deep",
	    "the reply is nested deeper than %d levels", REPLY_DEPTH_MAX);
}

static int
too_large(struct reader *reader)
{
	return error_set(reader->error, OUTCOME_PROTOCOL, "reply_too_large",
	    "the reply is larger than %zu MiB",
	    REPLY_EXPANDED_MAX / 1024 / 1024);
}

/*
 * The length of the UTF-8 sequence that the text begins with and its code
 * point; 0 if it is not UTF-8.
 */
static size_t
utf8_decode(const unsigned char *text, size_t len, unsigned long *code)
{
	static const unsigned long least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t i, need;
	unsigned char c = text[0];

	if (c < 0x80) {
		*code = c;
		return 1;
	}
	need = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : c >= 0xc0 ? 2 : 0;
	if (need == 0 || need > len)
		return 0;
	*code = c & (0x7fU >> need);
	for (i = 1; i < need; i++) {
		if ((text[i] & 0xc0) != 0x80)
			return 0;
		*code = *code << 6 | (text[i] & 0x3f);
	}
	if (*code < least[need] || *code > 0x10ffff ||
	    (*code >= 0xd800 && *code <= 0xdfff))
		return 0;
	return need;
}

/* Whether YAML allows this character as it is. */
static int
is_yaml_character(unsigned long code)
{
	if (code < 0x20)
		return code == '\t' || code == '\n' || code == '\r';
	if (code >= 0x7f && code < 0xa0)
		return code == 0x85;
	return code != 0xfffe && code != 0xffff;
}

static int
hex_value(unsigned char c)
{
	const char *digit;

	if (c >= 'A' && c <= 'F')
		c += 'a' - 'A';
	digit = c == '\0' ? NULL : strchr(hex_digits, c);
	return digit == NULL ? -1 : (int)(digit - hex_digits);
}

/* Whether the text begins with the escape of a byte above 0x7f. */
static int
is_byte_escape(const unsigned char *text, size_t len)
{
	return len >= 4 && text[0] == '\\' && text[1] == 'x' &&
	    hex_value(text[2]) >= 8 && hex_value(text[3]) >= 0;
}

/* Whether what stands before `at` ends a line, as libyaml sees lines. */
static int
begins_line(const unsigned char *text, size_t at)
{
	if (at == 0)
		return 1;
	if (text[at - 1] == '\n' || text[at - 1] == '\r')
		return 1;
	if (at >= 2 && memcmp(text + at - 2, "\xc2\x85", 2) == 0)
		return 1;
	return at >= 3 && memcmp(text + at - 3, "\xe2\x80", 2) == 0 &&
	    (text[at - 1] == 0xa8 || text[at - 1] == 0xa9);
}

static void
keep_bytes(struct survey *survey, const unsigned char *bytes, size_t len)
{
	if (survey->to != NULL)
		memcpy(survey->to + survey->len, bytes, len);
	survey->len += len;
}

static void
put_stand_in(struct survey *survey, unsigned kind, unsigned byte)
{
	unsigned value = kind << 8 | byte;
	unsigned char *to;

	if (survey->to != NULL) {
		to = survey->to + survey->len;
		to[0] = 0xf4;
		to[1] = 0x8f;
		to[2] = (unsigned char)(0x80 | value >> 6);
		to[3] = (unsigned char)(0x80 | (value & 0x3f));
	}
	survey->len += STAND_IN_LEN;
}

static void
put_escape_stand_in(struct survey *survey, const unsigned char *digits)
{
	unsigned kind = STAND_IN_ESCAPE;

	if (digits[0] >= 'A' && digits[0] <= 'F')
		kind += UPPER_HIGH;
	if (digits[1] >= 'A' && digits[1] <= 'F')
		kind += UPPER_LOW;
	put_stand_in(survey, kind, (unsigned)hex_value(digits[0]) * 16 +
	    (unsigned)hex_value(digits[1]));
	survey->foreign = 1;
}

/*
 * The length of the part that is nothing special: printable ASCII and, as
 * they are frequent, most characters of two and three bytes.
 */
static size_t
common_run(const unsigned char *text, size_t len)
{
	unsigned char c;
	size_t i;

	for (i = 0; i < len; i++) {
		c = text[i];
		if (c < 0x80) {
			if ((c < 0x20 && c != '\n') || c == 0x7f ||
			    c == '\\' || c == '%')
				break;
		} else if (c >= 0xc3 && c <= 0xdf) {
			if (len - i < 2 || (text[i + 1] & 0xc0) != 0x80)
				break;
			i++;
		} else if (c >= 0xe1 && c <= 0xec) {
			if (len - i < 3 || (text[i + 1] & 0xc0) != 0x80 ||
			    (text[i + 2] & 0xc0) != 0x80)
				break;
			i += 2;
		} else {
			break;
		}
	}
	return i;
}

/*
 * Looks through the input and, if survey->to is set, writes it there with
 * stand-ins for what libyaml would refuse or misread.
 */
static void
survey_input(struct survey *survey, const unsigned char *text, size_t len)
{
	unsigned long code;
	size_t i, j, use;

	survey->len = survey->directives = 0;
	for (i = 0; i < len; i += use) {
		if ((use = common_run(text + i, len - i)) > 0) {
			keep_bytes(survey, text + i, use);
			continue;
		}
		if (text[i] == '\\') {
			if (is_byte_escape(text + i, len - i)) {
				use = 4;
				put_escape_stand_in(survey, text + i + 2);
				continue;
			}
			/* An escaped backslash does not escape an x. */
			use = i + 1 < len && text[i + 1] == '\\' ? 2 : 1;
			keep_bytes(survey, text + i, use);
			continue;
		}
		if (text[i] == '%' && begins_line(text, i))
			survey->directives++;
		use = utf8_decode(text + i, len - i, &code);
		if (use > 0 && is_yaml_character(code) && code < STAND_IN) {
			keep_bytes(survey, text + i, use);
			continue;
		}
		/* True characters of that range need no help by themselves. */
		if (use == 0 || code < STAND_IN)
			survey->foreign = 1;
		if (use == 0)
			use = 1;
		for (j = 0; j < use; j++)
			put_stand_in(survey, STAND_IN_RAW, text[i + j]);
	}
}

/* Writes a byte as \xNN, four bytes. */
static void
put_byte_text(char *to, unsigned char byte)
{
	to[0] = '\\';
	to[1] = 'x';
	to[2] = hex_digits[byte >> 4];
	to[3] = hex_digits[byte & 0xf];
}

static char
upper(char digit)
{
	return digit >= 'a' ? (char)(digit - 'a' + 'A') : digit;
}

/*
 * Puts what the stand-ins of a scalar stand for, in place.  Outside of double
 * quotes, "\xNN" was plain text and is to be just that.
 */
static size_t
restore(char *text, size_t len, int double_quoted)
{
	unsigned kind, value;
	unsigned char byte;
	size_t from, to;

	for (from = to = 0; from < len; ) {
		if (len - from < STAND_IN_LEN ||
		    memcmp(text + from, "\xf4\x8f", 2) != 0) {
			text[to++] = text[from++];
			continue;
		}
		value = ((unsigned)text[from + 2] & 0x3f) << 6 |
		    ((unsigned)text[from + 3] & 0x3f);
		byte = value & 0xff;
		kind = value >> 8;
		if (kind >= STAND_IN_END) {
			text[to++] = text[from++];
			continue;
		}
		from += STAND_IN_LEN;
		if (kind == STAND_IN_RAW && byte < 0x80) {
			text[to++] = (char)byte;
			continue;
		}
		put_byte_text(text + to, byte);
		if (kind >= STAND_IN_ESCAPE && !double_quoted) {
			kind -= STAND_IN_ESCAPE;
			if (kind & UPPER_HIGH)
				text[to + 2] = upper(text[to + 2]);
			if (kind & UPPER_LOW)
				text[to + 3] = upper(text[to + 3]);
		}
		to += STAND_IN_LEN;
	}
	return to;
}

/*
 * The text for bytes of any kind: what is not UTF-8 becomes \xNN, and so does
 * NUL if asked for.  Returns a string of *text_len bytes, or NULL if memory
 * is out.
 */
static char *
text_of_bytes(const unsigned char *bytes, size_t len, int escape_nul,
    size_t *text_len)
{
	unsigned long code;
	size_t i, size, use;
	char *text = NULL, *to = NULL;

	/* First to measure, then to write. */
	for (;;) {
		size = 0;
		for (i = 0; i < len; i += use) {
			use = utf8_decode(bytes + i, len - i, &code);
			if (use > 0 && (code != 0 || !escape_nul)) {
				if (to != NULL)
					memcpy(to + size, bytes + i, use);
				size += use;
				continue;
			}
			use = 1;
			if (to != NULL)
				put_byte_text(to + size, bytes[i]);
			size += 4;
		}
		if (to != NULL)
			break;
		if ((text = to = malloc(size + 1)) == NULL)
			return NULL;
	}
	text[size] = '\0';
	*text_len = size;
	return text;
}

/* The value of a base64 digit: 64 for '=', 65 for white space, 255 for bad. */
static unsigned
base64_value(unsigned char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26U;
	if (c >= '0' && c <= '9')
		return c - '0' + 52U;
	switch (c) {
	case '+':
		return 62;
	case '/':
		return 63;
	case '=':
		return 64;
	case ' ':
	case '\t':
	case '\n':
	case '\r':
		return 65;
	default:
		return 255;
	}
}

/*
 * Decodes base64 in place, as it only gets shorter; white space in it and
 * missing padding are fine.  Returns the length, or -1 and changes nothing.
 */
static ssize_t
base64_decode(char *text, size_t len)
{
	size_t digits, i, padding, to;
	unsigned long bits;
	unsigned value;

	digits = padding = 0;
	for (i = 0; i < len; i++) {
		value = base64_value((unsigned char)text[i]);
		if (value == 255 || (value < 64 && padding > 0))
			return -1;
		digits += value < 64;
		padding += value == 64;
	}
	if (digits % 4 == 1 || padding > 2 ||
	    (padding > 0 && (digits + padding) % 4 != 0))
		return -1;

	bits = 0;
	digits = to = 0;
	for (i = 0; i < len; i++) {
		value = base64_value((unsigned char)text[i]);
		if (value >= 64)
			continue;
		bits = (bits << 6 | value) & 0xffffff;
		switch (digits++ % 4) {
		case 1:
			text[to++] = (char)(bits >> 4 & 0xff);
			break;
		case 2:
			text[to++] = (char)(bits >> 2 & 0xff);
			break;
		case 3:
			text[to++] = (char)(bits & 0xff);
			break;
		}
	}
	return (ssize_t)to;
}

/* Reads a JSON integer of 64 signed bits.  Returns -1 if it is none. */
static int
read_integer(const char *text, size_t len, json_int_t *number)
{
	unsigned long long limit, value;
	size_t i, negative;

	negative = text[0] == '-';
	i = negative;
	if (i == len || (text[i] == '0' && len - i > 1))
		return -1;
	limit = (unsigned long long)LLONG_MAX + negative;
	for (value = 0; i < len; i++) {
		unsigned digit = (unsigned char)text[i] - (unsigned)'0';

		if (digit > 9 || value > (limit - digit) / 10)
			return -1;
		value = value * 10 + digit;
	}
	if (!negative)
		*number = (json_int_t)value;
	else
		*number = value == 0 ? 0 : -(json_int_t)(value - 1) - 1;
	return 0;
}

static size_t
count_digits(const char *text)
{
	return strspn(text, "0123456789");
}

/* Whether the text is a number of JSON with a fraction or an exponent. */
static int
is_real(const char *text, size_t len)
{
	const char *p = text;
	size_t digits;

	p += *p == '-';
	digits = count_digits(p);
	if (digits == 0 || (p[0] == '0' && digits > 1) ||
	    p + digits == text + len)
		return 0;
	p += digits;
	if (*p == '.') {
		if ((digits = count_digits(++p)) == 0)
			return 0;
		p += digits;
	}
	if (*p == 'e' || *p == 'E') {
		p++;
		p += *p == '+' || *p == '-';
		if ((digits = count_digits(p)) == 0)
			return 0;
		p += digits;
	}
	return p == text + len;
}

static json_t *
real_node(const char *text, size_t len)
{
	json_t *node;
	char *end;
	double real;

	real = strtod(text, &end);
	if (end == text + len && isfinite(real))
		return json_real(real);
	/* Too large, or the locale has no point; jansson knows which. */
	node = json_loadb(text, len, JSON_DECODE_ANY, NULL);
	return node != NULL ? node : json_stringn_nocheck(text, len);
}

/*
 * The value of a plain scalar.  The console quotes every string that could be
 * taken for a number, so what looks like a number in JSON is one.
 */
static json_t *
plain_node(const char *text, size_t len)
{
	json_int_t integer;

	switch (text[0]) {
	case '~':
		if (len == 1)
			return json_null();
		break;
	case 'n':
		if (len == 4 && memcmp(text, "null", 4) == 0)
			return json_null();
		break;
	case 't':
		if (len == 4 && memcmp(text, "true", 4) == 0)
			return json_true();
		break;
	case 'f':
		if (len == 5 && memcmp(text, "false", 5) == 0)
			return json_false();
		break;
	case '-':
	case '0': case '1': case '2': case '3': case '4':
	case '5': case '6': case '7': case '8': case '9':
		if (read_integer(text, len, &integer) == 0)
			return json_integer(integer);
		if (is_real(text, len))
			return real_node(text, len);
		/* Integers that are too long, dates, UUIDs are text. */
		break;
	}
	return json_stringn_nocheck(text, len);
}

/*
 * The text of a scalar, which is in the event or, if it had to be made, in
 * *made.  Returns -1 if memory is out.
 */
static int
scalar_text(struct reader *reader, yaml_event_t *event, int is_key,
    char **text, size_t *len, char **made)
{
	const char *tag = (const char *)event->data.scalar.tag;
	ssize_t decoded;

	*made = NULL;
	*text = (char *)event->data.scalar.value;
	*len = event->data.scalar.length;
	if (reader->foreign) {
		*len = restore(*text, *len, event->data.scalar.style ==
		    YAML_DOUBLE_QUOTED_SCALAR_STYLE);
		(*text)[*len] = '\0';
	}
	/* Bad base64 stays what it is: a text to look at. */
	if (tag != NULL && strcmp(tag, BINARY_TAG) == 0 &&
	    (decoded = base64_decode(*text, *len)) != -1)
		*len = (size_t)decoded;
	else if (!is_key || memchr(*text, '\0', *len) == NULL)
		return 0;
	*made = text_of_bytes((unsigned char *)*text, *len, is_key, len);
	if (*made == NULL)
		return out_of_memory(reader);
	*text = *made;
	return 0;
}

/* Adds to what the reply grows by when it is written out in full. */
static int
charge(struct reader *reader, size_t size)
{
	if (size > REPLY_EXPANDED_MAX - reader->expansion)
		return too_large(reader);
	reader->expansion += size;
	return 0;
}

/* Gives the top frame, a map, the key for its next value. */
static int
set_key(struct reader *reader, const char *text, size_t len)
{
	struct frame *frame = &reader->frames[reader->depth - 1];

	if ((frame->key = malloc(len + 1)) == NULL)
		return out_of_memory(reader);
	memcpy(frame->key, text, len);
	frame->key[len] = '\0';
	frame->key_len = len;
	return 0;
}

/* The same for a key that is any value. */
static int
set_node_key(struct reader *reader, const json_t *node)
{
	const char *string;
	size_t len;
	char *text;
	int result;

	if (json_is_string(node)) {
		string = json_string_value(node);
		text = text_of_bytes((const unsigned char *)string,
		    json_string_length(node), 1, &len);
	} else {
		text = json_dumps(node, JSON_COMPACT | JSON_ENCODE_ANY);
		len = text == NULL ? 0 : strlen(text);
	}
	if (text == NULL)
		return out_of_memory(reader);
	/* Keys in keys in keys double in size with each level of quotes. */
	result = charge(reader, len);
	if (result == 0)
		result = set_key(reader, text, len);
	free(text);
	return result;
}

static int
awaits_key(const struct reader *reader)
{
	const struct frame *frame;

	if (reader->depth == 0)
		return 0;
	frame = &reader->frames[reader->depth - 1];
	return json_is_object(frame->node) && frame->key == NULL;
}

/* Counts a value in the sizes of the collection that it is in. */
static void
account(struct reader *reader, size_t size, unsigned height)
{
	struct frame *frame;

	if (reader->depth == 0)
		return;
	frame = &reader->frames[reader->depth - 1];
	frame->size += size;
	if (frame->height < height + 1)
		frame->height = height + 1;
}

/* Puts a value to its place.  Takes over the reference, in any case. */
static int
put(struct reader *reader, json_t *node, size_t size, unsigned height)
{
	struct frame *frame;
	int result;

	account(reader, size, height);
	if (reader->depth == 0) {
		reader->root = node;
		return 0;
	}
	if (awaits_key(reader)) {
		result = set_node_key(reader, node);
		json_decref(node);
		return result;
	}
	frame = &reader->frames[reader->depth - 1];
	if (frame->key == NULL) {
		result = json_array_append_new(frame->node, node);
	} else {
		result = json_object_setn_new_nocheck(frame->node, frame->key,
		    frame->key_len, node);
		free(frame->key);
		frame->key = NULL;
	}
	return result == 0 ? 0 : out_of_memory(reader);
}

/*
 * Remembers an anchored value, under its number plus one in *number; 0 if the
 * value has no anchor.
 */
static int
add_anchor(struct reader *reader, const yaml_char_t *name, json_t *node,
    size_t size, int open, size_t *number)
{
	struct anchor *anchors;
	size_t room;

	*number = 0;
	if (name == NULL)
		return 0;
	if (reader->anchor_count == reader->anchor_room) {
		room = reader->anchor_room == 0 ? 16 : reader->anchor_room * 2;
		anchors = reallocarray(reader->anchors, room,
		    sizeof(*anchors));
		if (anchors == NULL)
			return out_of_memory(reader);
		reader->anchors = anchors;
		reader->anchor_room = room;
	}
	/* An anchor that is set again hides the one before. */
	if (json_object_set_new_nocheck(reader->names, (const char *)name,
	    json_integer((json_int_t)reader->anchor_count)) == -1)
		return out_of_memory(reader);
	anchors = &reader->anchors[reader->anchor_count++];
	anchors->node = json_incref(node);
	anchors->size = size;
	anchors->height = 0;
	anchors->open = open;
	*number = reader->anchor_count;
	return 0;
}

static int
read_alias(struct reader *reader, const yaml_event_t *event)
{
	const char *name = (const char *)event->data.alias.anchor;
	const struct anchor *anchor;
	json_t *number;

	number = json_object_get(reader->names, name);
	if (number == NULL)
		return error_set(reader->error, OUTCOME_PROTOCOL, "bad_reply",
		    "the reply refers to an unknown anchor, on line %zu",
		    event->start_mark.line + 1);
	anchor = &reader->anchors[json_integer_value(number)];
	if (anchor->open) {
		json_t *cycle = json_string("<cycle>");

		if (cycle == NULL)
			return out_of_memory(reader);
		return put(reader, cycle, json_string_length(cycle), 0);
	}
	if (reader->depth + anchor->height > REPLY_DEPTH_MAX)
		return too_deep(reader);
	if (charge(reader, anchor->size) == -1)
		return -1;
	return put(reader, json_incref(anchor->node), anchor->size,
	    anchor->height);
}

static int
read_scalar(struct reader *reader, yaml_event_t *event)
{
	const yaml_char_t *anchor = event->data.scalar.anchor;
	char *made, *text;
	size_t len, number;
	json_t *node = NULL;
	int is_key, result;

	is_key = awaits_key(reader);
	if (scalar_text(reader, event, is_key, &text, &len, &made) == -1)
		return -1;
	if (is_key && anchor == NULL) {
		account(reader, len + 1, 0);
		result = set_key(reader, text, len);
		free(made);
		return result;
	}
	if (made == NULL && event->data.scalar.plain_implicit &&
	    event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE)
		node = plain_node(text, len);
	else
		node = json_stringn_nocheck(text, len);
	if (node == NULL || add_anchor(reader, anchor, node, len + 1, 0,
	    &number) == -1) {
		json_decref(node);
		free(made);
		return out_of_memory(reader);
	}
	if (is_key) {
		/* The key is as it stands, the value for aliases is not. */
		account(reader, len + 1, 0);
		result = set_key(reader, text, len);
		json_decref(node);
	} else {
		result = put(reader, node, len + 1, 0);
	}
	free(made);
	return result;
}

static int
begin_collection(struct reader *reader, json_t *node,
    const yaml_char_t *anchor)
{
	struct frame *frame;
	size_t number;

	if (node == NULL)
		return out_of_memory(reader);
	if (reader->depth == REPLY_DEPTH_MAX) {
		json_decref(node);
		return too_deep(reader);
	}
	if (add_anchor(reader, anchor, node, 0, 1, &number) == -1) {
		json_decref(node);
		return -1;
	}
	frame = &reader->frames[reader->depth++];
	frame->node = node;
	frame->key = NULL;
	frame->size = 2;
	frame->height = 1;
	frame->anchor = number;
	return 0;
}

static int
end_collection(struct reader *reader)
{
	struct frame *frame = &reader->frames[--reader->depth];
	struct anchor *anchor;

	if (frame->anchor > 0) {
		anchor = &reader->anchors[frame->anchor - 1];
		anchor->size = frame->size;
		anchor->height = frame->height;
		anchor->open = 0;
	}
	return put(reader, frame->node, frame->size, frame->height);
}

static int
read_event(struct reader *reader, yaml_event_t *event)
{
	switch (event->type) {
	case YAML_ALIAS_EVENT:
		return read_alias(reader, event);
	case YAML_SCALAR_EVENT:
		return read_scalar(reader, event);
	case YAML_SEQUENCE_START_EVENT:
		return begin_collection(reader, json_array(),
		    event->data.sequence_start.anchor);
	case YAML_MAPPING_START_EVENT:
		return begin_collection(reader, json_object(),
		    event->data.mapping_start.anchor);
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		return end_collection(reader);
	case YAML_DOCUMENT_START_EVENT:
		if (reader->root == NULL)
			return 0;
		return error_set(reader->error, OUTCOME_PROTOCOL, "bad_reply",
		    "the reply has more than one document");
	default:
		return 0;
	}
}

static int
parser_error(struct reader *reader)
{
	const yaml_parser_t *parser = &reader->parser;

	if (parser->error == YAML_MEMORY_ERROR)
		return out_of_memory(reader);
	return error_set(reader->error, OUTCOME_PROTOCOL, "bad_reply",
	    "the reply is not YAML: %s, on line %zu",
	    parser->problem != NULL ? parser->problem : "error",
	    parser->problem_mark.line + 1);
}

static int
read_stream(struct reader *reader)
{
	yaml_event_t event;
	int end, result;

	do {
		if (!yaml_parser_parse(&reader->parser, &event))
			return parser_error(reader);
		end = event.type == YAML_STREAM_END_EVENT;
		/* A lone empty document, which is not an empty string. */
		if (event.type == YAML_SCALAR_EVENT && reader->depth == 0 &&
		    event.data.scalar.length == 0 &&
		    event.data.scalar.plain_implicit &&
		    event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE) {
			reader->root = json_array();
			result = reader->root == NULL ?
			    out_of_memory(reader) : 0;
		} else {
			result = read_event(reader, &event);
		}
		yaml_event_delete(&event);
		if (result == -1)
			return -1;
	} while (!end);
	if (reader->root == NULL)
		return error_set(reader->error, OUTCOME_PROTOCOL, "bad_reply",
		    "the reply has no document");
	return 0;
}

/* The input with stand-ins, to be freed, in *copy, or NULL if as it is. */
static int
prepare(struct reader *reader, const char *data, size_t len, char **copy,
    size_t *copy_len)
{
	const unsigned char *text = (const unsigned char *)data;
	struct survey survey;

	*copy = NULL;
	if (len > REPLY_EXPANDED_MAX)
		return too_large(reader);
	memset(&survey, 0, sizeof(survey));
	survey_input(&survey, text, len);
	if (survey.directives > DIRECTIVES_MAX)
		return error_set(reader->error, OUTCOME_PROTOCOL, "bad_reply",
		    "the reply has too many directives");
	if (!survey.foreign)
		return 0;
	if (survey.len > REPLY_EXPANDED_MAX)
		return too_large(reader);
	if ((*copy = malloc(survey.len)) == NULL)
		return out_of_memory(reader);
	survey.to = (unsigned char *)*copy;
	survey_input(&survey, text, len);
	*copy_len = survey.len;
	reader->foreign = 1;
	return 0;
}

static void
reader_finish(struct reader *reader)
{
	size_t i;

	while (reader->depth > 0) {
		struct frame *frame = &reader->frames[--reader->depth];

		json_decref(frame->node);
		free(frame->key);
	}
	for (i = 0; i < reader->anchor_count; i++)
		json_decref(reader->anchors[i].node);
	free(reader->anchors);
	json_decref(reader->names);
	json_decref(reader->root);
}

json_t *
reply_parse(const char *data, size_t len, struct error *error)
{
	struct reader reader;
	json_t *root = NULL;
	char *copy;

	memset(&reader, 0, sizeof(reader));
	reader.error = error;
	if (prepare(&reader, data, len, &copy, &len) == -1)
		return NULL;
	reader.names = json_object();
	if (reader.names == NULL || !yaml_parser_initialize(&reader.parser)) {
		out_of_memory(&reader);
		goto done;
	}
	yaml_parser_set_input_string(&reader.parser, (const unsigned char *)
	    (copy != NULL ? copy : data), len);
	if (read_stream(&reader) == 0) {
		root = reader.root;
		reader.root = NULL;
	}
	yaml_parser_delete(&reader.parser);
 done:
	reader_finish(&reader);
	free(copy);
	return root;
}
