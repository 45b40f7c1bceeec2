/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "engine/depmod-config.h"

#include <errno.h>
#include <regex.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/limits.h"
#include "engine/conf-files.h"

static const char *const default_paths[] = {
	"/etc/depmod.d",     "/run/depmod.d", "/usr/local/lib/depmod.d",
	"/usr/lib/depmod.d", "/lib/depmod.d", NULL,
};

/* A file that is being read. */
struct reader {
	struct depmod_config *config;
	struct log *log;
	const char *root; /* for messages */
	const char *release, *path, *command;
	unsigned int line;
};

/* The next word of a line, whose end becomes its NUL; NULL: there is none. */
static char *next_word(char **rest)
{
	char *word = *rest + strspn(*rest, "\t ");

	*rest = word + strcspn(word, "\t ");
	if (**rest)
		*(*rest)++ = '\0';
	return *word ? word : NULL;
}

/* A release is matched by "*" or a regular expression. */
static bool matches_release(const char *release, const char *pattern)
{
	regex_t re;
	bool matches;

	if (!strcmp(pattern, "*"))
		return true;
	if (regcomp(&re, pattern, REG_EXTENDED | REG_NOSUB) != 0)
		return false;
	matches = !regexec(&re, release, 0, NULL, 0);
	regfree(&re);
	return matches;
}

static int add_search(struct depmod_config *c, const char *word)
{
	enum depmod_search type = DEPMOD_SEARCH_PATH;
	const char *path = arena_strdup(&c->arena, word);

	if (!strcmp(word, "built-in"))
		type = DEPMOD_SEARCH_BUILTIN;
	else if (!strcmp(word, "external"))
		type = DEPMOD_SEARCH_EXTERNAL;
	return path ? array_push(&c->searches, { type, path }) : -ENOMEM;
}

/* What follows takes the rest of a line: 0, -ENOMEM, or 1: the line is bad. */
static int take_search(struct reader *r, char *rest)
{
	const char *word;
	int e = 0;

	while (!e && (word = next_word(&rest)))
		e = add_search(r->config, word);
	return e;
}

static int take_exclude(struct reader *r, char *rest)
{
	const char *word;
	int e = 0;

	while (!e && (word = next_word(&rest))) {
		word = arena_strdup(&r->config->arena, word);
		e = word ? array_push(&r->config->excludes, word) : -ENOMEM;
	}
	return e;
}

static int take_override(struct reader *r, char *rest)
{
	const char *module = next_word(&rest), *release = next_word(&rest), *directory = next_word(&rest);
	const char *path;

	if (!directory)
		return 1;
	if (!matches_release(r->release, release)) {
		log_info(r->log, "%s:%u: override kernel did not match %s", r->path, r->line, release);
		return 0;
	}
	path = arena_printf(&r->config->arena, "%s/%s", directory, module);
	return path ? array_push(&r->config->overrides, path) : -ENOMEM;
}

static int take_external(struct reader *r, char *rest)
{
	const char *release = next_word(&rest), *directory = next_word(&rest);

	if (!directory)
		return 1;
	if (!matches_release(r->release, release)) {
		log_info(r->log, "%s:%u: external directory did not match %s", r->path, r->line, release);
		return 0;
	}
	directory = arena_strdup(&r->config->arena, directory);
	return directory ? array_push(&r->config->externals, directory) : -ENOMEM;
}

/* No kmod does anything for these: the map files ended with module-init-tools. */
static int take_nothing(struct reader *r, char *rest)
{
	log_info(r->log, "%s:%u: command %s not implemented yet", r->path, r->line, r->command);
	return 0;
}

static int take_line(struct reader *r, char *line)
{
	static const struct {
		const char *word;
		int (*take)(struct reader *r, char *rest);
	} commands[] = {
		{ "search", take_search },     { "override", take_override },
		{ "external", take_external }, { "exclude", take_exclude },
		{ "include", take_nothing },   { "make_map_files", take_nothing },
	};
	int e = 1;

	if (*line == '#' || !(r->command = next_word(&line)))
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		if (!strcmp(r->command, commands[i].word))
			e = commands[i].take(r, line);
	if (e <= 0)
		return e;
	log_error(r->log, "%s%s%s:%u: ignoring bad line starting with '%s'", r->root,
		  *r->path == '/' ? "" : "/", r->path, r->line, r->command);
	return 0;
}

/* Puts the next line, joined with those that continue it, at its beginning, and ends it with a NUL. A '\'
 * in front of anything but a newline is dropped. Returns where the one after it begins. */
static char *join_line(struct reader *r, char *line, const char *end)
{
	char *from = line, *to = line;

	for (; from < end && *from != '\n'; from++) {
		if (*from != '\\') {
			*to++ = *from;
		} else if (++from == end) {
			break;
		} else if (*from == '\n') {
			r->line++;
		} else {
			*to++ = *from;
		}
	}
	*to = '\0';
	r->line++;
	return from < end ? from + 1 : from;
}

static int read_file(struct reader *r, const struct rootfs *root)
{
	_cleanup_file_ struct file_bytes file = {};
	int e;

	if (conf_file_is_mask(root, r->path))
		return 0;
	e = rootfs_read(root, r->path, LIMIT_CONFIG_FILE, &file);
	if (e == -ENOMEM || e == -ENOENT)
		return e == -ENOMEM ? e : 0;
	if (e < 0)
		log_error(r->log, "file parse %s%s%s: %s", r->root, *r->path == '/' ? "" : "/", r->path,
			  strerror(-e));
	for (char *p = file.data, *end = p + file.size, *line; e == 0 && p < end;) {
		line = p;
		p = join_line(r, line, end);
		e = take_line(r, line);
	}
	return e == -ENOMEM ? e : 0;
}

int depmod_config_load(struct depmod_config *c, const struct rootfs *root, const char *const *paths,
		       const char *release, struct log *log)
{
	_cleanup_conf_files_ struct conf_files list = {};
	int r = 0;

	for (paths = paths ?: default_paths; !r && *paths; paths++)
		r = conf_files_scan(&list, root, *paths, log);
	conf_files_sort(&list);
	for (size_t i = 0; !r && i < list.items.n; i++)
		r = read_file(&(struct reader){ .config = c,
						.log = log,
						.root = root->path,
						.release = release,
						.path = list.items.items[i].path },
			      root);
	if (!r && !c->searches.n)
		r = add_search(c, "updates");
	return r;
}

void depmod_config_free(struct depmod_config *c)
{
	array_free(&c->searches);
	array_free(&c->overrides);
	array_free(&c->externals);
	array_free(&c->excludes);
	arena_free(&c->arena);
}

/* A file and its path below the release's directory, if it is there. */
struct place {
	const char *path, *below;
	size_t n, n_below;
	int rank;
};

static struct place place_of(const struct depmod_candidate *candidate, const char *directory)
{
	size_t n = strlen(directory);
	struct place p = { .path = candidate->file, .n = candidate->n, .rank = -1 };

	if (p.n > n && !strncmp(p.path, directory, n) && p.path[n] == '/') {
		p.below = p.path + n + 1;
		p.n_below = p.n - n - 1;
	}
	return p;
}

static bool is_in(const char *path, size_t n, const char *directory)
{
	size_t n_directory = strlen(directory);

	return path && n > n_directory && path[n_directory] == '/' && !memcmp(path, directory, n_directory);
}

static bool is_overridden_by(const struct place *p, const char *override)
{
	return p->below && p->n_below == strlen(override) && !memcmp(p->below, override, p->n_below);
}

/* Gives both their ranks: how many words of search lines come after the one that is about them. -1: none
 * is. */
static void rank_both(const struct depmod_config *c, struct place *old, struct place *new)
{
	int builtin = -1, rank = 0;

	for (size_t i = c->searches.n; i-- > 0; rank++) {
		const char *path = c->searches.items[i].path;

		if (c->searches.items[i].type == DEPMOD_SEARCH_BUILTIN) {
			builtin = rank;
		} else if (c->searches.items[i].type == DEPMOD_SEARCH_EXTERNAL) {
			for (size_t j = c->externals.n; j-- > 0; rank++) {
				if (is_in(new->path, new->n, c->externals.items[j]))
					new->rank = rank;
				if (is_in(old->path, old->n, c->externals.items[j]))
					old->rank = rank;
			}
		} else if (is_in(new->below, new->n_below, path)) {
			new->rank = rank;
		} else if (is_in(old->below, old->n_below, path)) {
			old->rank = rank;
		}
	}
	new->rank = new->rank < 0 ? builtin : new->rank;
	old->rank = old->rank < 0 ? builtin : old->rank;
}

bool depmod_config_keeps(const struct depmod_config *c, const char *directory,
			 const struct depmod_candidate *old, const struct depmod_candidate *new)
{
	struct place a = place_of(old, directory), b = place_of(new, directory);

	for (size_t i = c->overrides.n; i-- > 0;) {
		if (is_overridden_by(&b, c->overrides.items[i]))
			return false;
		if (is_overridden_by(&a, c->overrides.items[i]))
			return true;
	}
	rank_both(c, &a, &b);
	return b.rank <= a.rank;
}

bool depmod_config_excludes(const struct depmod_config *c, const char *name)
{
	if (!strcmp(name, "build") || !strcmp(name, "source"))
		return true;
	for (size_t i = 0; i < c->excludes.n; i++)
		if (!strcmp(name, c->excludes.items[i]))
			return true;
	return false;
}
