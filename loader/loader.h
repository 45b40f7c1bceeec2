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
 *     alone     While a step that must load alone runs, no other one does, but for those that take longer than
 *               half a minute.
 *     stalls    A load that never returns delays only those steps that have an edge on it, directly or
 *               over other steps. Where a step must load alone, it delays for half a minute that one and all that
 *               come after it in the order of priorities, or all if it must be alone itself.
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
	LOAD_ALREADY,  /* another process had loaded it: EEXIST and live */
	LOAD_DECLINED, /* its init found nothing to drive: ENODEV */
	LOAD_FAILED,   /* see error and message */
	LOAD_SKIPPED,  /* not tried: a hard dependency failed, or a post softdep whose module failed,
			 * or loader_cancel() */
};

struct load_result {
	uint32_t step;	   /* step.id */
	uint32_t outcome;  /* enum load_outcome */
	int32_t error;	   /* positive errno; for a command its exit status or 128 + signal; 0 */
	uint32_t worker;   /* which worker, from 0 */
	uint32_t thread;   /* its number (gettid(2)), as the kernel's tracing has it */
	uint64_t start_us; /* CLOCK_MONOTONIC microseconds; 0 when not tried */
	uint64_t read_us;  /* the file had been read; 0: the kernel reads it */
	uint64_t given_us; /* the image was given to the kernel; 0: it was not */
	uint64_t end_us;
	char message[512]; /* why it failed, one line, with file and value; with LOAD_DONE "" or a
				* remark: that the kernel refused to decompress it and we did */
	bool own; /* error is this process's: it had no memory or no descriptor, or was cancelled. Otherwise it
		   * is the kernel's answer, the command's status, or what is wrong with the file */
};

struct loader_options {
	const char *root;     /* absolute path of the root, "" for the running system */
	int rootfd;	      /* O_PATH descriptor of it; the loader dups it */
	unsigned int jobs;    /* loads in flight; 0: chosen by the number of processors */
	unsigned int slow_ms; /* after this a load does not count; 0: a second, or sooner if it sleeps */
	bool async_probe;     /* load modules that start no probe with async_probe (image.c) */
	/* For tests; NULL: the system calls of the running kernel (loader/kernel.h). */
	const struct kernel_ops *ops;
	void *ops_data;
};

/* Forks the loader's process. Must be called while the caller has one thread. -errno or 0. */
int loader_start(struct loader **ret, const struct loader_options *options);

/* Sends a plan; nothing of it is kept. Its steps may have edges on steps of earlier plans. Does not wait
 * for loads. 0; -EINVAL: it is malformed; -EFBIG; -EPIPE: the loader's process has died, or an earlier
 * message could not be sent completely; another -errno: it was not taken. */
int loader_submit(struct loader *l, const struct plan *plan);

/* Says whether a device is awaited, at first not. As long as it is, the steps that lead to it (those of the highest
 * priority) go first, and the others start only on processors that these leave idle. It ends also with
 * loader_finish(), loader_finish_later() and the front's end. 0 or -errno. */
int loader_await(struct loader *l, bool awaited);

/* Asks for a processor that the loads do not use. Once loader_next() has returned 0, loader_found_idle() says whether
 * there has been one since; it is not waited for longer than half a second without progress. 0 or -errno. */
int loader_ask_idle(struct loader *l);
bool loader_found_idle(const struct loader *l);

/* A descriptor that is readable when loader_next() has something. */
int loader_fd(const struct loader *l);

/* 1: *result is one; 0: none now; -EPIPE: the loader's process has died; -errno. Does not block. */
int loader_next(struct loader *l, struct load_result *result);

/* Replaces the message of a result that was read, for the report: the front may know more. 0 or -errno. */
int loader_annotate(struct loader *l, uint32_t step, const char *message);

/* To be called before the files below the root go away (switch_root): the loader's process opens those that it
 * has still to load. Returns how many steps need them all the same (commands that have not ended), or -errno. Waits
 * for the answer, not for loads. */
int loader_leave(struct loader *l);

/* No further step is started; loads in flight finish, the other steps are LOAD_SKIPPED. */
int loader_cancel(struct loader *l);

/* The report. The loader's process writes it to path, opened relative to the caller's working directory at
 * this call, by base/atomic-file.h: complete or not at all, readable by its owner only. head: the front's part, a
 * JSON object without its last brace; each call replaces the last one. When every step has a result, and the loader
 * is told to finish or the front is gone, it adds ,"loads":[...],"summary":{...}}. When loads that do not return
 * prevent that, it writes a report in which they and their dependents are "pending", and replaces it should they
 * return. -EINVAL: path is a device or the like, which a rename would replace; -EISDIR, -ENOENT, -EACCES and so on
 * are returned at once if they can be known. */
int loader_report_open(struct loader *l, const char *path);
/* The same for a descriptor, for instance standard output: the report is written once, when every step has a result. */
int loader_report_open_fd(struct loader *l, int fd);
int loader_report_head(struct loader *l, const char *head, size_t len);

/* Says that no more plans come, and waits until every step has a result (loader_next() still returns those that
 * have not been read) and the report is in place. 0 or the report's -errno; -EPIPE when the loader's process has
 * died. It waits also for a load that never returns: to limit the time, read results for as long as that is and call
 * loader_free() instead. */
int loader_finish(struct loader *l);

/* The same without waiting: results continue to come, and after the last one the report is written. */
int loader_finish_later(struct loader *l);

/* Closes the front's end; loads continue, and the loader's process writes the report. NULL is allowed. */
void loader_free(struct loader *l);
