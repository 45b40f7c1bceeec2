/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "programs/output.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define EXIT_NO_MEMORY 111

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
static bool is_terminal(FILE *to)
{
	static signed char answers[STDERR_FILENO + 1]; /* 0: not asked yet */
	int fd = to == stdout ? STDOUT_FILENO : STDERR_FILENO;

	if (!answers[fd])
		answers[fd] = isatty(fd) ? 1 : -1;
	return answers[fd] > 0;
}

void output_text(FILE *to, const char *text)
{
	if (is_terminal(to))
		put_escaped(to, text);
	else
		fputs(text, to);
}

__attribute__((format(printf, 1, 0))) static char *format(const char *fmt, va_list ap)
{
	char *text;

	if (vasprintf(&text, fmt, ap) < 0) {
		fprintf(stderr, "%s: error: out of memory\n", program_invocation_short_name);
		exit(EXIT_NO_MEMORY);
	}
	return text;
}

void output_printf(const char *fmt, ...)
{
	char *text;
	va_list ap;

	va_start(ap, fmt);
	text = format(fmt, ap);
	va_end(ap);
	output_text(stdout, text);
	free(text);
}

void output_message(const char *fmt, ...)
{
	char *text;
	va_list ap;

	va_start(ap, fmt);
	text = format(fmt, ap);
	va_end(ap);
	put_escaped(stderr, text);
	free(text);
}

bool output_redraws(void)
{
	const char *term = getenv("TERM");

	return is_terminal(stderr) && term && *term && strcmp(term, "dumb") != 0;
}

void output_clear_line(void)
{
	fputs("\r\033[K", stderr);
}
