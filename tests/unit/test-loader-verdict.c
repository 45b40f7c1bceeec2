/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What an errno means, and the steps that are no module's file. */
#include "tests/unit/test-loader-fake.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/limits.h"
#include "loader/verdict.h"
#include "loader/work.h"

struct world {
	char dir[64];
	struct rootfs root;
	struct fake *fake;
	struct kernel kernel;
};

static void setup(struct world *w)
{
	fake_root(w->dir, &w->root);
	w->fake = fake_new();
	kernel_setup(&w->kernel, &w->root, &fake_ops, w->fake);
}

static void teardown(struct world *w)
{
	fake_root_remove(w->dir, &w->root);
	fake_free(w->fake);
}

static struct load_result load(struct world *w)
{
	struct step step = { .kind = STEP_MODULE, .name = "mod_m", .path = "m.ko", .params = "" };
	struct load_result result = {};

	work_on_step(&w->kernel, &step, &result);
	return result;
}

#define A INITSTATE_ABSENT
#define C INITSTATE_COMING
#define L INITSTATE_LIVE
#define G INITSTATE_GOING
#define B INITSTATE_BUILTIN
#define U INITSTATE_UNKNOWN

/* What the kernel answers in turn (1: taken), the states that are then seen, and the verdict. */
static const struct {
	int answers[4];
	enum initstate states[4];
	unsigned int last_state;
	enum load_outcome outcome;
	int error;
	unsigned int n_loads;
	const char *words;
} rows[] = {
	{ { 1 }, { L }, 0, LOAD_DONE, 0, 1, "" },
	{ { -ENODEV }, { A }, 0, LOAD_DECLINED, ENODEV, 1, "m.ko: found nothing to drive" },
	{ { -EEXIST }, { L }, 0, LOAD_ALREADY, 0, 1, "" },
	{ { -EEXIST }, { B }, 0, LOAD_ALREADY, 0, 1, "" },
	{ { -EEXIST }, { U }, 0, LOAD_ALREADY, 0, 1, "" },
	{ { -EEXIST }, { C, C, C, L }, 3, LOAD_ALREADY, 0, 1, "" },
	{ { -EEXIST }, { C, A }, 1, LOAD_FAILED, EEXIST, 1, "its init returned EEXIST" },
	{ { -EEXIST }, { G, A }, 1, LOAD_FAILED, EEXIST, 1, "its init returned EEXIST" },
	{ { -EEXIST }, { A }, 0, LOAD_FAILED, EEXIST, 1, "m.ko: its init returned EEXIST" },
	{ { -EEXIST }, { C }, 0, LOAD_FAILED, EEXIST, 1, "for 60 s" },
	{ { -EBUSY, 1 }, { C, C, A }, 2, LOAD_DONE, 0, 2, "" },
	{ { -EBUSY, -EEXIST }, { C, A, L }, 2, LOAD_ALREADY, 0, 2, "" },
	{ { -EBUSY, 1 }, { G, A }, 1, LOAD_DONE, 0, 2, "" },
	{ { -EBUSY }, { G }, 0, LOAD_FAILED, EBUSY, 1, "removing" },
	{ { -EBUSY }, { C, C, L }, 2, LOAD_ALREADY, 0, 1, "" },
	{ { -EBUSY }, { A }, 0, LOAD_FAILED, EBUSY, 1, "m.ko: busy" },
	{ { -EBUSY }, { C }, 0, LOAD_FAILED, EBUSY, 1, "for 60 s" },
	{ { -ETXTBSY, -ETXTBSY, 1 }, { A }, 0, LOAD_DONE, 0, 3, "" },
	{ { -ETXTBSY }, { A }, 0, LOAD_FAILED, ETXTBSY, 6, "open for writing" },
	{ { -ENOENT }, { A }, 0, LOAD_FAILED, ENOENT, 1, "m.ko: unknown symbol" },
	{ { -ENOEXEC }, { A }, 0, LOAD_FAILED, ENOEXEC, 1, "not a module for this kernel" },
	{ { -EKEYREJECTED }, { A }, 0, LOAD_FAILED, EKEYREJECTED, 1, "signature" },
	{ { -ENOKEY }, { A }, 0, LOAD_FAILED, ENOKEY, 1, "not signed by a known key" },
	{ { -EINVAL }, { A }, 0, LOAD_FAILED, EINVAL, 1, "parameter" },
	{ { -ENOMEM }, { A }, 0, LOAD_FAILED, ENOMEM, 1, "no memory" },
	{ { -ENXIO }, { A }, 0, LOAD_FAILED, ENXIO, 1, "m.ko: its init failed: " },
};

static void an_errno_is_judged_by_the_modules_state(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct load_result result;
		struct world w;

		setup(&w);
		memcpy(w.fake->finit_answers, rows[i].answers, sizeof(rows[i].answers));
		memcpy(w.fake->states, rows[i].states, sizeof(rows[i].states));
		w.fake->last_state = rows[i].last_state;
		result = load(&w);
		assert_int_equal(result.outcome, rows[i].outcome);
		assert_int_equal(result.error, rows[i].error);
		assert_int_equal(w.fake->n_loads, rows[i].n_loads);
		assert_non_null(strstr(result.message, rows[i].words));
		assert_true(w.fake->slept_ms < 61000);
		teardown(&w);
	}
}

/* What the kernel says of a module is never taken for a failure of ours, whatever the number. */
static void an_error_says_whether_it_is_our_own(void **state)
{
	static const int errors[] = { ENOMEM, ECANCELED, EMFILE, ENFILE, ENOENT };
	struct rlimit old, none;

	for (size_t i = 0; i < ARRAY_SIZE(errors); i++) {
		struct load_result result;
		struct world w;

		setup(&w);
		w.fake->finit_answers[0] = -errors[i];
		result = load(&w);
		assert_int_equal(result.error, errors[i]);
		assert_false(result.own);
		/* The same number, when it is ours. */
		assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
		none = old;
		none.rlim_cur = 0;
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
		result = load(&w);
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
		assert_int_equal(result.outcome, LOAD_FAILED);
		assert_int_equal(result.error, EMFILE);
		assert_true(result.own);
		teardown(&w);
	}
}

static const struct {
	bool not_capable;
	const char *path;
	const char *text;
	const char *words;
} causes[] = {
	{ true, NULL, NULL, "CAP_SYS_MODULE" },
	{ false, "proc/sys/kernel/modules_disabled", "1", "modules_disabled=1" },
	{ false, "proc/sys/kernel/modules_disabled", "0", "refused by a security module" },
	{ false, "sys/kernel/security/lockdown", "none [integrity] confidentiality", "(integrity)" },
	{ false, "sys/kernel/security/lockdown", "none integrity [confidentiality]", "(confidentiality)" },
	{ false, "sys/kernel/security/lockdown", "[none] integrity confidentiality", "refused by" },
	{ false, "proc/cmdline", "quiet module_blacklist=a,mod_m,b ro", "module_blacklist=" },
	{ false, "proc/cmdline", "module_blacklist=a module_blacklist=mod_m", "module_blacklist=" },
	{ false, "proc/cmdline", "module_blacklist=\"mod_m,b\"", "module_blacklist=" },
	{ false, "proc/cmdline", "module_blacklist=mod_m2,mod,mod-m", "refused by" },
	{ false, "proc/cmdline", "x.module_blacklist=mod_m", "refused by" },
	{ false, "proc/cmdline", "module_blacklist=", "refused by" },
	{ false, "proc/cmdline", "\"module_blacklist=b,mod_m\" ro", "module_blacklist=" },
	{ false, "proc/cmdline", "x=\"a module_blacklist=mod_m\"", "refused by" },
	{ false, "proc/cmdline", "quiet -- module_blacklist=mod_m", "refused by" },
	{ false, "proc/cmdline", "\"--\" module_blacklist=mod_m", "refused by" },
	{ false, "proc/cmdline", "--x x=-- \"--\"y module_blacklist=mod_m", "module_blacklist=" },
	{ false, NULL, NULL, "seccomp" },
};

static void a_load_not_permitted_says_by_what(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(causes); i++) {
		struct load_result result;
		struct world w;

		setup(&w);
		w.fake->finit_answers[0] = -EPERM;
		w.fake->not_capable = causes[i].not_capable;
		w.fake->files[0].path = causes[i].path;
		w.fake->files[0].text = causes[i].text;
		result = load(&w);
		assert_int_equal(result.outcome, LOAD_FAILED);
		assert_int_equal(result.error, EPERM);
		assert_non_null(strstr(result.message, causes[i].words));
		teardown(&w);
	}
}

static void all_of_a_long_command_line_counts(void **state)
{
	static const char word[] = "module_blacklist=mod_m";
	_cleanup_free_ char *line = malloc(LIMIT_CMDLINE + 1);
	size_t at = LIMIT_CMDLINE - strlen(word);
	struct load_result result;
	struct world w;

	memset(line, 'x', at);
	line[at - 1] = ' ';
	strcpy(line + at, word);
	setup(&w);
	w.fake->finit_answers[0] = -EPERM;
	w.fake->files[0].path = "proc/cmdline";
	w.fake->files[0].text = line;
	result = load(&w);
	assert_non_null(strstr(result.message, "module_blacklist="));
	teardown(&w);
}

static const struct {
	int answer;
	struct kernel_output output;
	enum load_outcome outcome;
	int error;
	const char *message;
} commands[] = {
	{ 0, { 0, "what it says is not looked at" }, LOAD_DONE, 0, "" },
	{ 0,
	  { 3, "first line\nsecond" },
	  LOAD_FAILED,
	  3,
	  "a.conf:7: install command for mod_m: exit status 3: first line" },
	{ 0, { 1, "" }, LOAD_FAILED, 1, "a.conf:7: install command for mod_m: exit status 1" },
	{ 0, { 137, "" }, LOAD_FAILED, 137, "a.conf:7: install command for mod_m: killed by signal 9" },
	{ 0,
	  { 2, "\033[31mred\007" },
	  LOAD_FAILED,
	  2,
	  "a.conf:7: install command for mod_m: exit status 2: ?[31mred?" },
	{ -ENOENT, { 0, "" }, LOAD_FAILED, 127, "a.conf:7: install command for mod_m: no /bin/sh under " },
	{ -EAGAIN, { 0, "" }, LOAD_FAILED, 126, "a.conf:7: install command for mod_m: cannot be run: " },
};

static void a_command_is_judged_by_its_exit(void **state)
{
	struct step step = { .kind = STEP_COMMAND, .name = "mod_m", .command = "x", .origin = "a.conf:7" };

	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		struct load_result result = {};
		struct world w;

		setup(&w);
		w.fake->command_answer = commands[i].answer;
		w.fake->output = commands[i].output;
		work_on_step(&w.kernel, &step, &result);
		assert_int_equal(result.outcome, commands[i].outcome);
		assert_int_equal(result.error, commands[i].error);
		assert_memory_equal(result.message, commands[i].message, strlen(commands[i].message));
		if (commands[i].answer == -ENOENT)
			assert_non_null(strstr(result.message, w.dir));
		teardown(&w);
	}
}

static void what_has_no_file_fails_by_name(void **state)
{
	struct step step = { .kind = STEP_ABSENT, .name = "mod_m" };
	struct load_result result = {};
	struct world w;

	setup(&w);
	work_on_step(&w.kernel, &step, &result);
	assert_int_equal(result.outcome, LOAD_FAILED);
	assert_int_equal(result.error, ENOENT);
	assert_string_equal(result.message, "module mod_m: no such file");
	teardown(&w);
}

/* The real table, as far as it needs no privilege. */

static struct kernel_output run_really(const char *command)
{
	struct kernel_command c = { .command = command, .module = "mod_m" };
	struct kernel_output output;
	struct rootfs root;

	assert_int_equal(rootfs_open(&root, NULL), 0);
	assert_int_equal(kernel_ops_real.run_command(NULL, &root, &c, &output), 0);
	rootfs_close(&root);
	return output;
}

static void a_real_command_runs_in_a_shell_of_its_own(void **state)
{
	struct kernel_output o;

	o = run_really("echo out; echo \"$MODPROBE_MODULE\" >&2; exit 5");
	assert_int_equal(o.status, 5);
	assert_string_equal(o.text, "out\nmod_m\n");
	o = run_really("kill -9 $$");
	assert_int_equal(o.status, 137);
	/* A process that is left behind delays nothing. */
	o = run_really("sleep 20 & echo done");
	assert_int_equal(o.status, 0);
	assert_string_equal(o.text, "done\n");
	o = run_really("head -c 100000 /dev/zero | tr '\\0' x");
	assert_int_equal(strlen(o.text), sizeof(o.text) - 1);
	/* Signals that the loader ignores are not ignored by it. */
	o = run_really("trap '' TERM; sh -c 'kill -PIPE $$'; echo $?");
	assert_string_equal(o.text, "141\n");
}

static void a_command_that_says_much_is_not_held_up_and_takes_no_memory(void **state)
{
	struct kernel_output o;

	o = run_really("echo first; head -c 200000000 /dev/zero || exit 3; echo last >&2 || exit 4; exit 5");
	assert_int_equal(o.status, 5);
	assert_string_equal(o.text, "first\n");
	/* What is written when nobody was looking yet is not lost. */
	for (int i = 0; i < 50; i++) {
		o = run_really("echo said >/dev/stderr");
		assert_int_equal(o.status, 0);
		assert_string_equal(o.text, "said\n");
	}
}

static void who_stays_behind_is_not_killed_for_what_it_says(void **state)
{
	_cleanup_free_ char *command = NULL;
	char path[] = "/tmp/test-behind-XXXXXX", text[32] = "";
	struct kernel_output o;
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_true(
		asprintf(
			&command,
			"(sleep 0.2; echo a; a=$?; head -c 200000 /dev/zero 2>/dev/null; echo $a $? >%s) & echo done",
			path) > 0);
	o = run_really(command);
	assert_int_equal(o.status, 0);
	assert_string_equal(o.text, "done\n");
	for (int i = 0; i < 1000 && pread(fd, text, sizeof(text) - 1, 0) <= 0; i++)
		fake_really_sleep(10);
	/* The second does not fit into the pipe. */
	assert_string_equal(text, "0 1\n");
	/* One that never stops. */
	o = run_really("yes & p=$!; (sleep 1; kill $p) & exit 6");
	assert_int_equal(o.status, 6);
	unlink(path);
	close(fd);
}

static void forbid_flags(void)
{
#ifdef SYS_fcntl64
	const unsigned int nr = SYS_fcntl64;
#else
	const unsigned int nr = SYS_fcntl;
#endif
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, nr, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[1])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, F_SETFL, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EMFILE),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &(struct sock_fprog){ ARRAY_SIZE(code), code }) < 0 ||
	    fcntl(0, F_SETFL, O_NONBLOCK) == 0)
		_exit(77);
}

/* In a process of its own: a filter stays. */
static void a_command_ends_also_when_its_output_cannot_be_read(void **state)
{
	struct kernel_command c = { .command = "exit 5", .module = "mod_m" };
	struct kernel_output output = {};
	struct rootfs root;
	int status, r;
	pid_t pid;

	assert_int_equal(rootfs_open(&root, NULL), 0);
	pid = fork();
	if (pid == 0) {
		alarm(20);
		forbid_flags();
		r = kernel_ops_real.run_command(NULL, &root, &c, &output);
		_exit(r < 0 ? 99 : output.status);
	}
	rootfs_close(&root);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		skip();
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 5);
}

static void a_root_without_a_shell_is_found_out(void **state)
{
	struct kernel_command c = { .command = "true", .module = "m" };
	struct kernel_output output;
	struct world w;

	setup(&w);
	assert_int_equal(kernel_ops_real.run_command(NULL, &w.root, &c, &output), -ENOENT);
	teardown(&w);
}

static void a_state_is_read_from_sysfs(void **state)
{
	static const struct {
		const char *text;
		enum initstate state;
	} words[] = {
		{ "live\n", L }, { "coming\n", C }, { "going\n", G }, { "", A }, { "odd", A },
	};
	char path[160];
	struct world w;

	setup(&w);
	assert_int_equal(kernel_ops_real.initstate(NULL, &w.root, "m"), U);
	snprintf(path, sizeof(path), "mkdir -p %s/sys/module", w.dir);
	assert_int_equal(system(path), 0);
	assert_int_equal(kernel_ops_real.initstate(NULL, &w.root, "m"), A);
	snprintf(path, sizeof(path), "mkdir -p %s/sys/module/m", w.dir);
	assert_int_equal(system(path), 0);
	assert_int_equal(kernel_ops_real.initstate(NULL, &w.root, "m"), B);
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		fake_file(w.dir, "sys/module/m/initstate", words[i].text, strlen(words[i].text));
		assert_int_equal(kernel_ops_real.initstate(NULL, &w.root, "m"), words[i].state);
	}
	teardown(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_errno_is_judged_by_the_modules_state),
		cmocka_unit_test(an_error_says_whether_it_is_our_own),
		cmocka_unit_test(a_load_not_permitted_says_by_what),
		cmocka_unit_test(all_of_a_long_command_line_counts),
		cmocka_unit_test(a_command_is_judged_by_its_exit),
		cmocka_unit_test(what_has_no_file_fails_by_name),
		cmocka_unit_test(a_real_command_runs_in_a_shell_of_its_own),
		cmocka_unit_test(a_command_that_says_much_is_not_held_up_and_takes_no_memory),
		cmocka_unit_test(who_stays_behind_is_not_killed_for_what_it_says),
		cmocka_unit_test(a_command_ends_also_when_its_output_cannot_be_read),
		cmocka_unit_test(a_root_without_a_shell_is_found_out),
		cmocka_unit_test(a_state_is_read_from_sysfs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
