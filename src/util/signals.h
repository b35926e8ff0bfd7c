/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * Turns SIGINT, SIGTERM and SIGHUP into events.  The first two signals are only
 * counted; the third ends the process.
 */

#ifndef CR_SIGNALS_H
#define CR_SIGNALS_H

/*
 * Starts counting signals.  Signals that were ignored before stay ignored.
 * Returns a descriptor that becomes readable with each signal.  If it cannot be
 * created, returns -1, and signals end the process as usual.  Blocking system
 * calls are restarted, because stdio treats EINTR as an error and loses data.
 * Calls nest: an inner call does not reset the count.
 */
int	signals_begin(void);

/*
 * Ends what signals_begin started.  After the outermost call, signals end the
 * process as usual.
 */
void	signals_end(void);

/*
 * Sets whether a signal interrupts blocking system calls with EINTR, for
 * callers that have to react at once.
 */
void	signals_break_calls(int yes);

/* Returns the number of signals since counting began. */
int	signals_count(void);

/* Whether SIGTERM or SIGHUP was among the signals. */
int	signals_terminating(void);

/* Drains the descriptor, so that it becomes readable with the next signal. */
void	signals_clear(void);

/*
 * Drains the descriptor and resets the count, unless SIGTERM or SIGHUP was
 * among the signals.
 */
void	signals_reset(void);

/*
 * Returns the last signal received, or 0 if there was none or signals_reset has
 * cleared it.  A SIGINT does not replace an earlier SIGTERM or SIGHUP.
 */
int	signals_last(void);

/*
 * Kills the process with the signal that signals_last returns, if there is one.
 * A shell that runs this program in a loop or script aborts the loop or script
 * only if the signal has killed the program.
 */
void	signals_die(void);

#endif
