/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * The first line that any console is sent: whatever the default output of the
 * instance is, that of this session can be read then.
 */

#ifndef CR_HANDSHAKE_H
#define CR_HANDSHAKE_H

#include "util/error.h"
#include "net/framing.h"

#define HANDSHAKE	"\\set output yaml"

/*
 * Checks the answer to it.  Returns 0, or -1 with a protocol error that
 * quotes what came instead.
 */
int	handshake_check(const struct document *, struct error *);

#endif
