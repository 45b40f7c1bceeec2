/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the monitor prints when the library, which is the test's here, cannot say what has happened. */
#include "programs/cli/cli.h"
#include "programs/filesystem.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
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

/* With --wait-for: how often the monitor has asked, when all has settled, and what is on the device by then. */
static int turns, settled_turn, tried_turn, left_turn;
static int all_turn; /* since when all is waited for; -1: never */
static bool has_firmware;
static int n_to_lose; /* what coldplug_leave() answers */
static const char *found_type;
static int ready_fd; /* the other end of --notify-fd */
static int ready_turn;

static void note_ready(void)
{
	int n = 0;

	if (!ready_turn && ready_fd > 0 && !ioctl(ready_fd, FIONREAD, &n) && n > 0)
		ready_turn = turns;
}

/* SIGTERM comes in the fifth turn. */
int coldplug_advance(struct coldplug *c, int *timeout_ms)
{
	note_ready();
	*timeout_ms = cli.waits && ++turns != 5 ? 0 : -1;
	if (turns == 5)
		raise(SIGTERM);
	return 1;
}

const char *coldplug_found_type(const struct coldplug *c, size_t i)
{
	return found_type;
}

bool coldplug_is_settled(struct coldplug *c)
{
	return settled_turn && turns >= settled_turn;
}

int coldplug_leave(struct coldplug *c)
{
	left_turn = turns;
	return n_to_lose;
}

int64_t coldplug_plan(struct coldplug *c)
{
	return 0;
}

int coldplug_load(struct coldplug *c)
{
	return 0;
}

void filesystem_want(struct coldplug *c, const char *types)
{
}

bool filesystem_is_tried(struct coldplug *c, const char *types)
{
	return turns >= tried_turn;
}

bool filesystem_has_firmware(void)
{
	return has_firmware;
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
	if (flag == COLDPLUG_AWAIT_END && !value && all_turn < 0)
		all_turn = turns;
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

bool cli_lacks_wait_for(struct cli *c, bool given, const char *option)
{
	return false;
}

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

static int wait_until_ready(unsigned int timeout_ms)
{
	int fds[2], r;

	assert_int_equal(pipe(fds), 0);
	ready_fd = fds[0];
	cli = (struct cli){ .notify_fd = fds[1], .waits = 1, .timeout_ms = timeout_ms };
	r = command_monitor(&cli);
	note_ready();
	return r;
}

static void what_ends_with_the_initramfs_is_done_before(void **state)
{
	static const struct {
		bool firmware;
		int n_to_lose, settled, timeout_ms;
		int left, all; /* in which turn it ends (0: some time), and since when all is waited for */
	} rows[] = {
		{ false, 0, 8, 60000, 5, -1 },
		{ true, 0, 8, 60000, 8, 5 },
		{ false, 1, 8, 60000, 8, 5 },
		{ true, 0, 3, 60000, 5, 5 },
		/* Not for ever. */
		{ true, 0, 0, 20, 0, 5 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		pid_t pid = fork();
		int status;

		if (pid == 0) {
			found_type = "ext4";
			has_firmware = rows[i].firmware;
			n_to_lose = rows[i].n_to_lose;
			settled_turn = rows[i].settled;
			all_turn = -1;
			(void)wait_until_ready((unsigned int)rows[i].timeout_ms);
			_exit(ready_turn != 1 || (rows[i].left && left_turn != rows[i].left) ||
			      all_turn != rows[i].all);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		if (status)
			fail_msg("row %zu", i);
	}
}

static void a_boot_goes_on_when_what_it_waits_for_can_be_mounted(void **state)
{
	static const struct {
		const char *type;
		int tried, settled; /* from which turn on; 0 as settled: never */
		int ready;	    /* in which turn; 0: never */
		bool all;	    /* nothing gives way to others any more */
	} rows[] = {
		{ "ext4", 1, 0, 1 },
		{ "ext4", 3, 0, 3 },
		{ "swap", 1, 4, 1 },
		/* It is not there, or nobody knows what is on it. */
		{ NULL, 1, 4, 4 },
		{ "", 1, 4, 4, true },
		{ NULL, 1, 0, 0 },
		/* It may need other devices, which nobody has named; or the kernel resumes from it. */
		{ "btrfs", 1, 4, 4, true },
		{ "LVM2_member", 1, 4, 4, true },
		{ "linux_raid_member", 1, 0, 0, true },
		{ "crypto_LUKS", 1, 4, 4, true },
		{ "ext4,xfs", 1, 4, 4, true },
		{ "swsuspend", 1, 4, 4, true },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		pid_t pid = fork();
		int status;

		if (pid == 0) {
			found_type = rows[i].type;
			tried_turn = rows[i].tried;
			settled_turn = rows[i].settled;
			all_turn = -1;
			status = wait_until_ready(0);
			_exit(status || ready_turn != rows[i].ready || left_turn != 5 ||
			      (all_turn > 0) != rows[i].all);
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
		cmocka_unit_test(what_ends_with_the_initramfs_is_done_before),
		cmocka_unit_test(a_boot_goes_on_when_what_it_waits_for_can_be_mounted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
