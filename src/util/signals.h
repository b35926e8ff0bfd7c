/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

/*
 * Turns SIGINT, SIGTERM and SIGHUP into events.  The first two signals
 * received, of any kind, are only counted.  A third one ends the process.
 */

#ifndef CR_SIGNALS_H
#define CR_SIGNALS_H

/*
 * Starts counting signals.  Returns a descriptor that becomes readable with
 * each signal.  If the descriptor cannot be created, returns -1, and signals
 * end the process as usual.  Signals that were ignored before stay ignored.
 * Blocking system calls are restarted after a signal, because stdio treats
 * EINTR as an error and loses data.  Calls nest: an inner call does not reset
 * the count.
 */
int	signals_begin(void);

/*
 * Undoes one call of signals_begin.  Undoing the outermost call restores the
 * previous handling of the signals.
 */
void	signals_end(void);

/*
 * Sets whether a signal interrupts blocking system calls with EINTR, for
 * callers that have to react at once.
 */
void	signals_break_calls(int yes);

/*
 * Returns how many signals have been received since signals_begin or the last
 * signals_reset: 0, 1 or 2.
 */
int	signals_count(void);

/* Whether SIGTERM or SIGHUP has been received. */
int	signals_terminating(void);

/* Drains the descriptor, so that only a new signal makes it readable. */
void	signals_clear(void);

/*
 * Drains the descriptor and resets the count.  Does nothing if SIGTERM or
 * SIGHUP has been received.
 */
void	signals_reset(void);

/*
 * Returns the last signal received, or 0 if there was none or signals_reset has
 * cleared it.  SIGINT does not replace an earlier SIGTERM or SIGHUP.
 */
int	signals_last(void);

/*
 * Kills the process with the signal that signals_last returns, if any.  A shell
 * aborts a loop or script that runs this program only if the program was killed
 * by a signal.
 */
void	signals_die(void);

#endif
