/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the monitor prints when the library, which is the test's here, cannot say what has happened. */
#include "programs/cli/cli.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- the library, as far as the monitor calls it ---- */

static int json_error[2]; /* of an event and of a result */
static int dispatch_error;
static void (*on_event)(void *userdata, const struct coldplug_event *e);
static void (*on_result)(void *userdata, size_t step);
static struct cli cli;
static char complaints[512];

int coldplug_json(struct coldplug *c, enum coldplug_json what, char **ret)
{
	int r = json_error[what == COLDPLUG_JSON_RESULT];

	if (!r)
		*ret = strdup(what == COLDPLUG_JSON_RESULT ? "RESULT" : "EVENT");
	return r;
}

/* An event and a result, and then SIGTERM. */
int coldplug_dispatch(struct coldplug *c)
{
	on_event(&cli, &(struct coldplug_event){ .action = "add", .devpath = "/devices/x" });
	on_result(&cli, 0);
	raise(SIGTERM);
	return dispatch_error;
}

void coldplug_set_event(struct coldplug *c, void (*fn)(void *userdata, const struct coldplug_event *e),
			void *data)
{
	on_event = fn;
}

void coldplug_set_progress(struct coldplug *c, void (*fn)(void *userdata, size_t step), void *data)
{
	on_result = fn;
}

int coldplug_advance(struct coldplug *c, int *timeout_ms)
{
	*timeout_ms = -1;
	return 1;
}

int coldplug_fd(struct coldplug *c)
{
	return -1;
}

int coldplug_begin(struct coldplug *c)
{
	return 0;
}

int coldplug_finish(struct coldplug *c)
{
	return 0;
}

int coldplug_start(struct coldplug *c)
{
	return 0;
}

bool coldplug_is_dry_run(const struct coldplug *c)
{
	return false;
}

void coldplug_reload(struct coldplug *c)
{
}

int coldplug_set_flag(struct coldplug *c, enum coldplug_flag flag, bool value)
{
	return 0;
}

int coldplug_set_timeout(struct coldplug *c, unsigned int ms)
{
	return 0;
}

const struct coldplug_step *coldplug_step(struct coldplug *c, size_t i)
{
	return NULL;
}

void coldplug_get_summary(struct coldplug *c, struct coldplug_summary *ret)
{
	*ret = (struct coldplug_summary){};
}

/* ---- the rest of the program ---- */

bool cli_begins_with_param(struct cli *c)
{
	return false;
}

int cli_want(struct cli *c)
{
	return 0;
}

int cli_fail(struct cli *c, int error, const char *what)
{
	size_t n = strlen(complaints);

	snprintf(complaints + n, sizeof(complaints) - n, "%s: %s\n", what, strerror(-error));
	return EXIT_SYSTEM;
}

void cli_print_step(struct cli *c, const struct coldplug_step *s)
{
}

/* ---- the test ---- */

/* What the monitor prints on standard output. */
static int listen_to_monitor(char *text, size_t size)
{
	int saved = dup(STDOUT_FILENO), fds[2], r;
	ssize_t n;

	fflush(stdout);
	assert_int_equal(pipe(fds), 0);
	dup2(fds[1], STDOUT_FILENO);
	r = command_monitor(&cli);
	fflush(stdout);
	dup2(saved, STDOUT_FILENO);
	close(fds[1]);
	n = read(fds[0], text, size - 1);
	text[n > 0 ? n : 0] = '\0';
	close(fds[0]);
	close(saved);
	return r;
}

static void what_is_missing_in_the_output_is_said_and_told_by_the_exit_code(void **state)
{
	static const struct {
		int event, result, dispatch;
		const char *out, *complaints;
		int exit_code;
	} rows[] = {
		{ 0, 0, 0, "EVENT\nRESULT\n", "", 0 },
		{ -ENOMEM, 0, 0, "RESULT\n", "an event is missing in the output: Cannot allocate memory\n",
		  111 },
		{ 0, -ENOMEM, 0, "EVENT\n", "a result is missing in the output: Cannot allocate memory\n",
		  111 },
		{ 0, 0, -EPIPE, "EVENT\nRESULT\n", "cannot go on: Broken pipe\n", 111 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char out[128];
		pid_t pid = fork();
		int status;

		/* Its flags are for one life. */
		if (pid == 0) {
			json_error[0] = rows[i].event;
			json_error[1] = rows[i].result;
			dispatch_error = rows[i].dispatch;
			cli = (struct cli){ .json = true, .notify_fd = -1 };
			status = listen_to_monitor(out, sizeof(out));
			_exit(strcmp(out, rows[i].out) || strcmp(complaints, rows[i].complaints) ||
			      status != rows[i].exit_code);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		if (status)
			fail_msg("row %zu", i);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_missing_in_the_output_is_said_and_told_by_the_exit_code),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
