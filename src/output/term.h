/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * What may reach a terminal: colours, and text that came from outside made
 * harmless.
 */

#ifndef CR_TERM_H
#define CR_TERM_H

#include <stddef.h>
#include <stdio.h>

enum term_color_mode { TERM_AUTO, TERM_ALWAYS, TERM_NEVER };

enum term_style { TERM_PLAIN, TERM_BOLD, TERM_GOOD, TERM_BAD, TERM_WARN,
    TERM_DIM };

/*
 * Whether to use colours on that stream: `auto` is only on a terminal, and not
 * if NO_COLOR is set to something or TERM is "dumb".
 */
int	 term_use_color(enum term_color_mode, FILE *);

/* The same for a line that is drawn again and again; NO_COLOR is no matter. */
int	 term_use_progress(enum term_color_mode, FILE *);

/* Prints text escaped for a terminal (see util/escape.h), on one line. */
void	 term_print(FILE *, const char *text);

/* Prints so many bytes of text escaped, but with their newlines and tabs. */
void	 term_print_text(FILE *, const char *text, size_t len);

/*
 * Prints text of several lines, each escaped and, but for the first, indented
 * by `indent` spaces, so that no line of it can be taken for one of ours.
 */
void	 term_print_lines(FILE *, const char *text, int indent);

/* Starts and ends a style; both do nothing unless `color` is set. */
void	 term_begin(FILE *, int color, enum term_style);
void	 term_end(FILE *, int color);

#endif
