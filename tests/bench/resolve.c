/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * coldplug_resolve() beside libkmod's lookup, in one process, kind by kind: each round asks both for all
 * aliases of a kind in fresh contexts ("first") and a second time ("again"); pairs are measured back to
 * back, in alternating order, and the ratio is the median of the pairs' ratios.
 *
 *	bench-resolve ALIASES RELEASE [ROUNDS]
 */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <libkmod.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "libcoldplug/coldplug.h"
#include "tests/bench/bench.h"

#define MAX_ROUNDS 101
#define MAX_OF_A_KIND 2000

struct kind {
	const char *name;
	ARRAY(char *) aliases;
	size_t seen;
};

struct kinds {
	ARRAY(struct kind) items;
};

static const char *release;

/* The part before the colon; "name" when there is none. A near miss may have it spoilt. */
static const char *kind_name(const char *alias)
{
	static const char *const names[] = { "pci",    "usb",  "of",   "acpi",	 "hid",	    "i2c",
					     "spi",    "dmi",  "cpu",  "pcmcia", "hdaudio", "platform",
					     "symbol", "mdio", "sdio", "virtio", "input",   "ieee1394",
					     "serio",  "pnp",  "scsi", "typec" };
	size_t n = strcspn(alias, ":");

	if (!alias[n])
		return "name";
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (strlen(names[i]) == n && !memcmp(alias, names[i], n))
			return names[i];
	return "other";
}

static struct kind *kind_of(struct kinds *kinds, const char *alias)
{
	const char *name = kind_name(alias);

	for (size_t i = 0; i < kinds->items.n; i++)
		if (!strcmp(kinds->items.items[i].name, name))
			return &kinds->items.items[i];
	if (array_push(&kinds->items, { .name = name }) < 0)
		abort();
	return &kinds->items.items[kinds->items.n - 1];
}

static void read_aliases(const char *path, struct kinds *kinds)
{
	_cleanup_fclose_ FILE *f = fopen(path, "re");
	_cleanup_free_ char *line = NULL;
	size_t size = 0;

	if (!f) {
		perror(path);
		exit(111);
	}
	while (getline(&line, &size, f) > 0) {
		struct kind *k;

		line[strcspn(line, "\n")] = '\0';
		k = kind_of(kinds, line);
		k->seen++;
		if (k->aliases.n < MAX_OF_A_KIND && array_push(&k->aliases, strdup(line)) < 0)
			abort();
	}
}

static void ask_kmod(struct kmod_ctx *ctx, const struct kind *k)
{
	for (size_t i = 0; i < k->aliases.n; i++) {
		struct kmod_list *list = NULL;

		kmod_module_new_from_lookup(ctx, k->aliases.items[i], &list);
		kmod_module_unref_list(list);
	}
}

static void ask_coldplug(struct coldplug *c, const struct kind *k)
{
	const char *const *names;

	for (size_t i = 0; i < k->aliases.n; i++)
		coldplug_resolve(c, k->aliases.items[i], &names);
}

/* The first and the second pass, in nanoseconds a lookup. */
static void time_kmod(const struct kind *k, double ns[2])
{
	const char *const none[] = { NULL };
	_cleanup_free_ char *dir = NULL;
	struct kmod_ctx *ctx;

	if (asprintf(&dir, "/lib/modules/%s", release) < 0 || !(ctx = kmod_new(dir, none)))
		abort();
	kmod_load_resources(ctx);
	for (int pass = 0; pass < 2; pass++) {
		double start = now_us();

		ask_kmod(ctx, k);
		ns[pass] = 1e3 * (now_us() - start) / (double)k->aliases.n;
	}
	kmod_unref(ctx);
}

static void time_coldplug(const struct kind *k, double ns[2])
{
	const char *const none[] = { "/none", NULL };
	const char *const *names;
	struct coldplug *c;

	if (coldplug_new(&c) < 0 || coldplug_set_release(c, release) < 0 ||
	    coldplug_set_config_paths(c, none) < 0)
		abort();
	coldplug_resolve(c, "", &names); /* opens it, as kmod_load_resources() did */
	for (int pass = 0; pass < 2; pass++) {
		double start = now_us();

		ask_coldplug(c, k);
		ns[pass] = 1e3 * (now_us() - start) / (double)k->aliases.n;
	}
	coldplug_free(c);
}

static void bench(const struct kind *k, size_t rounds)
{
	double theirs[2][MAX_ROUNDS], ours[2][MAX_ROUNDS], ratio[2][MAX_ROUNDS];

	for (size_t i = 0; i < rounds; i++) {
		double a[2], b[2];

		if (i % 2) {
			time_kmod(k, a);
			time_coldplug(k, b);
		} else {
			time_coldplug(k, b);
			time_kmod(k, a);
		}
		for (int pass = 0; pass < 2; pass++) {
			theirs[pass][i] = a[pass];
			ours[pass][i] = b[pass];
			ratio[pass][i] = a[pass] / b[pass];
		}
	}
	printf("%-14s %7zu |%9.0f%9.0f%8.1fx |%9.0f%9.0f%8.1fx\n", k->name, k->aliases.n,
	       median(theirs[0], rounds), median(ours[0], rounds), median(ratio[0], rounds),
	       median(theirs[1], rounds), median(ours[1], rounds), median(ratio[1], rounds));
}

static int compare_kinds(const void *a, const void *b)
{
	const struct kind *x = a, *y = b;

	return (x->seen < y->seen) - (x->seen > y->seen);
}

/* All kinds as often as the list has them, one in so many. */
static void add_mixed(struct kinds *kinds)
{
	struct kind mixed = { .name = "mixed" };
	size_t n = 0;

	for (size_t i = 0; i < kinds->items.n; i++)
		for (size_t j = 0; j < kinds->items.items[i].aliases.n; j++)
			if (n++ % 10 == 0 &&
			    array_push(&mixed.aliases, strdup(kinds->items.items[i].aliases.items[j])) < 0)
				abort();
	mixed.seen = SIZE_MAX;
	if (array_push(&kinds->items, mixed) < 0)
		abort();
}

int main(int argc, char **argv)
{
	size_t rounds = argc > 3 ? strtoul(argv[3], NULL, 10) : 11;
	struct kinds kinds = {};

	if (argc < 3 || !rounds || rounds > MAX_ROUNDS) {
		fprintf(stderr, "usage: bench-resolve ALIASES RELEASE [ROUNDS]\n");
		return 100;
	}
	release = argv[2];
	setenv("KMOD_LOG", "0", 1);
	read_aliases(argv[1], &kinds);
	add_mixed(&kinds);
	qsort(kinds.items.items, kinds.items.n, sizeof(*kinds.items.items), compare_kinds);
	printf("%s, %zu rounds, ns a lookup (medians)\n%-14s %7s |%9s%9s%9s |%9s%9s%9s\n", release, rounds,
	       "kind", "aliases", "libkmod", "coldplug", "first", "libkmod", "coldplug", "again");
	for (size_t i = 0; i < kinds.items.n; i++)
		if (kinds.items.items[i].seen >= 100)
			bench(&kinds.items.items[i], rounds);
	for (size_t i = 0; i < kinds.items.n; i++) {
		for (size_t j = 0; j < kinds.items.items[i].aliases.n; j++)
			free(kinds.items.items[i].aliases.items[j]);
		array_free(&kinds.items.items[i].aliases);
	}
	array_free(&kinds.items);
	return 0;
}
