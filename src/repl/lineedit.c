/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026 The cartridge-reload authors */

#include <sys/signalfd.h>

#include <dlfcn.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Make the headers of readline declare functions with prototypes. */
#define HAVE_STDARG_H
#include <readline/history.h>
#include <readline/readline.h>

#include "repl/lineedit.h"

#define TEXT(a)		#a
#define TEXT_OF(a)	TEXT(a)
/*
 * Load the library with the same major version as the headers, because the ABI
 * differs between major versions.
 */
#define LIBRARY		"libreadline.so." TEXT_OF(RL_VERSION_MAJOR)

/* The maximum number of lines that the Up key recalls. */
#define REMEMBERED_MAX	1000

/*
 * Since version 8.2, readline prints a newline after Ctrl-D unless rl_eof_found
 * is cleared.
 */
#if RL_READLINE_VERSION >= 0x0802
#define SYMBOL_OF_END(use)	use(rl_eof_found)
#else
#define SYMBOL_OF_END(use)
#endif

/* The functions and variables of readline that this file uses. */
#define SYMBOLS(use)							\
	use(add_history)						\
	use(rl_attempted_completion_function)				\
	use(rl_attempted_completion_over)				\
	use(rl_callback_handler_install)				\
	use(rl_callback_handler_remove)					\
	use(rl_callback_read_char)					\
	use(rl_callback_sigcleanup)					\
	use(rl_catch_signals)						\
	use(rl_catch_sigwinch)						\
	use(rl_change_environment)					\
	use(rl_clear_visible_line)					\
	use(rl_completion_matches)					\
	use(rl_completion_query_items)					\
	use(rl_completion_suppress_append)				\
	use(rl_completion_word_break_hook)				\
	use(rl_deprep_term_function)					\
	use(rl_deprep_terminal)						\
	use(rl_end)							\
	SYMBOL_OF_END(use)						\
	use(rl_forced_update_display)					\
	use(rl_free_line_state)						\
	use(rl_initialize)						\
	use(rl_line_buffer)						\
	use(rl_on_new_line)						\
	use(rl_point)							\
	use(rl_prep_terminal)						\
	use(rl_readline_name)						\
	use(rl_redisplay)						\
	use(rl_reset_screen_size)					\
	use(rl_resize_terminal)						\
	use(rl_variable_bind)						\
	use(stifle_history)

/* NOLINTNEXTLINE(bugprone-macro-parentheses): `name` is being declared */
#define DECLARE(name)	__typeof__(name) *name;
#define DESCRIBE(name)	{ #name, offsetof(struct library, name) },

static struct library {
	SYMBOLS(DECLARE)
} lib;

static const struct {
	const char	*name;
	size_t		 at;
} symbol_table[] = {
	SYMBOLS(DESCRIBE)
};

static const struct lineedit_hooks *hooks;
static int is_shown;
static int signal_fd = -1;

/* The event and the line that lineedit_read returns.  on_line sets them. */
static enum lineedit_event event;
static char *event_line;

/*
 * The candidates for the word that readline is completing, and the index of the
 * next candidate to return to readline.
 */
static struct lineedit_names offered;
static size_t offered_next;

static int
load(struct error *error)
{
	void *handle, *symbol;
	size_t i;

	if (lib.add_history != NULL)
		return 0;
	if ((handle = dlopen(LIBRARY, RTLD_NOW)) == NULL)
		goto fail;
	for (i = 0; i < sizeof(symbol_table) / sizeof(symbol_table[0]); i++) {
		if ((symbol = dlsym(handle, symbol_table[i].name)) == NULL)
			goto fail;
		memcpy((char *)&lib + symbol_table[i].at, &symbol,
		    sizeof(symbol));
	}
	return 0;

fail:
	error_set(error, ERROR_LOCAL, "cannot load GNU readline: %s; install "
	    "it (Debian: libreadline%d), or pipe the lines in", dlerror(),
	    RL_VERSION_MAJOR);
	memset(&lib, 0, sizeof(lib));
	if (handle != NULL)
		dlclose(handle);
	return -1;
}

/*
 * Fills in the set of signals to block while a prompt is shown.
 * lineedit_signal reads them from signal_fd.  An unblocked SIGQUIT (Ctrl-\)
 * would end the process and leave the terminal in raw mode.
 */
static void
fill_set(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGQUIT);
	sigaddset(set, SIGTSTP);
	sigaddset(set, SIGWINCH);
}

static void
hold_signals(int how)
{
	sigset_t set;

	fill_set(&set);
	sigprocmask(how, &set, NULL);
}

static void
take_away(void)
{
	if (!is_shown)
		return;
	lib.rl_callback_handler_remove();
	hold_signals(SIG_UNBLOCK);
	is_shown = 0;
}

static void
leave_terminal(void)
{
#if RL_READLINE_VERSION >= 0x0802
	*lib.rl_eof_found = 0;
#endif
	lib.rl_deprep_terminal();
}

static void
on_line(char *line)
{
	take_away();
	event = line != NULL ? LINEEDIT_LINE : LINEEDIT_END;
	event_line = line;
}

static char *
breaks(void)
{
	static char *last;

	/*
	 * Readline does not free the string that this function returns, so the
	 * function frees it at its next call.
	 */
	free(last);
	last = strdup(hooks->breaks(*lib.rl_line_buffer, hooks->arg));
	return last;
}

static char *
next_offered(const char *text, int state)
{
	(void)text;
	(void)state;
	return offered_next < offered.words.count ?
	    strdup(offered.words.list[offered_next++]) : NULL;
}

static char **
attempt_completion(const char *text, int start, int end)
{
	char **matches;

	memset(&offered, 0, sizeof(offered));
	offered_next = 0;
	hooks->complete(&offered, *lib.rl_line_buffer, (size_t)start,
	    (size_t)end, hooks->arg);
	*lib.rl_attempted_completion_over = !offered.files;
	*lib.rl_completion_suppress_append = offered.open;
	matches = offered.words.count == 0 ? NULL :
	    lib.rl_completion_matches(text, next_offered);
	strlist_finish(&offered.words);
	return matches;
}

int
lineedit_open(const struct lineedit_hooks *given, struct error *error)
{
	static char name[] = "cartridge-reload";
	sigset_t set;

	if (load(error) == -1)
		return -1;
	fill_set(&set);
	signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	hooks = given;
	/* Let readline edit multibyte characters. */
	setlocale(LC_CTYPE, "");
	*lib.rl_readline_name = name;
	*lib.rl_deprep_term_function = leave_terminal;
	*lib.rl_catch_signals = 0;
	*lib.rl_catch_sigwinch = 0;
	*lib.rl_change_environment = 0;
	*lib.rl_attempted_completion_function = attempt_completion;
	*lib.rl_completion_word_break_hook = breaks;
	lib.stifle_history(REMEMBERED_MAX);
	/*
	 * Set the variables below after rl_initialize has read the user's
	 * inputrc, so that the inputrc cannot override them.
	 */
	lib.rl_initialize();
	/*
	 * Never ask the user whether to list many candidates.  In callback
	 * mode, readline cannot wait for the answer and would assume "yes".
	 */
	*lib.rl_completion_query_items = -1;
	lib.rl_variable_bind("page-completions", "off");
	return 0;
}

void
lineedit_close(void)
{
	take_away();
	if (signal_fd != -1)
		close(signal_fd);
	signal_fd = -1;
}

void
lineedit_remember(const char *entry)
{
	lib.add_history(entry);
}

void
lineedit_begin(const char *prompt)
{
	event = LINEEDIT_WAIT;
	if (is_shown)
		return;
	is_shown = 1;
	hold_signals(SIG_BLOCK);
	/* The window may have been resized while no prompt was shown. */
	lib.rl_reset_screen_size();
	lib.rl_callback_handler_install(prompt, on_line);
}

void
lineedit_abandon(const char *mark)
{
	if (!is_shown)
		return;
	/*
	 * rl_callback_sigcleanup also ends an incremental search or a keyboard
	 * macro.
	 */
	lib.rl_callback_sigcleanup();
	/*
	 * Move the cursor to the end of the line, so that output appears below
	 * all its rows.
	 */
	*lib.rl_point = *lib.rl_end;
	lib.rl_redisplay();
	/* Print `mark` first: removing the prompt may move the cursor. */
	fputs(mark, stdout);
	lib.rl_free_line_state();
	take_away();
}

int
lineedit_signal_fd(void)
{
	return signal_fd;
}

static void
suspend(void)
{
	leave_terminal();
	hold_signals(SIG_UNBLOCK);
	/* The process stops here until SIGCONT continues it. */
	raise(SIGTSTP);
	hold_signals(SIG_BLOCK);
	lib.rl_prep_terminal(1);
	/* The window may have been resized while the process was stopped. */
	lib.rl_reset_screen_size();
	lib.rl_forced_update_display();
}

void
lineedit_signal(void)
{
	struct signalfd_siginfo info;

	while (read(signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		if (!is_shown)
			continue;
		if (info.ssi_signo == SIGTSTP)
			suspend();
		else if (info.ssi_signo == SIGWINCH)
			lib.rl_resize_terminal();
	}
}

enum lineedit_event
lineedit_read(char **line)
{
	event = LINEEDIT_WAIT;
	lib.rl_callback_read_char();
	*line = event_line;
	event_line = NULL;
	return event;
}

void
lineedit_hide(void)
{
	if (is_shown)
		lib.rl_clear_visible_line();
}

void
lineedit_show(void)
{
	if (!is_shown)
		return;
	lib.rl_on_new_line();
	lib.rl_forced_update_display();
}
