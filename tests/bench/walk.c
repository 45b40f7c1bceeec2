/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Ways to find all aliases in /sys: how long each takes (median) and what it misses of what a descent into
 * every directory finds that reads both files.
 *
 *	bench-walk [ROUNDS [ROOT]]
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/limits.h"
#include "tests/bench/bench.h"
#include "uevent/prober.h"
#include "uevent/walk.h"

#define MAX_ROUNDS 1001

/* Claims, "DEVPATH ALIAS" each. */
struct claims {
	ARRAY(char *) items;
	pthread_mutex_t lock;
};

static char root[256], sys[300];

static void add(struct claims *s, const char *devpath, const char *alias)
{
	char *claim;

	if (asprintf(&claim, "%s %s", devpath, alias) < 0)
		abort();
	pthread_mutex_lock(&s->lock);
	if (array_push(&s->items, claim) < 0)
		abort();
	pthread_mutex_unlock(&s->lock);
}

static void clear(struct claims *s)
{
	for (size_t i = 0; i < s->items.n; i++)
		free(s->items.items[i]);
	array_free(&s->items);
}

static int compare_strings(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void sort(struct claims *s)
{
	size_t n = 0;

	if (s->items.n)
		qsort(s->items.items, s->items.n, sizeof(char *), compare_strings);
	for (size_t i = 0; i < s->items.n; i++) {
		if (n && !strcmp(s->items.items[n - 1], s->items.items[i]))
			free(s->items.items[i]);
		else
			s->items.items[n++] = s->items.items[i];
	}
	s->items.n = n;
}

/* dir: a device's directory, open; reads "modalias", or "uevent" when there is none (or both). */
static void read_device(struct claims *s, int dir, const char *devpath, bool both)
{
	char buf[65536];
	ssize_t n = read_attribute(dir, "modalias", buf, sizeof(buf));
	char *save = NULL;

	if (n >= 0)
		for (char *line = strtok_r(buf, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
			add(s, devpath, line);
	if (n >= 0 && !both)
		return;
	n = read_attribute(dir, "uevent", buf, sizeof(buf));
	if (n < 0)
		return;
	for (char *line = strtok_r(buf, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		if (!strncmp(line, "MODALIAS=", 9) && line[9])
			add(s, devpath, line + 9);
}

/* ---- what no walk does without: the files are known, and each is opened, read and closed ---- */

static struct claims known;

/* As the walk does: by a path of two names below a directory that is open. */
static void only_known_files(struct claims *s)
{
	char devpath[4096], path[4400] = "", file[300], buf[65536];
	_cleanup_close_ int dir = -1;

	for (size_t i = 0; i < known.items.n; i++) {
		const char *alias = strchr(known.items.items[i], ' ') + 1, *name;
		size_t n;

		snprintf(devpath, sizeof(devpath), "%.*s", (int)(alias - known.items.items[i] - 1),
			 known.items.items[i]);
		name = strrchr(devpath, '/') + 1;
		n = (size_t)(name - devpath);
		if (dir < 0 || path[n] || strncmp(path, devpath, n) != 0) {
			cleanup_close_p(&dir);
			snprintf(path, sizeof(path), "%s%.*s", sys, (int)n, devpath);
			dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
			snprintf(path, sizeof(path), "%.*s", (int)n, devpath);
		}
		snprintf(file, sizeof(file), "%s/modalias", name);
		if (read_attribute(dir, file, buf, sizeof(buf)) > 0)
			add(s, devpath, alias);
	}
}

/* ---- everything ---- */

static struct claims *full_claims;

static int full_visit(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	_cleanup_close_ int dir = type == FTW_D ? open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;

	if (dir >= 0)
		read_device(full_claims, dir, path + strlen(sys), true);
	return 0;
}

static void full_descent(struct claims *s)
{
	char devices[320];

	full_claims = s;
	snprintf(devices, sizeof(devices), "%s/devices", sys);
	nftw(devices, full_visit, 64, FTW_PHYS);
}

/* ---- ours ---- */

static int take(void *userdata, const char *devpath, const char *alias)
{
	add(userdata, devpath, alias);
	return 0;
}

static struct rootfs fs;
static struct log quiet;

static int answer_here(void *userdata, const char *question)
{
	static char text[LIMIT_ATTRIBUTE];
	ssize_t n = walk_answer(&fs, question, text, sizeof(text));

	return n ? walk_take_answer(question, n < 0 ? (int)n : 0, text, &quiet, take, userdata) : 0;
}

static void walk_fs(int (*ask)(void *userdata, const char *question), struct claims *s)
{
	if (rootfs_open(&fs, *root ? root : NULL) < 0 || walk_devices(&fs, false, &quiet, take, ask, s) < 0)
		abort();
}

static void in_one_process(struct claims *s)
{
	walk_fs(answer_here, s);
	rootfs_close(&fs);
}

/* ---- ours: what may block is another process's. take() gets the claims either way ---- */

static struct prober prober;
static struct claims *asked_claims;

static int take_here(void *userdata, const char *devpath, const char *alias)
{
	return take(asked_claims, devpath, alias);
}

static int add_question(void *userdata, const char *question)
{
	return prober_add(&prober, question);
}

static int take_answer(void *userdata, const struct probe_answer *answer)
{
	return walk_take_answer(answer->question, answer->error, answer->data, &quiet, take_here, NULL);
}

/* How long it takes until the first plan can be made. */
static double first_half_ms;

static void product(struct claims *s)
{
	double start = now_us();

	asked_claims = s;
	prober_init(&prober, walk_answer, &fs, &quiet);
	walk_fs(add_question, s);
	first_half_ms = (now_us() - start) / 1e3;
	if (prober_wait(&prober, take_answer, NULL) < 0)
		abort();
	prober_free(&prober);
	rootfs_close(&fs);
}

/* ---- buses and classes: the links in /sys/bus/BUS/devices and /sys/class/CLASS ---- */

static void list_links(struct claims *s, const char *directory)
{
	_cleanup_closedir_ DIR *dir = opendir(directory);
	struct dirent *de;

	while (dir && (de = readdir(dir))) {
		_cleanup_free_ char *path = NULL, *real = NULL;
		_cleanup_close_ int fd = -1;

		if (de->d_type != DT_LNK || asprintf(&path, "%s/%s", directory, de->d_name) < 0)
			continue;
		real = realpath(path, NULL);
		fd = openat(dirfd(dir), de->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (real && fd >= 0)
			read_device(s, fd, real + strlen(sys), false);
	}
}

static void list_all(struct claims *s, const char *directory, const char *below)
{
	char path[600];
	_cleanup_closedir_ DIR *dir = NULL;
	struct dirent *de;

	snprintf(path, sizeof(path), "%s/%s", sys, directory);
	dir = opendir(path);
	while (dir && (de = readdir(dir))) {
		if (de->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s/%s%s", sys, directory, de->d_name, below);
		list_links(s, path);
	}
}

static void buses_and_classes(struct claims *s)
{
	list_all(s, "bus", "/devices");
	list_all(s, "class", "");
}

/* ---- a descent by several threads, which share a stack of directories ---- */

struct crew {
	struct claims *claims;
	ARRAY(char *) todo;
	unsigned int working;
	pthread_mutex_t lock;
	pthread_cond_t more;
};

static char *take_directory(struct crew *c)
{
	char *path = NULL;

	pthread_mutex_lock(&c->lock);
	while (!c->todo.n && c->working)
		pthread_cond_wait(&c->more, &c->lock);
	if (c->todo.n) {
		path = c->todo.items[--c->todo.n];
		c->working++;
	}
	pthread_mutex_unlock(&c->lock);
	return path;
}

static void give_directory(struct crew *c, char *path)
{
	pthread_mutex_lock(&c->lock);
	if (array_push(&c->todo, path) < 0)
		abort();
	pthread_cond_signal(&c->more);
	pthread_mutex_unlock(&c->lock);
}

static void visit_directory(struct crew *c, const char *path)
{
	_cleanup_closedir_ DIR *dir = opendir(path);
	bool device = false;
	struct dirent *de;

	while (dir && (de = readdir(dir))) {
		char *child;

		device |= !strcmp(de->d_name, "uevent") || !strcmp(de->d_name, "modalias");
		if (de->d_type != DT_DIR || de->d_name[0] == '.' || !strcmp(de->d_name, "power"))
			continue;
		if (asprintf(&child, "%s/%s", path, de->d_name) < 0)
			abort();
		give_directory(c, child);
	}
	if (device)
		read_device(c->claims, dirfd(dir), path + strlen(sys), false);
}

static void *work(void *userdata)
{
	struct crew *c = userdata;

	for (char *path; (path = take_directory(c)); free(path)) {
		visit_directory(c, path);
		pthread_mutex_lock(&c->lock);
		if (!--c->working && !c->todo.n)
			pthread_cond_broadcast(&c->more);
		pthread_mutex_unlock(&c->lock);
	}
	return NULL;
}

static void threads(struct claims *s, unsigned int n)
{
	struct crew c = { .claims = s, .lock = PTHREAD_MUTEX_INITIALIZER, .more = PTHREAD_COND_INITIALIZER };
	pthread_t ids[16];
	char *first;

	if (asprintf(&first, "%s/devices", sys) < 0)
		abort();
	give_directory(&c, first);
	for (unsigned int i = 0; i < n; i++)
		if (pthread_create(&ids[i], NULL, work, &c))
			abort();
	for (unsigned int i = 0; i < n; i++)
		pthread_join(ids[i], NULL);
	array_free(&c.todo);
}

static void one_thread(struct claims *s)
{
	threads(s, 1);
}

static void two_threads(struct claims *s)
{
	threads(s, 2);
}

static void four_threads(struct claims *s)
{
	threads(s, 4);
}

static const struct way {
	const char *name;
	void (*walk)(struct claims *s);
} ways[] = {
	{ "full descent, both files", full_descent },	 { "walk_devices(), asking", product },
	{ "walk_devices(), 1 process", in_one_process }, { "buses and classes", buses_and_classes },
	{ "shared stack, 1 thread", one_thread },	 { "shared stack, 2 threads", two_threads },
	{ "shared stack, 4 threads", four_threads },	 { "only the files, known", only_known_files },
};

/* What of all is not in s; both sorted. Prints the first few. */
static size_t missing(const struct claims *all, const struct claims *s)
{
	size_t k = 0, n = 0;

	for (size_t i = 0; i < all->items.n; i++) {
		while (k < s->items.n && strcmp(s->items.items[k], all->items.items[i]) < 0)
			k++;
		if (k < s->items.n && !strcmp(s->items.items[k], all->items.items[i]))
			continue;
		if (n++ < 3)
			printf("#\tmissing: %.100s\n", all->items.items[i]);
	}
	return n;
}

static double time_way(const struct way *way, struct claims *s)
{
	double start = now_us();

	way->walk(s);
	return (now_us() - start) / 1e3;
}

int main(int argc, char **argv)
{
	static double ms[ARRAY_SIZE(ways)][MAX_ROUNDS];
	size_t rounds = argc > 1 ? strtoul(argv[1], NULL, 10) : 51;
	struct claims all = { .lock = PTHREAD_MUTEX_INITIALIZER };

	if (!rounds || rounds > MAX_ROUNDS) {
		fprintf(stderr, "usage: bench-walk [ROUNDS [ROOT]]\n");
		return 100;
	}
	snprintf(root, sizeof(root), "%s", argc > 2 ? argv[2] : "");
	snprintf(sys, sizeof(sys), "%s/sys", root);
	full_descent(&all);
	sort(&all);
	known = all;
	for (size_t r = 0; r < rounds; r++) {
		for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
			struct claims s = { .lock = PTHREAD_MUTEX_INITIALIZER };

			ms[i][r] = time_way(&ways[i], &s);
			clear(&s);
		}
	}
	printf("%zu rounds, milliseconds (medians)\n", rounds);
	for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
		struct claims s = { .lock = PTHREAD_MUTEX_INITIALIZER };
		size_t n;

		ways[i].walk(&s);
		sort(&s);
		n = missing(&all, &s);
		printf("%-26s %8.2f ms, %zu claims, %zu missing\n", ways[i].name, median(ms[i], rounds),
		       s.items.n, n);
		if (ways[i].walk == product)
			printf("%-26s %8.2f ms\n", "  without what is asked", first_half_ms);
		clear(&s);
	}
	clear(&all);
	return 0;
}
