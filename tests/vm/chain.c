/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What bench-root compares with: loads just the modules that a device needs, one after the other, and waits
 * for its node.
 *
 *	chain NODE MODULE.ko...
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define LIMIT_S 60

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int load(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	long r = fd < 0 ? -1 : syscall(SYS_finit_module, fd, "", 0);

	if (r < 0 && errno != EEXIST) {
		fprintf(stderr, "chain: %s: %s\n", path, strerror(errno));
		return 1;
	}
	close(fd);
	return 0;
}

int main(int argc, char **argv)
{
	struct timespec nap = { .tv_nsec = 500000 };
	double start = now();
	struct stat st;
	int failed = 0;

	for (int i = 2; i < argc; i++) {
		double before = now();

		failed |= load(argv[i]);
		printf("%8.1f ms %s\n", (now() - before) * 1e3, argv[i]);
	}
	while (argc > 1 && stat(argv[1], &st) && now() - start < LIMIT_S)
		nanosleep(&nap, NULL);
	return failed || argc < 2 || stat(argv[1], &st) ? 1 : 0;
}
