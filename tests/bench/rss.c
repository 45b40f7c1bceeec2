/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* rss PROGRAM ARG...: runs it and prints the peak of RssAnon, in kB, of it and of what it left behind
 * that is called the same (coldplug's loading process), sampled every millisecond from /proc. Built
 * static, for a VM: tests/bench/rss. */
#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* RssAnon of a process whose name begins so; 0 when it is another, or gone. */
static long rss_of(const char *pid, const char *name)
{
	char path[300], line[256];
	long kb = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%.255s/status", pid);
	f = fopen(path, "r");
	if (!f)
		return 0;
	while (fgets(line, sizeof(line), f)) {
		if (!strncmp(line, "Name:\t", 6) && strncmp(line + 6, name, strlen(name)) != 0)
			break;
		if (sscanf(line, "RssAnon: %ld", &kb) == 1)
			break;
	}
	fclose(f);
	return kb;
}

/* The largest, and the sum, of all of them now. */
static void sample(const char *name, long *largest, long *sum)
{
	DIR *dir = opendir("/proc");
	struct dirent *de;
	long total = 0;

	while (dir && (de = readdir(dir))) {
		long kb = isdigit((unsigned char)de->d_name[0]) ? rss_of(de->d_name, name) : 0;

		total += kb;
		if (kb > *largest)
			*largest = kb;
	}
	if (dir)
		closedir(dir);
	if (total > *sum)
		*sum = total;
}

int main(int argc, char **argv)
{
	long largest = 0, sum = 0;
	int status = 0;
	pid_t pid;

	if (argc < 2)
		return 100;
	pid = fork();
	if (!pid) {
		execv(argv[1], argv + 1);
		_exit(127);
	}
	while (waitpid(pid, &status, WNOHANG) == 0) {
		sample("coldplug", &largest, &sum);
		usleep(1000);
	}
	printf("peak RssAnon: %ld kB in one process, %ld kB in all\n", largest, sum);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
