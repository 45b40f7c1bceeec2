/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The init of the roots that tests/init/run boots: static, so that a root needs no library. It reports to
 * /dev/kmsg how it was started, does what its arguments say, and ends with 42:
 *
 *	show=FILE	reports the first line of a file
 *	exists=FILE	reports whether it is there
 *	linger		waits until every process that coldplug left has ended, and counts the initramfs's files
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* The directory that was "/" of the initramfs. */
#define INITRAMFS 9

__attribute__((format(printf, 1, 2))) static void report(const char *fmt, ...)
{
	char line[1000] = "<6>init: ";
	int fd = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line + strlen(line), sizeof(line) - strlen(line) - 1, fmt, ap);
	va_end(ap);
	strcat(line, "\n");
	if (fd < 0 || write(fd, line, strlen(line)) < 0)
		_exit(43);
	close(fd);
}

static void report_root(void)
{
	char line[512], source[128], where[128], type[64], options[128], last[512] = "none";
	FILE *f = fopen("/proc/self/mounts", "re");

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "%127s %127s %63s %127s", source, where, type, options) == 4 &&
		    !strcmp(where, "/"))
			snprintf(last, sizeof(last), "%s %s", type, options);
	if (f)
		fclose(f);
	report("the root is %s", last);
}

static void show(const char *path)
{
	char line[512] = "";
	FILE *f = fopen(path, "re");

	if (f && fgets(line, sizeof(line), f))
		line[strcspn(line, "\n")] = '\0';
	if (f)
		fclose(f);
	report("%s: %s", path, f ? line : strerror(errno));
}

/* Files and links, not what was mounted into it. */
static unsigned int count(int dir, dev_t device)
{
	DIR *d = fdopendir(dir);
	unsigned int n = 0;
	struct dirent *de;
	struct stat st;

	while (d && (de = readdir(d))) {
		if (!strcmp(de->d_name, ".") || !strcmp(de->d_name, "..") ||
		    fstatat(dir, de->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 || st.st_dev != device)
			continue;
		if (S_ISDIR(st.st_mode))
			n += count(openat(dir, de->d_name, O_RDONLY | O_CLOEXEC), device);
		else
			n++;
	}
	if (d)
		closedir(d);
	return n;
}

static void linger(void)
{
	struct stat st;

	while (wait(NULL) > 0 || errno == EINTR)
		;
	if (!fstat(INITRAMFS, &st))
		report("files left in the initramfs: %u", count(INITRAMFS, st.st_dev));
}

int main(int argc, char **argv)
{
	char args[512] = "";

	for (int i = 0; i < argc; i++)
		snprintf(args + strlen(args), sizeof(args) - strlen(args), " %s", argv[i]);
	report("runs as%s", args);
	report_root();
	for (int i = 1; i < argc; i++) {
		if (!strncmp(argv[i], "show=", 5))
			show(argv[i] + 5);
		else if (!strncmp(argv[i], "exists=", 7))
			report("%s %s", argv[i] + 7, access(argv[i] + 7, F_OK) ? "is not there" : "is there");
		else if (!strcmp(argv[i], "linger"))
			linger();
	}
	return 42;
}
