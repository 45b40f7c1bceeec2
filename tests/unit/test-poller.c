/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/unit/test.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "base/poller.h"

static bool is_readable(const struct poller *p)
{
	struct pollfd pfd = { .fd = p->epoll_fd, .events = POLLIN };

	return poll(&pfd, 1, 0) == 1;
}

static void the_two_clocks_are_one(void **state)
{
	uint64_t us = clock_now_us(), ms = clock_now_ms(), later = clock_now_us();

	assert_true(us / 1000 <= ms && ms <= later / 1000);
}

static void a_descriptor_may_be_watched_twice(void **state)
{
	struct poller p = POLLER_NONE;
	int fd = eventfd(0, EFD_CLOEXEC);

	assert_int_equal(poller_open(&p), 0);
	assert_int_equal(poller_watch(&p, fd), 0);
	assert_int_equal(poller_watch(&p, fd), 0);
	assert_false(is_readable(&p));
	assert_int_equal(eventfd_write(fd, 1), 0);
	assert_true(is_readable(&p));
	assert_int_equal(poller_wait(&p, -1), 0);
	assert_int_equal(poller_watch(&p, -1), -EBADF);
	close(fd);
	poller_close(&p);
	assert_int_equal(p.epoll_fd, -1);
}

static void a_wake_is_not_slept_through(void **state)
{
	struct poller p = POLLER_NONE;

	poller_wake(&p);
	assert_int_equal(poller_open(&p), 0);
	poller_wake(&p);
	assert_false(is_readable(&p));
	assert_int_equal(poller_open_with_wake(&p), 0);
	errno = EXDEV;
	poller_wake(&p);
	assert_int_equal(errno, EXDEV);
	assert_int_equal(poller_wait(&p, -1), 0);
	assert_false(poller_drain(&p));
	assert_false(is_readable(&p));
	poller_close(&p);
}

static void a_wake_that_cannot_be_written_comes_by_the_timer(void **state)
{
	struct poller p = POLLER_NONE;
	int full = open("/dev/full", O_WRONLY | O_CLOEXEC);

	assert_true(full >= 0);
	assert_int_equal(poller_open_with_wake(&p), 0);
	assert_int_equal(dup2(full, p.wake_fd), p.wake_fd);
	poller_set_timer(&p, clock_now_us() + 600000000);
	poller_wake(&p);
	assert_int_equal(poll(&(struct pollfd){ .fd = p.epoll_fd, .events = POLLIN }, 1, 10000), 1);
	assert_true(poller_drain(&p));
	assert_int_equal(p.timer_us, 0);
	close(full);
	poller_close(&p);
}

static void a_timer_expires_once_and_a_period_again_and_again(void **state)
{
	struct poller p = POLLER_NONE;

	assert_int_equal(poller_open(&p), 0);
	poller_set_timer(&p, clock_now_us() + 1000);
	assert_int_equal(poller_wait(&p, 10000), 0);
	assert_true(poller_drain(&p));
	assert_int_equal(p.timer_us, 0);
	assert_false(poller_drain(&p));
	poller_set_period(&p, 1000);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(poller_wait(&p, 10000), 0);
		assert_true(poller_drain(&p));
	}
	poller_set_period(&p, 0);
	poller_drain(&p);
	assert_int_equal(poller_wait(&p, 5), 0);
	assert_false(poller_drain(&p));
	poller_close(&p);
}

static void what_is_closed_can_be_asked_all_the_same(void **state)
{
	struct poller p = POLLER_NONE;

	poller_set_timer(&p, 1);
	poller_set_period(&p, 1);
	assert_false(poller_drain(&p));
	poller_wake(&p);
	poller_close(&p);
	assert_int_equal(p.timer_us, 0);
}

/* With room for so many descriptors more: all of them are there, or none. */
static void opening_fails_without_leaving_anything(void **state)
{
	struct rlimit old, few;
	int first = dup(0);

	close(first);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	for (int room = 0; room < 3; room++) {
		struct poller p = POLLER_NONE;

		few = (struct rlimit){ (rlim_t)(first + room), old.rlim_max };
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
		assert_int_equal(poller_open_with_wake(&p), -EMFILE);
		assert_int_equal(p.epoll_fd, -1);
		assert_int_equal(p.timer_fd, -1);
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
		assert_int_equal(dup(0), first);
		close(first);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_two_clocks_are_one),
		cmocka_unit_test(a_descriptor_may_be_watched_twice),
		cmocka_unit_test(a_wake_is_not_slept_through),
		cmocka_unit_test(a_wake_that_cannot_be_written_comes_by_the_timer),
		cmocka_unit_test(a_timer_expires_once_and_a_period_again_and_again),
		cmocka_unit_test(what_is_closed_can_be_asked_all_the_same),
		cmocka_unit_test(opening_fails_without_leaving_anything),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
