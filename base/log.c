/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/log.h"

#include <stdio.h>

__attribute__((format(printf, 3, 0))) static void log_vprint(struct log *log, int level, const char *fmt,
							     va_list ap)
{
	char buf[2048];

	if (level <= LOG_LEVEL_ERROR)
		log->errors++;
	else if (level == LOG_LEVEL_WARNING)
		log->warnings++;
	if (!log->fn || level > log->level)
		return;
	vsnprintf(buf, sizeof(buf), fmt, ap);
	/* Names come from files and devices: a control character must not reach a terminal. */
	for (char *p = buf; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			*p = '?';
	log->fn(log->userdata, level, buf);
}

void log_print(struct log *log, int level, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_vprint(log, level, fmt, ap);
	va_end(ap);
}

void log_lost(struct log *log, const char *fmt, ...)
{
	va_list ap;

	log->lost++;
	va_start(ap, fmt);
	log_vprint(log, LOG_LEVEL_ERROR, fmt, ap);
	va_end(ap);
}
