/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The loader carries out plans in a process of its own.
 *
 * A thread inside finit_module(2) cannot be killed, and a process's exit, its exec and its parent's
 * waitpid all wait for it. So the process that calls loader_start() is only the front: it forks (twice,
 * so that nobody has to wait for the child) before any thread exists, sends plans over a socket and
 * reads results from it. The front may exit or exec at any time; the loads continue, and their results
 * still reach the report, which the loader's process writes.
 *
 * These hold whatever happens to the front, and tests/property/loader.c checks them:
 *
 *     plans     A plan for which loader_submit() returned 0 is carried out completely, whether the front
 *               then waits, exits, execs or is killed. A plan that the front was still sending when it was
 *               killed is carried out completely or not at all.
 *     results   Each step gets exactly one result, and the same one in the report as at the front. It is
 *               tried once; only ETXTBSY and another process that loads the same module repeat a load.
 *     order     No step starts before each step that it has an edge on has a result. With jobs = 1 one
 *               load runs at a time, but for those that take longer than a second.
 *     skipping  A step is skipped when a step that it needs (EDGE_HARD) did not become live, or when it is
 *               post_only and every step that it follows (EDGE_POST) failed; nothing else but
 *               loader_cancel() skips one.
 *     stalls    A load that never returns delays only those steps that have an edge on it, directly or
 *               over other steps.
 *     front     Only loader_finish() waits for loads. When the loader's process is killed, the front can
 *               still read the results that were sent; after these each call fails, and none hangs.
 *     report    The file has every step of every plan, or the name still has what it had before.
 *     end       When all steps have results, the report is in place and the front is gone or has read its
 *               last message, the loader's process exits.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/plan.h"

struct loader;
struct kernel_ops; /* loader/kernel.h */

enum load_outcome {
	LOAD_DONE,     /* loaded, or the command succeeded */
	LOAD_ALREADY,  /* somebody else had loaded it: EEXIST and live */
	LOAD_DECLINED, /* its init found nothing to drive: ENODEV */
	LOAD_FAILED,   /* error says why, message in words */
	LOAD_SKIPPED,  /* not tried: a hard dependency failed, or a post softdep whose module failed,
			 * or loader_cancel() */
};

struct load_result {
	uint32_t step;	   /* step.id */
	uint32_t outcome;  /* enum load_outcome */
	int32_t error;	   /* positive errno; for a command its exit status or 128 + signal; 0 */
	uint32_t worker;   /* which worker, from 0 */
	uint64_t start_us; /* CLOCK_MONOTONIC microseconds; 0 when not tried */
	uint64_t end_us;
	char message[512]; /* why it failed, one line, with file and value; with LOAD_DONE "" or a
				* remark: that the kernel refused to decompress it and we did */
};

struct loader_options {
	const char *root;  /* absolute path of the root, "" for the running system */
	int rootfd;	   /* O_PATH descriptor of it; the loader dups it */
	unsigned int jobs; /* loads in flight; 0: chosen by the number of processors */
	bool async_probe;  /* modules that begin no probe are given async_probe (image.c) */
	/* Tests: NULL for the running kernel's system calls (loader/kernel.h). */
	const struct kernel_ops *ops;
	void *ops_data;
};

/* Forks the loader's process. Must be called while the caller has one thread. -errno or 0. */
int loader_start(struct loader **ret, const struct loader_options *options);

/* Sends a plan; nothing of it is kept. Its steps may have edges on steps of earlier plans. Does not wait
 * for loads. 0; -EINVAL: it is malformed; -EFBIG; -EPIPE: the loader's process has died, or an earlier
 * message could not be sent completely; another -errno: it was not taken. */
int loader_submit(struct loader *l, const struct plan *plan);

/* A descriptor that is readable when loader_next() has something. */
int loader_fd(const struct loader *l);

/* 1: *result is one; 0: none now; -EPIPE: the loader's process has died; -errno. Does not block. */
int loader_next(struct loader *l, struct load_result *result);

/* How many steps submitted have no result yet. */
size_t loader_pending(const struct loader *l);

/* Replaces the message of a result that was read: the front may know more. 0 or -errno. */
int loader_annotate(struct loader *l, uint32_t step, const char *message);

/* For whom the files below the root will go away (switch_root): the loader's process opens what it has
 * still to load. Answers how many steps need them all the same (commands that have not ended), or
 * -errno. Waits for the answer, not for loads. */
int loader_leave(struct loader *l);

/* Nothing more is started; what is in flight finishes, the rest is LOAD_SKIPPED. */
int loader_cancel(struct loader *l);

/* The report. The loader's process writes it to path (opened relative to the caller's working
 * directory at this call: a temporary file beside it, renamed at the end, so it is whole or not at
 * all). head: the front's half, a JSON object without its last brace, replaced by each new call.
 * The loader adds ,"loads":[...],"summary":{...}} when told to finish or when the front is gone, and
 * everything has a result; when loads that do not return keep it from that, a report in which they and
 * their dependents are "pending", to be replaced by the full one. -EINVAL: path is a device or the like,
 * which a rename would replace; -EISDIR, -ENOENT, -EACCES and so on at once where they can be known. */
int loader_report_open(struct loader *l, const char *path);
int loader_report_head(struct loader *l, const char *head, size_t len);

/* Tells that no more plans come and waits until everything has a result (results not yet read can
 * still be read by loader_next) and the report is in place; 0 or the report's -errno, -EPIPE when the
 * loader's process has died. Waits for a load that never returns: who has less patience reads results
 * as long as it likes and calls loader_free() instead. */
int loader_finish(struct loader *l);

/* The same without waiting: results go on coming, and when all are there the report is in place. */
int loader_finish_later(struct loader *l);

/* Closes the front's end; loads go on. NULL is fine. Leaves the report to the loader's process. */
void loader_free(struct loader *l);
