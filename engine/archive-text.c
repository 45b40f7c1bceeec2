/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "engine/archive-text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/memstream.h"
#include "engine/config.h"

const char *archive_kind_name(enum archive_kind kind)
{
	static const char *const names[] = { [ARCHIVE_MODULE] = "module",
					     [ARCHIVE_RELEASE_FILE] = "release-file",
					     [ARCHIVE_FIRMWARE] = "firmware",
					     [ARCHIVE_CONFIGURATION] = "configuration",
					     [ARCHIVE_PROFILE] = "profile" };

	return kind < ARRAY_SIZE(names) && names[kind] ? names[kind] : "unknown";
}

/* How a file was compressed when it was packed, as a word of JSON; NULL: it was not. */
static const char *compression_name(uint8_t compression)
{
	static const char *const names[] = { NULL, "gzip", "xz", "zstd" };

	return compression < ARRAY_SIZE(names) ? names[compression] : "unknown";
}

/* Calls fn for each string of .modinfo, split at its '='. */
static int each_field(struct archive *a, const struct archive_entry *e,
		      void (*fn)(void *userdata, const char *key, size_t n_key, const char *value),
		      void *userdata)
{
	const char *text;
	size_t n;
	int r = archive_info(a, e, &text, &n);

	if (r < 0)
		return r;
	for (const char *p = text; p < text + n; p += strlen(p) + 1) {
		size_t k = strcspn(p, "=");

		if (*p)
			fn(userdata, p, k, p[k] ? p + k + 1 : "");
	}
	return 0;
}

static bool is_firmware(const char *key, size_t n_key)
{
	return n_key == strlen("firmware") && !memcmp(key, "firmware", n_key);
}

/* ---- JSON ---- */

static void put_firmware(void *userdata, const char *key, size_t n_key, const char *value)
{
	if (is_firmware(key, n_key))
		json_string(userdata, NULL, value);
}

static int put_firmwares(struct archive *a, struct json *j, const struct archive_entry *e)
{
	int r;

	json_open(j, "firmware", '[');
	r = each_field(a, e, put_firmware, j);
	json_close(j, ']');
	return r;
}

static int put_dependencies(struct archive *a, struct json *j, const struct archive_entry *e)
{
	struct archive_entry other;
	uint32_t id;
	int r = 0;

	json_open(j, "dependencies", '[');
	for (uint32_t i = 0; !r && i < e->n_dependencies; i++) {
		r = archive_dependency(a, e, i, &id) ?: archive_entry(a, id, &other);
		if (!r)
			json_string(j, NULL, other.name);
	}
	json_close(j, ']');
	return r;
}

/* Begins an object, and puts what every entry has. */
static int put_entry(struct archive *a, struct json *j, const struct archive_entry *e)
{
	char sum[17];

	snprintf(sum, sizeof(sum), "%016" PRIx64, e->sum);
	json_open(j, NULL, '{');
	if (*e->name)
		json_string(j, "name", e->name);
	json_string(j, "path", e->path);
	json_string(j, "kind", archive_kind_name(e->kind));
	json_number(j, "size", e->size);
	json_string(j, "xxh64", sum);
	json_string(j, "compression", compression_name(e->compression));
	json_number(j, "group", e->group);
	return e->kind == ARCHIVE_MODULE ? put_dependencies(a, j, e) ?: put_firmwares(a, j, e) : 0;
}

static int put_meta(struct archive *a, struct json *j)
{
	static const char *const keys[] = { "release", "machine", "class", "endian", "packer" };
	const char *value;
	int r = 0;

	for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(keys); i++) {
		r = archive_meta(a, keys[i], &value);
		if (r > 0)
			json_string(j, keys[i], value);
	}
	return r < 0 ? r : 0;
}

static int steal_json(struct json *j, char **text)
{
	*text = json_steal(j);
	return *text ? 0 : -ENOMEM;
}

/* Of a list. Entries may share what they have, in an archive that somebody has made up. */
static int check_length(struct archive *a, size_t n)
{
	return n <= LIMIT_INDEX ? 0 : archive_damaged(a, 0, "entries for a list of more than 256 MiB");
}

static int list_json(struct archive *a, char **text)
{
	struct json j = {};
	struct archive_entry e;
	int r, k;

	json_open(&j, NULL, '{');
	r = put_meta(a, &j);
	json_open(&j, "entries", '[');
	for (uint32_t id = 0; id < a->n_entries && j.text.n <= LIMIT_INDEX; id++) {
		k = archive_entry(a, id, &e);
		if (!k) {
			json_new_line(&j);
			k = put_entry(a, &j, &e);
			json_close(&j, '}');
		}
		r = r ?: k;
	}
	r = r ?: check_length(a, j.text.n);
	json_close(&j, ']');
	json_close(&j, '}');
	k = steal_json(&j, text);
	return k ?: r;
}

/* ---- text ---- */

struct listing {
	struct archive *a;
	struct archive_entry e;
	FILE *f;
};

/* Lines that print() makes of each entry. */
static int list_lines(struct archive *a, int (*print)(struct listing *l), char **text)
{
	size_t size = 0;
	struct listing l = { .a = a, .f = memstream_open(text, &size) };
	int r = 0;

	if (!l.f)
		return -ENOMEM;
	for (uint32_t id = 0; id < a->n_entries && size <= LIMIT_INDEX; id++) {
		int k = archive_entry(a, id, &l.e) ?: print(&l);

		r = r ?: k;
		/* size is that of the last fflush(3). */
		if (id % 64 == 0)
			fflush(l.f);
	}
	r = r ?: check_length(a, size);
	return memstream_close(l.f) ?: r;
}

static int print_size(struct listing *l)
{
	fprintf(l->f, "%10" PRIu32 " %s\n", l->e.size, l->e.path);
	return 0;
}

static int print_path(struct listing *l)
{
	if (l->e.kind == ARCHIVE_MODULE)
		fprintf(l->f, "%s\n", l->e.path);
	return 0;
}

static void print_name(void *userdata, const char *key, size_t n_key, const char *value)
{
	struct listing *l = userdata;

	if (!is_firmware(key, n_key))
		return;
	/* It would be another field or line. */
	if (value[strcspn(value, "\t\n")])
		log_warning(l->a->log,
			    "%s(%s): the name of firmware %s has a tab or a newline, and is left out",
			    l->a->path, l->e.path, value);
	else
		fprintf(l->f, "%s\t%s\n", l->e.path, value);
}

static int print_firmware(struct listing *l)
{
	return l->e.kind == ARCHIVE_MODULE ? each_field(l->a, &l->e, print_name, l) : 0;
}

int archive_list(struct archive *a, bool json, char **text)
{
	return json ? list_json(a, text) : list_lines(a, print_size, text);
}

int archive_list_paths(struct archive *a, char **text)
{
	return list_lines(a, print_path, text);
}

int archive_list_firmware(struct archive *a, char **text)
{
	return list_lines(a, print_firmware, text);
}

/* ---- one module, or another file ---- */

/* 1, 0: no other file has this path, -EBADMSG. */
static int find_file(struct archive *a, const char *path, struct archive_entry *e)
{
	int r = 0;

	for (uint32_t id = 0; id < a->n_entries; id++) {
		int k = archive_entry(a, id, e);

		if (!k && e->kind != ARCHIVE_MODULE && !strcmp(e->path, path))
			return 1;
		r = r ?: k;
	}
	return r;
}

static int find(struct archive *a, const char *word, struct archive_entry *e)
{
	char name[LIMIT_NAME + 1];
	int r;

	normalise_path(word, name, sizeof(name));
	r = archive_find(a, name, e);
	if (!r)
		r = find_file(a, word, e);
	if (!r)
		log_error(a->log, "%s: has no module %s", a->path, word);
	return r > 0 ? 0 : r ?: -ENOENT;
}

/* As modinfo(8) has it. */
static void print_field(void *userdata, const char *key, size_t n_key, const char *value)
{
	int pad = n_key < 15 ? 15 - (int)n_key : 0;

	fprintf(userdata, "%.*s:%*s%s\n", (int)n_key, key, pad, "", value);
}

static int show_text(struct archive *a, const struct archive_entry *e, char **text)
{
	size_t size;
	FILE *f = memstream_open(text, &size);
	int r = 0;

	if (!f)
		return -ENOMEM;
	fprintf(f, "filename:       %s(%s)\n", a->path, e->path);
	if (e->kind == ARCHIVE_MODULE)
		r = each_field(a, e, print_field, f);
	else
		fprintf(f, "kind:           %s\nsize:           %" PRIu32 "\n", archive_kind_name(e->kind),
			e->size);
	return memstream_close(f) ?: r;
}

struct key {
	const char *text;
	size_t n;
};

struct collector {
	struct json *json;
	struct archive *a;
	const struct archive_entry *e;
	ARRAY(struct key) keys;
	const struct key *key; /* whose values are wanted */
	int error;
};

static void collect_key(void *userdata, const char *key, size_t n_key, const char *value)
{
	struct collector *c = userdata;

	for (size_t i = 0; i < c->keys.n; i++)
		if (c->keys.items[i].n == n_key && !memcmp(c->keys.items[i].text, key, n_key))
			return;
	c->error = c->error ?: array_push(&c->keys, { key, n_key });
}

static void put_value(void *userdata, const char *key, size_t n_key, const char *value)
{
	struct collector *c = userdata;

	if (c->key->n == n_key && !memcmp(c->key->text, key, n_key))
		json_string(c->json, NULL, value);
}

static int put_fields(struct collector *c)
{
	int r = each_field(c->a, c->e, collect_key, c) ?: c->error;

	json_open(c->json, "modinfo", '{');
	for (size_t i = 0; !r && i < c->keys.n; i++) {
		_cleanup_free_ char *key = strndup(c->keys.items[i].text, c->keys.items[i].n);

		if (!key)
			return -ENOMEM;
		c->key = &c->keys.items[i];
		json_open(c->json, key, '[');
		r = each_field(c->a, c->e, put_value, c);
		json_close(c->json, ']');
	}
	json_close(c->json, '}');
	return r;
}

static int show_json(struct archive *a, const struct archive_entry *e, char **text)
{
	struct json j = {};
	struct collector c = { .json = &j, .a = a, .e = e };
	int r = put_entry(a, &j, e), k;

	if (!r && e->kind == ARCHIVE_MODULE)
		r = put_fields(&c);
	json_close(&j, '}');
	array_free(&c.keys);
	k = steal_json(&j, text);
	return k ?: r;
}

int archive_show(struct archive *a, const char *name, bool json, char **text)
{
	struct archive_entry e;
	int r = find(a, name, &e);

	*text = NULL;
	if (r < 0)
		return r;
	return json ? show_json(a, &e, text) : show_text(a, &e, text);
}

/* ---- two archives ---- */

struct path {
	enum archive_kind kind;
	const char *path;
	uint64_t sum;
};

struct paths {
	ARRAY(struct path) items;
};

/* Paths of one kind are below another directory than those of another. */
static int compare(const struct path *a, const struct path *b)
{
	return strcmp(a->path, b->path) ?: (a->kind > b->kind) - (a->kind < b->kind);
}

static int compare_paths(const void *a, const void *b)
{
	return compare(a, b);
}

static int collect_paths(struct archive *a, struct paths *ret)
{
	struct archive_entry e;
	int r = 0;

	for (uint32_t id = 0; !r && id < a->n_entries; id++) {
		r = archive_entry(a, id, &e);
		if (!r)
			r = array_push(&ret->items, { e.kind, e.path, e.sum });
	}
	if (ret->items.n)
		qsort(ret->items.items, ret->items.n, sizeof(*ret->items.items), compare_paths);
	return r;
}

static void print_differences(FILE *f, const struct paths *a, const struct paths *b)
{
	size_t i = 0, j = 0;

	while (i < a->items.n || j < b->items.n) {
		const struct path *x = i < a->items.n ? &a->items.items[i] : NULL;
		const struct path *y = j < b->items.n ? &b->items.items[j] : NULL;
		int c = !x ? 1 : !y ? -1 : compare(x, y);

		if (c || x->sum != y->sum)
			fprintf(f, "%c%s\n", c < 0 ? '-' : c > 0 ? '+' : '!', c > 0 ? y->path : x->path);
		i += c <= 0;
		j += c >= 0;
	}
}

int archive_diff(struct archive *a, struct archive *b, char **text)
{
	struct paths x = {}, y = {};
	const char *of_a = "", *of_b = "";
	size_t size = 0;
	FILE *f = memstream_open(text, &size);
	int r, k;

	if (!f)
		return -ENOMEM;
	r = collect_paths(a, &x) ?: collect_paths(b, &y);
	k = archive_meta(a, "release", &of_a);
	r = r ?: k < 0 ? k : 0;
	k = archive_meta(b, "release", &of_b);
	r = r ?: k < 0 ? k : 0;
	if (!r && strcmp(of_a, of_b) != 0)
		fprintf(f, "-release=%s\n+release=%s\n", of_a, of_b);
	if (!r)
		print_differences(f, &x, &y);
	array_free(&x.items);
	array_free(&y.items);
	k = memstream_close(f);
	return k ?: r ?: size > 0;
}
