/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "programs/kmod/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "programs/output.h"

static bool use_syslog;
static int most = LOG_WARNING;

void kmod_log_open(bool to_syslog)
{
	use_syslog = to_syslog;
}

/* syslog(3) is not used, because it adds 40 KB to a static glibc program, most of it for time zones. The log
 * daemon adds the time itself. */
static int open_syslog(int *facility)
{
	static const struct sockaddr_un address = { AF_UNIX, "/dev/log" };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	*facility = LOG_DAEMON;
	if (fd >= 0 && !connect(fd, (const struct sockaddr *)&address, sizeof(address)))
		return fd;
	if (fd >= 0)
		close(fd);
	/* In an initramfs nobody listens there, so the kernel's log takes the message. */
	*facility = LOG_USER;
	return open("/dev/kmsg", O_WRONLY | O_CLOEXEC | O_NOCTTY);
}

/* The text is written by one write(2), because each write is a message. */
static void write_syslog(int level, const char *word, const char *text)
{
	int facility, fd = open_syslog(&facility);
	char *line;
	int n;

	if (fd < 0)
		return;
	n = asprintf(&line, "<%d>%s: %s: %s\n", facility | level, program_invocation_short_name, word, text);
	if (n >= 0) {
		/* There is nowhere to report a failure. */
		(void)!write(fd, line, (size_t)n);
		free(line);
	}
	close(fd);
}

static void write_stderr(const char *word, const char *text)
{
	fprintf(stderr, "%s: %s: ", program_invocation_short_name, word);
	output_text(stderr, text);
	putc('\n', stderr);
}

void kmod_log_level(int level)
{
	most = level;
}

bool kmod_log(int level, const char *fmt, ...)
{
	static const char *const words[] = { "EMERG",	"ALERT",  "FATAL", "ERROR",
					     "WARNING", "NOTICE", "INFO",  "DEBUG" };
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
		write_syslog(level, words[level], text);
	else
		write_stderr(words[level], text);
	free(text);
	return true;
}
