/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The matcher of an archive against the .bin files: for an instance and a near miss of every pattern of a
 * kernel's indexes, for names, symbols and nonsense the same modules by the same patterns in the same
 * order.
 *
 * ref-archive [--seed N] [--sample N] [--release R] [--directory DIR] [--archive FILE]
 *
 * DIR has the .bin files and texts (/lib/modules/R). Without FILE, which takes minutes to be made, the
 * matcher is made of modules.alias.bin alone.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "base/cleanup.h"
#include "base/limits.h"
#include "engine/archive-match.h"
#include "base/archive-trie.h"
#include "engine/config.h"
#include "tests/reference/aliases.h"

#define SKIP 77
#define SHOWN 20 /* differences told in full */

static void print_message(void *userdata, int level, const char *message)
{
	fprintf(stderr, "%s\n", message);
}

static struct log log_to_stderr = { .fn = print_message, .level = LOG_LEVEL_WARNING };

/* A .bin file in memory. */
struct bin {
	struct file_bytes file;
	struct index index;
};

static int bin_open(struct bin *b, const char *directory, const char *name)
{
	_cleanup_free_ char *path = NULL;
	struct rootfs root;
	int r = rootfs_open(&root, NULL);

	if (!r && asprintf(&path, "%s/%s", directory, name) < 0)
		abort();
	if (!r)
		r = rootfs_read(&root, path, LIMIT_INDEX, &b->file);
	if (!r)
		r = index_open(&b->index, b->file.data, b->file.size);
	rootfs_close(&root);
	return r;
}

/* ---- a matcher that is made of modules.alias.bin alone ---- */

struct making {
	ARRAY(struct trie_alias) aliases;
	ARRAY(const char *) names; /* by priority */
};

static int take(void *userdata, const char *key, const char *value, uint32_t priority)
{
	struct making *m = userdata;
	char *copy = strdup(key);

	while (m->names.n <= priority)
		if (array_push(&m->names, NULL) < 0)
			abort();
	m->names.items[priority] = value;
	if (!copy || array_push(&m->aliases, { copy, priority }) < 0)
		abort();
	return 0;
}

/* Names in the order of their priorities, and the aliases with their places. */
static void place_names(struct making *m, struct bytes *strings)
{
	_cleanup_free_ uint32_t *places = calloc(m->names.n + 1, sizeof(*places));

	for (size_t i = 0; i < m->names.n; i++) {
		const char *name = m->names.items[i] ? m->names.items[i] : "";

		places[i] = (uint32_t)strings->items.n;
		if (array_append(&strings->items, (const uint8_t *)name, strlen(name) + 1) < 0)
			abort();
	}
	for (size_t i = 0; i < m->aliases.n; i++)
		m->aliases.items[i].name = places[m->aliases.items[i].name];
}

static void make_archive(struct archive *a, struct bin *aliases)
{
	struct bytes strings = {}, trie = {};
	struct making m = {};
	size_t blocks;

	if (index_each(&aliases->index, take, &m) < 0)
		abort();
	place_names(&m, &strings);
	if (archive_trie_build(m.aliases.items, m.aliases.n, &trie) < 0)
		abort();
	blocks = (strings.items.n + trie.items.n) / ARCHIVE_BLOCK + 1;
	*a = (struct archive){ .fd = -1, .log = &log_to_stderr, .path = strdup("made of modules.alias.bin") };
	a->tables = calloc(blocks, ARCHIVE_BLOCK);
	a->blocks = malloc(blocks);
	memset(a->blocks, ARCHIVE_BLOCK_GOOD, blocks);
	memcpy(a->tables, strings.items.items, strings.items.n);
	memcpy(a->tables + strings.items.n, trie.items.items, trie.items.n);
	a->sections[ARCHIVE_STRINGS] = (struct archive_section){ .size = strings.items.n };
	a->sections[ARCHIVE_ALIASES] =
		(struct archive_section){ .place = strings.items.n, .size = trie.items.n };
	for (size_t i = 0; i < m.aliases.n; i++)
		free((void *)(uintptr_t)m.aliases.items[i].key);
	array_free(&m.aliases);
	array_free(&m.names);
	array_free(&strings.items);
	array_free(&trie.items);
}

/* ---- the comparison ---- */

struct comparison {
	struct index *index;
	struct archive *archive;
	struct index_hits expected, found;
	size_t asked, differences;
};

static bool are_equal(const struct index_hits *a, const struct index_hits *b)
{
	for (size_t i = 0; i < a->hits.n && i < b->hits.n; i++) {
		const struct index_hit *x = &a->hits.items[i], *y = &b->hits.items[i];

		if (strcmp(x->value, y->value) != 0 ||
		    strcmp(a->patterns.items + x->pattern, b->patterns.items + y->pattern) != 0)
			return false;
	}
	return a->hits.n == b->hits.n;
}

static void print_hits(const char *whose, const struct index_hits *hits)
{
	for (size_t i = 0; i < hits->hits.n; i++)
		printf("  %s: %s %s\n", whose, hits->hits.items[i].value,
		       hits->patterns.items + hits->hits.items[i].pattern);
}

static void compare_alias(struct comparison *c, const char *alias)
{
	char key[LIMIT_ALIAS + 1];
	int r, k;

	if (!normalise_alias(alias, key))
		return;
	r = index_match(c->index, key, &c->expected);
	k = archive_match(c->archive, key, &c->found);
	c->asked++;
	if (r == k && are_equal(&c->expected, &c->found))
		return;
	if (c->differences++ >= SHOWN)
		return;
	printf("'%s': %d instead of %d\n", key, k, r);
	print_hits("modules.alias.bin", &c->expected);
	print_hits("archive", &c->found);
}

static void compare_all(struct comparison *c, const char *directory, uint64_t seed, size_t sample)
{
	struct random random = { .state = seed };
	struct strings aliases = {};
	struct kernel kernel = {};

	if (kernel_read(&kernel, directory) < 0)
		exit(111);
	aliases_make(&aliases, &kernel, &random);
	for (size_t i = seed % sample; i < aliases.items.n; i += sample)
		compare_alias(c, aliases.items.items[i]);
	for (size_t i = seed % sample; i < kernel.patterns.items.n; i += sample)
		compare_alias(c, kernel.patterns.items.items[i]);
	strings_free(&aliases);
	kernel_free(&kernel);
}

struct options {
	uint64_t seed;
	size_t sample;
	const char *release, *directory, *archive;
};

static void parse(struct options *o, int argc, char **argv)
{
	static const struct option longs[] = {
		{ "seed", required_argument, NULL, 's' },    { "sample", required_argument, NULL, 'n' },
		{ "release", required_argument, NULL, 'r' }, { "directory", required_argument, NULL, 'd' },
		{ "archive", required_argument, NULL, 'a' }, {}
	};
	int c;

	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		if (c == 's')
			o->seed = strtoull(optarg, NULL, 0);
		else if (c == 'n')
			o->sample = strtoul(optarg, NULL, 10);
		else if (c == 'r')
			o->release = optarg;
		else if (c == 'd')
			o->directory = optarg;
		else if (c == 'a')
			o->archive = optarg;
		else
			exit(100);
	}
}

int main(int argc, char **argv)
{
	struct options o = { .seed = 1, .sample = 1 };
	_cleanup_archive_ struct archive archive = { .fd = -1 };
	_cleanup_free_ char *directory = NULL;
	struct comparison c = {};
	struct bin aliases = {};
	struct utsname u;

	parse(&o, argc, argv);
	uname(&u);
	if (!o.sample || asprintf(&directory, "/lib/modules/%s", o.release ? o.release : u.release) < 0)
		return 100;
	if (!o.directory)
		o.directory = directory;
	if (bin_open(&aliases, o.directory, "modules.alias.bin") < 0) {
		printf("%s: has no modules.alias.bin\n", o.directory);
		return SKIP;
	}
	if (!o.archive)
		make_archive(&archive, &aliases);
	else if (archive_open(&archive, NULL, o.archive, &log_to_stderr) < 0)
		return 111;
	c.index = &aliases.index;
	c.archive = &archive;
	compare_all(&c, o.directory, o.seed, o.sample);
	printf("%zu aliases, %zu differences\n", c.asked, c.differences);
	index_hits_free(&c.expected);
	index_hits_free(&c.found);
	file_release(&aliases.file);
	return c.differences ? 1 : 0;
}
