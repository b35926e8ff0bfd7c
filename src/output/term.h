/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/* Terminal output: colours, and the escaping of untrusted text. */

#ifndef CR_TERM_H
#define CR_TERM_H

#include <stddef.h>
#include <stdio.h>

enum term_color_mode { TERM_AUTO, TERM_ALWAYS, TERM_NEVER };

enum term_style { TERM_PLAIN, TERM_BOLD, TERM_GOOD, TERM_BAD, TERM_WARN,
    TERM_DIM };

/*
 * Whether to use colours on a stream.  With TERM_AUTO, only a terminal gets
 * colours, and only if NO_COLOR is unset or empty and TERM is not "dumb".
 */
int	 term_use_color(enum term_color_mode, FILE *);

/*
 * Whether to show the progress line on a stream.  The conditions are the same
 * as for colours, except that NO_COLOR is ignored.
 */
int	 term_use_progress(enum term_color_mode, FILE *);

/* Prints text on one line, escaped for a terminal (see util/escape.h). */
void	 term_print(FILE *, const char *text);

/* Prints `len` bytes of text, escaped except for newlines and tabs. */
void	 term_print_text(FILE *, const char *text, size_t len);

/*
 * Prints multi-line text, escaped except for newlines and tabs.  Omits newlines
 * at the end.  Indents all lines but the first by `indent` spaces, so that no
 * line looks like output of this program.
 */
void	 term_print_lines(FILE *, const char *text, int indent);

/* Start and end a style.  Both functions do nothing if `color` is 0. */
void	 term_begin(FILE *, int color, enum term_style);
void	 term_end(FILE *, int color);

#endif
