/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hooks/kmod/tell.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static bool use_syslog;
static int most = LOG_WARNING;

void tell_open(bool to_syslog)
{
	use_syslog = to_syslog;
	if (to_syslog)
		openlog(program_invocation_short_name, LOG_CONS, LOG_DAEMON);
}

void tell_level(int level)
{
	most = level;
}

bool tell(int level, const char *fmt, ...)
{
	static const char *const words[] = { "EMERG", "ALERT",	"FATAL", "ERROR",
					     "WARNING", "NOTICE", "INFO",	 "DEBUG" };
	char *text;
	va_list ap;
	int n;

	if (level > most)
		return false;
	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n < 0)
		return false;
	fflush(stdout);
	if (use_syslog)
		syslog(level, "%s: %s\n", words[level], text);
	else
		fprintf(stderr, "%s: %s: %s\n", program_invocation_short_name, words[level], text);
	free(text);
	return true;
}
