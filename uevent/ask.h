/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reading from what may not answer: a device whose lock is held, a disk that is dead. Children do it, so
 * that the caller never blocks. */
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

/* A child that is still at the same question after so long is stuck: others go on without it. */
#define ASK_SLOW_MS 250
/* After so long an answer is no longer waited for. */
#define ASK_GIVE_UP_MS 10000
/* Children of one asker; all but one of them are stuck. */
#define ASK_MAX_CHILDREN 64
#define ASK_MAX_ANSWER LIMIT_ATTRIBUTE

/* A question is a letter for the function that answers, and the name of the device or file, for messages. */
static inline const char *ask_name(const char *question)
{
	return question + 1;
}

/* Answers a question in a child, where it may block: writes up to size bytes to buf and returns how
 * many; 0: there is no answer, and none is sent; -errno: the error is sent. */
typedef ssize_t ask_fn(const struct rootfs *root, const char *question, char *buf, size_t size);

struct ask_answer {
	const char *question;
	int error; /* 0; the answering function's; -ETIMEDOUT: given up, but it may still come; -EIO: lost */
	const char *data;
	size_t size;
};

struct ask_child;

struct asker {
	ask_fn *fn;
	const struct rootfs *root;
	struct log *log;
	struct intern waiting; /* questions without a child */
	struct intern lost;    /* questions that no child could be had for */
	uint32_t n_lost_reported;
	ARRAY(struct ask_child *) children;		/* the last one is at work unless it is stuck */
	unsigned int slow_ms, give_up_ms, max_children; /* ASK_...; tests choose others */
	struct poller poller;				/* all children, and a timer while one is at work */
	char *buf;					/* the last answer */
};

/* root must stay where it is. */
void asker_init(struct asker *a, ask_fn *fn, const struct rootfs *root, struct log *log);
/* The child at work ends; those that are stuck do as soon as they can. */
void asker_free(struct asker *a);

/* A descriptor that polls readable when asker_take() has something to do; made at the first call. -errno. */
int asker_fd(struct asker *a);

/* Adds a question. One that is not begun yet is not added again; one that a child is stuck at is added
 * again when that child has ended. 0 or -ENOMEM. */
int asker_add(struct asker *a, const char *question);
/* Has the questions that were added answered, in their order. 0 or -errno. */
int asker_go(struct asker *a);

/* Whether answers may come, not counting those that were given up. */
bool asker_busy(const struct asker *a);

/* Hands each answer that is there to take(); a negative answer of it ends this. Does not block. 0 or
 * -errno. */
int asker_take(struct asker *a, int (*take)(void *userdata, const struct ask_answer *answer), void *userdata);

/* The same, but waits until all questions are answered or given up. */
int asker_wait(struct asker *a, int (*take)(void *userdata, const struct ask_answer *answer), void *userdata);
