/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/log.h"

#include <stdbool.h>
#include <stdio.h>

/* Names come from files and devices: a control character must not reach a terminal. U+0080 to U+009F are
 * control characters too. */
static void escape(const char *text, char *out, size_t size)
{
	const unsigned char *p = (const unsigned char *)text;
	size_t n = 0;

	for (; *p && n < size - 9; p++) {
		bool is_c1 = p[0] == 0xc2 && p[1] >= 0x80 && p[1] <= 0x9f;

		if (*p >= ' ' && *p != 0x7f && !is_c1)
			out[n++] = (char)*p;
		else
			n += (size_t)snprintf(out + n, size - n, "\\x%02x", *p);
		if (is_c1)
			n += (size_t)snprintf(out + n, size - n, "\\x%02x", *++p);
	}
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
