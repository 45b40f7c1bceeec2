/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "engine/archive-extract.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/archive-kernel.h"
#include "base/array.h"
#include "base/cleanup.h"
#include "base/unpack.h"

#define MUCH ((uint64_t)1 << 30) /* bytes that all of a small archive may be unpacked to */

/* ---- every entry, group by group ---- */

struct entries {
	ARRAY(struct archive_entry) items;
};

static int compare_groups(const void *a, const void *b)
{
	const struct archive_entry *x = a, *y = b;

	if (x->group != y->group)
		return x->group < y->group ? -1 : 1;
	return (x->place > y->place) - (x->place < y->place);
}

/* All that can be read; a damaged one is an answer at the end. */
static int collect_entries(struct archive *a, struct entries *ret)
{
	struct archive_entry e;
	int r = 0;

	for (uint32_t id = 0; id < a->n_entries; id++) {
		int k = archive_entry(a, id, &e);

		if (!k)
			k = array_push(&ret->items, e);
		if (k == -ENOMEM)
			return k;
		r = r ?: k;
	}
	if (ret->items.n)
		qsort(ret->items.items, ret->items.n, sizeof(*ret->items.items), compare_groups);
	return r;
}

/* What all of it needs when it is unpacked: a kernel's modules are seven times as large as their archive. Where
 * groups or members are the same ones again, or a little is unpacked to very much, it is none of them. */
static int check_size(struct archive *a, const struct entries *entries)
{
	const struct archive_entry *e = entries->items.items;
	uint64_t size = 0, limit = MUCH + 64 * a->size;
	struct archive_member m;

	for (size_t i = 0; i < entries->items.n; i++) {
		size += e[i].size;
		if ((!i || e[i].group != e[i - 1].group) && !archive_member(a, &e[i], &m))
			size += m.unpacked;
	}
	if (size <= limit)
		return 0;
	return archive_damaged(a, a->sections[ARCHIVE_ENTRIES].place,
			       "entries that are larger than any archive's");
}

/* Unpacks all, and calls fn for each. Only fn's errors, and -ENOMEM, end it. */
static int each_unpacked(struct archive *a,
			 int (*fn)(void *userdata, const struct archive_entry *e, const struct blob *data),
			 void *userdata)
{
	_cleanup_archive_group_ struct archive_group group = {};
	_cleanup_blob_ struct blob data = {};
	struct entries entries = {};
	int r = collect_entries(a, &entries), k = check_size(a, &entries);

	for (size_t i = 0; r != -ENOMEM && !k && i < entries.items.n; i++) {
		const struct archive_entry *e = &entries.items.items[i];
		int s = archive_unpack(a, e, &group, &data);

		if (!s && fn)
			k = fn(userdata, e, &data);
		r = r ?: s;
	}
	array_free(&entries.items);
	return k ?: r;
}

/* 0 or -ENODATA. */
static int check_contents(struct archive *a)
{
	if (!archive_has_tables_only(a))
		return 0;
	log_error(a->log, "%s: comes from a recording: it has tables but no modules", a->path);
	return -ENODATA;
}

/* ---- into files ---- */

struct extraction {
	struct archive *a;
	struct unpacker unpacker;
	const char *release;
	bool owner_only; /* who else may not read the archive may not read its configuration */
	int failed;	 /* why a file was not written, though others were */
};

bool archive_is_in_place(const struct archive_entry *e)
{
	static const char *const firmware[] = { "lib/firmware/", "usr/lib/firmware/" };
	static const char *const configuration[] = {
		"etc/modprobe.d/",
		"run/modprobe.d/",
		"usr/local/lib/modprobe.d/",
		"usr/lib/modprobe.d/",
		"lib/modprobe.d/",
		"etc/modules-load.d/",
		"run/modules-load.d/",
		"usr/local/lib/modules-load.d/",
		"usr/lib/modules-load.d/",
		"lib/modules-load.d/",
		"etc/depmod.d/",
		"lib/depmod.d/",
		"usr/lib/depmod.d/",
	};
	bool is_firmware = e->kind == ARCHIVE_FIRMWARE;
	const char *const *places = is_firmware ? firmware : configuration;
	size_t n = is_firmware ? ARRAY_SIZE(firmware) : ARRAY_SIZE(configuration);

	for (size_t i = 0; i < n; i++)
		if (!strncmp(e->path, places[i], strlen(places[i])))
			return true;
	return false;
}

/* What is in the place of one file is no reason not to write the others. */
static bool is_in_the_way(int r)
{
	return r == -EEXIST || r == -ENOTDIR || r == -ELOOP || r == -ENOENT;
}

static int extract_entry(void *userdata, const struct archive_entry *e, const struct blob *data)
{
	struct extraction *x = userdata;
	bool is_profile = e->kind == ARCHIVE_PROFILE && !strcmp(e->path, ARCHIVE_PROFILE_PATH);
	bool below = is_profile || e->kind == ARCHIVE_MODULE || e->kind == ARCHIVE_RELEASE_FILE;
	_cleanup_free_ char *name = NULL;
	struct tar_entry file = { .data = data->data,
				  .size = data->size,
				  .mtime = x->a->mtime,
				  .owner_only = x->owner_only && e->kind == ARCHIVE_CONFIGURATION };
	int r;

	if (!below && e->kind != ARCHIVE_FIRMWARE && e->kind != ARCHIVE_CONFIGURATION)
		return 0;
	if (!below && !archive_is_in_place(e)) {
		log_error(x->a->log, "%s(%s): is not unpacked: no such file belongs there", x->a->path,
			  e->path);
		x->failed = -EBADMSG;
		return 0;
	}
	if (asprintf(&name, "%s%s%s%s", below ? "lib/modules/" : "", below ? x->release : "",
		     below ? "/" : "", e->path) < 0)
		return -ENOMEM;
	file.name = name;
	r = unpack_missing(&x->unpacker, &file);
	if (!r)
		return 0;
	if (r != -ENOMEM)
		log_error(x->a->log, "%s/%s: %s", x->unpacker.root.path, name,
			  x->unpacker.why
				  ?: r == -EEXIST ? "is there, with other contents"
						  : strerror(-r));
	x->failed = r;
	return is_in_the_way(r) ? 0 : r;
}

int archive_extract(struct archive *a, const char *directory)
{
	struct extraction x = { .a = a, .unpacker.root = ROOTFS_NONE };
	struct stat st;
	int r = check_contents(a) ?: archive_release(a, &x.release);

	if (r < 0)
		return r;
	if (mkdir(directory, 0755) < 0 && errno != EEXIST)
		r = -errno;
	if (!r)
		r = rootfs_open(&x.unpacker.root, directory);
	if (r < 0) {
		log_error(a->log, "%s: %s", directory, strerror(-r));
		return r;
	}
	x.owner_only = fstat(a->fd, &st) < 0 || !(st.st_mode & 0044);
	r = each_unpacked(a, extract_entry, &x);
	rootfs_close(&x.unpacker.root);
	return r ?: x.failed;
}

/* ---- checks ---- */

static int verify_sections(struct archive *a)
{
	const uint8_t *data;
	size_t size;
	int r = 0;

	for (uint64_t place = a->first; place < a->tables_size; place += ARCHIVE_BLOCK) {
		int k = archive_need(a, place, ARCHIVE_BLOCK);

		r = r ?: k;
	}
	for (enum archive_section_type type = ARCHIVE_META; type < ARCHIVE_SECTION_TYPES; type++) {
		int k = archive_section(a, type, &data, &size);

		r = r ?: k < 0 ? k : 0;
	}
	return r;
}

/* Whether a module is found by its name, and all that it names is there. */
static int verify_module(struct archive *a, const struct archive_entry *e)
{
	struct archive_entry other;
	const char *text;
	size_t n;
	uint32_t id;
	int r = archive_find(a, e->name, &other);

	if (r >= 0 && (!r || other.id != e->id))
		r = archive_damaged(a, a->sections[ARCHIVE_NAMES].place, "a module is not found by its name");
	r = r < 0 ? r : archive_info(a, e, &text, &n);
	for (uint32_t i = 0; r >= 0 && i < e->n_dependencies; i++)
		r = archive_dependency(a, e, i, &id) ?: archive_entry(a, id, &other);
	return r < 0 ? r : 0;
}

static int verify_names(struct archive *a)
{
	struct archive_entry e;
	int r = 0;

	for (uint32_t id = 0; id < a->n_entries; id++) {
		int k = archive_entry(a, id, &e);

		if (!k && e.kind == ARCHIVE_MODULE)
			k = verify_module(a, &e);
		r = r ?: k;
	}
	return r;
}

int archive_verify(struct archive *a)
{
	int r = verify_sections(a), k = verify_names(a);

	r = r ?: k;
	k = check_contents(a) ?: each_unpacked(a, NULL, NULL);
	return r ?: k;
}
