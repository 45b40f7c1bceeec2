/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The log sink. The library never prints: whoever opened the context hands in a function. The origin
 * of a failure says why, once, with file, place and value; its callers pass the number up unchanged. */
#pragma once

#include <stdarg.h>
#include <stddef.h>

/* Same numbers as syslog(3) and /dev/kmsg. */
enum log_level {
	LOG_LEVEL_ERROR = 3,
	LOG_LEVEL_WARNING = 4,
	LOG_LEVEL_INFO = 6,
	LOG_LEVEL_DEBUG = 7,
};

struct log {
	void (*fn)(void *userdata, int level, const char *message);
	void *userdata;
	int level;	     /* messages above it are not formatted */
	unsigned int errors; /* how many of each went through, shown or not */
	unsigned int warnings;
	unsigned int lost; /* input that was lost: exit code 2 */
};

__attribute__((format(printf, 3, 4))) void log_print(struct log *log, int level, const char *fmt, ...);

#define log_error(log, ...) log_print((log), LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(log, ...) log_print((log), LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_info(log, ...) log_print((log), LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(log, ...) log_print((log), LOG_LEVEL_DEBUG, __VA_ARGS__)

/* An error about input that could not be taken in at all: printed as an error and counted, so that
 * the exit code can tell. */
__attribute__((format(printf, 2, 3))) void log_lost(struct log *log, const char *fmt, ...);
