/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A report of a run (coldplug-report(5)), as blame and plot use it: which load waited for which. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define REPORT_SIZE_MAX ((size_t)256 * 1024 * 1024) /* bytes of a report */
#define REPORT_LOADS_MAX 20000U
#define REPORT_NONE UINT32_MAX

enum outcome {
	OUTCOME_LOADED,
	OUTCOME_ALREADY,
	OUTCOME_DECLINED,
	OUTCOME_FAILED,
	OUTCOME_SKIPPED,
	OUTCOME_PENDING,
	N_OUTCOMES,
};

struct report_load {
	const char *module;
	enum outcome outcome;
	const char *error; /* NULL: none */
	const char *message;
	uint64_t worker;
	uint64_t start_us, end_us; /* 0: it was not tried */
	uint64_t planned_us;	   /* 0: not known, in a report of an older version */
	/* In this order between start_us and end_us, each 0 if it is not known: the file had been read, the kernel was
	 * given the image, the module's init began and had ended. */
	uint64_t read_us, given_us, init_us, inited_us;
	uint32_t first_edge, n_edges;
	uint32_t
		provider; /* the load that brought the device for which this one was planned, or REPORT_NONE */
};

struct report_awaited {
	const char *spec;
	const char *node; /* NULL: it has not come */
	const char *path; /* below /sys, or NULL */
	uint64_t found_us;
	uint32_t provider; /* the load that brought it, or REPORT_NONE */
};

/* What the kernel itself asked for: it started modprobe. */
struct report_request {
	const char *name, *by;
	const char *module; /* whose load asked; NULL: it is not known */
	uint64_t time_us;
};

/* A device that an awaited one is on, with one of its aliases. */
struct report_device {
	const char *path, *alias;
};

struct run_report {
	const char *name; /* of the file */
	const char *program, *release;
	uint64_t start_us;
	uint64_t end_us; /* the last time in it */
	struct report_load *loads;
	uint32_t n_loads;
	/* Loads that others need, or come after, by report_load.first_edge; each is earlier in loads. */
	uint32_t *edges;
	struct report_awaited *awaited;
	uint32_t n_awaited;
	struct report_request *requests;
	uint32_t n_requests;
	struct report_device *way; /* by path, so that a bus comes before what is on it */
	uint32_t n_way;
	const char **filesystems; /* types that modules were loaded for */
	uint32_t n_filesystems;
	uint32_t last; /* the load that ended last, or REPORT_NONE */
	char *text;    /* which all strings are in */
};

/* Reads a file, "-" for standard input. 0, or a negative errno that has been reported. */
int run_report_read(struct run_report *ret, const char *name);
/* The same for a text, which it takes, with a NUL at text[n]. */
int run_report_parse(struct run_report *ret, const char *name, char *text, size_t n);
void run_report_free(struct run_report *r);

/* "loaded" and so on. */
const char *outcome_name(enum outcome outcome);
