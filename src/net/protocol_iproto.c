/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * The binary protocol.  A line is sent as the argument of an EVAL request that
 * calls console.eval.  The result is what the text console would have sent.
 * Only one request is in flight at a time: the server runs requests
 * concurrently, but the lines of a session must run in order.
 */

#define _GNU_SOURCE	/* memmem */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <msgpuck.h>

#include "net/iproto.h"
#include "net/protocol.h"
#include "proto/msgpack_text.h"

/*
 * Sets the output format with each request, because an earlier line of the
 * session may have changed it.
 */
#define EXPRESSION	"local eval = require('console').eval " \
			"eval('\\\\set output yaml') return eval(...)"

#define DOCUMENT_BEGIN	"---"
#define DOCUMENT_END	"\n...\n"
#define PUSH_BEGIN	"%TAG !push! tag:tarantool.io/push,2018\n--- "

/* The maximum number of bytes that an error quotes from a server message. */
#define MESSAGE_SHOWN	400

static const char *
user_of(const struct protocol_state *state)
{
	return state->target->user != NULL ? state->target->user : "guest";
}

/*
 * Builds the first request: a login, or a ping for the guest user.  Returns 0,
 * or -1 with an error.
 */
static int
handshake(struct protocol_state *state, struct packet *packet,
    struct error *error)
{
	const struct target *target = state->target;
	unsigned char salt[IPROTO_SALT_SIZE], scramble[SECRET_HASH_SIZE];
	size_t len;

	if (strcmp(user_of(state), "guest") == 0) {
		/*
		 * The guest user does not log in, so a ping serves as the
		 * handshake.
		 */
		len = iproto_write_ping(packet->own, ++state->sync);
		packet_add(packet, packet->own, len);
		return 0;
	}
	if (target->secret == NULL)
		return error_set(error, ERROR_NO_PASSWORD,
		    "user \"%s\" needs a password: use --password-file or "
		    "set $TT_CLI_PASSWORD", user_of(state));
	if (iproto_read_salt(salt, state->greeting->data +
	    GREETING_LINE_SIZE) == -1)
		return error_set(error, ERROR_BAD_HANDSHAKE,
		    "the binary port's greeting contains no salt, so no "
		    "user can log in");
	iproto_scramble(scramble, target->secret, salt);
	len = iproto_write_auth(packet->own, ++state->sync, target->user,
	    scramble);
	packet_add(packet, packet->own, len);
	return 0;
}

static void
encode(struct protocol_state *state, const struct conn_line *line,
    struct packet *packet)
{
	size_t len;

	len = iproto_write_eval(packet->own, ++state->sync, EXPRESSION,
	    line->len + line->rest_len);
	packet_add(packet, packet->own, len);
	packet_add(packet, line->data, line->len);
	packet_add(packet, line->rest, line->rest_len);
}

static enum message
invalid(struct error *error, const char *what)
{
	error_set(error, ERROR_BAD_REPLY, "%s", what);
	return MESSAGE_INVALID;
}

static int
contains(const char *text, int len, const char *part)
{
	return len > 0 && memmem(text, (size_t)len, part,
	    strlen(part)) != NULL;
}

/*
 * Sets the error for a failed login.  The message does not reveal whether the
 * user or the password is wrong.
 */
static void
set_login_error(const struct protocol_state *state, struct error *error)
{
	error_set(error, ERROR_LOGIN_FAILED,
	    "wrong user name or password (user \"%s\")", user_of(state));
}

/*
 * Sets the error for a reply with the error code ER_ACCESS_DENIED.  Only the
 * text of the server's message distinguishes the causes of this error.
 */
static void
set_access_error(const struct protocol_state *state, const char *text,
    int len, struct error *error)
{
	/*
	 * Until box.cfg is called, a temporary server of Cartridge answers.
	 * Unlike Tarantool, it reports a wrong user or password as
	 * ER_ACCESS_DENIED.
	 */
	if (!state->is_accepted &&
	    (contains(text, len, "Incorrect password") ||
	    contains(text, len, "' is not found")))
		set_login_error(state, error);
	else if (strcmp(user_of(state), "guest") == 0)
		error_set(error, ERROR_ACCESS_DENIED,
		    "user \"guest\" is not allowed to run Lua over the binary "
		    "port; specify another user with --user");
	else if (!state->is_accepted)
		error_set(error, ERROR_ACCESS_DENIED,
		    "user \"%s\" is not allowed to log in: %.*s",
		    user_of(state), len, text);
	else
		error_set(error, ERROR_ACCESS_DENIED,
		    "user \"%s\" is not allowed to run Lua: grant the "
		    "execute privilege on universe or, in Tarantool 3, on "
		    "lua_eval",
		    user_of(state));
}

static enum message
take_error(const struct protocol_state *state,
    const struct iproto_reply *reply, struct error *error)
{
	unsigned code = (unsigned)reply->type & (IPROTO_ERROR_BIT - 1);
	int len = reply->message_len < MESSAGE_SHOWN ?
	    (int)reply->message_len : MESSAGE_SHOWN;
	const char *text = reply->message != NULL ? reply->message : "";

	switch (code) {
	case IPROTO_ER_NO_SUCH_USER:
	case IPROTO_ER_PASSWORD:
		set_login_error(state, error);
		break;
	case IPROTO_ER_ACCESS_DENIED:
		set_access_error(state, text, len, error);
		break;
	case IPROTO_ER_LOADING:
		error_set_transient(error, ERROR_LOADING,
		    "the instance is still starting: %.*s", len, text);
		break;
	case IPROTO_ER_TRANSACTION:
		error_set(error, ERROR_LUA,
		    "the Lua code left a transaction open, and it was "
		    "rolled back: over a binary port, a transaction must "
		    "end in the request that begins it");
		break;
	case IPROTO_ER_PROC_LUA:
		error_set(error, ERROR_SERVER,
		    "the request could not be evaluated: %.*s", len, text);
		break;
	default:
		/*
		 * The error code for a shutdown differs between Tarantool
		 * versions.
		 */
		if (contains(text, len, "shutting down"))
			error_set_transient(error, ERROR_SHUTTING_DOWN,
			    "the instance is shutting down");
		else
			error_set(error, ERROR_SERVER,
			    "the instance answered with error %u: %.*s", code,
			    len, text);
	}
	return state->is_accepted ? MESSAGE_REFUSED : MESSAGE_INVALID;
}

/* Converts a pushed value to the document that the text console would send. */
static enum message
take_push(struct protocol_state *state, const struct iproto_reply *reply,
    struct document *doc, struct error *error)
{
	char *text;
	size_t len, size;

	free(state->push);
	state->push = NULL;
	if ((text = msgpack_text(reply->value, &len)) == NULL)
		goto fail;
	size = sizeof(PUSH_BEGIN) + len + sizeof(DOCUMENT_END);
	if ((state->push = malloc(size)) != NULL)
		doc->len = (size_t)snprintf(state->push, size, "%s",
		    PUSH_BEGIN);
	if (state->push == NULL) {
		free(text);
		goto fail;
	}
	memcpy(state->push + doc->len, text, len);
	doc->len += len;
	memcpy(state->push + doc->len, DOCUMENT_END,
	    sizeof(DOCUMENT_END) - 1);
	doc->len += sizeof(DOCUMENT_END) - 1;
	doc->data = state->push;
	doc->is_push = 1;
	free(text);
	return MESSAGE_DOCUMENT;

fail:
	error_out_of_memory(error);
	return MESSAGE_INVALID;
}

/* Extracts the document that console.eval has returned. */
static enum message
take_result(const struct iproto_reply *reply, struct document *doc,
    struct error *error)
{
	const char *value = reply->value, *end;
	uint32_t len;

	if (value == NULL || mp_typeof(*value) != MP_STR)
		return invalid(error, "the reply contains no console output");
	doc->data = mp_decode_str(&value, &len);
	doc->len = len;
	doc->is_push = 0;
	/* The reply must be a single document, as on the text console. */
	if (len < sizeof(DOCUMENT_BEGIN) + sizeof(DOCUMENT_END) - 2 ||
	    memcmp(doc->data, DOCUMENT_BEGIN, sizeof(DOCUMENT_BEGIN) - 1) != 0)
		return invalid(error, "the reply is not a YAML document");
	end = memmem(doc->data, len, DOCUMENT_END, sizeof(DOCUMENT_END) - 1);
	if (end == NULL ||
	    end + sizeof(DOCUMENT_END) - 1 != doc->data + len)
		return invalid(error, "the reply is not a YAML document");
	return MESSAGE_DOCUMENT;
}

static enum message
take_reply(struct protocol_state *state, const struct iproto_reply *reply,
    struct document *doc, struct error *error)
{
	if (reply->sync != state->answered + 1 || reply->sync > state->sync)
		return invalid(error, "unexpected reply");
	if (reply->type != IPROTO_CHUNK)
		state->answered++;
	if (reply->type & IPROTO_ERROR_BIT)
		return take_error(state, reply, error);
	if (reply->type == IPROTO_CHUNK && state->is_accepted)
		return reply->value == NULL ?
		    invalid(error, "a push message contains no value") :
		    take_push(state, reply, doc, error);
	if (reply->type != IPROTO_OK)
		return invalid(error, "unexpected reply type");
	if (state->is_accepted)
		return take_result(reply, doc, error);
	state->is_accepted = 1;
	return MESSAGE_ACCEPTED;
}

static enum message
decode(struct protocol_state *state, struct framer *framer,
    struct document *doc, struct error *error)
{
	struct iproto_reply reply;
	const char *frame;
	int64_t size;

	size = iproto_frame_size(framer_data(framer), framer_pending(framer));
	if (size == -1)
		return invalid(error, "the reply is not MessagePack");
	if (size > (int64_t)FRAMER_DOCUMENT_MAX) {
		error_set(error, ERROR_REPLY_TOO_LARGE,
		    "the reply is larger than %zu MiB",
		    FRAMER_DOCUMENT_MAX / 1024 / 1024);
		return MESSAGE_INVALID;
	}
	if (size == 0 || (size_t)size > framer_pending(framer))
		return MESSAGE_NONE;
	frame = framer_take(framer, (size_t)size);
	if (iproto_read(&reply, frame, (size_t)size) == -1)
		return invalid(error, "the reply is not a message of the "
		    "binary protocol");
	return take_reply(state, &reply, doc, error);
}

const struct protocol protocol_iproto = {
	.one_at_a_time = 1,
	.peer = "binary port",
	.advice = "the instance is busy, --timeout is too short, or the "
	    "instance has reached its request limit (net_msg_max), which the "
	    "console socket does not have",
	.handshake = handshake,
	.encode = encode,
	.decode = decode
};
