/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Names come from devices, files and arguments: a terminal gets their control characters escaped, a file or pipe gets
 * the bytes as they are. */
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "programs/cli/cli.h"

/* The length of the control character that p begins with, or 0. U+0080 to U+009F are control characters too. */
static size_t control_length(const unsigned char *p)
{
	if (p[0] == 0xc2 && p[1] >= 0x80 && p[1] <= 0x9f)
		return 2;
	return (p[0] < ' ' && p[0] != '\n' && p[0] != '\t') || p[0] == 0x7f;
}

static void put_escaped(FILE *to, const char *text)
{
	for (const unsigned char *p = (const unsigned char *)text; *p;) {
		size_t n = control_length(p);

		if (!n)
			putc(*p++, to);
		for (; n; n--)
			fprintf(to, "\\x%02x", *p++);
	}
}

/* It does not change while we run, and asking is a system call. */
static bool to_terminal(void)
{
	static int answer = -1;

	if (answer < 0)
		answer = isatty(STDOUT_FILENO);
	return answer;
}

void cli_put(const char *text)
{
	if (to_terminal())
		put_escaped(stdout, text);
	else
		fputs(text, stdout);
}

void cli_printf(const char *fmt, ...)
{
	char *text;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n < 0) {
		fprintf(stderr, "coldplug: error: out of memory\n");
		exit(EXIT_SYSTEM);
	}
	cli_put(text);
	free(text);
}

void cli_put_message(const char *text)
{
	put_escaped(stderr, text);
}
