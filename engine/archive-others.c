/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What an archive may have beside a kernel's modules: firmware, configuration and a profile. Each kind is
 * sorted by path, and each file is there once. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/archive-read.h"
#include "base/cleanup.h"
#include "base/limits.h"
#include "engine/archive-pack.h"
#include "engine/conf-files.h"
#include "engine/firmware.h"
#include "engine/modinfo.h"

static int compare_entries(const void *a, const void *b)
{
	return strcmp(((const struct pack_entry *)a)->path, ((const struct pack_entry *)b)->path);
}

/* Sorts the entries from one on, and keeps one of each path. */
static void sort_from(struct pack *p, size_t first)
{
	size_t n = first;

	if (p->entries.n > first)
		qsort(p->entries.items + first, p->entries.n - first, sizeof(*p->entries.items),
		      compare_entries);
	for (size_t i = first; i < p->entries.n; i++)
		if (n == first || strcmp(p->entries.items[n - 1].path, p->entries.items[i].path) != 0)
			p->entries.items[n++] = p->entries.items[i];
	p->entries.n = n;
}

/* Modules write "a//b.bin" and "./c.bin" too. */
static void drop_empty_components(char *path)
{
	char *to = path;

	for (const char *from = path; *from;) {
		size_t n = strcspn(from, "/"), all = n + (from[n] == '/');

		if (n && !(n == 1 && *from == '.')) {
			memmove(to, from, all);
			to += all;
		}
		from += all;
	}
	*to = '\0';
}

/* A reader would take an archive with another path for a damaged one. */
static int add_file(struct pack *p, enum archive_kind kind, const char *path)
{
	char *copy = arena_strdup(&p->arena, path);

	if (!copy)
		return -ENOMEM;
	drop_empty_components(copy);
	if (archive_is_plain_path(copy))
		return array_push(&p->entries, { .kind = kind, .file = copy, .path = copy, .name = "" });
	log_warning(p->log, "%s/%s: has a name that no archive can have, and is left out",
		    p->wish->root->path, path);
	return 0;
}

/* ---- firmware ---- */

static int take_firmware(void *userdata, const char *path, const char *name)
{
	return add_file(userdata, ARCHIVE_FIRMWARE, path);
}

static int find_firmware_of(struct pack *p, struct firmware *f, uint32_t module)
{
	const struct pack_entry *e = &p->entries.items[module];
	const char *name = e->name;
	size_t at = 0;
	const char *string;
	int r = 0;

	while (r >= 0 && (string = pack_info(p, e, &at))) {
		const char *value = modinfo_value(string, "firmware");

		if (!value)
			continue;
		r = firmware_find(f, value);
		if (!r || r == -EINVAL) {
			firmware_log_absent(f, value, name, r);
			r = 0;
		}
		/* The entries may have moved. */
		e = &p->entries.items[module];
	}
	return r < 0 ? r : 0;
}

static int find_firmware(struct pack *p)
{
	struct firmware f = { .root = p->wish->root,
			      .release = p->wish->release,
			      .log = p->log,
			      .found = take_firmware,
			      .userdata = p };
	size_t first = p->entries.n;
	int r = 0;

	for (uint32_t i = 0; !r && i < p->n_modules; i++)
		r = find_firmware_of(p, &f, i);
	firmware_free(&f);
	sort_from(p, first);
	return r;
}

/* ---- configuration ---- */

/* One that is no file, for instance a directory of such a name, is not read by modprobe either. */
static int add_configuration(struct pack *p, const char *path)
{
	struct stat st;
	int fd = rootfs_open_regular(p->wish->root, path, LIMIT_CONFIG_FILE, &st);

	if (fd >= 0) {
		close(fd);
		return add_file(p, ARCHIVE_CONFIGURATION, path);
	}
	if (fd != -ENOENT && fd != -ELOOP && fd != -EISDIR && fd != -EINVAL && fd != -EFBIG)
		return pack_fail(p, path, strerror(-fd), fd);
	log_warning(p->log, "%s/%s: cannot be read and is left out: %s", p->wish->root->path, path,
		    strerror(-fd));
	return 0;
}

/* Adds the files that count: one hides those of the same name in later directories, and so does a link to
 * /dev/null, of which nothing is left. */
static int find_kind(struct pack *p, const char *kind)
{
	static const char *const places[] = { "etc", "run", "usr/local/lib", "usr/lib", "lib" };
	_cleanup_conf_files_ struct conf_files list = {};
	int r = 0;

	for (size_t i = 0; !r && i < ARRAY_SIZE(places); i++) {
		const char *path = arena_printf(&p->arena, "%s/%s", places[i], kind);

		r = path ? conf_files_scan(&list, p->wish->root, path, p->log) : -ENOMEM;
	}
	for (size_t i = 0; !r && i < list.items.n; i++)
		if (!conf_file_is_mask(p->wish->root, list.items.items[i].path))
			r = add_configuration(p, list.items.items[i].path);
	return r;
}

static int find_configuration(struct pack *p)
{
	unsigned int lost = p->log->lost;
	size_t first = p->entries.n;
	int r = find_kind(p, "modprobe.d") ?: find_kind(p, "modules-load.d");

	sort_from(p, first);
	return r ?: p->log->lost != lost ? -EIO : 0;
}

static int find_profile(struct pack *p)
{
	return array_push(&p->entries,
			  { .kind = ARCHIVE_PROFILE,
			    .file = p->wish->profile,
			    .path = ARCHIVE_PROFILE_PATH,
			    .name = "" });
}

int pack_find_others(struct pack *p)
{
	int r = p->wish->firmware ? find_firmware(p) : 0;

	if (!r && p->wish->configuration)
		r = find_configuration(p);
	if (!r && p->wish->profile)
		r = find_profile(p);
	return !r && p->entries.n > LIMIT_ARCHIVE_ENTRIES
		? pack_fail(p, p->wish->directory, "has too many files for an archive", -E2BIG)
		: r;
}
