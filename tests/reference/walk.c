/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The walk is complete: on this machine's /sys it finds what a descent into every directory finds that
 * reads both "modalias" and "uevent" wherever they are, and skips nothing.
 *
 *	ref-walk [ROOT]
 */
#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "tests/reference/aliases.h"
#include "uevent/prober.h"
#include "uevent/walk.h"

#define SKIP 77

static struct strings found; /* "DEVPATH ALIAS"; ftw(3) has no userdata */
static size_t prefix;	     /* of "ROOT/sys" */

/* A processor's alias is that of all of them, where they have one: this is what the walk relies on
 * (uevent/walk-skip.c). */
static int without_processor(const char *path, int n)
{
	static const char cpus[] = "/devices/system/cpu";
	_cleanup_free_ char *all = NULL;
	const char *at = strstr(path, "/devices/system/cpu/cpu");
	int end = at ? (int)(at - path + (int)strlen(cpus)) : 0;

	if (!at || (int)strcspn(path + end + 1, "/") != n - end - 1 || path[end + 4] < '0' ||
	    path[end + 4] > '9')
		return n;
	if (asprintf(&all, "%.*s/modalias", end, path) < 0)
		abort();
	return access(all, F_OK) ? n : end;
}

static void add_claim(const char *path, const char *file, const char *alias)
{
	_cleanup_free_ char *claim = NULL;
	int n = without_processor(path, (int)(file - path) - 1);

	if (asprintf(&claim, "%.*s %s", n - (int)prefix, path + prefix, alias) < 0)
		abort();
	strings_add(&found, claim);
}

static int visit(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	const char *name = path + ftw->base;
	bool modalias = !strcmp(name, "modalias"), uevent = !strcmp(name, "uevent");
	_cleanup_fclose_ FILE *f = NULL;
	_cleanup_free_ char *line = NULL;
	size_t size = 0;

	if (type != FTW_F || (!modalias && !uevent))
		return 0;
	f = fopen(path, "re");
	while (f && getline(&line, &size, f) > 0) {
		line[strcspn(line, "\n")] = '\0';
		if (modalias && *line)
			add_claim(path, name, line);
		else if (uevent && !strncmp(line, "MODALIAS=", 9) && line[9])
			add_claim(path, name, line + 9);
	}
	return 0;
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void sort(struct strings *s)
{
	size_t n = 0;

	if (s->items.n)
		qsort(s->items.items, s->items.n, sizeof(*s->items.items), compare);
	for (size_t i = 0; i < s->items.n; i++) {
		if (n && !strcmp(s->items.items[n - 1], s->items.items[i]))
			free(s->items.items[i]);
		else
			s->items.items[n++] = s->items.items[i];
	}
	s->items.n = n;
}

static void naive_descent(const char *root)
{
	_cleanup_free_ char *devices = NULL;

	if (asprintf(&devices, "%s/sys/devices", root) < 0)
		abort();
	prefix = strlen(root) + strlen("/sys");
	nftw(devices, visit, 64, FTW_PHYS);
	sort(&found);
}

static int take(void *userdata, const char *devpath, const char *alias)
{
	_cleanup_free_ char *claim = NULL;

	if (asprintf(&claim, "%s %s", devpath, alias) < 0)
		abort();
	strings_add(userdata, claim);
	return 0;
}

struct ours {
	struct strings *strings;
	struct prober prober;
	struct log log;
};

static int take_ours(void *userdata, const char *devpath, const char *alias)
{
	struct ours *o = userdata;

	return take(o->strings, devpath, alias);
}

static int ask(void *userdata, const char *question)
{
	struct ours *o = userdata;

	return prober_add(&o->prober, question);
}

static int take_answer(void *userdata, const struct probe_answer *answer)
{
	struct ours *o = userdata;

	return walk_take_answer(answer->question, answer->error, answer->data, &o->log, take_ours, o);
}

static int walk(const char *root, struct strings *ret)
{
	struct ours o = { .strings = ret };
	struct rootfs fs;
	int r = rootfs_open(&fs, root);

	if (r < 0)
		return r;
	prober_init(&o.prober, walk_answer, &fs, &o.log);
	r = walk_devices(&fs, false, &o.log, take_ours, ask, &o);
	if (!r)
		r = prober_wait(&o.prober, take_answer, &o);
	prober_free(&o.prober);
	sort(ret);
	rootfs_close(&fs);
	return r;
}

/* Both are sorted: what only one has. */
static size_t differences(const struct strings *naive, const struct strings *ours)
{
	size_t i = 0, k = 0, n = 0;

	while (i < naive->items.n || k < ours->items.n) {
		int c = i == naive->items.n  ? 1
			: k == ours->items.n ? -1
					     : strcmp(naive->items.items[i], ours->items.items[k]);

		if (c)
			printf("# only in %s: %s\n", c < 0 ? "the full descent" : "the walk",
			       c < 0 ? naive->items.items[i] : ours->items.items[k]);
		n += c != 0;
		i += c <= 0;
		k += c >= 0;
	}
	return n;
}

/* Devices come and go: a difference counts when it is still there the third time. */
int main(int argc, char **argv)
{
	const char *root = argc > 1 ? argv[1] : "";
	size_t n = 1;

	for (int tries = 0; n && tries < 3; tries++) {
		struct strings ours = {};
		int r;

		strings_free(&found);
		naive_descent(root);
		r = walk(*root ? root : NULL, &ours);
		if (r == -ENOENT) {
			printf("no sys/devices here\n");
			return SKIP;
		}
		if (r < 0)
			return 111;
		n = differences(&found, &ours);
		printf("%zu claims of devices on aliases, %zu differences\n", ours.items.n, n);
		strings_free(&ours);
	}
	strings_free(&found);
	return n ? 1 : 0;
}
