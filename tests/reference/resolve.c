/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * coldplug_resolve() against libkmod's kmod_module_new_from_lookup(): the distinct names, in order, for
 * an instance and a near miss of every pattern of a kernel's indexes, for names, symbols and nonsense,
 * without a modprobe.d, with a random one, and with the .bin files gone.
 *
 *	ref-resolve [--seed N] [--sample N] [--release R] [--config DIR] [--aliases FILE] [--answers FILE]
 *
 * --sample: one alias of N, for a build with sanitizers. --config: with this modprobe.d alone. --aliases
 * and --answers write what was asked and what libkmod said, in the form of "coldplug resolve -", for
 * resolve.sh and the benchmarks.
 */
#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <libkmod.h>

#include "base/cleanup.h"
#include "base/limits.h"
#include "libcoldplug/coldplug.h"
#include "tests/reference/aliases.h"
#include "tests/reference/config.h"

#define SKIP 77
#define SHOWN 20 /* differences told in full */

/*
 * Where kmod 30 (Debian 12's, the oracle) and kmod 34 (what we follow) differ, or kmod 30 must not be
 * asked. An alias for which applies() is true is not compared.
 */
static bool is_cut_inside_brackets(const char *alias)
{
	bool open = false;

	if (strlen(alias) <= LIMIT_ALIAS)
		return false;
	for (size_t i = 0; i < LIMIT_ALIAS; i++)
		open = open ? alias[i] != ']' : alias[i] == '[';
	return open;
}

/* More than PATH_MAX with the module's name, of which the longest known has 40 bytes. */
static bool is_nearly_too_long(const char *alias)
{
	return strlen(alias) >= 4096 - 64;
}

static const struct difference {
	bool (*applies)(const char *alias);
	const char *why;
} differences[] = {
	{ is_cut_inside_brackets,
	  "kmod 30's alias_normalize() writes past its buffer behind a '[' that is open at "
	  "byte 4095; fixed in 34" },
	{ is_nearly_too_long,
	  "kmod 30 fails with ENAMETOOLONG when alias and module name together exceed "
	  "PATH_MAX; 34 has no such limit" },
};

struct test {
	const char *label;
	struct kmod_ctx *kmod;
	struct coldplug *coldplug;
	FILE *aliases, *answers;
	size_t asked, found, differing;
	size_t not_compared[ARRAY_SIZE(differences)];
};

/* Names separated by blanks, or "!N" for error N. */
struct answer {
	ARRAY(char) text;
};

static void answer_clear(struct answer *a)
{
	a->text.n = 0;
	if (array_push(&a->text, '\0') < 0)
		abort();
}

static void answer_error(struct answer *a, int error)
{
	char buf[16];
	int n = snprintf(buf, sizeof(buf), "!%d", -error);

	a->text.n = 0;
	for (int i = 0; i <= n; i++)
		if (array_push(&a->text, buf[i]) < 0)
			abort();
}

static bool answer_has(const struct answer *a, const char *name)
{
	size_t n = strlen(name);

	for (const char *p = a->text.items; *p; p += strcspn(p, " "), p += *p == ' ')
		if (strcspn(p, " ") == n && !memcmp(p, name, n))
			return true;
	return false;
}

static void answer_add(struct answer *a, const char *name)
{
	size_t n = strlen(name);

	if (answer_has(a, name))
		return;
	if (array_make_room(&a->text, n + 2) < 0)
		abort();
	if (a->text.n > 1)
		a->text.items[a->text.n++ - 1] = ' ';
	memcpy(a->text.items + a->text.n - 1, name, n + 1);
	a->text.n += n;
}

static void ask_kmod(struct kmod_ctx *ctx, const char *alias, struct answer *a)
{
	struct kmod_list *list = NULL, *item;
	int r = kmod_module_new_from_lookup(ctx, alias, &list);

	answer_clear(a);
	if (r < 0)
		answer_error(a, r);
	kmod_list_foreach(item, list)
	{
		struct kmod_module *mod = kmod_module_get_module(item);

		answer_add(a, kmod_module_get_name(mod));
		kmod_module_unref(mod);
	}
	kmod_module_unref_list(list);
}

static void ask_coldplug(struct coldplug *c, const char *alias, struct answer *a)
{
	const char *const *names;
	int n = coldplug_resolve(c, alias, &names);

	answer_clear(a);
	if (n < 0)
		answer_error(a, n);
	for (int i = 0; i < n; i++)
		answer_add(a, names[i]);
}

static bool is_compared(struct test *t, const char *alias)
{
	for (size_t i = 0; i < ARRAY_SIZE(differences); i++) {
		if (!differences[i].applies(alias))
			continue;
		t->not_compared[i]++;
		return false;
	}
	return true;
}

static void print_escaped(const char *s)
{
	for (; *s; s++)
		printf(*s > 0x20 && *s < 0x7f && *s != '\\' ? "%c" : "\\x%02x", (unsigned char)*s);
}

static void tell(struct test *t, const char *alias, const struct answer *kmod, const struct answer *ours)
{
	if (t->differing++ >= SHOWN)
		return;
	printf("# %s: ", t->label);
	print_escaped(alias);
	printf("\n#\tlibkmod:  '%s'\n#\tcoldplug: '%s'\n", kmod->text.items, ours->text.items);
}

static void write_out(struct test *t, const char *alias, const struct answer *kmod)
{
	if (strchr(alias, '\n'))
		return;
	if (t->aliases)
		fprintf(t->aliases, "%s\n", alias);
	if (t->answers)
		fprintf(t->answers, "%s\t%s\n", alias, kmod->text.items[0] == '!' ? "" : kmod->text.items);
}

static void compare(struct test *t, const struct strings *aliases)
{
	struct answer kmod = {}, ours = {};

	for (size_t i = 0; i < aliases->items.n; i++) {
		const char *alias = aliases->items.items[i];

		if (!is_compared(t, alias))
			continue;
		ask_kmod(t->kmod, alias, &kmod);
		ask_coldplug(t->coldplug, alias, &ours);
		t->asked++;
		t->found += kmod.text.n > 1 && kmod.text.items[0] != '!';
		if (strcmp(kmod.text.items, ours.text.items) != 0)
			tell(t, alias, &kmod, &ours);
		write_out(t, alias, &kmod);
	}
	array_free(&kmod.text);
	array_free(&ours.text);
}

/* Compares with one configuration, our side under root (NULL: "/"); how many differences. */
static size_t run(struct test *t, const char *release, const char *root, const char *config,
		  const struct strings *aliases)
{
	const char *const paths[] = { config, NULL };
	_cleanup_free_ char *dir = NULL;

	if (asprintf(&dir, "/lib/modules/%s", release) < 0)
		abort();
	t->kmod = kmod_new(dir, paths);
	if (!t->kmod || coldplug_new(&t->coldplug) < 0)
		abort();
	kmod_load_resources(t->kmod);
	if (coldplug_set_root(t->coldplug, root) < 0 || coldplug_set_release(t->coldplug, release) < 0 ||
	    coldplug_set_config_paths(t->coldplug, paths) < 0)
		abort();
	compare(t, aliases);
	printf("%s: %s: %zu asked, %zu found, %zu differences\n", release, t->label, t->asked, t->found,
	       t->differing);
	for (size_t i = 0; i < ARRAY_SIZE(differences); i++)
		if (t->not_compared[i])
			printf("# %zu not compared: %s\n", t->not_compared[i], differences[i].why);
	kmod_unref(t->kmod);
	coldplug_free(t->coldplug);
	return t->differing;
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

static void make_directory(char *template)
{
	if (!mkdtemp(template))
		abort();
}

static void remove_directory(const char *path)
{
	nftw(path, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

/* A root with the release's text files and no .bin. */
static void make_text_root(const char *root, const char *release)
{
	static const char *const names[] = { "modules.alias",	"modules.builtin", "modules.builtin.modinfo",
					     "modules.symbols", "modules.dep",	   "modules.softdep" };
	_cleanup_free_ char *command = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		free(command);
		if (asprintf(&command,
			     "mkdir -p '%s/lib/modules/%s' && cp '/lib/modules/%s/%s' '%s/lib/modules/%s/'",
			     root, release, release, names[i], root, release) < 0 ||
		    system(command) != 0)
			abort();
	}
}

static size_t run_all(const char *release, const struct kernel *k, const struct strings *aliases,
		      struct random *r)
{
	char empty[] = "/tmp/ref-resolve-XXXXXX", full[] = "/tmp/ref-resolve-XXXXXX";
	char root[] = "/tmp/ref-resolve-XXXXXX";
	size_t n;

	make_directory(empty);
	make_directory(full);
	make_directory(root);
	config_write(full, k, aliases, r);
	make_text_root(root, release);
	n = run(&(struct test){ .label = "without a modprobe.d" }, release, NULL, empty, aliases);
	n += run(&(struct test){ .label = "with a random modprobe.d" }, release, NULL, full, aliases);
	n += run(&(struct test){ .label = "from the text files" }, release, root, empty, aliases);
	if (n)
		printf("# the modprobe.d is kept: %s\n", full);
	else
		remove_directory(full);
	remove_directory(empty);
	remove_directory(root);
	return n;
}

/* The newest release with indexes; NULL when there is none. */
static char *newest_release(void)
{
	_cleanup_closedir_ DIR *dir = opendir("/lib/modules");
	char *newest = NULL;
	struct dirent *de;

	while (dir && (de = readdir(dir))) {
		_cleanup_free_ char *path = NULL;

		if (asprintf(&path, "%s/modules.alias.bin", de->d_name) < 0)
			abort();
		if (de->d_name[0] == '.' || faccessat(dirfd(dir), path, R_OK, 0) < 0 ||
		    (newest && strverscmp(de->d_name, newest) <= 0))
			continue;
		free(newest);
		newest = strdup(de->d_name);
	}
	return newest;
}

struct arguments {
	uint64_t seed;
	size_t sample;
	const char *release, *config, *aliases, *answers;
};

static int parse(struct arguments *a, int argc, char **argv)
{
	static const struct option options[] = {
		{ "seed", required_argument, NULL, 's' },
		{ "release", required_argument, NULL, 'r' },
		{ "config", required_argument, NULL, 'c' },
		{ "aliases", required_argument, NULL, 'a' },
		{ "answers", required_argument, NULL, 'k' },
		{ "sample", required_argument, NULL, 'n' },
		{},
	};

	for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
		switch (c) {
		case 's':
			a->seed = strtoull(optarg, NULL, 0);
			break;
		case 'n':
			a->sample = strtoul(optarg, NULL, 0);
			break;
		case 'r':
			a->release = optarg;
			break;
		case 'c':
			a->config = optarg;
			break;
		case 'a':
			a->aliases = optarg;
			break;
		case 'k':
			a->answers = optarg;
			break;
		default:
			return -EINVAL;
		}
	}
	return optind == argc && a->sample ? 0 : -EINVAL;
}

/* Keeps one of n, a random one. */
static void thin_out(struct strings *s, size_t n, struct random *r)
{
	size_t kept = 0;

	for (size_t i = 0; i < s->items.n; i++) {
		if (random_below(r, n))
			free(s->items.items[i]);
		else
			s->items.items[kept++] = s->items.items[i];
	}
	s->items.n = kept;
}

static FILE *open_output(const char *path)
{
	FILE *f = path ? fopen(path, "we") : NULL;

	if (path && !f) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		exit(111);
	}
	return f;
}

static size_t run_one(const struct arguments *a, const char *release, const struct strings *aliases)
{
	_cleanup_fclose_ FILE *out = open_output(a->aliases), *answers = open_output(a->answers);
	char empty[] = "/tmp/ref-resolve-XXXXXX";
	struct test t = { .label = a->config ?: "without a modprobe.d", .aliases = out, .answers = answers };
	size_t n;

	make_directory(empty);
	n = run(&t, release, NULL, a->config ?: empty, aliases);
	rmdir(empty);
	return n;
}

int main(int argc, char **argv)
{
	struct arguments a = { .seed = 1, .sample = 1 };
	_cleanup_free_ char *newest = newest_release(), *directory = NULL;
	struct kernel kernel = {};
	struct strings aliases = {};
	struct random r;
	size_t n;

	setenv("KMOD_LOG", "0", 1);
	if (parse(&a, argc, argv) < 0) {
		fprintf(stderr,
			"usage: ref-resolve [--seed N] [--sample N] [--release R] [--config DIR] [--aliases FILE] [--answers FILE]\n");
		return 100;
	}
	if (!a.release)
		a.release = newest;
	if (!a.release || asprintf(&directory, "/lib/modules/%s", a.release) < 0) {
		printf("no kernel with indexes is installed\n");
		return SKIP;
	}
	if (kernel_read(&kernel, directory) < 0)
		return 111;
	r.state = a.seed;
	printf("# seed %llu\n", (unsigned long long)a.seed);
	aliases_make(&aliases, &kernel, &r);
	thin_out(&aliases, a.sample, &r);
	n = a.config || a.aliases || a.answers ? run_one(&a, a.release, &aliases)
					       : run_all(a.release, &kernel, &aliases, &r);
	kernel_free(&kernel);
	strings_free(&aliases);
	return n ? 1 : 0;
}
