/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * Turns SIGINT, SIGTERM and SIGHUP into events: the first two signals are
 * counted instead of ending the process, the third ends it.
 */

#ifndef CR_SIGNALS_H
#define CR_SIGNALS_H

/*
 * Starts counting signals; ignored ones stay ignored.  Returns a descriptor
 * that becomes readable with each signal, or -1 if there is none: signals then
 * end the process as usual.  Blocking system calls are restarted, because stdio
 * treats EINTR as an error and loses data.  Calls nest; signals counted in an
 * outer level stay counted.
 */
int	signals_begin(void);

/* Ends counting; after the outermost call signals end the process again. */
void	signals_end(void);

/*
 * With `yes`, blocking system calls return EINTR on a signal, for callers that
 * have to react at once.
 */
void	signals_break_calls(int yes);

/* The number of signals since counting began. */
int	signals_count(void);

/* Whether one of them was not SIGINT. */
int	signals_terminating(void);

/* Drains the descriptor, so that it becomes readable with the next signal. */
void	signals_clear(void);

/* The same, and forgets the signals so far unless one was terminating. */
void	signals_reset(void);

/* The signal that asked for termination and was not reset; 0 if none. */
int	signals_last(void);

/*
 * Ends the process by that signal, if there was one.  A shell stops its loop or
 * script only if its child died of the signal.
 */
void	signals_die(void);

#endif
