/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a program costs: time, processors, processes, memory. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* A command that is run once, or as often as it takes to give it all the words. */
struct measured {
	const char *const *command; /* NULL-terminated; [0] is its path */
	const char *const *words;   /* to be added to it, or NULL */
	size_t n_words;
	size_t n_each; /* at most so many at once; fewer where they are long */
};

struct measurement {
	uint64_t wall_us;
	uint64_t cpu_us;   /* of all processes, in the kernel too */
	uint64_t peak_kib; /* of the process that had most */
	int64_t processes; /* -1: they could not be counted */
};

/* Runs it with standard output and standard error connected to /dev/null. 0, or a negative errno if a
 * process could not be started; the exit codes do not count, but 126 and more is -ENOEXEC. */
int measure(const struct measured *m, struct measurement *ret);
/* The same, but slower: it counts the processes, and nothing else. */
int measure_processes(const struct measured *m, int64_t *ret);
