/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <sys/types.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>
#include <yaml.h>

#include "proto/yaml_tree.h"
#include "proto/yaml_bytes.h"
#include "proto/yaml_scalar.h"
#include "util/array.h"
#include "util/json_util.h"

#define BINARY_TAG	"tag:yaml.org,2002:binary"

/*
 * The maximum number of YAML directives.  libyaml compares each directive with
 * all previous ones, which takes quadratic time.  The console sends at most
 * one.
 */
#define DIRECTIVES_MAX	8

/*
 * Estimated heap cost of tree nodes in bytes, including allocator overhead and
 * spare capacity of tables.  COST_ITEM and COST_PAIR do not include the cost of
 * the value.
 */
#define COST_ITEM	24	/* bytes per item of an array */
#define COST_PAIR	104	/* bytes per key, plus the length of the key */
#define COST_ARRAY	128
#define COST_OBJECT	224
#define COST_STRING	72	/* plus the length of the text */
#define COST_NUMBER	32
#define COST_ANCHOR	200	/* plus the length of the anchor's name */

/*
 * The heap cost of each byte that placeholders add to the text.  The cost is
 * more than one byte, because libyaml and jansson copy the text.
 */
#define COST_PLACEHOLDER	5

struct anchor {
	json_t		*node;
	size_t		 size;
	unsigned	 height;
	int		 open;		/* not completely read yet */
};

/* An array or object that is being read. */
struct frame {
	json_t		*node;
	int		 is_map;
	char		*key;		/* pending key, or NULL; owned */
	size_t		 key_len;
	/* The number of bytes of text in the node, with aliases expanded. */
	size_t		 size;
	/* The number of nesting levels in the node, including its own. */
	unsigned	 height;
	size_t		 anchor;	/* index of anchor plus one, or 0 */
};

struct reader {
	yaml_parser_t	 parser;
	struct frame	 frames[YAML_TREE_DEPTH_MAX];
	unsigned	 depth;
	json_t		*root;
	json_t		*names;		/* anchor name -> index in anchors */
	struct anchor	*anchors;
	size_t		 anchor_count;
	size_t		 budget;	/* bytes of memory left for the tree */
	size_t		 limit;		/* the initial value of `budget` */
	int		 has_placeholders;
	struct error	*error;
};

static int
out_of_memory(struct reader *reader)
{
	return error_set(reader->error, ERROR_NO_MEMORY_FOR_REPLY,
	    "not enough memory for the reply");
}

static int
too_deep(struct reader *reader)
{
	return error_set(reader->error, ERROR_REPLY_TOO_DEEP,
	    "the reply is nested deeper than %d levels", YAML_TREE_DEPTH_MAX);
}

static int
too_large(struct reader *reader)
{
	return error_set(reader->error, ERROR_REPLY_TOO_LARGE,
	    "the reply is larger than %zu MiB",
	    YAML_TREE_TEXT_MAX / 1024 / 1024);
}

static int
too_costly(struct reader *reader)
{
	return error_set(reader->error, ERROR_REPLY_TOO_LARGE,
	    "the reply would take more than %zu MiB of memory",
	    reader->limit / 1024 / 1024);
}

/*
 * Subtracts a cost from the budget of the tree.  Returns 0, or -1 if the budget
 * is exceeded.
 */
static int
charge(struct reader *reader, size_t size)
{
	if (size > reader->budget)
		return too_costly(reader);
	reader->budget -= size;
	return 0;
}

/*
 * Sets *text to the text of a scalar.  The event owns this text, unless it had
 * to be converted to a new string.  Sets *made to the new string, which the
 * caller owns, or to NULL if there is none.  Returns 0, or -1 with an error.
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
	if (reader->has_placeholders) {
		*len = bytes_restore(*text, *len, event->data.scalar.style ==
		    YAML_DOUBLE_QUOTED_SCALAR_STYLE);
		(*text)[*len] = '\0';
	}
	/* Invalid base64 is kept as text. */
	if (tag != NULL && strcmp(tag, BINARY_TAG) == 0 &&
	    (decoded = bytes_from_base64(*text, *len)) != -1)
		*len = (size_t)decoded;
	else if (!is_key || memchr(*text, '\0', *len) == NULL)
		return 0;
	*made = bytes_text((unsigned char *)*text, *len, is_key, len);
	if (*made == NULL)
		return out_of_memory(reader);
	*text = *made;
	return charge(reader, *len);
}

/*
 * Sets the key of the next value in the top frame, which is a map.  Takes
 * ownership of the text, even on failure.
 */
static int
set_key(struct reader *reader, char *text, size_t len)
{
	struct frame *frame = &reader->frames[reader->depth - 1];

	if (text == NULL)
		return out_of_memory(reader);
	if (charge(reader, COST_PAIR + len) == -1) {
		free(text);
		return -1;
	}
	frame->key = text;
	frame->key_len = len;
	return 0;
}

static void
drop_key(struct frame *frame)
{
	free(frame->key);
	frame->key = NULL;
}

/*
 * Sets the key from a value: the text of a string, or any other value as
 * compact JSON.
 */
static int
set_node_key(struct reader *reader, const json_t *node)
{
	const char *string;
	size_t len;
	char *text;

	if (json_is_string(node)) {
		string = json_string_value(node);
		text = bytes_text((const unsigned char *)string,
		    json_string_length(node), 1, &len);
	} else {
		text = json_dump_strict(node,
			    JSON_COMPACT | JSON_ENCODE_ANY, &len);
	}
	if (text == NULL)
		return out_of_memory(reader);
	/*
	 * The text of a key counts against the memory limit, because its length
	 * can grow exponentially: if keys are nested, the quotes of an inner
	 * key are escaped again at each outer level.
	 */
	if (charge(reader, len) == -1) {
		free(text);
		return -1;
	}
	return set_key(reader, text, len);
}

static int
awaits_key(const struct reader *reader)
{
	const struct frame *frame;

	if (reader->depth == 0)
		return 0;
	frame = &reader->frames[reader->depth - 1];
	return frame->is_map && frame->key == NULL;
}

/*
 * Updates the size and height of the collection in the top frame when a key or
 * value is added to the collection.
 */
static void
count_size(struct reader *reader, size_t size, unsigned height)
{
	struct frame *frame;

	if (reader->depth == 0)
		return;
	frame = &reader->frames[reader->depth - 1];
	frame->size += size;
	if (frame->height < height + 1)
		frame->height = height + 1;
}

/*
 * Adds a value to the top frame: as a key or a value of a map, or as an item of
 * an array.  If there is no frame, the value becomes the root.  Takes ownership
 * of the reference, even on failure.
 */
static int
add_value(struct reader *reader, json_t *node, size_t size, unsigned height)
{
	struct frame *frame;
	int result;

	count_size(reader, size, height);
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
		if (charge(reader, COST_ITEM) == -1) {
			json_decref(node);
			return -1;
		}
		result = json_array_append_new(frame->node, node);
	} else {
		result = json_object_setn_new_nocheck(frame->node, frame->key,
		    frame->key_len, node);
		drop_key(frame);
	}
	return result == 0 ? 0 : out_of_memory(reader);
}

/*
 * Registers a value if it has an anchor.  Sets *number to the index of the
 * anchor plus one, or to 0 if there is no anchor.
 */
static int
add_anchor(struct reader *reader, const yaml_char_t *name, json_t *node,
    size_t size, int open, size_t *number)
{
	struct anchor *anchors;

	*number = 0;
	if (name == NULL)
		return 0;
	if (charge(reader, COST_ANCHOR + strlen((const char *)name)) == -1)
		return -1;
	anchors = array_grow(reader->anchors, reader->anchor_count,
	    sizeof(*anchors));
	if (anchors == NULL)
		return out_of_memory(reader);
	reader->anchors = anchors;
	/* A redefined anchor replaces the earlier one. */
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
		return error_set(reader->error, ERROR_BAD_REPLY,
		    "line %zu of the reply refers to an unknown YAML anchor",
		    event->start_mark.line + 1);
	anchor = &reader->anchors[json_integer_value(number)];
	if (anchor->open) {
		json_t *cycle = json_string("<cycle>");

		if (cycle == NULL)
			return out_of_memory(reader);
		return add_value(reader, cycle, json_string_length(cycle), 0);
	}
	if (reader->depth + anchor->height > YAML_TREE_DEPTH_MAX)
		return too_deep(reader);
	if (charge(reader, anchor->size) == -1)
		return -1;
	return add_value(reader, json_incref(anchor->node), anchor->size,
	    anchor->height);
}

static size_t
scalar_cost(const json_t *node)
{
	if (json_is_string(node))
		return COST_STRING + json_string_length(node);
	return json_is_number(node) ? COST_NUMBER : 0;
}

static int
read_scalar(struct reader *reader, yaml_event_t *event)
{
	const yaml_char_t *anchor = event->data.scalar.anchor;
	char *made, *text;
	size_t len, number;
	json_t *node;
	int is_key, result;

	is_key = awaits_key(reader);
	if (scalar_text(reader, event, is_key, &text, &len, &made) == -1) {
		free(made);
		return -1;
	}
	if (is_key && anchor == NULL) {
		count_size(reader, len + 1, 0);
		/*
		 * strdup(3) copies the whole text, because scalar_text has
		 * escaped any NUL in a key.
		 */
		return set_key(reader, made != NULL ? made : strdup(text), len);
	}
	if (made == NULL && event->data.scalar.plain_implicit &&
	    event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE)
		node = yaml_scalar_value(text, len);
	else
		node = json_stringn_nocheck(text, len);
	result = node == NULL ? out_of_memory(reader) :
	    charge(reader, scalar_cost(node));
	if (result == -1 || add_anchor(reader, anchor, node, len + 1, 0,
	    &number) == -1) {
		json_decref(node);
		free(made);
		return -1;
	}
	if (is_key) {
		/*
		 * The key itself is always text.  But an alias that refers to
		 * the key's anchor gets the parsed value, such as a number.
		 */
		count_size(reader, len + 1, 0);
		json_decref(node);
		return set_key(reader, made != NULL ? made : strdup(text), len);
	}
	free(made);
	return add_value(reader, node, len + 1, 0);
}

static int
begin_collection(struct reader *reader, json_t *node,
    const yaml_char_t *anchor)
{
	struct frame *frame;
	size_t number;

	if (node == NULL)
		return out_of_memory(reader);
	if (reader->depth == YAML_TREE_DEPTH_MAX) {
		json_decref(node);
		return too_deep(reader);
	}
	if (charge(reader, json_is_array(node) ? COST_ARRAY : COST_OBJECT) ==
	    -1 || add_anchor(reader, anchor, node, 0, 1, &number) == -1) {
		json_decref(node);
		return -1;
	}
	frame = &reader->frames[reader->depth++];
	frame->node = node;
	frame->is_map = json_is_object(node);
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
	return add_value(reader, frame->node, frame->size, frame->height);
}

/* Handles a libyaml event.  Returns 0, or -1 with an error. */
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
		return error_set(reader->error, ERROR_BAD_REPLY,
		    "the reply contains more than one YAML document");
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
	return error_set(reader->error, ERROR_BAD_REPLY,
	    "the reply is not valid YAML: %s on line %zu",
	    parser->problem != NULL ? parser->problem : "error",
	    parser->problem_mark.line + 1);
}

/*
 * Whether the event stands for an empty document, which libyaml reports as an
 * empty plain scalar.
 */
static int
is_empty_document(const struct reader *reader, const yaml_event_t *event)
{
	return reader->depth == 0 && event->type == YAML_SCALAR_EVENT &&
	    event->data.scalar.length == 0 &&
	    event->data.scalar.plain_implicit &&
	    event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
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
		if (is_empty_document(reader, &event)) {
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
		return error_set(reader->error, ERROR_BAD_REPLY,
		    "the reply contains no YAML document");
	return 0;
}

/*
 * Checks the size of a reply and the number of its directives.  If the reply
 * contains bytes that libyaml rejects or misreads, makes a copy with
 * placeholders in their place.
 */
static int
prepare(struct reader *reader, struct prepared *prepared, const char *data,
    size_t len)
{
	if (len > YAML_TREE_TEXT_MAX)
		return too_large(reader);
	reader->budget = reader->limit = YAML_TREE_HEAP_MAX(len);
	if (bytes_prepare(prepared, data, len, len + reader->budget /
	    COST_PLACEHOLDER) == -1)
		return errno == ENOMEM ? out_of_memory(reader) :
		    too_costly(reader);
	reader->has_placeholders = prepared->copy != NULL;
	if (prepared->directives > DIRECTIVES_MAX) {
		error_set(reader->error, ERROR_BAD_REPLY,
		    "the reply contains too many YAML directives");
	} else if (charge(reader, (prepared->len - len) *
	    COST_PLACEHOLDER) == 0) {
		return 0;
	}
	free(prepared->copy);
	return -1;
}

static void
reader_finish(struct reader *reader)
{
	size_t i;

	while (reader->depth > 0) {
		struct frame *frame = &reader->frames[--reader->depth];

		json_decref(frame->node);
		drop_key(frame);
	}
	for (i = 0; i < reader->anchor_count; i++)
		json_decref(reader->anchors[i].node);
	free(reader->anchors);
	json_decref(reader->names);
	json_decref(reader->root);
}

json_t *
yaml_tree_parse(const char *data, size_t len, struct error *error)
{
	struct prepared prepared;
	struct reader reader;
	json_t *root = NULL;

	memset(&reader, 0, sizeof(reader));
	memset(&prepared, 0, sizeof(prepared));
	reader.error = error;
	if (prepare(&reader, &prepared, data, len) == -1)
		return NULL;
	reader.names = json_object();
	if (reader.names == NULL || !yaml_parser_initialize(&reader.parser)) {
		out_of_memory(&reader);
		goto done;
	}
	yaml_parser_set_input_string(&reader.parser, (const unsigned char *)
	    (prepared.copy != NULL ? prepared.copy : data), prepared.len);
	if (read_stream(&reader) == 0) {
		root = reader.root;
		reader.root = NULL;
	}
	yaml_parser_delete(&reader.parser);
 done:
	reader_finish(&reader);
	free(prepared.copy);
	return root;
}
