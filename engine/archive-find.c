/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which files go into an archive, and what they say. Which of two files of one module counts, and the order
 * of the modules, are depmod's. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/archive-read.h"
#include "base/cleanup.h"
#include "base/limits.h"
#include "base/little-endian.h"
#include "base/profile.h"
#include "base/xxh64.h"
#include "engine/archive-pack.h"
#include "engine/depmod-tree.h"

/* The other files of a release's directory that are not made by depmod. */
static const char *const release_files[] = { "modules.order", "modules.builtin", "modules.builtin.modinfo",
					     "modules.builtin.ranges" };

int pack_fail(struct pack *p, const char *file, const char *why, int r)
{
	if (r != -ENOMEM)
		log_lost(p->log, "%s/%s: %s", p->wish->root->path, file, why);
	return r;
}

/* What a module needs is packed with it, as far as it is there: the selection was made by modules.dep, which
 * may be of other modules. */
static int check_needs(struct pack *p, const bool *wanted)
{
	const struct depmod *d = &p->depmod;
	const char *root = p->wish->root->path;

	for (size_t i = 0; i < d->modules.n; i++) {
		const struct depmod_module *m = &d->modules.items[i];

		for (size_t k = 0; wanted[i] && k < m->deps.n; k++) {
			if (wanted[m->deps.items[k]])
				continue;
			log_lost(
				p->log,
				"%s/%s: needs %s/%s, which would not be packed: modules.dep does not say so, run "
				"depmod",
				root, m->file, root, d->modules.items[m->deps.items[k]].file);
			return -ENOENT;
		}
	}
	return 0;
}

/* Drops the modules that are not to be packed. */
static int drop_modules(struct pack *p, const bool *wanted)
{
	struct depmod *d = &p->depmod, dropped = {};
	size_t n = 0;

	if (array_make_room(&dropped.modules, d->modules.n) < 0)
		return -ENOMEM;
	depmod_forget(d);
	for (size_t i = 0; i < d->modules.n; i++) {
		struct depmod_module m = d->modules.items[i];

		if (wanted[i])
			d->modules.items[n++] = m;
		else
			dropped.modules.items[dropped.modules.n++] = m;
	}
	d->modules.n = n;
	depmod_free(&dropped);
	return 0;
}

static int select_modules(struct pack *p)
{
	const struct intern *names = p->wish->wanted;
	_cleanup_free_ bool *wanted = calloc(p->depmod.modules.n + 1, sizeof(*wanted));

	if (!wanted)
		return -ENOMEM;
	for (size_t i = 0; i < p->depmod.modules.n; i++) {
		const char *name = p->depmod.modules.items[i].name;

		wanted[i] = intern_find(names, name, strlen(name)) != INTERN_NONE;
	}
	return check_needs(p, wanted) ?: drop_modules(p, wanted) ?: depmod_solve(&p->depmod);
}

/* The path in the archive: without the suffix of a compressed one, and within the release's directory. */
static const char *path_of(struct pack *p, const struct depmod_module *m)
{
	static const char *const suffixes[] = { ".gz", ".xz", ".zst" };
	size_t n = strlen(m->path);

	for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++) {
		size_t k = strlen(suffixes[i]);

		if (n > k && !strcmp(m->path + n - k, suffixes[i])) {
			n -= k;
			break;
		}
	}
	if (*m->path == '/')
		return arena_printf(&p->arena, "extra/%.*s",
				    (int)(n - (size_t)(strrchr(m->path, '/') + 1 - m->path)),
				    strrchr(m->path, '/') + 1);
	return arena_strndup(&p->arena, m->path, n);
}

static int add_modules(struct pack *p)
{
	int r = 0;

	for (size_t i = 0; !r && i < p->depmod.modules.n; i++) {
		const struct depmod_module *m = &p->depmod.modules.items[i];
		struct pack_entry e = { .kind = ARCHIVE_MODULE, .file = m->file, .name = m->name };

		e.path = path_of(p, m);
		/* Its name is a part of its path. */
		if (e.path && !archive_is_plain_path(e.path))
			return pack_fail(p, e.file, "has a name that no archive can have", -EINVAL);
		r = e.path ? array_push(&p->entries, e) : -ENOMEM;
	}
	p->n_modules = (uint32_t)p->entries.n;
	return r;
}

/* A module that depmod would go on without could be what others need. */
static int read_tree(struct pack *p)
{
	int r;

	p->depmod.log = p->log;
	p->depmod.root = p->wish->root;
	p->depmod.directory = p->wish->directory;
	r = depmod_read_tree(&p->depmod,
			     &(struct depmod_tree){ .release = p->wish->release, .sorted = true });
	if (r == -ENOMEM || !p->depmod.n_unread)
		return r;
	log_lost(p->log, "%s: is not made: it would not be complete", p->wish->output);
	return r ?: -EIO;
}

static int none(struct pack *p, const char *why)
{
	log_error(p->log, "%s/%s: %s", p->wish->root->path, p->wish->directory, why);
	return -ENOENT;
}

/* Asks whether these modules may be packed, and finds what is to be packed and is not there. */
static int check_names(struct pack *p)
{
	const struct intern *wanted = p->wish->wanted;
	struct intern names = {};
	int r = 0;

	for (size_t i = 0; !r && i < p->depmod.modules.n; i++) {
		const char *name = p->depmod.modules.items[i].name;

		if (intern_add(&names, name, strlen(name)) == INTERN_NONE)
			r = -ENOMEM;
	}
	for (uint32_t i = 0; !r && wanted && i < wanted->n; i++) {
		const char *name = intern_string(wanted, i);

		if (intern_find(&names, name, strlen(name)) != INTERN_NONE)
			continue;
		log_lost(p->log, "%s/%s: has no module %s any more: modules.dep is of others, run depmod",
			 p->wish->root->path, p->wish->directory, name);
		r = -ENOENT;
	}
	if (!r && p->wish->check)
		r = p->wish->check(p->wish->userdata, &names);
	intern_free(&names);
	return r;
}

/* Sets out what is to be packed, and what needs what of it. Who needs what is no news here. */
static int choose_modules(struct pack *p)
{
	int r;

	p->depmod.log = NULL;
	r = depmod_solve(&p->depmod);
	if (!r && p->wish->wanted)
		r = select_modules(p);
	p->depmod.log = p->log;
	return r;
}

static int find_modules(struct pack *p)
{
	int r = read_tree(p) ?: check_names(p);

	if (!r && !p->depmod.modules.n)
		return none(p, "has no module to be packed");
	r = r ?: choose_modules(p);
	if (!r && !p->depmod.modules.n)
		return none(p, "none of its modules is selected");
	if (!r && p->depmod.modules.n > LIMIT_ARCHIVE_ENTRIES / 2) {
		log_error(p->log, "%s: is not made: an archive cannot have so many modules", p->wish->output);
		return -E2BIG;
	}
	return r ?: add_modules(p);
}

static int find_release_files(struct pack *p)
{
	int r = 0;

	for (size_t i = 0; !r && i < sizeof(release_files) / sizeof(release_files[0]); i++) {
		struct pack_entry e = { .kind = ARCHIVE_RELEASE_FILE, .path = release_files[i], .name = "" };
		struct stat st;
		int fd;

		e.file = arena_printf(&p->arena, "%s/%s", p->wish->directory, release_files[i]);
		if (!e.file)
			return -ENOMEM;
		fd = rootfs_open_regular(p->wish->root, e.file, LIMIT_INDEX, &st);
		if (fd == -ENOENT)
			continue;
		if (fd < 0)
			return pack_fail(p, e.file, strerror(-fd), fd);
		close(fd);
		r = array_push(&p->entries, e);
	}
	return r;
}

int pack_find(struct pack *p)
{
	return find_modules(p) ?: find_release_files(p);
}

/* ---- what they say ---- */

int pack_read(const struct rootfs *root, struct log *log, const struct pack_entry *e, struct blob *ret,
	      uint8_t *compression)
{
	_cleanup_file_ struct file_bytes bytes = {};
	bool is_profile = e->kind == ARCHIVE_PROFILE;
	int r = is_profile ? profile_read(NULL, e->file, &bytes)
			   : rootfs_read(root, e->file, LIMIT_IMAGE, &bytes);
	enum compression how = COMPRESSION_NONE;

	if (r < 0) {
		log_lost(log, "%s%s%s: %s", is_profile ? "" : root->path, is_profile ? "" : "/", e->file,
			 strerror(-r));
		return r;
	}
	if (e->kind == ARCHIVE_MODULE)
		how = compression_of(bytes.data, bytes.size);
	*compression = (uint8_t)how;
	if (how == COMPRESSION_NONE) {
		r = blob_reserve(ret, bytes.size + 1);
		if (r < 0)
			return r;
		memcpy(ret->data, bytes.data, bytes.size);
		ret->size = bytes.size;
		return 0;
	}
	r = decompress(how, bytes.data, bytes.size, LIMIT_IMAGE, ret);
	if (r < 0 && r != -ENOMEM)
		log_lost(log, "%s/%s: %s", root->path, e->file, decompress_strerror(how, r));
	return r;
}

/* Copies what .modinfo has to INFO. */
static int take_info(struct pack *p, struct pack_entry *e, const struct elf *elf)
{
	struct bytes *info = &p->sections[ARCHIVE_INFO];
	const uint8_t none[4] = {};
	const char *string;
	size_t cursor = 0;
	int r = array_append(&info->items, none, sizeof(none));

	if (r < 0)
		return r;
	e->info = (uint32_t)(info->items.n - sizeof(none));
	while (!r && (r = elf_modinfo_next(elf, &cursor, &string)) > 0)
		r = *string ? array_append(&info->items, (const uint8_t *)string, strlen(string) + 1) : 0;
	if (!r && info->items.n > LIMIT_INDEX)
		return -EFBIG;
	put_le32(info->items.items + e->info, (uint32_t)(info->items.n - e->info - sizeof(none)));
	return r;
}

const char *pack_info(const struct pack *p, const struct pack_entry *e, size_t *at)
{
	const uint8_t *info = p->sections[ARCHIVE_INFO].items.items + e->info;
	const char *string = (const char *)info + 4 + *at;

	if (*at >= le32(info))
		return NULL;
	*at += strlen(string) + 1;
	return string;
}

static bool is_of_machine(struct pack *p, const struct elf *elf)
{
	struct elf_kind kind;

	if (elf_kind(elf->data, elf->size, &kind) < 0)
		return false;
	if (!p->machine.type)
		p->machine = kind;
	return p->machine.machine == kind.machine && p->machine.is64 == kind.is64 &&
		p->machine.big_endian == kind.big_endian;
}

static int take_module(struct pack *p, struct pack_entry *e, const struct blob *image)
{
	struct elf elf;
	int r = elf_open(&elf, image->data, image->size);

	if (r < 0)
		return pack_fail(
			p, e->file,
			elf_header_complaint(image->data,
					     image->size < ELF_HEADER_MAX ? image->size : ELF_HEADER_MAX,
					     image->size)
				?: "is damaged: its section headers lead out of the file",
			r);
	if (!is_of_machine(p, &elf))
		return pack_fail(p, e->file, "is for another architecture than the modules before it",
				 -EINVAL);
	r = take_info(p, e, &elf);
	return r == -EBADMSG ? pack_fail(p, e->file, "is damaged: its sections cannot be read", r) : r;
}

int pack_take_facts(struct pack *p, size_t first)
{
	_cleanup_blob_ struct blob image = {};
	int r = 0;

	for (size_t i = first; !r && i < p->entries.n; i++) {
		struct pack_entry *e = &p->entries.items[i];

		image.size = 0;
		r = pack_read(p->wish->root, p->log, e, &image, &e->compression);
		if (r < 0)
			return r;
		e->size = (uint32_t)image.size;
		e->sum = xxh64(image.data, image.size);
		p->wish->unpacked += image.size;
		if (e->kind == ARCHIVE_MODULE)
			r = take_module(p, e, &image);
	}
	return r;
}
