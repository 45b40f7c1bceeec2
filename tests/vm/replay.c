/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What bench-settled compares with: loads exactly the modules of a list, each when those that it depends
 * on have ended, by a few threads that know nothing else: no priorities, no async_probe, no looking for
 * devices.
 *
 *	replay LIST THREADS
 *
 * A line of LIST is the file of a module, and the numbers of the lines, from 0, that it depends on.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MODULES 1024
#define THREADS 64

static struct module {
	char path[256];
	unsigned int needs[64], n_needs;
	enum { WAITS, RUNS, ENDED } state;
} modules[MODULES];

static unsigned int n_modules, n_ended, n_failed;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;

static int read_list(const char *path)
{
	FILE *f = fopen(path, "re");
	char line[8192];

	if (!f)
		return -1;
	while (n_modules < MODULES && fgets(line, sizeof(line), f)) {
		struct module *m = &modules[n_modules++];
		char *save = NULL, *word = strtok_r(line, " \n", &save);

		snprintf(m->path, sizeof(m->path), "%s", word ? word : "");
		while (m->n_needs < 64 && (word = strtok_r(NULL, " \n", &save)))
			m->needs[m->n_needs++] = (unsigned int)strtoul(word, NULL, 10);
	}
	fclose(f);
	return n_modules ? 0 : -1;
}

static int is_ready(const struct module *m)
{
	if (m->state != WAITS)
		return 0;
	for (unsigned int i = 0; i < m->n_needs; i++)
		if (modules[m->needs[i]].state != ENDED)
			return 0;
	return 1;
}

static struct module *find_ready(void)
{
	for (unsigned int i = 0; i < n_modules; i++)
		if (is_ready(&modules[i]))
			return &modules[i];
	return NULL;
}

static int load(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	long r = fd < 0 ? -1 : syscall(SYS_finit_module, fd, "", 0);

	if (r < 0 && errno != EEXIST)
		fprintf(stderr, "replay: %s: %s\n", path, strerror(errno));
	close(fd);
	return r < 0 && errno != EEXIST;
}

static void *work(void *unused)
{
	struct module *m;

	pthread_mutex_lock(&lock);
	while (n_ended < n_modules) {
		m = find_ready();
		if (!m) {
			pthread_cond_wait(&changed, &lock);
			continue;
		}
		m->state = RUNS;
		pthread_mutex_unlock(&lock);
		int failed = load(m->path);
		pthread_mutex_lock(&lock);
		n_failed += (unsigned int)failed;
		m->state = ENDED;
		n_ended++;
		pthread_cond_broadcast(&changed);
	}
	pthread_mutex_unlock(&lock);
	return NULL;
}

int main(int argc, char **argv)
{
	unsigned int n = argc > 2 ? (unsigned int)strtoul(argv[2], NULL, 10) : 4;
	pthread_t threads[THREADS];

	if (argc < 2 || !n || n > THREADS || read_list(argv[1]) < 0)
		return 100;
	for (unsigned int i = 0; i < n; i++)
		if (pthread_create(&threads[i], NULL, work, NULL))
			return 111;
	for (unsigned int i = 0; i < n; i++)
		pthread_join(threads[i], NULL);
	printf("%u modules, %u failed\n", n_modules, n_failed);
	return 0;
}
