/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "programs/output.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/control.h"

#define EXIT_NO_MEMORY 111

/* Standard error is not buffered, and each write of a part would be a system call. */
static void put_escaped(FILE *to, const char *text)
{
	char buf[1024];
	size_t n = 0;

	while (*text) {
		if (n > sizeof(buf) - CONTROL_ESCAPED_MAX) {
			fwrite(buf, 1, n, to);
			n = 0;
		}
		if (*text == '\n' || *text == '\t')
			buf[n++] = *text++;
		else
			n += control_escape(&text, buf + n);
	}
	fwrite(buf, 1, n, to);
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

#ifdef HAVE_TOOLS

static char *escaped(const char *text)
{
	char *out = malloc(strlen(text) * (CONTROL_ESCAPED_MAX / 2) + 1);
	size_t n = 0;

	while (out && *text)
		n += control_escape(&text, out + n);
	if (out)
		out[n] = '\0';
	return out;
}

static bool have_controls(char *const *words)
{
	while (*words && !control_in(*words))
		words++;
	return *words;
}

void output_check_options(int argc, char *const *argv, const char *letters, const struct option *longs)
{
	char **copy;
	int option = 0, n = 0;

	if (!opterr || !is_terminal(stderr) || !have_controls(argv))
		return;
	copy = calloc((size_t)argc + 1, sizeof(*copy));
	while (copy && n < argc && (copy[n] = escaped(argv[n])))
		n++;
	while (n == argc && option != -1 && option != '?')
		option = getopt_long(argc, copy, letters, longs, NULL);
	while (n)
		free(copy[--n]);
	free(copy);
	opterr = 0;
	optind = 0; /* the next getopt_long() starts again */
}

#else

/* A small program is not called with options that somebody else has chosen. */
void output_check_options(int argc, char *const *argv, const char *letters, const struct option *longs)
{
}

#endif

bool output_redraws(void)
{
	const char *term = getenv("TERM");

	return is_terminal(stderr) && term && *term && strcmp(term, "dumb") != 0;
}

void output_clear_line(void)
{
	fputs("\r\033[K", stderr);
}
