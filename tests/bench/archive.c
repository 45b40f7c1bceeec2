/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The matcher of an archive beside that of the .bin files, in one process: opening with the first lookup,
 * and 10,000 distinct aliases of all kinds, half of them near misses, none asked twice. Each round opens
 * both anew; pairs are measured back to back, in alternating order, and the ratio is the median of the
 * pairs' ratios.
 *
 *	bench-archive ARCHIVE RELEASE [ROUNDS [SEED]]
 */
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/limits.h"
#include "engine/archive-match.h"
#include "engine/config.h"
#include "tests/bench/bench.h"
#include "tests/reference/aliases.h"

#define MAX_ROUNDS 101
#define N_ALIASES 10000

static struct log no_log;

struct world {
	struct rootfs root;
	const char *archive;
	char *bin; /* below the root */
	struct strings aliases;
	size_t hits[2];
};

static void make_aliases(struct world *w, const char *directory, uint64_t seed)
{
	struct random random = { .state = seed };
	struct kernel kernel = {};
	char alias[LIMIT_ALIAS + 1], key[LIMIT_ALIAS + 1];

	if (kernel_read(&kernel, directory) < 0 || !kernel.patterns.items.n)
		exit(111);
	while (w->aliases.items.n < N_ALIASES) {
		size_t i = random_below(&random, kernel.patterns.items.n);

		instantiate(&random, kernel.patterns.items.items[i], alias, sizeof(alias));
		if (w->aliases.items.n % 2)
			near_miss(&random, alias, sizeof(alias));
		if (normalise_alias(alias, key))
			strings_add(&w->aliases, key);
	}
	kernel_free(&kernel);
}

/* Microseconds of opening with the first lookup, and nanoseconds of each of all lookups, that one among
 * them. */
struct times {
	double first, each;
};

static struct times time_bin(struct world *w)
{
	struct index_hits hits = {};
	struct blocks file = {};
	struct index index;
	struct times t;
	double start = now_us();

	if (blocks_open(&file, &w->root, w->bin, LIMIT_INDEX) < 0 || index_open_file(&index, &file) < 0)
		exit(111);
	w->hits[0] = 0;
	for (size_t i = 0; i < w->aliases.items.n; i++) {
		index_match(&index, w->aliases.items.items[i], &hits);
		w->hits[0] += hits.hits.n;
		if (!i)
			t.first = now_us() - start;
	}
	t.each = 1e3 * (now_us() - start) / (double)w->aliases.items.n;
	index_hits_free(&hits);
	blocks_close(&file);
	return t;
}

static struct times time_archive(struct world *w)
{
	struct index_hits hits = {};
	struct archive a;
	struct times t;
	double start = now_us();

	if (archive_open(&a, NULL, w->archive, &no_log) < 0)
		exit(111);
	w->hits[1] = 0;
	for (size_t i = 0; i < w->aliases.items.n; i++) {
		archive_match(&a, w->aliases.items.items[i], &hits);
		w->hits[1] += hits.hits.n;
		if (!i)
			t.first = now_us() - start;
	}
	t.each = 1e3 * (now_us() - start) / (double)w->aliases.items.n;
	index_hits_free(&hits);
	archive_close(&a);
	return t;
}

static void print(const char *what, const char *unit, double *bin, double *archive, double *ratio, size_t n)
{
	printf("%-28s .bin %8.3f %s, archive %8.3f %s, ratio %.2f\n", what, median(bin, n), unit,
	       median(archive, n), unit, median(ratio, n));
}

static void bench(struct world *w, size_t rounds)
{
	double bin[2][MAX_ROUNDS], archive[2][MAX_ROUNDS], ratio[2][MAX_ROUNDS];

	for (size_t i = 0; i < rounds; i++) {
		struct times a = {}, b = {};

		if (i % 2)
			a = time_bin(w);
		b = time_archive(w);
		if (!(i % 2))
			a = time_bin(w);
		bin[0][i] = a.first;
		bin[1][i] = a.each / 1e3;
		archive[0][i] = b.first;
		archive[1][i] = b.each / 1e3;
		ratio[0][i] = b.first / a.first;
		ratio[1][i] = b.each / a.each;
	}
	print("opening and first lookup:", "us", bin[0], archive[0], ratio[0], rounds);
	print("each of 10,000 aliases:", "us", bin[1], archive[1], ratio[1], rounds);
	printf("%zu and %zu answers\n", w->hits[0], w->hits[1]);
}

int main(int argc, char **argv)
{
	size_t rounds = argc > 3 ? strtoul(argv[3], NULL, 10) : 21;
	_cleanup_free_ char *directory = NULL;
	struct world w = {};

	if (argc < 3 || !rounds || rounds > MAX_ROUNDS) {
		fprintf(stderr, "usage: bench-archive ARCHIVE RELEASE [ROUNDS [SEED]]\n");
		return 100;
	}
	w.archive = argv[1];
	if (asprintf(&directory, "/lib/modules/%s", argv[2]) < 0 ||
	    asprintf(&w.bin, "%s/modules.alias.bin", directory) < 0 || rootfs_open(&w.root, NULL) < 0)
		return 111;
	make_aliases(&w, directory, argc > 4 ? strtoull(argv[4], NULL, 0) : 1);
	bench(&w, rounds);
	strings_free(&w.aliases);
	rootfs_close(&w.root);
	free(w.bin);
	return 0;
}
