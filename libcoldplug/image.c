/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * An initramfs: first all that can be checked without reading much, then the closure, then every file into
 * memory, and only then the output, which appears whole or not at all.
 *
 * Refused: a directory to put the files into. It needs room and a name that nobody else knows, its links can
 * lead elsewhere, and what of it ends up in the archive (modes, times, order) depends on the host.
 */
#include "libcoldplug/mkimage.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "libcoldplug/record.h"

#define API __attribute__((visibility("default")))

#define FIRST_BLOCK 512U /* as GNU cpio has it */
#define ROOT_CONF "etc/modules-load.d/coldplug-root.conf"

/* ---- the caller's choices ---- */

/* The methods that this build supports, for a message. */
static void list_methods(char *buf, size_t size, bool modules)
{
	size_t n = (size_t)snprintf(buf, size, "none%s", modules ? ", keep" : "");

	for (int i = COMPRESS_GZIP; i < (modules ? COMPRESS_LZ4 : COMPRESS_METHODS); i++)
		if (compress_built_in(i) && n < size)
			n += (size_t)snprintf(buf + n, size - n, ", %s", compress_name(i));
}

static int read_method(struct mkimage *im, const char *name, bool modules, enum compress_method *ret)
{
	int m = compress_by_name(name);
	char supported[64];

	if (m >= 0 && compress_built_in(m) && !(modules && m == COMPRESS_LZ4)) {
		*ret = m;
		return 0;
	}
	list_methods(supported, sizeof(supported), modules);
	log_error(&im->c->log, "%s %s: not supported; this coldplug supports %s", modules ? "-M" : "-c", name,
		  supported);
	return m >= 0 ? -EOPNOTSUPP : m;
}

static int read_epoch(struct mkimage *im)
{
	const char *text = getenv("SOURCE_DATE_EPOCH");
	char *end;
	unsigned long long n;

	if (!text || !*text)
		return 0;
	errno = 0;
	n = strtoull(text, &end, 10);
	if (*text < '0' || *text > '9' || *end || errno || n > UINT32_MAX) {
		log_error(&im->c->log, "SOURCE_DATE_EPOCH='%s': must be seconds from 0 to %u", text,
			  UINT32_MAX);
		return -EINVAL;
	}
	im->mtime = (uint32_t)n;
	return 0;
}

/* Finds now what would make writing fail at the end. */
static int check_output(struct mkimage *im)
{
	const char *path = im->wish->output, *slash = path ? strrchr(path, '/') : NULL;
	_cleanup_free_ char *parent = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
	struct stat st;

	if (!path || settings_stream(&im->c->settings, path) >= 0)
		return 0;
	if (!parent)
		return -ENOMEM;
	if (!stat(path, &st) && !S_ISREG(st.st_mode)) {
		log_error(&im->c->log, "-o %s: is %s", path,
			  S_ISDIR(st.st_mode) ? "a directory" : "not a regular file");
		return -EINVAL;
	}
	if (stat(parent, &st) < 0 || !S_ISDIR(st.st_mode)) {
		log_error(&im->c->log, "-o %s: there is no directory %s", path, parent);
		return -ENOENT;
	}
	if (access(parent, W_OK) < 0) {
		log_error(&im->c->log, "-o %s: the directory %s cannot be written to", path, parent);
		return -errno;
	}
	return 0;
}

static int read_wish(struct mkimage *im)
{
	const char *modules = im->wish->module_compression ?: "none";
	int r;

	if (im->wish->module_compression && (im->wish->pack || im->wish->archive)) {
		log_error(&im->c->log, "-M %s: modules in an archive are compressed by its own method",
			  modules);
		return -EINVAL;
	}
	r = read_method(im, im->wish->compression ?: "zstd", false, &im->method);

	im->keep = !strcmp(modules, "keep");
	if (!r && !im->keep)
		r = read_method(im, modules, true, &im->modules_method);
	return r ?: read_epoch(im) ?: check_output(im);
}

/* ---- the plan ---- */

/* The image would have the modules of LUKS, LVM or RAID, but nothing in it would assemble the device. */
static void warn_about_root(struct mkimage *im, const char *source)
{
	static const char *const prefixes[] = { "/dev/mapper/", "/dev/dm-", "/dev/md" };

	for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++)
		if (!strncmp(source, prefixes[i], strlen(prefixes[i])))
			log_warning(
				&im->c->log,
				"/ is on %s, and nothing in this image assembles that device: see \"A root in "
				"LUKS, LVM, RAID\" in docs/embedded.md for what to add with -a",
				source);
}

/* Calls fn for each requested type of file system, but not for "none". */
static int each_type(struct mkimage *im, int (*fn)(struct mkimage *im, const char *type))
{
	_cleanup_free_ char *source = NULL, *type = NULL;
	bool here = !im->c->settings.unpacked && !im->wish->root;
	int r = here ? mkimage_root_mount(im, &source, &type) : 0;

	if (r > 0 && !im->wish->add)
		warn_about_root(im, source);
	if (r < 0 || (im->wish->types && *im->wish->types)) {
		for (const char *const *t = im->wish->types; r >= 0 && *t; t++)
			r = strcmp(*t, "none") ? fn(im, *t) : 0;
		return r < 0 ? r : 0;
	}
	if (r > 0) {
		r = fn(im, type);
		return r < 0 ? r : 0;
	}
	log_error(
		&im->c->log,
		"the type of the root's file system is not known: name it with -f (\"-f none\" if it is built in)");
	return -EINVAL;
}

/* The module that has a file system of another name. Kernels before 5.2 do not list the aliases of
 * built-in modules. */
static const char *module_of(const char *type)
{
	static const char *const rows[][2] = { { "ext2", "ext4" },
					       { "ext3", "ext4" },
					       { "msdos", "vfat" },
					       { "iso9660", "isofs" },
					       { "nfs4", "nfsv4" } };

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (!strcmp(type, rows[i][0]))
			return rows[i][1];
	return type;
}

/* Looks alias up. 1: it is a module, 0: it is built in, -ENOENT: nothing has it, -ENOMEM. */
static int look_up(struct mkimage *im, const char *alias)
{
	struct coldplug *c = im->c;
	int r;

	if (im->wish->archive)
		return mkimage_look_up(im, alias);
	r = lookup_alias(&c->machine.lookup, alias, &c->answers.matches);
	if (r < 0)
		return r == -EINVAL ? -ENOENT : r;
	if (!r)
		return -ENOENT;
	r = modules_is_builtin(&c->machine.modules, c->answers.matches.items.items[0].module);
	return r < 0 ? r : !r;
}

/* Returns what coldplug_want() does. An archive is taken whole. */
static int want(struct mkimage *im, const char *name)
{
	int r = im->wish->archive ? look_up(im, name) : coldplug_want(im->c, name, NULL);

	if (!im->wish->archive)
		return r;
	if (r == -ENOENT) {
		log_error(&im->c->log, "%s: has no module %s", im->wish->archive, name);
		im->c->wanted.not_found++;
	}
	return r == -ENOENT ? 0 : r < 0 ? r : 1;
}

static int want_type(struct mkimage *im, const char *type)
{
	char names[3][64];
	int r = -ENOENT;

	snprintf(names[0], sizeof(names[0]), "fs-%.50s", type);
	snprintf(names[1], sizeof(names[1]), "%.50s", type);
	snprintf(names[2], sizeof(names[2]), "%.50s", module_of(type));
	for (size_t i = 0; r == -ENOENT && i < ARRAY_SIZE(names); i++) {
		r = look_up(im, names[i]);
		if (r > 0 &&
		    (array_append(&im->root_conf, names[i], strlen(names[i])) < 0 ||
		     array_push(&im->root_conf, '\n') < 0))
			return -ENOMEM;
		if (r >= 0)
			return want(im, names[i]);
	}
	if (r == -ENOENT)
		log_error(&im->c->log,
			  "-f %s: %s%s%s has no module for this file system, and it is not built in there",
			  type, im->moddir ? im->files.path : "", im->moddir ? "/" : "",
			  im->moddir ?: im->wish->archive);
	return r;
}

static int want_names(struct mkimage *im)
{
	bool missing = false;
	int r = 0;

	for (const char *const *name = im->wish->names; r >= 0 && name && *name; name++) {
		r = want(im, *name);
		missing = missing || !r;
	}
	return r < 0 ? r : missing ? -ENOENT : 0;
}

/* -EIO if more input was lost than before. */
static int check_lost(struct mkimage *im, unsigned int before)
{
	if (im->c->log.lost == before)
		return 0;
	log_error(&im->c->log, "the image would not be complete");
	return -EIO;
}

static int want_all(struct mkimage *im)
{
	struct coldplug *c = im->c;
	unsigned int lost = c->log.lost;
	int r = 0;

	/* An unknown name in modules-load.d is only a mistake there, and does not prevent the image. */
	c->wanted.lenient = true;
	c->settings.keep_unpacked = true;
	if (im->wish->machine)
		r = coldplug_replay(c);
	c->wanted.lenient = false;
	if (r >= 0 && im->wish->machine)
		r = coldplug_want_loaded(c);
	if (r >= 0)
		r = context_open(c);
	if (r >= 0)
		r = want_names(im);
	if (r >= 0)
		r = each_type(im, want_type);
	return r < 0 ? r : check_lost(im, lost);
}

static int add_closure(struct mkimage *im)
{
	struct coldplug *c = im->c;
	const struct coldplug_file *files;
	unsigned int lost = c->log.lost;
	size_t prefix = strlen(im->files.path) + 1;
	int64_t n = coldplug_closure(
		c, c->settings.unpacked ? im->files.path[0] ? im->files.path : "/" : NULL, &files);
	int r = n < 0 ? (int)n : check_lost(im, lost);

	for (int64_t i = 0; !r && i < n; i++) {
		if (files[i].by)
			log_info(&c->log, "%s: for %s", files[i].name, files[i].by);
		if (c->answers.closure.items.items[i].archived) {
			log_error(&c->log, "%s: is in an archive: name that by --archive=FILE",
				  files[i].path);
			return -EINVAL;
		}
		if (files[i].kind == COLDPLUG_FILE_FIRMWARE)
			r = mkimage_add_firmware(im, files[i].path + prefix);
		else if (im->wish->pack)
			r = mkimage_pack_module(im, files[i].path + prefix);
		else
			r = mkimage_add_module(im, files[i].path + prefix);
	}
	return r;
}

static int prepare_context(struct mkimage *im)
{
	struct coldplug *c = im->c;
	int r = coldplug_set_flag(c, COLDPLUG_DRY_RUN, true);

	if (!r)
		r = coldplug_set_flag(c, COLDPLUG_IGNORE_LOADED, true);
	if (!r && im->wish->root && !c->settings.unpacked)
		r = coldplug_set_root(c, im->wish->root);
	if (!r)
		r = coldplug_set_release(c, im->release);
	return r;
}

static int add_modules(struct mkimage *im)
{
	int r = 0;

	if (!im->wish->machine && !(im->wish->names && *im->wish->names)) {
		log_error(&im->c->log,
			  "-r alone names no machine: name modules with -m, or a recorded machine with -R");
		return -EINVAL;
	}
	if (im->c->settings.unpacked)
		r = mkimage_take_indexes(im);
	if (!r)
		r = prepare_context(im);
	if (!r)
		r = want_all(im);
	if (!r)
		r = add_closure(im);
	if (r < 0)
		return r;
	/* An archive has one module at least. */
	return im->wish->pack && im->packed.n ? mkimage_pack(im) : mkimage_add_indexes(im);
}

/* Takes all modules of an archive. */
static int take_archive(struct mkimage *im)
{
	int r = want_names(im);

	return r < 0 ? r : each_type(im, want_type) ?: mkimage_add_archive(im);
}

/* Whether the kernel supports modules: a machine with /proc but without /proc/modules does not. */
static bool has_modules(const struct mkimage *im)
{
	_cleanup_close_ int mounts = rootfs_openat(&im->machine, "proc/self/mounts", O_PATH);
	_cleanup_close_ int modules = rootfs_openat(&im->machine, "proc/modules", O_PATH);

	return modules >= 0 || mounts < 0;
}

static int want_built_in(struct mkimage *im, const char *type)
{
	return has_modules(im) ? -ENOENT : 0;
}

/* A kernel without modules needs none. The caller says so with "none" if the image is for another machine. */
static int check_no_modules(struct mkimage *im)
{
	bool named = im->wish->names && *im->wish->names;
	int r = named ? -ENOENT : each_type(im, want_built_in);

	if (r == -ENOENT)
		log_error(
			&im->c->log,
			"%s/lib/modules%s%s: there are no modules for this kernel; if it needs none, use \"-f none\" "
			"without -m",
			im->files.path, im->release ? "/" : "", im->release ?: "");
	else if (!r && im->c->settings.paths.release && has_modules(im))
		log_warning(&im->c->log, "%s/lib/modules%s%s: there are no modules for this kernel",
			    im->files.path, im->release ? "/" : "", im->release ?: "");
	return r;
}

/* Init loads these at once, so that the file system is there when its device appears. */
static int add_root_conf(struct mkimage *im)
{
	size_t n = im->root_conf.n;
	char *text = im->root_conf.items;

	im->root_conf.items = NULL;
	array_free(&im->root_conf);
	return n ? image_tree_memory(&im->tree, ROOT_CONF, text, n) : 0;
}

/* ---- the output ---- */

static int write_file(void *userdata, const void *data, size_t size)
{
	struct mkimage *im = userdata;

	im->wish->size += size;
	return fwrite(data, 1, size, im->out.f) == size ? 0 : errno ? -errno : -EIO;
}

static int write_archive(void *userdata, const void *data, size_t size)
{
	struct mkimage *im = userdata;

	return compressor_add(im->compressor, data, size);
}

static int write_entry(void *userdata, const struct cpio_entry *e)
{
	struct mkimage *im = userdata;

	return cpio_write(&im->cpio, e);
}

static int count_entry(void *userdata, const struct cpio_entry *e)
{
	struct mkimage *im = userdata;

	if (im->wish->entry)
		im->wish->entry(im->wish->userdata, e->name, S_ISREG(e->mode) ? e->size : 0);
	im->wish->unpacked += cpio_size(e);
	return e->size > UINT32_MAX ? -EFBIG : strlen(e->name) >= PATH_MAX ? -ENAMETOOLONG : 0;
}

/* What stands in front, with zeros behind it up to where programs look for the rest. */
static int write_first(struct mkimage *im)
{
	static const char zeros[FIRST_BLOCK];
	uint64_t size;
	int r = 0;

	if (!im->first.entries.n)
		return 0;
	im->cpio.write = write_file;
	r = image_tree_each(&im->first, write_entry, im);
	if (!r)
		r = cpio_end(&im->cpio);
	im->cpio.write = write_archive;
	size = im->wish->size % FIRST_BLOCK;
	return r < 0 || !size ? r : write_file(im, zeros, FIRST_BLOCK - size);
}

static int write_image(struct mkimage *im)
{
	const char *path = im->wish->output;
	int r = output_file_open(&im->out, AT_FDCWD, path, settings_stream(&im->c->settings, path));

	im->cpio = (struct cpio){ .write = write_archive, .userdata = im, .mtime = im->mtime };
	if (!r)
		r = write_first(im);
	if (!r)
		r = compressor_new(&im->compressor, im->method, im->main_size, write_file, im);
	if (!r)
		r = image_tree_each(&im->tree, write_entry, im);
	if (!r)
		r = cpio_end(&im->cpio);
	if (!r)
		r = compressor_end(im->compressor);
	im->compressor = compressor_free(im->compressor);
	if (!r)
		r = output_file_commit(&im->out);
	output_file_abort(&im->out);
	return r;
}

static int finish(struct mkimage *im)
{
	uint64_t first;
	int r = image_tree_each(&im->first, count_entry, im);

	first = im->wish->unpacked += im->first.entries.n ? cpio_size(NULL) : 0;
	r = r ?: image_tree_each(&im->tree, count_entry, im);
	im->wish->unpacked += cpio_size(NULL);
	im->main_size = im->wish->unpacked - first;
	if (!r && im->wish->output)
		r = write_image(im);
	return r < 0 ? mkimage_fail(im, im->wish->output ?: "the image", r) : 0;
}

/* A lost line of it may be the one that keeps a module from being loaded. */
static int add_configuration(struct mkimage *im)
{
	unsigned int lost = im->c->log.lost;

	if (im->has_configuration)
		return 0;
	return mkimage_add_configuration(im) ?: check_lost(im, lost);
}

static int make(struct mkimage *im)
{
	int r = read_wish(im) ?: mkimage_open(im);

	if (!r)
		r = im->wish->archive ? take_archive(im)
			: im->moddir  ? add_modules(im)
				      : check_no_modules(im);
	if (!r)
		r = add_configuration(im);
	if (!r)
		r = mkimage_add_profile(im);
	if (!r)
		r = add_root_conf(im);
	if (!r)
		r = mkimage_add_programs(im);
	if (!r)
		r = mkimage_add_files(im);
	/* All that is needed of a recording has been read. */
	if (!r)
		r = record_drop(&im->c->settings.unpacked, &im->c->log);
	return r ?: finish(im);
}

API int coldplug_image(struct coldplug *c, struct coldplug_image *image)
{
	struct mkimage im = { .c = c,
			      .wish = image,
			      .files = ROOTFS_NONE,
			      .machine = ROOTFS_NONE,
			      .archive.fd = -1 };
	int r = c->machine.opened ? -EBUSY : make(&im);

	if (r == -ENOMEM)
		log_error(&c->log, "the image cannot be made: %s", strerror(ENOMEM));
	image_tree_free(&im.tree);
	image_tree_free(&im.first);
	archive_close(&im.archive);
	intern_free(&im.packed);
	depmod_free(&im.depmod);
	intern_free(&im.ranked);
	array_free(&im.ranks);
	array_free(&im.root_conf);
	rootfs_close(&im.files);
	rootfs_close(&im.machine);
	free(im.release);
	free(im.moddir);
	return r;
}
