/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What coldplug.h answers entry by entry, against libkmod: the five indexes, the configuration, what it
 * says of each module, and the symbols of each module's file. For each release that is installed, with a
 * random modprobe.d.
 *
 *	ref-library [--seed N] [--every N]	--every: the files of one module of N
 */
#include <dirent.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <libkmod.h>

#include "base/cleanup.h"
#include "libcoldplug/coldplug.h"
#include "tests/reference/aliases.h"
#include "tests/reference/config.h"

#define SKIP 77
#define SHOWN 20 /* differences told in full */

struct test {
	struct kmod_ctx *kmod;
	struct coldplug *coldplug;
	size_t compared, differing;
	size_t bytes; /* of answers that were compared */
};

/* An answer as text, a line for each entry. */
struct text {
	char *data;
	size_t size;
	FILE *f;
};

static void text_open(struct text *t)
{
	t->f = open_memstream(&t->data, &t->size);
	if (!t->f)
		abort();
}

static void text_close(struct text *t)
{
	free(t->data);
}

/* Compares and frees both. */
static void compare(struct test *t, const char *what, const char *which, struct text *kmod, struct text *ours)
{
	fclose(kmod->f);
	fclose(ours->f);
	t->compared++;
	t->bytes += kmod->size;
	if (kmod->size != ours->size || memcmp(kmod->data, ours->data, kmod->size) != 0) {
		if (t->differing++ < SHOWN)
			printf("# %s %s:\n#\tlibkmod:  '%.300s'\n#\tcoldplug: '%.300s'\n", what, which,
			       kmod->data, ours->data);
	}
	text_close(kmod);
	text_close(ours);
}

static void begin(struct text *kmod, struct text *ours)
{
	text_open(kmod);
	text_open(ours);
}

static void dump_index(struct kmod_ctx *ctx, enum kmod_index index, FILE *to)
{
	_cleanup_close_ int fd = memfd_create("index", MFD_CLOEXEC);
	char buf[65536];
	ssize_t n;

	if (fd < 0 || kmod_dump_index(ctx, index, fd) < 0 || lseek(fd, 0, SEEK_SET) < 0)
		abort();
	while ((n = read(fd, buf, sizeof(buf))) > 0)
		fwrite(buf, 1, (size_t)n, to);
}

static void compare_indexes(struct test *t)
{
	static const struct {
		const char *name, *prefix;
		enum kmod_index kmod;
		enum coldplug_index ours;
	} rows[] = {
		{ "dep", "", KMOD_INDEX_MODULES_DEP, COLDPLUG_INDEX_DEP },
		{ "alias", "alias ", KMOD_INDEX_MODULES_ALIAS, COLDPLUG_INDEX_ALIAS },
		{ "symbols", "alias ", KMOD_INDEX_MODULES_SYMBOL, COLDPLUG_INDEX_SYMBOLS },
		{ "builtin", "", KMOD_INDEX_MODULES_BUILTIN, COLDPLUG_INDEX_BUILTIN },
		{ "builtin alias", "", KMOD_INDEX_MODULES_BUILTIN_ALIAS, COLDPLUG_INDEX_BUILTIN_ALIAS },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct coldplug_entry *list;
		struct text kmod, ours;
		int64_t n;

		begin(&kmod, &ours);
		dump_index(t->kmod, rows[i].kmod, kmod.f);
		n = coldplug_index(t->coldplug, rows[i].ours, &list);
		for (int64_t k = 0; k < n; k++)
			fprintf(ours.f, "%s%s %s\n", rows[i].prefix, list[k].key, list[k].value);
		compare(t, "index", rows[i].name, &kmod, &ours);
	}
}

/* Blanks between words are not kept by libkmod everywhere. */
static void put_words(FILE *f, const char *s)
{
	for (const char *blanks = " \t"; *(s += strspn(s, blanks)); s += strcspn(s, blanks))
		fprintf(f, " %.*s", (int)strcspn(s, blanks), s);
}

static void compare_configuration(struct test *t)
{
	static const struct {
		const char *name;
		struct kmod_config_iter *(*kmod)(const struct kmod_ctx *ctx);
		enum coldplug_config ours;
	} rows[] = {
		{ "alias", kmod_config_get_aliases, COLDPLUG_CONFIG_ALIAS },
		{ "blacklist", kmod_config_get_blacklists, COLDPLUG_CONFIG_BLACKLIST },
		{ "install", kmod_config_get_install_commands, COLDPLUG_CONFIG_INSTALL },
		{ "remove", kmod_config_get_remove_commands, COLDPLUG_CONFIG_REMOVE },
		{ "options", kmod_config_get_options, COLDPLUG_CONFIG_OPTIONS },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct kmod_config_iter *iter = rows[i].kmod(t->kmod);
		const struct coldplug_entry *list;
		struct text kmod, ours;
		int64_t n;

		begin(&kmod, &ours);
		while (iter && kmod_config_iter_next(iter)) {
			fputs(kmod_config_iter_get_key(iter), kmod.f);
			put_words(kmod.f, kmod_config_iter_get_value(iter) ?: "");
			fputc('\n', kmod.f);
		}
		kmod_config_iter_free_iter(iter);
		n = coldplug_config(t->coldplug, rows[i].ours, &list);
		for (int64_t k = 0; k < n; k++) {
			fputs(list[k].key, ours.f);
			put_words(ours.f, list[k].value);
			fputc('\n', ours.f);
		}
		compare(t, "configuration", rows[i].name, &kmod, &ours);
	}
}

static void put_kmod_names(FILE *f, const char *head, struct kmod_list *list)
{
	struct kmod_list *item;

	fputs(head, f);
	kmod_list_foreach(item, list)
	{
		struct kmod_module *mod = kmod_module_get_module(item);

		fprintf(f, " %s", kmod_module_get_name(mod));
		kmod_module_unref(mod);
	}
	kmod_module_unref_list(list);
}

static void put_names(FILE *f, const char *head, const char *const *names)
{
	fputs(head, f);
	for (; *names; names++)
		fprintf(f, " %s", *names);
}

static bool is_blacklisted(struct kmod_ctx *ctx, const char *name)
{
	struct kmod_config_iter *iter = kmod_config_get_blacklists(ctx);
	bool found = false;

	while (iter && !found && kmod_config_iter_next(iter))
		found = !strcmp(kmod_config_iter_get_key(iter), name);
	kmod_config_iter_free_iter(iter);
	return found;
}

static void compare_rules(struct test *t, struct kmod_module *mod)
{
	const char *name = kmod_module_get_name(mod);
	struct kmod_list *pre = NULL, *post = NULL;
	struct coldplug_rules rules;
	struct text kmod, ours;

	begin(&kmod, &ours);
	kmod_module_get_softdeps(mod, &pre, &post);
	fprintf(kmod.f, "%s|%s|%s|%d", kmod_module_get_options(mod) ?: "",
		kmod_module_get_install_commands(mod) ?: "", kmod_module_get_remove_commands(mod) ?: "",
		is_blacklisted(t->kmod, name));
	put_kmod_names(kmod.f, " pre", pre);
	put_kmod_names(kmod.f, " post", post);
	if (coldplug_rules(t->coldplug, name, &rules) < 0)
		abort();
	fprintf(ours.f, "%s|%s|%s|%d", rules.options, rules.install ?: "", rules.remove ?: "",
		rules.blacklisted);
	put_names(ours.f, " pre", rules.pre);
	put_names(ours.f, " post", rules.post);
	compare(t, "rules of", name, &kmod, &ours);
}

/* libkmod has a set of functions for each kind of symbols. */
struct symbols {
	const char *what;
	int (*list)(const struct kmod_module *mod, struct kmod_list **list);
	const char *(*symbol)(const struct kmod_list *entry);
	uint64_t (*crc)(const struct kmod_list *entry);
	int (*bind)(const struct kmod_list *entry);
	void (*free_list)(struct kmod_list *list);
};

static int put_symbols(const struct symbols *s, struct kmod_module *mod, FILE *f)
{
	struct kmod_list *list = NULL, *item;
	int r = s->list(mod, &list);

	kmod_list_foreach(item, list) fprintf(f, "%s %" PRIx64 "%s\n", s->symbol(item), s->crc(item),
					      s->bind && s->bind(item) == KMOD_SYMBOL_WEAK ? " weak" : "");
	s->free_list(list);
	return r;
}

static void compare_symbols(struct test *t, struct kmod_module *mod)
{
	static const struct symbols kinds[] = {
		[COLDPLUG_SYMBOLS_NEEDED] = { "versions of", kmod_module_get_versions,
					      kmod_module_version_get_symbol, kmod_module_version_get_crc,
					      NULL, kmod_module_versions_free_list },
		[COLDPLUG_SYMBOLS_EXPORTED] = { "symbols of", kmod_module_get_symbols,
						kmod_module_symbol_get_symbol, kmod_module_symbol_get_crc,
						NULL, kmod_module_symbols_free_list },
		[COLDPLUG_SYMBOLS_UNDEFINED] = { "dependency symbols of", kmod_module_get_dependency_symbols,
						 kmod_module_dependency_symbol_get_symbol,
						 kmod_module_dependency_symbol_get_crc,
						 kmod_module_dependency_symbol_get_bind,
						 kmod_module_dependency_symbols_free_list },
	};
	const struct coldplug_module module = { .name = kmod_module_get_name(mod),
						.path = kmod_module_get_path(mod) };

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		const struct coldplug_symbol *list;
		struct text kmod, ours;
		int64_t n;
		int r;

		begin(&kmod, &ours);
		r = put_symbols(&kinds[i], mod, kmod.f);
		n = coldplug_symbols(t->coldplug, &module, (enum coldplug_symbols)i, &list);
		for (int64_t k = 0; k < n; k++)
			fprintf(ours.f, "%s %" PRIx64 "%s\n", list[k].name, list[k].crc,
				list[k].weak ? " weak" : "");
		if ((r < 0) != (n < 0))
			fprintf(ours.f, "libkmod: %d, coldplug: %" PRId64, r, n);
		compare(t, kinds[i].what, module.name, &kmod, &ours);
	}
}

static void compare_modules(struct test *t, const struct kernel *k, size_t every)
{
	for (size_t i = 0; i < k->modules.items.n; i++) {
		struct kmod_module *mod;

		if (kmod_module_new_from_name(t->kmod, k->modules.items.items[i], &mod) < 0)
			abort();
		compare_rules(t, mod);
		if (i % every == 0 && kmod_module_get_path(mod))
			compare_symbols(t, mod);
		kmod_module_unref(mod);
	}
}

static size_t run(const char *release, const struct kernel *k, const char *config, size_t every)
{
	const char *const paths[] = { config, NULL };
	_cleanup_free_ char *dir = NULL;
	struct test t = {};

	if (asprintf(&dir, "/lib/modules/%s", release) < 0)
		abort();
	t.kmod = kmod_new(dir, paths);
	if (!t.kmod || coldplug_new(&t.coldplug) < 0)
		abort();
	kmod_load_resources(t.kmod);
	if (coldplug_set_release(t.coldplug, release) < 0 || coldplug_set_config_paths(t.coldplug, paths) < 0)
		abort();
	compare_indexes(&t);
	compare_configuration(&t);
	compare_modules(&t, k, every);
	printf("%s: %zu answers of %zu bytes compared, %zu differences\n", release, t.compared, t.bytes,
	       t.differing);
	kmod_unref(t.kmod);
	coldplug_free(t.coldplug);
	return t.differing;
}

static size_t run_release(const char *release, uint64_t seed, size_t every)
{
	_cleanup_free_ char *directory = NULL, *command = NULL;
	char config[] = "/tmp/ref-library-XXXXXX";
	struct kernel kernel = {};
	struct strings aliases = {};
	struct random r = { .state = seed };
	size_t n;

	if (asprintf(&directory, "/lib/modules/%s", release) < 0 || kernel_read(&kernel, directory) < 0 ||
	    !mkdtemp(config))
		abort();
	aliases_make(&aliases, &kernel, &r);
	config_write(config, &kernel, &aliases, &r);
	n = run(release, &kernel, config, every);
	if (n)
		printf("# the modprobe.d is kept: %s\n", config);
	else if (asprintf(&command, "rm -r %s", config) < 0 || system(command) != 0)
		abort();
	kernel_free(&kernel);
	strings_free(&aliases);
	return n;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "seed", required_argument, NULL, 's' },
		{ "every", required_argument, NULL, 'e' },
		{},
	};
	_cleanup_closedir_ DIR *dir = opendir("/lib/modules");
	uint64_t seed = 1;
	size_t every = 1, n = 0, releases = 0;
	struct dirent *de;

	setenv("KMOD_LOG", "0", 1);
	for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
		if (c == 's')
			seed = strtoull(optarg, NULL, 0);
		else if (c == 'e' && strtoul(optarg, NULL, 0))
			every = strtoul(optarg, NULL, 0);
		else
			return 100;
	}
	while (dir && (de = readdir(dir))) {
		_cleanup_free_ char *path = NULL;

		if (asprintf(&path, "%s/modules.alias.bin", de->d_name) < 0)
			abort();
		if (de->d_name[0] == '.' || faccessat(dirfd(dir), path, R_OK, 0) < 0)
			continue;
		n += run_release(de->d_name, seed, every);
		releases++;
	}
	if (!releases)
		printf("no kernel with indexes is installed\n");
	return !releases ? SKIP : n ? 1 : 0;
}
