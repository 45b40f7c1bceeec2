/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/log.h"

#include <stdio.h>

#include "base/control.h"

static void escape(const char *text, char *out, size_t size)
{
	size_t n = 0;

	while (*text && n < size - CONTROL_ESCAPED_MAX)
		n += control_escape(&text, out + n);
	out[n] = '\0';
}

__attribute__((format(printf, 3, 0))) static void log_vprint(struct log *log, int level, const char *fmt,
							     va_list ap)
{
	char buf[2048], shown[4096];

	if (level <= LOG_LEVEL_ERROR)
		log->errors++;
	else if (level == LOG_LEVEL_WARNING)
		log->warnings++;
	if (!log->fn || level > log->level)
		return;
	vsnprintf(buf, sizeof(buf), fmt, ap);
	escape(buf, shown, sizeof(shown));
	log->fn(log->userdata, level, shown);
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
