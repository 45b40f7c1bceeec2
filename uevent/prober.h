/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reading from what may not answer: a device whose lock is held, a disk that is dead. Children do it, so
 * that the caller never blocks. */
#pragma once

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/array.h"
#include "base/intern.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/poller.h"
#include "base/rootfs.h"

/* A child that is still at the same question after so long is stuck: others go on without it. */
#define PROBE_SLOW_MS 250
/* After so long an answer is no longer waited for. */
#define PROBE_GIVE_UP_MS 10000
/* Children of one prober; all but one of them are stuck. */
#define PROBE_MAX_CHILDREN 64
#define PROBE_MAX_ANSWER LIMIT_ATTRIBUTE

/* A question is a letter for the function that answers, and the name of the device or file, for messages. */
static inline const char *probe_name(const char *question)
{
	return question + 1;
}

/* Answers a question in a child, where it may block: writes up to size bytes to buf and returns how many;
 * 0: there is no answer, and none is sent; -errno: the error is sent; PROBE_LOST: it has died, as if the
 * child itself had; a code of confine_is_error(): a process of it could not be confined, which the prober
 * logs, and the taker gets PROBE_LOST. The child may only read (base/confine.h). */
typedef ssize_t probe_fn(const struct rootfs *root, const char *question, char *buf, size_t size);

/* No open or read gives this error. */
#define PROBE_LOST (-ECHILD)

struct probe_answer {
	const char *question;
	int error; /* 0; the answering function's; -ETIMEDOUT: given up, but it may still come; PROBE_LOST */
	const char *data; /* a NUL follows, whatever the child has sent */
	size_t size;
};

struct probe_child;

struct prober {
	probe_fn *fn;
	const struct rootfs *root;
	struct log *log;
	struct intern waiting; /* questions without a child */
	struct intern lost;    /* questions that no child could be had for */
	uint32_t n_lost_reported;
	ARRAY(struct probe_child *) children;		/* the last one is at work unless it is stuck */
	unsigned int slow_ms, give_up_ms, max_children; /* PROBE_...; tests choose others */
	bool told_unfiltered; /* it was logged that the children's calls are not filtered */
	struct poller poller; /* all children, and a timer while one is at work */
	char *buf;	      /* the last answer */
};

/* root must stay where it is. */
void prober_init(struct prober *p, probe_fn *fn, const struct rootfs *root, struct log *log);
/* The child at work ends; those that are stuck do as soon as they can. */
void prober_free(struct prober *p);

/* A descriptor that polls readable when prober_take() has something to do; made at the first call. -errno. */
int prober_fd(struct prober *p);

/* Adds a question. One that is not begun yet is not added again; one that a child is stuck at is added
 * again when that child has ended. 0 or -ENOMEM. */
int prober_add(struct prober *p, const char *question);
/* Has the questions that were added answered, in their order. 0 or -errno. */
int prober_go(struct prober *p);

/* Whether answers may come, not counting those that were given up. */
bool prober_busy(const struct prober *p);
/* The same, not counting those that a child is stuck at. */
bool prober_works(const struct prober *p);

/* Hands each answer that is there to take(); a negative answer of it ends this. Does not block. 0 or
 * -errno. */
int prober_take(struct prober *p, int (*take)(void *userdata, const struct probe_answer *answer),
		void *userdata);

/* The same, but waits until all questions are answered or given up. */
int prober_wait(struct prober *p, int (*take)(void *userdata, const struct probe_answer *answer),
		void *userdata);
