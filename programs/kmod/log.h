/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Messages as kmod's programs write them: "modprobe: FATAL: ..." to standard error or syslog(3). */
#pragma once

#include <stdbool.h>
#include <syslog.h>

/* Chooses between standard error and syslog(3). */
void kmod_log_open(bool to_syslog);

/* Messages above this level are dropped. It is LOG_WARNING until this is called. */
void kmod_log_level(int level);

/* Prints a message, which must have no newline. Returns whether it was printed. */
__attribute__((format(printf, 2, 3))) bool kmod_log(int level, const char *fmt, ...);
