/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Everything PID 1 says goes to the kernel's log, with a level. So it appears among the kernel's
 * own messages, on the console unless "quiet" or loglevel= keeps it away, and later in the journal.
 * */
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "programs/init/init.h"

/* LOG_DAEMON of syslog(3): the kernel accepts no message in its own name (LOG_KERN). */
#define FACILITY (3 << 3)
#define LIMIT_FILE "/proc/sys/kernel/printk_devkmsg"

static int kmsg = -1;
static bool uses_kmsg; /* PID 1 and its children do; a dry run does not */
static char limit_before[32];

/* Unless this is "on", with a newline, /dev/kmsg drops all but ten lines in five seconds
 * (kernel/printk/printk.c). */
static void set_limit(const char *value)
{
	int fd = open(LIMIT_FILE, O_WRONLY | O_CLOEXEC);

	if (fd >= 0) {
		(void)!write(fd, value, strlen(value));
		close(fd);
	}
}

static void remember_limit(void)
{
	int fd = open(LIMIT_FILE, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd >= 0 ? read(fd, limit_before, sizeof(limit_before) - 1) : 0;

	limit_before[n > 0 ? n : 0] = '\0';
	if (fd >= 0)
		close(fd);
}

void say_open(void)
{
	uses_kmsg = true;
	if (kmsg >= 0)
		close(kmsg);
	kmsg = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);
	if (kmsg < 0)
		return;
	remember_limit();
	set_limit("on\n");
}

void say_restore_limit(void)
{
	if (limit_before[0])
		set_limit(limit_before);
}

/* A console writes control characters as they are to its terminal, and names come from devices. */
static void hide_control_characters(char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			*text = '?';
}

void say(int level, const char *fmt, ...)
{
	char line[1000]; /* the kernel takes 1,024 bytes, less its own prefix (LOG_LINE_MAX) */
	va_list ap;
	int n = snprintf(line, sizeof(line), "<%d>coldplug: ", FACILITY | level), m;

	va_start(ap, fmt);
	m = vsnprintf(line + n, sizeof(line) - (size_t)n - 1, fmt, ap);
	va_end(ap);
	hide_control_characters(line);
	n = (int)strlen(line);
	if (m < 0)
		return;
	if (uses_kmsg && kmsg < 0) /* /dev may have been mounted since */
		kmsg = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);
	line[n++] = '\n';
	if (kmsg >= 0 && write(kmsg, line, (size_t)n) == n)
		return;
	(void)!write(STDERR_FILENO, strchr(line, '>') + 1, (size_t)(line + n - strchr(line, '>') - 1));
}

void say_log(void *userdata, int level, const char *message)
{
	say(level, "%s", message);
}
