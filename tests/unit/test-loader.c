/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The front and the loader's process, through loader.h alone; and what a broken front may send. */
#include "tests/unit/test-loader-plan.h"

#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "loader/child.h"
#include "loader/wire.h"

/* In place of the C library's: a message can be cut short, and memory be missing. */

static size_t send_at_most = SIZE_MAX; /* bytes; then ENOBUFS */
static atomic_uint n_to_refuse;	       /* allocations of an array */

ssize_t sendmsg(int fd, const struct msghdr *msg, int flags)
{
	struct msghdr part = *msg;
	struct iovec iov = msg->msg_iov[msg->msg_iov[0].iov_len ? 0 : 1];
	ssize_t n;

	if (send_at_most == SIZE_MAX)
		return syscall(SYS_sendmsg, fd, msg, flags);
	if (!send_at_most) {
		errno = ENOBUFS;
		return -1;
	}
	if (iov.iov_len > send_at_most)
		iov.iov_len = send_at_most;
	part.msg_iov = &iov;
	part.msg_iovlen = 1;
	n = syscall(SYS_sendmsg, fd, &part, flags);
	if (n > 0)
		send_at_most -= (size_t)n;
	return n;
}

void *reallocarray(void *p, size_t n, size_t size)
{
	if (atomic_load(&n_to_refuse)) {
		atomic_fetch_sub(&n_to_refuse, 1);
		errno = ENOMEM;
		return NULL;
	}
	return realloc(p, n * size);
}

struct world {
	char dir[64];
	struct rootfs root;
	struct fake *fake;
	struct loader_options options;
	struct loader *loader;
	struct plan_builder b;
};

static void prepare(struct world *w)
{
	*w = (struct world){};
	fake_root(w->dir, &w->root);
	w->fake = fake_new();
	w->options = (struct loader_options){
		.root = w->root.path,
		.rootfd = w->root.fd,
		.ops = &fake_ops,
		.ops_data = w->fake,
	};
}

static void setup(struct world *w)
{
	prepare(w);
	assert_int_equal(loader_start(&w->loader, &w->options), 0);
}

static void teardown(struct world *w)
{
	atomic_store(&w->fake->release, true);
	loader_free(w->loader);
	build_free(&w->b);
	/* The loader's process may still be about to load: its memory is its own mapping. */
	fake_root_remove(w->dir, &w->root);
	fake_free(w->fake);
}

static void submit(struct world *w)
{
	struct plan plan = built(&w->b);

	assert_int_equal(loader_submit(w->loader, &plan), 0);
}

static struct load_result next(struct world *w)
{
	struct pollfd fd = { .fd = loader_fd(w->loader), .events = POLLIN };
	struct load_result result;
	int r;

	while ((r = loader_next(w->loader, &result)) == 0)
		assert_int_equal(poll(&fd, 1, 20000), 1);
	assert_int_equal(r, 1);
	return result;
}

static char *report_path(const struct world *w)
{
	return params("%s/report.json", w->dir);
}

/* The file's text once it is there; NULL when it does not come. */
static char *wait_for_file(const char *path)
{
	struct rootfs root;
	char *text = NULL;

	assert_int_equal(rootfs_open(&root, "/"), 0);
	for (int i = 0; i < 2000 && !text; i++) {
		struct file_bytes file;

		if (rootfs_read(&root, path, 1 << 24, &file) == 0)
			text = file.data;
		else
			fake_really_sleep(10);
	}
	rootfs_close(&root);
	return text;
}

static size_t count(const char *text, const char *word)
{
	size_t n = 0;

	for (const char *p = text; (p = strstr(p, word)); p += strlen(word))
		n++;
	return n;
}

/* Braces and brackets balance outside of strings, and it is one object. */
static bool looks_like_json(const char *text)
{
	bool quoted = false;
	int depth = 0;

	if (*text != '{')
		return false;
	for (const char *p = text; *p; p++) {
		if (quoted && *p == '\\')
			p++;
		else if (*p == '"')
			quoted = !quoted;
		else if (!quoted && (*p == '{' || *p == '['))
			depth++;
		else if (!quoted && (*p == '}' || *p == ']') && --depth == 0)
			return !strcmp(p, "}\n");
	}
	return false;
}

static size_t count_files(const struct world *w)
{
	DIR *d = opendir(w->dir);
	size_t n = 0;

	while (readdir(d))
		n++;
	closedir(d);
	return n - 2;
}

static void results_arrive_each_once(void **state)
{
	enum { N = 5000 };
	struct load_result *results = calloc(N, sizeof(*results));
	struct world w;

	prepare(&w);
	w.options.async_probe = true;
	assert_int_equal(loader_start(&w.loader, &w.options), 0);
	build_random(&w.b, N, 42);
	submit(&w);
	for (size_t i = 0; i < N; i++) {
		struct load_result r = next(&w);

		assert_int_equal(results[r.step].message[0] + results[r.step].start_us, 0);
		results[r.step] = r;
	}
	check_results(&w.b, results);
	assert_int_equal(loader_next(w.loader, results), 0);
	assert_int_equal(loader_finish(w.loader), 0);
	assert_int_equal(loader_next(w.loader, results), 0);
	free(results);
	teardown(&w);
}

static void finishing_keeps_the_results(void **state)
{
	struct plan none = {};
	struct world w;

	setup(&w);
	assert_int_equal(loader_submit(w.loader, &none), 0);
	for (int i = 0; i < 100; i++)
		build_step(&w.b, (struct step){ .params = params("id=%d ms=1", i) });
	submit(&w);
	assert_int_equal(loader_finish(w.loader), 0);
	for (int i = 0; i < 100; i++)
		next(&w);
	assert_int_equal(loader_finish(w.loader), 0);
	teardown(&w);
}

static void a_load_that_never_returns_holds_up_only_its_dependents(void **state)
{
	struct world w;

	prepare(&w);
	w.options.jobs = 1;
	assert_int_equal(loader_start(&w.loader, &w.options), 0);
	build_step(&w.b, (struct step){ .params = "forever" });
	build_step(&w.b, (struct step){});
	build_edge(&w.b, 0, EDGE_HARD);
	build_step(&w.b, (struct step){});
	submit(&w);
	assert_int_equal(next(&w).step, 2);
	atomic_store(&w.fake->release, true);
	assert_int_equal(next(&w).step, 0);
	assert_int_equal(next(&w).step, 1);
	teardown(&w);
}

static void who_leaves_can_delete_the_files(void **state)
{
	struct world w;
	char path[128];

	prepare(&w);
	w.options.jobs = 1;
	assert_int_equal(loader_start(&w.loader, &w.options), 0);
	build_step(&w.b, (struct step){ .params = "forever" });
	for (int i = 0; i < 20; i++) {
		build_step(&w.b, (struct step){});
		build_edge(&w.b, 0, EDGE_HARD);
	}
	build_step(&w.b, (struct step){ .path = "absent.ko" });
	build_edge(&w.b, 0, EDGE_SOFT);
	submit(&w);
	assert_int_equal(loader_leave(w.loader), 0);
	snprintf(path, sizeof(path), "%s/m.ko", w.dir);
	assert_int_equal(unlink(path), 0);
	atomic_store(&w.fake->release, true);
	for (int i = 0; i < 21; i++)
		assert_int_equal(next(&w).outcome, LOAD_DONE);
	assert_int_equal(next(&w).outcome, LOAD_FAILED);
	/* Nothing is left that needs them. */
	assert_int_equal(loader_leave(w.loader), 0);
	teardown(&w);
}

static void who_leaves_is_told_of_commands(void **state)
{
	struct world w;

	setup(&w);
	build_step(&w.b, (struct step){ .params = "forever" });
	build_step(&w.b, (struct step){ .kind = STEP_COMMAND, .command = "true" });
	build_edge(&w.b, 0, EDGE_SOFT);
	submit(&w);
	assert_int_equal(loader_leave(w.loader), 1);
	atomic_store(&w.fake->release, true);
	next(&w);
	next(&w);
	assert_int_equal(loader_leave(w.loader), 0);
	assert_int_equal(loader_finish(w.loader), 0);
	assert_int_equal(loader_leave(w.loader), 0);
	teardown(&w);
}

/* What of systemd's manager would kill us does not when the command line begins with '@'. */
static void its_command_line_begins_with_an_at(void **state)
{
	static const char command[] =
		"for f in /proc/[0-9]*/cmdline; do tr '\\0' '\\n' <$f; echo; done 2>/dev/null";
	struct world w;
	char buf[256];
	bool seen = false;
	FILE *f;

	/* There it is the emulator's. */
	if (getenv("COLDPLUG_EMULATED"))
		skip();
	setup(&w);
	build_step(&w.b, (struct step){});
	submit(&w);
	next(&w);
	f = popen(command, "re");
	assert_non_null(f);
	while (fgets(buf, sizeof(buf), f))
		seen |= !strncmp(buf, "@coldplug-loader", 16);
	pclose(f);
	assert_true(seen);
	teardown(&w);
}

static void async_probe_reaches_the_loads_that_are_to_have_it(void **state)
{
	for (int wanted = 0; wanted < 2; wanted++) {
		struct world w;

		prepare(&w);
		w.options.async_probe = wanted;
		w.options.jobs = 1;
		fake_module(w.dir, "library.ko", "memcpy");
		fake_module(w.dir, "driver.ko", "__pci_register_driver");
		assert_int_equal(loader_start(&w.loader, &w.options), 0);
		build_step(&w.b, (struct step){ .path = "library.ko", .params = params("id=%d", 0) });
		build_step(&w.b, (struct step){ .path = "driver.ko", .params = params("id=%d", 1) });
		submit(&w);
		assert_int_equal(next(&w).outcome, LOAD_DONE);
		assert_int_equal(next(&w).outcome, LOAD_DONE);
		for (int i = 0; i < 2; i++) {
			assert_int_equal(w.fake->loads[i].id, i);
			assert_int_equal(w.fake->loads[i].async, wanted && i == 0);
		}
		teardown(&w);
	}
}

static void submitting_never_waits_for_a_load_or_a_reader(void **state)
{
	enum { N = 3000, ROUNDS = 5 };
	struct world w;

	setup(&w);
	build_step(&w.b, (struct step){ .params = "forever" });
	submit(&w);
	for (int round = 0; round < ROUNDS; round++) {
		build_next(&w.b);
		for (int i = 0; i < N; i++)
			build_step(&w.b, (struct step){ .params = "" });
		submit(&w);
	}
	/* Eight megabytes of results that nobody reads: the loads go on. */
	for (int i = 0; i < 2000 && atomic_load(&w.fake->n_loads) < 1 + N * ROUNDS; i++)
		fake_really_sleep(10);
	assert_int_equal(w.fake->n_loads, 1 + N * ROUNDS);
	for (int i = 0; i < N * ROUNDS; i++)
		assert_int_equal(next(&w).outcome, LOAD_DONE);
	teardown(&w);
}

static void cancelling_skips_what_has_not_started(void **state)
{
	struct world w;

	prepare(&w);
	w.options.jobs = 2;
	assert_int_equal(loader_start(&w.loader, &w.options), 0);
	for (int i = 0; i < 10; i++)
		build_step(&w.b, (struct step){ .params = "forever" });
	submit(&w);
	while (atomic_load(&w.fake->running) < 2)
		fake_really_sleep(1);
	assert_int_equal(loader_cancel(w.loader), 0);
	for (int i = 0; i < 8; i++)
		assert_int_equal(next(&w).outcome, LOAD_SKIPPED);
	atomic_store(&w.fake->release, true);
	assert_int_equal(next(&w).outcome, LOAD_DONE);
	assert_int_equal(next(&w).outcome, LOAD_DONE);
	teardown(&w);
}

static void a_plan_that_is_none_is_refused_by_the_front(void **state)
{
	struct step step = { .id = 7, .name = "m", .path = "m.ko" };
	struct plan plan = { &step, 1, NULL, 0 };
	struct world w;

	setup(&w);
	assert_int_equal(loader_submit(w.loader, &plan), -EINVAL);
	build_step(&w.b, (struct step){});
	submit(&w);
	assert_int_equal(next(&w).outcome, LOAD_DONE);
	teardown(&w);
}

static void the_report_has_the_head_every_load_and_a_summary(void **state)
{
	static const char head[] = "{\"old\":1", head2[] = "{\"version\":1,\"devices\":[1,2]";
	_cleanup_free_ char *path = NULL, *text = NULL;
	struct stat st;
	struct world w;

	setup(&w);
	path = report_path(&w);
	assert_int_equal(loader_report_open(w.loader, path), 0);
	assert_int_equal(loader_report_head(w.loader, head, strlen(head)), 0);
	build_step(&w.b, (struct step){ .name = "good" });
	build_step(&w.b, (struct step){ .name = "bad", .params = params("ret=%d", -ENOEXEC) });
	build_step(&w.b, (struct step){ .name = "odd\"\\\n\x80\xc3\xa4\xed\xa0\x80" });
	build_edge(&w.b, 1, EDGE_HARD);
	w.fake->command_answer = 0;
	w.fake->output.status = 3;
	build_step(&w.b,
		   (struct step){ .kind = STEP_COMMAND, .name = "cmd", .command = "x", .origin = "f:1" });
	submit(&w);
	assert_int_equal(loader_report_head(w.loader, head2, strlen(head2)), 0);
	assert_int_equal(loader_finish(w.loader), 0);
	text = wait_for_file(path);
	assert_true(looks_like_json(text));
	assert_memory_equal(text, head2, strlen(head2));
	assert_int_equal(count(text, "\"old\""), 0);
	assert_non_null(
		strstr(text, "{\"module\":\"good\",\"outcome\":\"loaded\",\"error\":null,\"message\":\"\","));
	assert_non_null(strstr(text, "{\"module\":\"bad\",\"outcome\":\"failed\",\"error\":\"ENOEXEC\","));
	assert_non_null(strstr(
		text, "\"odd\\\"\\\\\\u000a\\u0080\xc3\xa4\\u00ed\\u00a0\\u0080\",\"outcome\":\"skipped\""));
	assert_non_null(strstr(text, "{\"module\":\"cmd\",\"outcome\":\"failed\",\"error\":\"exit 3\","));
	assert_non_null(strstr(
		text, "\"summary\":{\"loaded\":1,\"already\":0,\"declined\":0,\"failed\":2,\"skipped\":1,"));
	/* m.ko and the report: no temporary file is left. */
	assert_int_equal(count_files(&w), 2);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	teardown(&w);
}

/* The front finds out what a load's error alone does not say. */
static void a_message_replaced_by_the_front_reaches_the_report(void **state)
{
	_cleanup_free_ char *path = NULL, *text = NULL;
	struct load_result r;
	struct world w;

	setup(&w);
	path = report_path(&w);
	assert_int_equal(loader_report_open(w.loader, path), 0);
	build_step(&w.b, (struct step){ .name = "bad", .params = params("ret=%d", -ENOENT) });
	build_step(&w.b, (struct step){ .name = "other", .params = params("ret=%d", -ENOMEM) });
	submit(&w);
	for (int i = 0; i < 2; i++) {
		r = next(&w);
		assert_int_equal(r.outcome, LOAD_FAILED);
		if (r.step == 0)
			assert_int_equal(loader_annotate(w.loader, 0, "old"), 0);
	}
	assert_int_equal(loader_annotate(w.loader, 0, "\"sym\" is in module x"), 0);
	assert_int_equal(loader_annotate(w.loader, 77, "nobody's"), 0);
	assert_int_equal(loader_finish(w.loader), 0);
	assert_int_equal(loader_annotate(w.loader, 0, "too late"), -EPIPE);
	text = wait_for_file(path);
	assert_true(looks_like_json(text));
	assert_non_null(strstr(text,
			       "{\"module\":\"bad\",\"outcome\":\"failed\",\"error\":\"ENOENT\","
			       "\"message\":\"\\\"sym\\\" is in module x\","));
	assert_non_null(strstr(text, "/m.ko: the kernel has no memory for it\","));
	assert_int_equal(count(text, "unknown symbol") + count(text, "old") + count(text, "nobody"), 0);
	teardown(&w);
}

static void a_report_without_head_or_loads_is_json_too(void **state)
{
	static const char *const heads[] = { NULL, "", "{", "{ \n", "{\"a\":1 \n" };

	for (size_t i = 0; i < ARRAY_SIZE(heads); i++) {
		_cleanup_free_ char *path = NULL, *text = NULL;
		struct world w;

		setup(&w);
		path = report_path(&w);
		assert_int_equal(loader_report_open(w.loader, path), 0);
		if (heads[i])
			assert_int_equal(loader_report_head(w.loader, heads[i], strlen(heads[i])), 0);
		assert_int_equal(loader_finish(w.loader), 0);
		text = wait_for_file(path);
		assert_true(looks_like_json(text));
		assert_int_equal(count(text, "{,") + count(text, "{ ,"), 0);
		teardown(&w);
	}
}

static void a_report_that_cannot_be_is_an_error_at_once(void **state)
{
	static const struct {
		const char *path;
		int r;
	} rows[] = {
		{ "/nonexistent/report", -ENOENT },
		{ "/dev/null", -EINVAL },
		{ "/tmp/", -EISDIR },
		{ "/tmp", -EISDIR },
		{ "/dev/null/report", -ENOTDIR },
		{ "", -EISDIR },
		{ "..", -EISDIR },
	};
	struct world w;

	setup(&w);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_int_equal(loader_report_open(w.loader, rows[i].path), rows[i].r);
	assert_int_equal(loader_finish(w.loader), 0);
	teardown(&w);
}

static void a_report_whose_directory_vanished_is_an_error_at_the_end(void **state)
{
	_cleanup_free_ char *directory = NULL, *path = NULL;
	struct world w;

	setup(&w);
	directory = params("%s/gone", w.dir);
	path = params("%s/report", directory);
	assert_int_equal(mkdir(directory, 0755), 0);
	assert_int_equal(loader_report_open(w.loader, path), 0);
	assert_int_equal(rmdir(directory), 0);
	assert_int_equal(loader_finish(w.loader), -ENOENT);
	assert_int_equal(loader_finish(w.loader), -ENOENT);
	teardown(&w);
}

static void the_reports_directory_is_that_of_the_call(void **state)
{
	_cleanup_free_ char *path = NULL, *text = NULL, *old = getcwd(NULL, 0);
	struct world w;

	setup(&w);
	path = report_path(&w);
	assert_int_equal(chdir(w.dir), 0);
	assert_int_equal(loader_report_open(w.loader, "report.json"), 0);
	assert_int_equal(chdir(old), 0);
	assert_int_equal(loader_finish(w.loader), 0);
	text = wait_for_file(path);
	assert_non_null(text);
	teardown(&w);
}

/* Runs a front in a process of its own, which hands in loads and then ends in some way. */
static void run_front(struct world *w, const char *path, int output, void (*end)(struct world *w))
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0) {
		dup2(output, 1);
		if (loader_start(&w->loader, &w->options) < 0)
			_exit(1);
		for (int i = 0; i < 50; i++)
			build_step(&w->b, (struct step){ .params = params("id=%d forever", i) });
		struct plan plan = built(&w->b);

		if (loader_report_open(w->loader, path) < 0 || loader_submit(w->loader, &plan) < 0)
			_exit(2);
		end(w);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true((WIFEXITED(status) && WEXITSTATUS(status) == 0) || WIFSIGNALED(status));
}

static void end_by_exit(struct world *w)
{
}

static void end_by_signal(struct world *w)
{
	kill(getpid(), SIGKILL);
}

static void end_by_exec(struct world *w)
{
	execl("/bin/sleep", "sleep", "0.1", (char *)NULL);
}

static void end_by_free(struct world *w)
{
	loader_free(w->loader);
	fake_really_sleep(100);
}

static void the_front_may_end_in_any_way_and_the_report_is_whole(void **state)
{
	void (*const ends[])(struct world * w) = { end_by_exit, end_by_signal, end_by_exec, end_by_free };

	for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
		_cleanup_free_ char *path = NULL, *text = NULL;
		int ends_of_pipe[2];
		struct world w;
		char byte;

		prepare(&w);
		path = report_path(&w);
		assert_int_equal(pipe2(ends_of_pipe, O_CLOEXEC), 0);
		run_front(&w, path, ends_of_pipe[1], ends[i]);
		close(ends_of_pipe[1]);
		/* x=$(coldplug run) returns though the loads go on. */
		assert_int_equal(read(ends_of_pipe[0], &byte, 1), 0);
		assert_int_equal(access(path, F_OK), -1);
		atomic_store(&w.fake->release, true);
		close(ends_of_pipe[0]);
		text = wait_for_file(path);
		assert_true(looks_like_json(text));
		assert_int_equal(count(text, "\"outcome\":\"loaded\""), 50);
		assert_int_equal(w.fake->n_loads, 50);
		assert_int_equal(count_files(&w), 2);
		teardown(&w);
	}
}

static void a_load_that_never_returns_does_not_keep_the_report(void **state)
{
	_cleanup_free_ char *path = NULL, *text = NULL, *full = NULL;
	struct world w;

	setup(&w);
	path = report_path(&w);
	assert_int_equal(loader_report_open(w.loader, path), 0);
	build_step(&w.b, (struct step){ .params = "forever" });
	build_step(&w.b, (struct step){});
	build_edge(&w.b, 0, EDGE_HARD);
	build_step(&w.b, (struct step){});
	submit(&w);
	loader_free(steal_ptr(w.loader));
	text = wait_for_file(path);
	assert_true(looks_like_json(text));
	assert_int_equal(count(text, "\"outcome\":\"pending\""), 2);
	assert_int_equal(count(text, "\"outcome\":\"loaded\""), 1);
	assert_non_null(strstr(text, "\"pending\":2,"));
	atomic_store(&w.fake->release, true);
	do {
		free(full);
		fake_really_sleep(20);
		full = wait_for_file(path);
	} while (strstr(full, "\"outcome\":\"pending\""));
	assert_true(looks_like_json(full));
	assert_int_equal(count(full, "\"outcome\":\"loaded\""), 3);
	teardown(&w);
}

/* What was written to a pipe cannot be replaced. */
static void a_descriptor_gets_the_whole_report_once(void **state)
{
	char text[8192];
	ssize_t n, size = 0;
	struct world w;
	int fds[2];

	setup(&w);
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(loader_report_open_fd(w.loader, fds[1]), 0);
	close(fds[1]);
	build_step(&w.b, (struct step){ .params = "forever" });
	submit(&w);
	loader_free(steal_ptr(w.loader));
	assert_int_equal(poll(&(struct pollfd){ fds[0], POLLIN, 0 }, 1, 2500), 0);
	atomic_store(&w.fake->release, true);
	while ((n = read(fds[0], text + size, sizeof(text) - 1 - (size_t)size)) > 0)
		size += n;
	text[size] = '\0';
	close(fds[0]);
	assert_true(looks_like_json(text));
	assert_int_equal(count(text, "\"outcome\":\"loaded\""), 1);
	assert_int_equal(count(text, "\"summary\""), 1);
	teardown(&w);
}

static void starting_leaves_the_caller_no_child(void **state)
{
	struct world w;

	setup(&w);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
	teardown(&w);
}

/* Runs where a failure can only be told by the exit code. */
static int load_without_standard_descriptors(struct world *w)
{
	struct plan plan = built(&w->b);

	for (int fd = 0; fd <= 2; fd++)
		close(fd);
	if (loader_start(&w->loader, &w->options) < 0)
		return 1;
	if (loader_fd(w->loader) <= 2)
		return 2;
	for (int fd = 0; fd <= 2; fd++)
		if (fcntl(fd, F_GETFD) >= 0)
			return 3;
	(void)!write(2, "coldplug: error: no message to the loader\n", 42);
	if (loader_submit(w->loader, &plan) < 0 || loader_finish(w->loader) < 0)
		return 4;
	loader_free(w->loader);
	return 0;
}

static void closed_standard_descriptors_are_not_taken(void **state)
{
	struct world w;
	int status;
	pid_t pid;

	prepare(&w);
	build_step(&w.b, (struct step){ .params = params("id=%d", 1) });
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		_exit(load_without_standard_descriptors(&w));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(w.fake->n_loads, 1);
	teardown(&w);
}

static void a_loader_that_died_is_an_error_and_no_hang(void **state)
{
	struct load_result result;
	struct world w;
	int ends[2];

	/* In place of a loader: an end that is closed. */
	setup(&w);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	assert_true(dup2(ends[0], loader_fd(w.loader)) >= 0);
	close(ends[0]);
	close(ends[1]);
	build_step(&w.b, (struct step){});
	struct plan plan = built(&w.b);

	assert_int_equal(loader_submit(w.loader, &plan), -EPIPE);
	assert_int_equal(loader_next(w.loader, &result), -EPIPE);
	assert_int_equal(loader_finish(w.loader), -EPIPE);
	teardown(&w);
}

/* Each call, cut short after the header, in its middle or after a byte of the rest. */
static int cut_submit(struct world *w)
{
	struct plan plan;

	build_next(&w->b);
	build_step(&w->b, (struct step){ .params = params("id=%d", 2) });
	plan = built(&w->b);
	return loader_submit(w->loader, &plan);
}

static int cut_annotate(struct world *w)
{
	return loader_annotate(w->loader, 0, "text");
}

static int cut_head(struct world *w)
{
	return loader_report_head(w->loader, "{\"cut\":1", 8);
}

static int cut_path(struct world *w)
{
	_cleanup_free_ char *path = params("%s/other.json", w->dir);

	return loader_report_open(w->loader, path);
}

static int cut_leave(struct world *w)
{
	return loader_leave(w->loader);
}

static int cut_cancel(struct world *w)
{
	return loader_cancel(w->loader);
}

static void a_message_cut_short_is_the_last_and_nobody_hangs(void **state)
{
	int (*const calls[])(struct world * w) = { cut_submit, cut_annotate, cut_head,
						   cut_path,   cut_leave,    cut_cancel };
	static const size_t places[] = { 1, 4, 8, 9 };

	for (size_t i = 0; i < ARRAY_SIZE(calls) * ARRAY_SIZE(places); i++) {
		_cleanup_free_ char *path = NULL, *text = NULL;
		bool whole = i >= 16 && places[i % 4] >= 8; /* leave and cancel are a header */
		struct world w;

		setup(&w);
		path = report_path(&w);
		assert_int_equal(loader_report_open(w.loader, path), 0);
		assert_int_equal(loader_report_head(w.loader, "{\"good\":1", 9), 0);
		build_step(&w.b, (struct step){ .params = params("id=%d", 1) });
		submit(&w);
		send_at_most = places[i % 4];
		assert_int_equal(calls[i / 4](&w), whole ? 0 : -ENOBUFS);
		send_at_most = SIZE_MAX;
		assert_int_equal(loader_report_head(w.loader, "{\"late\":1", 9), whole ? 0 : -EPIPE);
		assert_int_equal(loader_finish(w.loader), 0);
		assert_int_equal(next(&w).step, 0);
		text = wait_for_file(path);
		assert_true(looks_like_json(text));
		assert_int_equal(count(text, "\"module\""), 1);
		assert_non_null(strstr(text, whole ? "{\"late\":1," : "{\"good\":1,"));
		teardown(&w);
	}
}

static void a_message_of_which_nothing_was_sent_can_be_sent_again(void **state)
{
	struct world w;

	setup(&w);
	build_step(&w.b, (struct step){ .params = params("id=%d", 1) });
	struct plan plan = built(&w.b);

	send_at_most = 0;
	assert_int_equal(loader_submit(w.loader, &plan), -ENOBUFS);
	assert_int_equal(loader_leave(w.loader), -ENOBUFS);
	assert_int_equal(loader_finish(w.loader), -ENOBUFS);
	send_at_most = SIZE_MAX;
	submit(&w);
	assert_int_equal(loader_finish(w.loader), 0);
	assert_int_equal(next(&w).outcome, LOAD_DONE);
	teardown(&w);
}

/* Broken fronts. The loader's side runs in a forked process, so that a crash is seen. */

static pid_t serve(struct world *w, int ends[2])
{
	pid_t pid;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		close(ends[0]);
		_exit(child_serve(ends[1], &w->options));
	}
	close(ends[1]);
	return pid;
}

/* It closes the connection and ends well. */
static void ends_well(pid_t pid, int sock)
{
	char buf[4096];
	int status;

	while (recv(sock, buf, sizeof(buf), 0) > 0)
		;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	close(sock);
}

static void send_bytes(int sock, const void *data, size_t size)
{
	/* It may have closed its end before the last byte. */
	(void)!send(sock, data, size, MSG_NOSIGNAL);
}

static void messages_that_are_none_end_the_conversation(void **state)
{
	static const struct {
		struct wire_header header;
		char body[8];
		size_t n;
	} rows[] = {
		{ { 0, 0 }, "", 0 },
		{ { 99, 0 }, "", 0 },
		{ { WIRE_RESULT, 0 }, "", 0 },
		{ { WIRE_PLAN, UINT32_MAX }, "", 0 },
		{ { WIRE_PLAN, WIRE_MAX + 1 }, "", 0 },
		{ { WIRE_PLAN, 0 }, "", 0 },
		{ { WIRE_PLAN, 8 }, "abcdefg", 8 },
		{ { WIRE_REPORT_PATH, 4 }, "name", 4 }, /* without a directory */
		{ { WIRE_REPORT_PATH, 0 }, "", 0 },
		{ { WIRE_MESSAGE, 0 }, "", 0 },
		{ { WIRE_MESSAGE, 3 }, "abc", 3 }, /* no whole step */
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct world w;
		int ends[2];
		pid_t pid;

		prepare(&w);
		pid = serve(&w, ends);
		send_bytes(ends[0], &rows[i].header, sizeof(rows[i].header));
		send_bytes(ends[0], rows[i].body, rows[i].n);
		ends_well(pid, ends[0]);
		teardown(&w);
	}
}

static void an_annotation_need_not_be_text_that_ends(void **state)
{
	static const struct {
		struct wire_header header;
		char body[8];
	} rows[] = {
		{ { WIRE_MESSAGE, 4 }, "\0\0\0" }, /* an empty one */
		{ { WIRE_MESSAGE, 8 }, "\0\0\0\0abcd" },
		{ { WIRE_MESSAGE, 8 }, "\377\377\377\377a\0b" },
	};
	struct wire_header finish = { WIRE_FINISH, 0 };
	struct world w;
	void *message;
	int ends[2];
	size_t size;
	pid_t pid;

	prepare(&w);
	build_step(&w.b, (struct step){ .params = params("id=%d", 1) });
	struct plan plan = built(&w.b);

	assert_int_equal(wire_encode_plan(&plan, &message, &size), 0);
	pid = serve(&w, ends);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		send_bytes(ends[0], &rows[i].header, sizeof(rows[i].header));
		send_bytes(ends[0], rows[i].body, rows[i].header.size);
	}
	/* The conversation goes on. */
	send_bytes(ends[0], message, size);
	send_bytes(ends[0], &finish, sizeof(finish));
	ends_well(pid, ends[0]);
	assert_int_equal(w.fake->n_loads, 1);
	free(message);
	teardown(&w);
}

static void what_was_handed_in_before_a_bad_message_is_loaded(void **state)
{
	struct wire_header bad = { 77, 0 };
	struct world w;
	void *message;
	int ends[2];
	size_t size;
	pid_t pid;

	prepare(&w);
	for (int i = 0; i < 10; i++)
		build_step(&w.b, (struct step){ .params = params("id=%d ms=30", i) });
	struct plan plan = built(&w.b);

	assert_int_equal(wire_encode_plan(&plan, &message, &size), 0);
	pid = serve(&w, ends);
	send_bytes(ends[0], message, size);
	send_bytes(ends[0], &bad, sizeof(bad));
	ends_well(pid, ends[0]);
	assert_int_equal(w.fake->n_loads, 10);
	free(message);
	teardown(&w);
}

/* Results that cannot be sent say nothing about plans that are still to be read. */
static void a_front_that_reads_no_results_is_read_to_its_end(void **state)
{
	enum { PLANS = 20, EACH = 10 };
	struct world w;
	int ends[2];
	pid_t pid;

	prepare(&w);
	pid = serve(&w, ends);
	assert_int_equal(shutdown(ends[0], SHUT_RD), 0);
	for (int i = 0; i < PLANS; i++) {
		_cleanup_free_ void *message = NULL;
		struct plan plan;
		size_t size;

		for (int k = 0; k < EACH; k++)
			build_step(&w.b, (struct step){ .params = params("id=%d", i * EACH + k) });
		plan = built(&w.b);
		assert_int_equal(wire_encode_plan(&plan, &message, &size), 0);
		assert_int_equal(send(ends[0], message, size, MSG_NOSIGNAL), size);
		build_next(&w.b);
		/* The results of the first are tried to be sent before the next comes. */
		for (int k = 0; k < 1000 && atomic_load(&w.fake->n_loads) < (unsigned int)((i + 1) * EACH);
		     k++)
			fake_really_sleep(1);
	}
	shutdown(ends[0], SHUT_WR);
	ends_well(pid, ends[0]);
	assert_int_equal(w.fake->n_loads, PLANS * EACH);
	teardown(&w);
}

static void a_front_that_ends_its_messages_gets_all_results(void **state)
{
	struct wire_answer answer;
	unsigned int n = 0;
	struct world w;
	void *message;
	int ends[2];
	size_t size;
	pid_t pid;

	prepare(&w);
	for (int i = 0; i < 10; i++)
		build_step(&w.b, (struct step){ .params = params("id=%d ms=20", i) });
	struct plan plan = built(&w.b);

	assert_int_equal(wire_encode_plan(&plan, &message, &size), 0);
	pid = serve(&w, ends);
	send_bytes(ends[0], message, size);
	shutdown(ends[0], SHUT_WR);
	size = sizeof(answer.header) + sizeof(answer.result);
	while (recv(ends[0], &answer, size, MSG_WAITALL) == (ssize_t)size &&
	       answer.header.type == WIRE_RESULT)
		n++;
	assert_int_equal(n, 10);
	assert_int_equal(answer.header.type, WIRE_REPORT_DONE);
	ends_well(pid, ends[0]);
	free(message);
	teardown(&w);
}

static void a_plan_that_finds_no_memory_is_tried_again(void **state)
{
	struct world w;
	void *message;
	int ends[2];
	size_t size;
	pid_t pid;

	prepare(&w);
	for (int i = 0; i < 50; i++)
		build_step(&w.b, (struct step){ .params = params("id=%d", i) });
	struct plan plan = built(&w.b);

	assert_int_equal(wire_encode_plan(&plan, &message, &size), 0);
	/* The buffer, then the pool's arrays. */
	for (unsigned int n = 1; n < 6; n++) {
		atomic_store(&w.fake->n_loads, 0);
		atomic_store(&n_to_refuse, n);
		pid = serve(&w, ends);
		atomic_store(&n_to_refuse, 0);
		send_bytes(ends[0], message, size);
		shutdown(ends[0], SHUT_WR);
		ends_well(pid, ends[0]);
		assert_int_equal(w.fake->n_loads, 50);
	}
	free(message);
	teardown(&w);
}

static void a_message_may_come_in_any_pieces(void **state)
{
	struct wire_header finish = { WIRE_FINISH, 0 };
	struct world w;
	void *message;
	int ends[2];
	size_t size;
	pid_t pid;

	prepare(&w);
	build_step(&w.b, (struct step){ .params = params("id=%d", 1) });
	struct plan plan = built(&w.b);

	assert_int_equal(wire_encode_plan(&plan, &message, &size), 0);
	pid = serve(&w, ends);
	for (size_t i = 0; i < size; i++)
		send_bytes(ends[0], (char *)message + i, 1);
	send_bytes(ends[0], &finish, sizeof(finish));
	ends_well(pid, ends[0]);
	assert_int_equal(w.fake->n_loads, 1);
	free(message);
	teardown(&w);
}

static void a_plan_survives_the_wire(void **state)
{
	_cleanup_arena_ struct arena arena = {};
	struct plan_builder b = {};
	struct plan in, out;
	void *message;
	size_t size;

	build_random(&b, 300, 5);
	build_step(&b,
		   (struct step){ .kind = STEP_COMMAND, .name = "c", .command = "echo", .origin = "f:3" });
	build_step(&b, (struct step){ .kind = STEP_ABSENT, .name = "a" });
	in = built(&b);
	assert_int_equal(wire_encode_plan(&in, &message, &size), 0);
	assert_int_equal(wire_decode_plan(&arena, (char *)message + 8, size - 8, &out), 0);
	assert_int_equal(out.n_steps, in.n_steps);
	assert_int_equal(out.n_edges, in.n_edges);
	assert_memory_equal(out.edges, in.edges, in.n_edges * sizeof(*in.edges));
	for (size_t i = 0; i < in.n_steps; i++) {
		assert_string_equal(out.steps[i].name, in.steps[i].name);
		assert_int_equal(out.steps[i].priority, in.steps[i].priority);
		assert_int_equal(out.steps[i].took_us, in.steps[i].took_us);
		assert_int_equal(out.steps[i].post_only, in.steps[i].post_only);
		assert_int_equal(!out.steps[i].path, !in.steps[i].path);
	}
	assert_string_equal(out.steps[300].command, "echo");
	assert_string_equal(out.steps[300].origin, "f:3");
	free(message);
	build_free(&b);
}

/* Without a step: a file system that was expected has been found. */
static void a_plan_of_raises_survives_the_wire(void **state)
{
	static const struct step_raise raises[] = { { 0, 7 }, { 4, UINT32_MAX } };
	struct plan in = { .raises = raises, .n_raises = 2 }, out;
	_cleanup_arena_ struct arena arena = {};
	void *message;
	size_t size, n;

	assert_int_equal(wire_check_plan(&in, 5, &n), 0);
	assert_int_equal(wire_check_plan(&in, 4, &n), -EINVAL);
	assert_int_equal(wire_encode_plan(&in, &message, &size), 0);
	assert_int_equal(wire_decode_plan(&arena, (char *)message + 8, size - 8, &out), 0);
	assert_int_equal(out.n_steps + out.n_edges, 0);
	assert_int_equal(out.n_raises, 2);
	assert_memory_equal(out.raises, raises, sizeof(raises));
	free(message);
}

static void a_raise_alone_changes_the_order(void **state)
{
	static const struct step_raise raise = { 2, 7 };
	struct plan plan = { .raises = &raise, .n_raises = 1 };
	struct world w;

	prepare(&w);
	w.options.jobs = 1;
	assert_int_equal(loader_start(&w.loader, &w.options), 0);
	build_step(&w.b, (struct step){ .params = "forever" });
	for (int i = 1; i < 4; i++)
		build_step(&w.b, (struct step){ .params = params("id=%d", i) });
	submit(&w);
	/* Only what waits has an order. */
	for (int k = 0; k < 20000 && !atomic_load(&w.fake->running); k++)
		fake_really_sleep(1);
	assert_int_equal(loader_submit(w.loader, &plan), 0);
	/* The messages are read in order: once this one is answered, the raise has been read. */
	assert_int_equal(loader_leave(w.loader), 0);
	atomic_store(&w.fake->release, true);
	assert_int_equal(next(&w).step, 0);
	assert_int_equal(next(&w).step, 2);
	assert_int_equal(next(&w).step, 1);
	assert_int_equal(next(&w).step, 3);
	teardown(&w);
}

static void any_byte_of_a_plans_message_may_be_anything(void **state)
{
	static const unsigned char values[] = { 0, 1, 2, 3, 0x7f, 0x80, 0xff };
	struct plan_builder b = {};
	struct plan plan;
	char *message;
	void *p;
	size_t size, n;

	build_step(&b, (struct step){ .params = "x" });
	build_step(&b,
		   (struct step){ .kind = STEP_COMMAND, .name = "c", .command = "echo", .origin = "f:3" });
	build_edge(&b, 0, EDGE_HARD);
	plan = built(&b);
	assert_int_equal(wire_encode_plan(&plan, &p, &size), 0);
	message = p;
	for (size_t at = 8; at < size; at++)
		for (size_t k = 0; k < ARRAY_SIZE(values); k++) {
			_cleanup_arena_ struct arena arena = {};
			char old = message[at];
			struct plan out;

			message[at] = (char)values[k];
			if (wire_decode_plan(&arena, message + 8, size - 8, &out) == 0)
				(void)wire_check_plan(&out, 0, &n);
			message[at] = old;
		}
	for (size_t cut = 0; cut < size - 8; cut++) {
		_cleanup_arena_ struct arena arena = {};
		struct plan out;

		assert_int_equal(wire_decode_plan(&arena, message + 8, cut, &out), -EBADMSG);
	}
	free(message);
	build_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_plan_survives_the_wire),
		cmocka_unit_test(a_plan_of_raises_survives_the_wire),
		cmocka_unit_test(a_raise_alone_changes_the_order),
		cmocka_unit_test(any_byte_of_a_plans_message_may_be_anything),
		cmocka_unit_test(results_arrive_each_once),
		cmocka_unit_test(finishing_keeps_the_results),
		cmocka_unit_test(who_leaves_can_delete_the_files),
		cmocka_unit_test(who_leaves_is_told_of_commands),
		cmocka_unit_test(its_command_line_begins_with_an_at),
		cmocka_unit_test(a_load_that_never_returns_holds_up_only_its_dependents),
		cmocka_unit_test(async_probe_reaches_the_loads_that_are_to_have_it),
		cmocka_unit_test(submitting_never_waits_for_a_load_or_a_reader),
		cmocka_unit_test(cancelling_skips_what_has_not_started),
		cmocka_unit_test(a_plan_that_is_none_is_refused_by_the_front),
		cmocka_unit_test(the_report_has_the_head_every_load_and_a_summary),
		cmocka_unit_test(a_message_replaced_by_the_front_reaches_the_report),
		cmocka_unit_test(a_report_without_head_or_loads_is_json_too),
		cmocka_unit_test(a_report_that_cannot_be_is_an_error_at_once),
		cmocka_unit_test(a_report_whose_directory_vanished_is_an_error_at_the_end),
		cmocka_unit_test(the_reports_directory_is_that_of_the_call),
		cmocka_unit_test(the_front_may_end_in_any_way_and_the_report_is_whole),
		cmocka_unit_test(a_load_that_never_returns_does_not_keep_the_report),
		cmocka_unit_test(a_descriptor_gets_the_whole_report_once),
		cmocka_unit_test(starting_leaves_the_caller_no_child),
		cmocka_unit_test(closed_standard_descriptors_are_not_taken),
		cmocka_unit_test(a_loader_that_died_is_an_error_and_no_hang),
		cmocka_unit_test(messages_that_are_none_end_the_conversation),
		cmocka_unit_test(an_annotation_need_not_be_text_that_ends),
		cmocka_unit_test(what_was_handed_in_before_a_bad_message_is_loaded),
		cmocka_unit_test(a_message_cut_short_is_the_last_and_nobody_hangs),
		cmocka_unit_test(a_message_of_which_nothing_was_sent_can_be_sent_again),
		cmocka_unit_test(a_front_that_reads_no_results_is_read_to_its_end),
		cmocka_unit_test(a_front_that_ends_its_messages_gets_all_results),
		cmocka_unit_test(a_plan_that_finds_no_memory_is_tried_again),
		cmocka_unit_test(a_message_may_come_in_any_pieces),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
