/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Messages as kmod's programs write them: "modprobe: FATAL: ..." to standard error or syslog(3). */
#pragma once

#include <stdbool.h>
#include <syslog.h>

/* Messages above this level are dropped. It is LOG_WARNING until tell_level() is called. */
void tell_open(bool to_syslog);
void tell_level(int level);

/* Prints a message, which must have no newline. Returns whether it was printed. */
__attribute__((format(printf, 2, 3))) bool tell(int level, const char *fmt, ...);
