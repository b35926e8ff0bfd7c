/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * Ctrl-C and the like, as something that can be waited for: SIGINT, SIGTERM
 * and SIGHUP are counted, and ignored otherwise, until the third.
 */

#ifndef CR_SIGNALS_H
#define CR_SIGNALS_H

/*
 * From now on signals are counted; those that are ignored stay so.  Returns a
 * descriptor that becomes readable with each, or -1 if there can be none: then
 * signals end the process, as always.  System calls that block are restarted
 * after a signal, as stdio takes EINTR for an error and drops what it has not
 * written.  Calls nest: what an outer one has counted stays counted.
 */
int	signals_begin(void);

/* From the outermost call on they end the process again. */
void	signals_end(void);

/*
 * Whether a system call that blocks returns with EINTR when a signal comes, for
 * a caller that has to act on it at once.
 */
void	signals_break_calls(int yes);

/* How many there were since the beginning. */
int	signals_count(void);

/* Whether one of them was not Ctrl-C. */
int	signals_terminating(void);

/* Makes the descriptor wait for the next one. */
void	signals_clear(void);

/* The same, and as if there had been none, unless one was final. */
void	signals_reset(void);

/* The signal that asked for the end and was not forgotten; 0 if none did. */
int	signals_last(void);

/*
 * Ends the process by that signal, if there was one, so that its parent sees
 * why: a shell stops its loop or script only then.
 */
void	signals_die(void);

#endif
