/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * index_match() against libkmod over random tries: patterns of a few characters, so that prefixes,
 * branches, wildcards and classes meet in all ways, and aliases of the same characters, wildcards
 * included. What no installed kernel has, an out-of-tree module may.
 *
 *	ref-trie [SEED [TRIES]]
 */
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <libkmod.h>

#include "base/cleanup.h"
#include "engine/index-build.h"
#include "engine/index.h"
#include "tests/reference/random.h"

#define ALIASES 200

struct trie {
	struct index_builder builder;
	struct index index;
	uint8_t *image;
	size_t size;
	struct random *r;
	char directory[32];
};

/* '-' and '_' too, but libkmod has normalised both sides before they meet. */
static void random_pattern(struct random *r, char *buf)
{
	static const char *const bits[] = { "a", "b",	 "c",	 "a",	  "b", "ab", "ba", "*", "*",
					    "?", "[ab]", "[!a]", "[b-c]", "_", ":",  "\\", "{" };
	size_t n = 1 + random_below(r, 7);

	for (*buf = '\0'; n; n--)
		strcat(buf, random_of(r, bits));
}

static void random_alias(struct random *r, char *buf)
{
	static const char *const bits[] = { "a", "b", "c", "a",	   "b",	 "c", "_",
					    ":", "*", "?", "[ab]", "\\", "{" };
	size_t n = random_below(r, 12), kinds = random_below(r, 4) ? 8 : 13;

	for (*buf = '\0'; n; n--)
		strcat(buf, bits[random_below(r, kinds)]);
}

static void write_file(const struct trie *t, const char *name, const void *data, size_t size)
{
	char path[64];
	_cleanup_fclose_ FILE *f = NULL;

	snprintf(path, sizeof(path), "%s/%s", t->directory, name);
	f = fopen(path, "we");
	if (!f || (size && fwrite(data, size, 1, f) != 1))
		abort();
}

/* libkmod maps its indexes, as modprobe has it do, only when all of them are there. Without the mapping
 * it gives equal priorities of one pattern the other way round. */
static void write_indexes(const struct trie *t)
{
	static const char *const names[] = { "modules.dep.bin", "modules.symbols.bin", "modules.builtin.bin",
					     "modules.builtin.alias.bin" };
	struct index_builder none = {};
	uint8_t *empty;
	size_t size;

	if (index_builder_finish(&none, &empty, &size) < 0)
		abort();
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		write_file(t, names[i], empty, size);
	free(empty);
	write_file(t, "modules.alias.bin", t->image, t->size);
}

static void trie_make(struct trie *t)
{
	size_t n = 1 + random_below(t->r, 60);
	char pattern[64], name[16];

	while (n--) {
		random_pattern(t->r, pattern);
		snprintf(name, sizeof(name), "m%zu", n);
		if (index_builder_add(&t->builder, pattern, strlen(pattern), name, strlen(name),
				      (uint32_t)random_below(t->r, 5)) < 0)
			abort();
	}
	if (index_builder_finish(&t->builder, &t->image, &t->size) < 0 ||
	    index_open(&t->index, t->image, t->size) < 0)
		abort();
	strcpy(t->directory, "/tmp/ref-trie-XXXXXX");
	if (!mkdtemp(t->directory))
		abort();
	write_indexes(t);
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

static void trie_free(struct trie *t)
{
	nftw(t->directory, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
	index_builder_free(&t->builder);
	free(t->image);
}

static void ask_kmod(struct kmod_ctx *ctx, const char *alias, char *answer)
{
	struct kmod_list *list = NULL, *item;

	*answer = '\0';
	kmod_module_new_from_lookup(ctx, alias, &list);
	kmod_list_foreach(item, list)
	{
		struct kmod_module *mod = kmod_module_get_module(item);

		strcat(strcat(answer, kmod_module_get_name(mod)), " ");
		kmod_module_unref(mod);
	}
	kmod_module_unref_list(list);
}

static void ask_index(struct trie *t, const char *alias, char *answer)
{
	struct index_hits hits = {};

	*answer = '\0';
	if (index_match(&t->index, alias, &hits) < 0)
		strcpy(answer, "broken");
	for (size_t i = 0; i < hits.hits.n; i++)
		strcat(strcat(answer, hits.hits.items[i].value), " ");
	index_hits_free(&hits);
}

static void tell(const struct trie *t, const char *alias, const char *kmod, const char *ours)
{
	printf("# alias '%s'\n#\tlibkmod:  %s\n#\tcoldplug: %s\n", alias, kmod, ours);
	for (size_t i = 0; i < t->builder.entries.n; i++)
		printf("#\tpattern '%s' %s priority %u\n", t->builder.entries.items[i].key,
		       t->builder.entries.items[i].value, t->builder.entries.items[i].priority);
}

static size_t compare(struct trie *t, struct kmod_ctx *ctx)
{
	char alias[64], kmod[1024], ours[1024];
	size_t differing = 0;

	for (size_t i = 0; i < ALIASES; i++) {
		random_alias(t->r, alias);
		ask_kmod(ctx, alias, kmod);
		ask_index(t, alias, ours);
		if (strcmp(kmod, ours) != 0 && !differing++)
			tell(t, alias, kmod, ours);
	}
	return differing;
}

int main(int argc, char **argv)
{
	const char *const no_config[] = { NULL };
	struct random r = { .state = argc > 1 ? strtoull(argv[1], NULL, 0) : 1 };
	size_t tries = argc > 2 ? strtoul(argv[2], NULL, 0) : 500, differing = 0;

	setenv("KMOD_LOG", "0", 1);
	printf("# seed %llu\n", (unsigned long long)r.state);
	for (size_t i = 0; i < tries && differing < 20; i++) {
		struct trie t = { .r = &r };
		struct kmod_ctx *ctx;

		trie_make(&t);
		ctx = kmod_new(t.directory, no_config);
		if (!ctx || kmod_load_resources(ctx) < 0)
			abort();
		differing += compare(&t, ctx);
		kmod_unref(ctx);
		trie_free(&t);
	}
	printf("%zu tries, %d aliases each: %zu differences\n", tries, ALIASES, differing);
	return differing ? 1 : 0;
}
