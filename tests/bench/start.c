/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What it costs to begin: a new context, one lookup, and the end of it, beside libkmod's, in microseconds
 * (medians of pairs); the files are in the page cache.
 *
 *	bench-start RELEASE [ROUNDS]
 */
#include <stdio.h>

#include <libkmod.h>

#include "base/cleanup.h"
#include "libcoldplug/coldplug.h"
#include "tests/bench/bench.h"

#define MAX_ROUNDS 10001

static const char *release, *alias;

/* mapped: kmod_load_resources(), as modprobe calls it; without it libkmod opens an index file for each
 * lookup. */
static double time_kmod(bool mapped)
{
	struct kmod_list *list = NULL;
	_cleanup_free_ char *dir = NULL;
	struct kmod_ctx *ctx;
	double start;

	if (asprintf(&dir, "/lib/modules/%s", release) < 0)
		abort();
	start = now_us();
	ctx = kmod_new(dir, NULL);
	if (mapped)
		kmod_load_resources(ctx);
	kmod_module_new_from_lookup(ctx, alias, &list);
	kmod_module_unref_list(list);
	kmod_unref(ctx);
	return now_us() - start;
}

static double time_coldplug(void)
{
	const char *const *names;
	double start = now_us();
	struct coldplug *c;

	if (coldplug_new(&c) < 0 || coldplug_set_release(c, release) < 0)
		abort();
	coldplug_resolve(c, alias, &names);
	coldplug_free(c);
	return now_us() - start;
}

static void bench(size_t rounds)
{
	static double mapped[MAX_ROUNDS], plain[MAX_ROUNDS], ours[MAX_ROUNDS], ratio[MAX_ROUNDS];

	for (size_t i = 0; i < rounds; i++) {
		plain[i] = time_kmod(false);
		ours[i] = time_coldplug();
		mapped[i] = time_kmod(true);
		ratio[i] = mapped[i] / ours[i];
	}
	printf("%-44s %8.0f %8.0f %8.0f %7.1fx\n", alias, median(mapped, rounds), median(plain, rounds),
	       median(ours, rounds), median(ratio, rounds));
}

int main(int argc, char **argv)
{
	static const char *const aliases[] = { "e1000", "pci:v00008086d0000100Esv00sd00bc02sc00i00",
					       "of:NxTyCnone", "platform:none" };
	size_t rounds = argc > 2 ? strtoul(argv[2], NULL, 10) : 501;

	if (argc < 2 || !rounds || rounds > MAX_ROUNDS) {
		fprintf(stderr, "usage: bench-start RELEASE [ROUNDS]\n");
		return 100;
	}
	release = argv[1];
	setenv("KMOD_LOG", "0", 1);
	printf("%s, %zu rounds, us for a context and one lookup (medians)\n%-44s %8s %8s %8s %8s\n", release,
	       rounds, "alias", "libkmod", "unmapped", "coldplug", "ratio");
	for (size_t i = 0; i < ARRAY_SIZE(aliases); i++) {
		alias = aliases[i];
		bench(rounds);
	}
	return 0;
}
