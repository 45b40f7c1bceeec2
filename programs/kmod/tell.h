/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Messages as kmod's programs write them: "modprobe: FATAL: ..." to standard error or syslog(3). */
#pragma once

#include <stdbool.h>
#include <syslog.h>

/* What is above level is not told: LOG_WARNING until it is set. */
void tell_open(bool to_syslog);
void tell_level(int level);

/* Whether it was told. The text has no newline. */
__attribute__((format(printf, 2, 3))) bool tell(int level, const char *fmt, ...);
