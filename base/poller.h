/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One descriptor that polls readable when any of several does, when a timer expires, or when a signal
 * handler asks for it: an epoll instance with a timerfd and, on request, an eventfd inside. A loop
 * around several pollers watches their epoll_fd. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct poller {
	int epoll_fd; /* -1: not open */
	int timer_fd;
	int wake_fd;	    /* -1: poller_wake() does nothing */
	uint64_t timer_us;  /* the time the timer is set to; 0: none */
	uint64_t period_us; /* its period; 0: none */
};

#define POLLER_NONE ((struct poller){ .epoll_fd = -1, .wake_fd = -1, .timer_fd = -1 })

/* Makes the descriptors unless they are there. 0, or -errno and nothing was made. */
int poller_open(struct poller *p);
/* The same, and poller_wake() works from then on. */
int poller_open_with_wake(struct poller *p);
void poller_close(struct poller *p);

/* Watches a descriptor for input; 0 also when it is watched already. Closing it ends that. 0 or -errno. */
int poller_watch(struct poller *p, int fd);

/* Ends the wait of now, or the next one. May be called from a signal handler. */
void poller_wake(struct poller *p);

/* Has the descriptor be readable at a time of clock_now_us(); 0: never. */
void poller_set_timer(struct poller *p, uint64_t at_us);
/* The same, again and again; 0: never. */
void poller_set_period(struct poller *p, uint64_t period_us);

/* Takes what poller_wake() and the timer have left, so that the descriptor is no longer readable for
 * their sake. True when the timer has expired. */
bool poller_drain(struct poller *p);

/* Waits for at most so long, -1: without a limit. 0 (also when a signal has come), or -errno. */
int poller_wait(struct poller *p, int timeout_ms);
