/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Questions that may not be answered. A FIFO without a writer stands for a lock that is never released:
 * opening it blocks. */
#include "tests/unit/test.h"

#include <signal.h>
#include <sys/resource.h>

#include "base/confine.h"
#include "uevent/prober.h"

struct world {
	struct tree t;
	struct messages m;
	struct prober a;
	char said[4096]; /* "QUESTION=ANSWER " of each */
};

/* "e...": an echo; "n...": no answer; "x...": an error; "k...": dies; "l...": lost; "p...": the process's id;
 * "s...": its status;
 * "f/NAME": what is written to that FIFO. */
static ssize_t answer(const struct rootfs *root, const char *question, char *buf, size_t size)
{
	_cleanup_close_ int fd = -1;

	switch (question[0]) {
	case 'e':
		return snprintf(buf, size, "%s", probe_name(question));
	case 'x':
		return -EXDEV;
	case 'k':
		_exit(1);
	case 'l':
		return PROBE_LOST;
	case 'b':
		memset(buf, 'b', size);
		return (ssize_t)size;
	case 'p':
		return snprintf(buf, size, "%d", (int)getpid());
	case 's':
		fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
		return fd < 0 ? -errno : read(fd, buf, size);
	case 'f':
		fd = rootfs_openat(root, probe_name(question), O_RDONLY);
		return fd < 0 ? fd : read(fd, buf, size);
	default:
		return 0;
	}
}

static void world_init(struct world *w)
{
	*w = (struct world){ .t = tree_new() };
	messages_init(&w->m);
	prober_init(&w->a, answer, &w->t.root, &w->m.log);
	/* However slow this machine is. */
	w->a.slow_ms = 100000;
}

static void world_free(struct world *w)
{
	prober_free(&w->a);
	messages_free(&w->m);
	tree_free(&w->t);
}

#define _cleanup_world_ __attribute__((cleanup(world_free)))

static int say(void *userdata, const struct probe_answer *x)
{
	struct world *w = userdata;
	size_t n = strlen(w->said);

	if (x->error)
		snprintf(w->said + n, sizeof(w->said) - n, "%s=(%s) ", x->question,
			 strerrorname_np(-x->error));
	else
		snprintf(w->said + n, sizeof(w->said) - n, "%s=%.*s ", x->question, (int)x->size, x->data);
	return 0;
}

static void ask(struct world *w, const char *question)
{
	assert_int_equal(prober_add(&w->a, question), 0);
}

static void wait_for_all(struct world *w)
{
	assert_int_equal(prober_wait(&w->a, say, w), 0);
}

static void take_what_is_there(struct world *w)
{
	assert_int_equal(prober_take(&w->a, say, w), 0);
	usleep(10000);
}

/* Takes what comes until it was said, 20 seconds at most. */
static void wait_until_said(struct world *w, const char *text)
{
	assert_int_equal(prober_go(&w->a), 0);
	for (int i = 0; !strstr(w->said, text) && i < 2000; i++)
		take_what_is_there(w);
	assert_contains(w->said, text);
}

static void make_fifo(struct world *w, const char *name)
{
	assert_int_equal(mkfifo(tree_path(&w->t, name), 0600), 0);
}

/* As soon as somebody reads. */
static void write_fifo(struct world *w, const char *name, const char *text)
{
	int fd = -1;

	for (int i = 0; fd < 0 && i < 1000; i++) {
		fd = open(tree_path(&w->t, name), O_WRONLY | O_NONBLOCK | O_CLOEXEC);
		if (fd < 0)
			take_what_is_there(w);
	}
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static void answers_come_in_order(void **state)
{
	_cleanup_world_ struct world w;

	world_init(&w);
	assert_false(prober_busy(&w.a));
	wait_for_all(&w); /* for nothing */
	ask(&w, "ea");
	ask(&w, "nothing");
	ask(&w, "x");
	ask(&w, "e");
	ask(&w, "eb");
	assert_true(prober_busy(&w.a));
	wait_for_all(&w);
	assert_string_equal(w.said, "ea=a x=(EXDEV) eb=b ");
	assert_false(prober_busy(&w.a));
	/* And once more, with a new process. */
	ask(&w, "ea");
	wait_for_all(&w);
	assert_string_equal(w.said, "ea=a x=(EXDEV) eb=b ea=a ");
	assert_string_equal(messages_text(&w.m), "");
}

static void thousands_of_questions_need_one_process(void **state)
{
	_cleanup_world_ struct world w;
	char question[32];

	world_init(&w);
	for (int i = 0; i < 20000; i++) {
		snprintf(question, sizeof(question), "%c%d", i % 1000 ? 'n' : 'e', i);
		ask(&w, question);
	}
	wait_for_all(&w);
	assert_contains(w.said, "e0=0 e1000=1000 ");
	assert_contains(w.said, "e18000=18000 e19000=19000 ");
}

static int check_big(void *userdata, const struct probe_answer *x)
{
	size_t *n = userdata;

	assert_int_equal(x->size, PROBE_MAX_ANSWER);
	assert_int_equal(x->data[x->size - 1], 'b');
	return (int)++*n > 50 ? -E2BIG : 0;
}

/* A parent that reads slowly blocks the child: nothing is dropped. */
static void long_answers_arrive_whole(void **state)
{
	_cleanup_world_ struct world w;
	char question[32];
	size_t n = 0;

	world_init(&w);
	for (int i = 0; i < 50; i++) {
		snprintf(question, sizeof(question), "b%d", i);
		ask(&w, question);
	}
	assert_int_equal(prober_wait(&w.a, check_big, &n), 0);
	assert_int_equal(n, 50);
	/* A taker's answer ends it. */
	for (int i = 0; i < 50; i++) {
		snprintf(question, sizeof(question), "b%d", i);
		ask(&w, question);
	}
	assert_int_equal(prober_wait(&w.a, check_big, &n), -E2BIG);
}

static void a_question_that_waits_is_not_added_twice(void **state)
{
	_cleanup_world_ struct world w;

	world_init(&w);
	ask(&w, "ea");
	ask(&w, "eb");
	ask(&w, "ea");
	wait_for_all(&w);
	assert_string_equal(w.said, "ea=a eb=b ");
}

static void a_stuck_child_holds_up_no_other_question(void **state)
{
	_cleanup_world_ struct world w;

	world_init(&w);
	w.a.slow_ms = 700;
	make_fifo(&w, "one");
	make_fifo(&w, "two");
	ask(&w, "ea");
	ask(&w, "f/one");
	ask(&w, "eb");
	ask(&w, "f/two");
	ask(&w, "ec");
	wait_until_said(&w, "ec=c");
	assert_string_equal(w.said, "ea=a eb=b ec=c ");
	assert_true(prober_busy(&w.a));
	/* What is asked now is too. */
	ask(&w, "ed");
	wait_until_said(&w, "ed=d");
	assert_true(prober_busy(&w.a));
	write_fifo(&w, "two", "TWO");
	wait_until_said(&w, "f/two=TWO");
	write_fifo(&w, "one", "ONE");
	wait_for_all(&w);
	assert_string_equal(w.said, "ea=a eb=b ec=c ed=d f/two=TWO f/one=ONE ");
	assert_string_equal(messages_text(&w.m), "");
}

static void a_device_that_never_answers_is_given_up_and_logged_but_may_still_answer(void **state)
{
	_cleanup_world_ struct world w;

	world_init(&w);
	w.a.slow_ms = 700;
	w.a.give_up_ms = 1500;
	make_fifo(&w, "hub");
	ask(&w, "f/hub");
	ask(&w, "ea");
	wait_for_all(&w);
	assert_string_equal(w.said, "ea=a f/hub=(ETIMEDOUT) ");
	assert_string_equal(messages_text(&w.m), "/hub: no answer for 1.500 s, no longer waited for\n");
	assert_int_equal(w.m.log.lost, 1);
	assert_false(prober_busy(&w.a));
	/* No second child gets stuck at it. */
	ask(&w, "f/hub");
	ask(&w, "eb");
	wait_for_all(&w);
	assert_string_equal(w.said, "ea=a f/hub=(ETIMEDOUT) eb=b ");
	write_fifo(&w, "hub", "late");
	wait_until_said(&w, "f/hub=late");
	/* It was asked again meanwhile: things may have changed. */
	write_fifo(&w, "hub", "again");
	wait_for_all(&w);
	assert_string_equal(w.said, "ea=a f/hub=(ETIMEDOUT) eb=b f/hub=late f/hub=again ");
	assert_int_equal(w.m.log.lost, 1);
}

static void a_question_under_way_is_added_again(void **state)
{
	_cleanup_world_ struct world w;

	world_init(&w);
	make_fifo(&w, "disk");
	ask(&w, "f/disk");
	ask(&w, "ea");
	assert_int_equal(prober_go(&w.a), 0);
	usleep(50000);
	ask(&w, "f/disk"); /* it is being read: this may be too late for what has changed */
	ask(&w, "ea");	   /* its turn is still to come */
	write_fifo(&w, "disk", "old");
	wait_until_said(&w, "ea=a");
	write_fifo(&w, "disk", "new");
	wait_for_all(&w);
	assert_string_equal(w.said, "f/disk=old ea=a f/disk=new ");
}

static void a_child_that_dies_loses_only_its_question(void **state)
{
	_cleanup_world_ struct world w;

	world_init(&w);
	ask(&w, "ea");
	ask(&w, "k/usb1");
	ask(&w, "eb");
	ask(&w, "l/usb2");
	wait_for_all(&w);
	assert_string_equal(w.said, "ea=a k/usb1=(ECHILD) eb=b l/usb2=(ECHILD) ");
	assert_string_equal(messages_text(&w.m),
			    "/usb1: the process that probed it has died\n"
			    "/usb2: the process that probed it has died\n");
}

/* The process that has answered has not ended yet, as far as the prober knows. */
static int say_and_go_on(void *userdata, const struct probe_answer *x)
{
	struct world *w = userdata;

	say(w, x);
	w->a.slow_ms = 100000; /* the next one may start slowly */
	ask(w, "eb");
	return prober_go(&w->a);
}

static void the_number_of_stuck_children_is_limited(void **state)
{
	_cleanup_world_ struct world w;
	char name[32];

	world_init(&w);
	w.a.slow_ms = 700;
	w.a.max_children = 2;
	w.a.give_up_ms = 5000;
	for (int i = 0; i < 3; i++) {
		snprintf(name, sizeof(name), "%d", i);
		make_fifo(&w, name);
		snprintf(name, sizeof(name), "f/%d", i);
		ask(&w, name);
	}
	ask(&w, "ea");
	wait_for_all(&w);
	assert_string_equal(w.said, "f/2=(ECHILD) ea=(ECHILD) f/0=(ETIMEDOUT) f/1=(ETIMEDOUT) ");
	assert_contains(messages_text(&w.m),
			"/2 and 1 more: cannot be probed: too many devices do not answer\n");
	/* One comes free. */
	write_fifo(&w, "0", "zero");
	while (!strstr(w.said, "f/0=zero"))
		assert_int_equal(prober_take(&w.a, say_and_go_on, &w), 0);
	wait_for_all(&w);
	assert_contains(w.said, " f/0=zero eb=b ");
}

static void without_descriptors_each_question_gets_an_error(void **state)
{
	_cleanup_world_ struct world w;
	struct rlimit limit, none;

	world_init(&w);
	assert_true(prober_fd(&w.a) >= 0);
	ask(&w, "ea");
	ask(&w, "eb");
	getrlimit(RLIMIT_NOFILE, &limit);
	none = limit;
	none.rlim_cur = 0;
	setrlimit(RLIMIT_NOFILE, &none);
	assert_int_equal(prober_go(&w.a), 0);
	setrlimit(RLIMIT_NOFILE, &limit);
	wait_for_all(&w);
	assert_string_equal(w.said, "ea=(ECHILD) eb=(ECHILD) ");
	assert_contains(messages_text(&w.m), "a and 1 more: cannot be probed: Too many open files\n");
	ask(&w, "ec");
	wait_for_all(&w);
	assert_contains(w.said, " ec=c ");
}

/* Whether it has ended, or is a zombie of the process that adopts orphans. */
static bool is_gone(int pid)
{
	char path[64], text[256], *p;
	int fd;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);
	if (fd >= 0)
		close(fd);
	text[n > 0 ? n : 0] = '\0';
	p = strrchr(text, ')');
	return !p || p[2] == 'Z' || p[2] == 'X';
}

static void assert_gone(int pid)
{
	for (int i = 0; i < 1000 && !is_gone(pid); i++)
		usleep(10000);
	assert_true(is_gone(pid));
}

static int pid_said(const struct world *w, const char *question)
{
	const char *p = strstr(w->said, question);

	assert_non_null(p);
	return atoi(p + strlen(question) + 1);
}

static void no_process_is_left_behind(void **state)
{
	_cleanup_world_ struct world w;
	int done, stuck, working;

	world_init(&w);
	w.a.slow_ms = 700;
	make_fifo(&w, "hub");
	make_fifo(&w, "disk");
	ask(&w, "pdone");
	wait_for_all(&w);
	done = pid_said(&w, "pdone");
	assert_gone(done);
	ask(&w, "pstuck");
	ask(&w, "f/hub");
	ask(&w, "pworking");
	ask(&w, "f/disk");
	wait_until_said(&w, "pworking=");
	stuck = pid_said(&w, "pstuck");
	working = pid_said(&w, "pworking");
	assert_true(done != stuck && stuck != working && done != working);
	assert_false(is_gone(stuck) || is_gone(working));
	prober_free(&w.a);
	assert_false(is_gone(stuck)); /* it cannot know */
	write_fifo(&w, "hub", "x");
	write_fifo(&w, "disk", "x");
	assert_gone(stuck);
	assert_gone(working);
}

/* The caller's pipe is read to its end by somebody. */
static void no_descriptor_of_the_caller_stays_open(void **state)
{
	_cleanup_world_ struct world w;
	int ends[2];
	char c;

	world_init(&w);
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	make_fifo(&w, "hub");
	ask(&w, "ea");
	ask(&w, "f/hub");
	wait_until_said(&w, "ea=a");
	close(ends[1]);
	alarm(20);
	assert_int_equal(read(ends[0], &c, 1), 0);
	alarm(0);
	close(ends[0]);
	write_fifo(&w, "hub", "x");
}

/* CAP_DAC_READ_SEARCH is bit 2: that alone may be left. */
static void a_child_is_confined(void **state)
{
	_cleanup_world_ struct world w;
	const char *p;

	if (!confine_has_filter())
		skip();
	world_init(&w);
	ask(&w, "s");
	wait_for_all(&w);
	assert_contains(w.said, "\nSeccomp:\t2\n");
	assert_contains(w.said, "\nNoNewPrivs:\t1\n");
	p = strstr(w.said, "\nCapPrm:");
	assert_non_null(p);
	assert_true((strtoull(p + strlen("\nCapPrm:"), NULL, 16) & ~UINT64_C(4)) == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_come_in_order),
		cmocka_unit_test(thousands_of_questions_need_one_process),
		cmocka_unit_test(long_answers_arrive_whole),
		cmocka_unit_test(a_question_that_waits_is_not_added_twice),
		cmocka_unit_test(a_stuck_child_holds_up_no_other_question),
		cmocka_unit_test(a_device_that_never_answers_is_given_up_and_logged_but_may_still_answer),
		cmocka_unit_test(a_question_under_way_is_added_again),
		cmocka_unit_test(a_child_that_dies_loses_only_its_question),
		cmocka_unit_test(the_number_of_stuck_children_is_limited),
		cmocka_unit_test(without_descriptors_each_question_gets_an_error),
		cmocka_unit_test(a_child_is_confined),
		cmocka_unit_test(no_process_is_left_behind),
		cmocka_unit_test(no_descriptor_of_the_caller_stays_open),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
