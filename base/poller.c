/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/poller.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

static void close_one(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void poller_close(struct poller *p)
{
	close_one(&p->epoll_fd);
	close_one(&p->wake_fd);
	close_one(&p->timer_fd);
	*p = POLLER_NONE;
}

static int make_timer(struct poller *p)
{
	p->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	return p->timer_fd < 0 ? -errno : poller_watch(p, p->timer_fd);
}

int poller_open(struct poller *p)
{
	int r;

	if (p->epoll_fd >= 0)
		return 0;
	p->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	r = p->epoll_fd < 0 ? -errno : make_timer(p);
	if (r < 0)
		poller_close(p);
	return r;
}

static int make_wake(struct poller *p)
{
	p->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return p->wake_fd < 0 ? -errno : poller_watch(p, p->wake_fd);
}

int poller_open_with_wake(struct poller *p)
{
	bool opened = p->epoll_fd >= 0;
	int r = poller_open(p);

	if (r < 0 || p->wake_fd >= 0)
		return r;
	r = make_wake(p);
	if (r < 0 && !opened)
		poller_close(p);
	else if (r < 0)
		close_one(&p->wake_fd);
	return r;
}

int poller_watch(struct poller *p, int fd)
{
	struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };

	return epoll_ctl(p->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0 && errno != EEXIST ? -errno : 0;
}

void poller_wake(struct poller *p)
{
	struct itimerspec now = { .it_value.tv_nsec = 1 };
	uint64_t one = 1;
	int saved = errno;

	/* A full counter is readable too. When the wait is not ended by the one descriptor, it is by the
	 * other. */
	if (p->wake_fd >= 0 && write(p->wake_fd, &one, sizeof(one)) < 0 && errno != EAGAIN)
		(void)timerfd_settime(p->timer_fd, 0, &now, NULL);
	errno = saved;
}

static struct timespec timespec_of(uint64_t us)
{
	return (struct timespec){ .tv_sec = (time_t)(us / 1000000), .tv_nsec = (long)(us % 1000000) * 1000 };
}

void poller_set_timer(struct poller *p, uint64_t at_us)
{
	struct itimerspec t = { .it_value = timespec_of(at_us) };

	if (p->timer_fd < 0 || (at_us == p->timer_us && !p->period_us))
		return;
	if (timerfd_settime(p->timer_fd, TFD_TIMER_ABSTIME, &t, NULL) < 0)
		return;
	p->timer_us = at_us;
	p->period_us = 0;
}

void poller_set_period(struct poller *p, uint64_t period_us)
{
	struct itimerspec t = { .it_value = timespec_of(period_us), .it_interval = timespec_of(period_us) };

	if (p->timer_fd < 0 || (period_us == p->period_us && !p->timer_us))
		return;
	if (timerfd_settime(p->timer_fd, 0, &t, NULL) < 0)
		return;
	p->timer_us = 0;
	p->period_us = period_us;
}

bool poller_drain(struct poller *p)
{
	uint64_t count;
	bool expired = p->timer_fd >= 0 && read(p->timer_fd, &count, sizeof(count)) > 0;

	if (p->wake_fd >= 0)
		(void)!read(p->wake_fd, &count, sizeof(count));
	if (expired)
		p->timer_us = 0;
	return expired;
}

int poller_wait(struct poller *p, int timeout_ms)
{
	struct epoll_event event;
	int n = epoll_wait(p->epoll_fd, &event, 1, timeout_ms);

	return n < 0 && errno != EINTR ? -errno : 0;
}
