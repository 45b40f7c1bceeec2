/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "engine/config.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/cmdline.h"
#include "base/limits.h"
#include "base/pattern.h"
#include "engine/conf-files.h"

const char *const config_default_paths[] = {
	"/etc/modprobe.d",     "/run/modprobe.d", "/usr/local/lib/modprobe.d",
	"/usr/lib/modprobe.d", "/lib/modprobe.d", NULL,
};

bool normalise_pattern(char *s)
{
	while ((s = strpbrk(s, "-[]"))) {
		if (*s == ']')
			return false;
		if (*s == '-')
			*s = '_';
		else
			s += strcspn(s, "]");
		if (!*s++)
			return false;
	}
	return true;
}

bool normalise_alias(const char *alias, char *buf)
{
	size_t n = strnlen(alias, LIMIT_ALIAS);

	memcpy(buf, alias, n);
	buf[n] = '\0';
	return normalise_pattern(buf);
}

size_t normalise_name(const char *name, char *buf, size_t size)
{
	size_t n = 0;

	for (; n < size - 1 && name[n] && name[n] != '.'; n++)
		buf[n] = name[n] == '-' ? '_' : name[n];
	buf[n] = '\0';
	return n;
}

size_t normalise_path(const char *path, char *buf, size_t size)
{
	const char *slash = strrchr(path, '/');

	return normalise_name(slash ? slash + 1 : path, buf, size);
}

size_t normalise_next_name(const char **list, char name[LIMIT_NAME + 1])
{
	size_t n = 0;

	while (!n && **list) {
		size_t len = strcspn(*list, ",");

		n = len <= LIMIT_NAME ? normalise_name(*list, name, len + 1) : 0;
		*list += len + ((*list)[len] == ',');
	}
	return n;
}

static int add_rule(struct config *c, enum rule_kind kind, const struct rule *rule)
{
	struct rule copy = *rule;

	copy.key = arena_strdup(&c->arena, rule->key);
	copy.value = arena_strdup(&c->arena, rule->value ? rule->value : "");
	if (!copy.key || !copy.value)
		return -ENOMEM;
	return array_push(&c->rules[kind], copy);
}

/* strtok_r(3) with blanks: the next word, NULL at the end. The character behind it is consumed. */
static char *next_word(char **rest)
{
	char *word = *rest + strspn(*rest, "\t ");
	char *end = word + strcspn(word, "\t ");

	*rest = *end ? end + 1 : end;
	if (!*word)
		return NULL;
	*end = '\0';
	return word;
}

static const char **copy_words(struct config *c, char **words, size_t n)
{
	const char **list = arena_alloc(&c->arena, (n + 1) * sizeof(*list));

	for (size_t i = 0; list && i < n; i++) {
		list[i] = arena_strdup(&c->arena, words[i]);
		if (!list[i])
			return NULL;
	}
	return list;
}

/* "pre: a b post: c": words before the first of the two are ignored, as in kmod. A weakdep's words
 * have no such heads and all go to pre. */
static int add_dependency_rule(struct config *c, enum rule_kind kind, struct rule *rule, char *list)
{
	enum { NONE, PRE, POST } mode = kind == RULE_WEAKDEP ? PRE : NONE;
	ARRAY(char *) pre = {}, post = {};
	char *save = NULL;
	int r = 0;

	for (char *w = strtok_r(list, " \t\n\v\f\r", &save); !r && w;
	     w = strtok_r(NULL, " \t\n\v\f\r", &save)) {
		if (kind == RULE_SOFTDEP && !strcmp(w, "pre:"))
			mode = PRE;
		else if (kind == RULE_SOFTDEP && !strcmp(w, "post:"))
			mode = POST;
		else if (mode == PRE)
			r = array_push(&pre, w);
		else if (mode == POST)
			r = array_push(&post, w);
	}
	rule->pre = copy_words(c, pre.items, pre.n);
	rule->post = copy_words(c, post.items, post.n);
	rule->n_pre = (uint32_t)pre.n;
	rule->n_post = (uint32_t)post.n;
	if (!rule->pre || !rule->post)
		r = -ENOMEM;
	array_free(&pre);
	array_free(&post);
	return r ?: add_rule(c, kind, rule);
}

static const struct {
	const char *word;
	enum rule_kind kind;
} commands[] = {
	{ "alias", RULE_ALIAS },     { "blacklist", RULE_BLACKLIST }, { "options", RULE_OPTIONS },
	{ "install", RULE_INSTALL }, { "remove", RULE_REMOVE },	      { "softdep", RULE_SOFTDEP },
	{ "weakdep", RULE_WEAKDEP },
};

/* 1: taken, 0: not a line of this form, -ENOMEM. */
static int parse_rule(struct config *c, enum rule_kind kind, char *rest, struct origin origin)
{
	char *key = next_word(&rest), *value = NULL;
	struct rule rule = { .key = key, .origin = origin };

	if (!key || !normalise_pattern(key))
		return 0;
	switch (kind) {
	case RULE_BLACKLIST:
		break;
	case RULE_ALIAS:
		value = next_word(&rest);
		if (!value || !normalise_pattern(value))
			return 0;
		break;
	default:
		value = rest;
		if (!*value)
			return 0;
		break;
	}
	rule.value = value;
	if (kind == RULE_SOFTDEP || kind == RULE_WEAKDEP)
		return add_dependency_rule(c, kind, &rule, value) ?: 1;
	for (char *p = value; kind == RULE_OPTIONS && *p; p++)
		if (*p == '\t')
			*p = ' ';
	return add_rule(c, kind, &rule) ?: 1;
}

static int parse_line(struct config *c, char *line, struct origin origin)
{
	char *rest = line, *word;

	if (*line == '#')
		return 0;
	word = next_word(&rest);
	if (!word)
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		int r;

		if (strcmp(word, commands[i].word) != 0)
			continue;
		r = parse_rule(c, commands[i].kind, rest, origin);
		if (r != 0)
			return r < 0 ? r : 0;
		break;
	}
	if (++c->bad_lines > LIMIT_WARNINGS)
		return 0;
	if (!strcmp(word, "include") || !strcmp(word, "config"))
		log_warning(c->log, "%s:%u: '%s' is not supported (nor by kmod), line ignored", origin.file,
			    origin.line, word);
	else
		log_warning(c->log, "%s:%u: ignoring bad line starting with '%.64s'", origin.file,
			    origin.line, word);
	return 0;
}

/* Joins a logical line in place, as kmod's freadline_wrapped() does: a backslash goes, and a newline
 * behind it too. Returns where the next one begins; *lines: how many newlines were read. */
static char *join_line(char *p, const char *end, size_t *len, uint32_t *lines)
{
	char *out = p, *start = p;

	for (*lines = 0; p < end && *p != '\n'; p++) {
		if (*p == '\\') {
			if (++p == end)
				break;
			if (*p == '\n') {
				++*lines;
				continue;
			}
		}
		*out++ = *p;
	}
	if (p < end)
		++*lines;
	*len = (size_t)(out - start);
	return p < end ? p + 1 : p;
}

/* Drops each carriage return in front of a newline or the end, which an editor of another system has
 * written. Returns the size that is left. */
static size_t drop_carriage_returns(struct config *c, char *text, size_t size, const char *file)
{
	uint32_t line = 1, first = 0;
	size_t n = 0;

	for (size_t i = 0; i < size; i++) {
		if (text[i] == '\r' && (i + 1 == size || text[i + 1] == '\n')) {
			first = first ? first : line;
			continue;
		}
		line += text[i] == '\n';
		text[n++] = text[i];
	}
	if (first)
		log_warning(c->log,
			    "%s:%u: the line ends in a carriage return, which is dropped here and below",
			    file, first);
	return n;
}

int config_parse(struct config *c, char *text, size_t size, const char *file)
{
	struct origin origin = { arena_strdup(&c->arena, file), 1 };
	const char *end = text;
	uint32_t lines;
	size_t len;
	int r = 0;

	if (!origin.file)
		return -ENOMEM;
	c->bad_lines = 0;
	if (memchr(text, '\r', size) && !c->keep_carriage_returns)
		size = drop_carriage_returns(c, text, size, file);
	end += size;
	for (char *p = text, *next; !r && p < end; p = next, origin.line += lines) {
		next = join_line(p, end, &len, &lines);
		if (len > LIMIT_LINE) {
			if (++c->bad_lines <= LIMIT_WARNINGS)
				log_warning(c->log, "%s:%u: line of %zu bytes is longer than %u, ignored",
					    origin.file, origin.line, len, LIMIT_LINE);
			continue;
		}
		if (memchr(p, '\0', len)) {
			if (++c->bad_lines <= LIMIT_WARNINGS)
				log_warning(c->log, "%s:%u: line with a NUL byte ignored", origin.file,
					    origin.line);
			continue;
		}
		/* The byte behind the line is its own newline, a joined part, or the text's NUL. */
		p[len] = '\0';
		r = parse_line(c, p, origin);
	}
	if (c->bad_lines > LIMIT_WARNINGS)
		log_warning(c->log, "%s: %u more bad lines ignored", origin.file,
			    c->bad_lines - LIMIT_WARNINGS);
	return r;
}

static int read_file(struct config *c, const struct rootfs *root, const char *path, bool optional)
{
	_cleanup_file_ struct file_bytes file = {};
	int r = rootfs_read(root, path, LIMIT_CONFIG_FILE, &file);

	if (!r)
		return config_parse(c, file.data, file.size, path);
	if (r == -ENOMEM || (r == -ENOENT && (optional || conf_file_is_mask(root, path))))
		return r == -ENOMEM ? r : 0;
	if (r == -EFBIG)
		log_lost(c->log, "%s: larger than %u bytes, not read", path, LIMIT_CONFIG_FILE);
	else
		log_lost(c->log, "%s: cannot be read: %s", path, strerror(-r));
	return 0;
}

/* modules.softdep and modules.weakdep are sorted in among the others. */
static int add_moddir(struct conf_files *list, const char *moddir, const char *(*own)[2])
{
	(*own)[0] = arena_printf(&list->arena, "/%s/modules.softdep", moddir);
	(*own)[1] = arena_printf(&list->arena, "/%s/modules.weakdep", moddir);
	if (!(*own)[0] || !(*own)[1])
		return -ENOMEM;
	return conf_files_add(list, (*own)[0]) ?: conf_files_add(list, (*own)[1]);
}

/* Paths that the user named are not below the root: they need not belong to the system that is read. */
int config_each_file(struct config *c, const struct rootfs *root, const char *const *paths,
		     const char *moddir, config_file_fn *fn, void *userdata)
{
	struct rootfs host = ROOTFS_NONE;
	const struct rootfs *from = root;
	_cleanup_conf_files_ struct conf_files list = {};
	const char *own[2] = {};
	int r = 0;

	if (paths) {
		r = rootfs_open(&host, "/");
		from = &host;
		if (r < 0)
			log_error(c->log, "/: cannot be opened: %s", strerror(-r));
	}
	for (paths = paths ? paths : config_default_paths; !r && *paths; paths++)
		r = conf_files_scan(&list, from, *paths, c->log);
	if (!r && moddir)
		r = add_moddir(&list, moddir, &own);
	conf_files_sort(&list);
	for (size_t i = 0; !r && i < list.items.n; i++) {
		const char *path = list.items.items[i].path;
		bool is_own = moddir && (!strcmp(path, own[0]) || !strcmp(path, own[1]));

		r = fn(userdata, is_own ? root : from, path, is_own);
	}
	rootfs_close(&host);
	return r;
}

struct reader {
	struct config *c;
	config_more_fn *more;
	void *userdata;
};

static int read_and_more(void *userdata, const struct rootfs *root, const char *path, bool optional)
{
	const struct reader *reader = userdata;
	int r = read_file(reader->c, root, path, optional);

	if (r < 0 || !optional || !reader->more)
		return r;
	return reader->more(reader->userdata, reader->c, strrchr(path, '/') + 1);
}

int config_load(struct config *c, const struct rootfs *root, const char *const *paths, const char *moddir,
		config_more_fn *more, void *userdata)
{
	struct reader reader = { c, more, userdata };

	return config_each_file(c, root, paths, moddir, read_and_more, &reader);
}

/* Nobody asks for this alias. */
#define ALONE_ALIAS "coldplug:alone"

const struct rule *config_alone(const struct config *c, const char *name)
{
	for (size_t i = 0; i < c->rules[RULE_ALIAS].n; i++)
		if (!strcmp(c->rules[RULE_ALIAS].items[i].key, ALONE_ALIAS) &&
		    !strcmp(c->rules[RULE_ALIAS].items[i].value, name))
			return &c->rules[RULE_ALIAS].items[i];
	return NULL;
}

static int add_alone(struct config *c, char *list, struct origin origin)
{
	int r = 0;

	for (char *name; !r && (name = strsep(&list, ","));)
		if (*name && normalise_pattern(name))
			r = add_rule(c, RULE_ALIAS,
				     &(struct rule){ .key = ALONE_ALIAS, .value = name, .origin = origin });
	return r;
}

int config_add_alone(struct config *c, const char *names, const char *from)
{
	_cleanup_free_ char *list = strdup(names);

	return list ? add_alone(c, list, (struct origin){ from, 0 }) : -ENOMEM;
}

static int add_list(struct config *c, enum rule_kind kind, char *list, bool normalise, struct origin origin)
{
	int r = 0;

	for (char *name; !r && (name = strsep(&list, ","));) {
		if (!*name || (normalise && !normalise_pattern(name)))
			continue;
		r = add_rule(c, kind, &(struct rule){ .key = name, .origin = origin });
	}
	return r;
}

/* MODULE.PARAM[=VALUE]; a parameter that has a dot itself does not belong to a module. */
static int add_module_param(struct config *c, char *param, const struct cmdline_arg *arg,
			    struct origin origin)
{
	_cleanup_arena_ struct arena tmp = {};
	char *dot = strchr(param, '.');
	const char *quote = "", *text;

	if (!dot || dot == param || !dot[1] || strchr(dot + 1, '.') || strchr(param, '"'))
		return 0;
	*dot = '\0';
	if (!normalise_pattern(param)) {
		log_warning(c->log,
			    "Ignoring bad option on kernel command line while parsing module name: '%.64s'",
			    param);
		return 0;
	}
	if (arg->value && arg->quoted)
		quote = "\"";
	text = arg->value ? arena_printf(&tmp, "%s=%s%s%s", dot + 1, quote, arg->value, quote) : dot + 1;
	if (!text)
		return -ENOMEM;
	return add_rule(c, RULE_OPTIONS, &(struct rule){ .key = param, .value = text, .origin = origin });
}

int config_parse_cmdline(struct config *c, char *text)
{
	struct origin origin = { "kernel command line", 0 };
	struct cmdline_arg arg;
	size_t n = strlen(text);
	int r = 0;

	/* /proc/cmdline adds a newline, which would belong to a value whose quote is never closed. */
	if (n && text[n - 1] == '\n')
		text[n - 1] = '\0';
	while (!r && cmdline_next(&text, &arg)) {
		char *param = (char *)arg.param, *value = (char *)arg.value;

		if (value && !strcmp(param, "modprobe.blacklist"))
			r = add_list(c, RULE_BLACKLIST, value, true, origin);
		else if (value && !strcmp(param, "module_blacklist"))
			r = add_list(c, RULE_FORBID, value, false, origin);
		else if (value && !strcmp(param, "coldplug.alone"))
			r = add_alone(c, value, origin);
		else
			r = add_module_param(c, param, &arg, origin);
	}
	return r;
}

/* "[PATH/]true" and "[PATH/]false", and "exit N" of the shell. */
static bool is_ban_word(const char *word, size_t len, const char *rest)
{
	const char *slash = memrchr(word, '/', len);
	const char *base = slash ? slash + 1 : word;
	size_t n = len - (size_t)(base - word);

	if (len == 4 && !strncmp(word, "exit", 4))
		return isdigit((unsigned char)rest[strspn(rest, " \t")]);
	return (n == 4 && !strncmp(base, "true", 4)) || (n == 5 && !strncmp(base, "false", 5));
}

/* Whether a shell does more than to give the words to one command. What follows a '#' is a comment. */
static bool has_operator(const char *command)
{
	for (const char *p = command; *p; p++) {
		if (*p == '#' && (p == command || p[-1] == ' ' || p[-1] == '\t'))
			return false;
		if (strchr(";&|<>()`\n\"'\\", *p))
			return true;
	}
	return false;
}

bool rule_is_ban(const struct rule *rule)
{
	const char *word = rule->value + strspn(rule->value, " \t");
	size_t len = strcspn(word, " \t");

	return is_ban_word(word, len, word + len) && !has_operator(word);
}

const struct rule *config_match(const struct config *c, enum rule_kind kind, const char *name)
{
	for (size_t i = 0; i < c->rules[kind].n; i++)
		if (pattern_matches(c->rules[kind].items[i].key, name))
			return &c->rules[kind].items[i];
	return NULL;
}

const struct rule *config_find(const struct config *c, enum rule_kind kind, const char *key)
{
	for (size_t i = 0; i < c->rules[kind].n; i++)
		if (!strcmp(c->rules[kind].items[i].key, key))
			return &c->rules[kind].items[i];
	return NULL;
}

void config_free(struct config *c)
{
	for (size_t i = 0; i < RULE_KINDS; i++)
		array_free(&c->rules[i]);
	arena_free(&c->arena);
}
