/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Asking what may not answer: a device whose lock is held, a disk that is dead. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/array.h"
#include "base/intern.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/poller.h"
#include "base/rootfs.h"

/* Who is still at the same question after so long is left alone with it. */
#define ASK_SLOW_MS 250
/* After so long nobody waits for an answer any more. */
#define ASK_GIVE_UP_MS 10000
/* Processes of one asker, most of which wait for a device that does not answer. */
#define ASK_MAX_CHILDREN 64
#define ASK_MAX_ANSWER LIMIT_ATTRIBUTE

/* A question is a letter for the one who answers, and the name of what is asked, for messages. */
static inline const char *ask_name(const char *question)
{
	return question + 1;
}

/* Answers a question, in a process of its own, and may block there: writes up to size bytes to buf and says
 * how many; 0: there is nothing to tell, nothing is sent; -errno: that is sent. */
typedef ssize_t ask_fn(const struct rootfs *root, const char *question, char *buf, size_t size);

struct ask_answer {
	const char *question;
	int error; /* 0; the answering function's; -ETIMEDOUT: given up, it may come yet; -EIO: lost */
	const char *data;
	size_t size;
};

struct ask_child;

struct asker {
	ask_fn *fn;
	const struct rootfs *root;
	struct log *log;
	struct intern waiting; /* questions nobody is at yet */
	struct intern lost;    /* nobody can be */
	uint32_t n_lost_told;
	ARRAY(struct ask_child *) children;		/* the last one is at work unless it is stuck */
	unsigned int slow_ms, give_up_ms, max_children; /* ASK_...; tests choose others */
	struct poller poller;				/* all children, and a timer while one is at work */
	char *buf;					/* the last answer */
};

/* root must stay where it is. */
void asker_init(struct asker *a, ask_fn *fn, const struct rootfs *root, struct log *log);
/* Who is at work ends, who is stuck does as soon as it can. */
void asker_free(struct asker *a);

/* A descriptor that polls readable when asker_next() has something to do; made at the first call. -errno. */
int asker_fd(struct asker *a);

/* Adds a question. One that is not yet begun is not added again; one that somebody is stuck with is asked
 * again when that has ended. 0 or -ENOMEM. */
int asker_add(struct asker *a, const char *question);
/* Has those that were added answered, in their order. 0 or -ENOMEM. */
int asker_go(struct asker *a);

/* Whether answers may come, not counting those that were given up. */
bool asker_busy(const struct asker *a);

/* Takes one answer without blocking: 1, 0 none is there, or -errno. It is valid until the next call. */
int asker_next(struct asker *a, struct ask_answer *ret);

/* Takes all answers that are there, and hands each to take, whose negative answer ends it. 0 or -errno. */
int asker_take(struct asker *a, int (*take)(void *userdata, const struct ask_answer *answer), void *userdata);

/* Waits for all answers, and hands each to take, whose negative answer ends it. 0 or -errno. */
int asker_wait(struct asker *a, int (*take)(void *userdata, const struct ask_answer *answer), void *userdata);
