/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What runs in an image. The caller names these files, so they are opened as the caller's own, not below
 * a root. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/limits.h"
#include "libcoldplug/mkimage.h"

static int read_program(struct mkimage *im, const char *path, struct file_bytes *file, mode_t *mode)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	int r = fd < 0 || fstat(fd, &st) < 0 ? -errno : 0;

	if (!r)
		r = S_ISREG(st.st_mode)	      ? file_read(fd, LIMIT_IMAGE, file)
			: S_ISDIR(st.st_mode) ? -EISDIR
					      : -EINVAL;
	if (r == -EINVAL)
		log_error(&im->c->log, "%s: not a regular file", path);
	else if (r < 0)
		log_error(&im->c->log, "%s: cannot be read: %s", path, strerror(-r));
	else
		*mode = st.st_mode & 0111 ? 0755 : 0644;
	return r;
}

/* 64-bit kernels run these. */
static bool is_32_bit_of(unsigned int program, unsigned int kernel)
{
	static const unsigned int pairs[][2] = { { 3, 62 }, { 40, 183 }, { 20, 21 }, { 2, 43 } };

	for (size_t i = 0; i < ARRAY_SIZE(pairs); i++)
		if (pairs[i][0] == program && pairs[i][1] == kernel)
			return true;
	return false;
}

static const char *machine(const struct elf_kind *kind, char buf[32])
{
	const char *name = elf_machine_name(kind->machine);

	if (name)
		snprintf(buf, 32, "%s", name);
	else
		snprintf(buf, 32, "machine %u", kind->machine);
	return buf;
}

static void compare_kinds(struct mkimage *im, const char *path, const struct elf_kind *program)
{
	char one[32], other[32];

	if (!im->kind.type ||
	    ((program->machine == im->kind.machine || is_32_bit_of(program->machine, im->kind.machine)) &&
	     program->big_endian == im->kind.big_endian && program->is64 <= im->kind.is64))
		return;
	log_warning(&im->c->log,
		    "%s: a program for %s (%u bits, %s endian), but the modules are for %s (%u, %s)", path,
		    machine(program, one), program->is64 ? 64U : 32U, program->big_endian ? "big" : "little",
		    machine(&im->kind, other), im->kind.is64 ? 64U : 32U,
		    im->kind.big_endian ? "big" : "little");
}

/* Refuses a program that needs an interpreter or a library, because the image has none. */
static int check_program(struct mkimage *im, const char *path, const struct file_bytes *file,
			 const char *hint)
{
	struct elf_kind kind;
	int r = elf_kind(file->data, file->size, &kind);

	if (!r)
		r = elf_is_static(file->data, file->size);
	if (r < 0) {
		log_error(&im->c->log, "%s: not a program: it is not ELF, or damaged", path);
		return r;
	}
	if (!r) {
		log_error(&im->c->log, "%s: not a static program%s", path, hint);
		return -ENOEXEC;
	}
	compare_kinds(im, path, &kind);
	return 0;
}

static int add_program(struct mkimage *im, const char *path, const char *name, const char *hint)
{
	struct file_bytes file = {};
	mode_t mode;
	int r = read_program(im, path, &file, &mode);

	if (r < 0)
		return r;
	r = check_program(im, path, &file, hint);
	if (r < 0) {
		file_release(&file);
		return r;
	}
	return image_tree_file(&im->tree, name, 0755, &file);
}

/* Whether the NUL-terminated string at p may be the name of one of busybox's applets; behind it. */
static const char *applet_end(const char *p, const char *end)
{
	const char *q = p;

	while (q < end && q - p < 32 &&
	       ((*q >= 'a' && *q <= 'z') || (*q >= '0' && *q <= '9') || (*q && strchr("[-_.", *q))))
		q++;
	return q > p && q < end && !*q ? q + 1 : NULL;
}

/* busybox has the names of its applets in one piece, sorted. They are found in its bytes, and it is not run,
 * so that a busybox for another architecture makes the same image. The longest such piece that has "sh" is
 * taken. */
static const char *find_applets(const struct cpio_entry *busybox, size_t *n)
{
	const char *p = busybox->data, *end = p + busybox->size, *best = NULL;

	*n = 0;
	while (p < end) {
		const char *start = p, *last = NULL, *next;
		size_t count = 0;
		bool shell = false;

		for (; (next = applet_end(p, end)) && (!last || strcmp(last, p) < 0); last = p, p = next) {
			shell = shell || !strcmp(p, "sh");
			count++;
		}
		if (shell && count > *n) {
			best = start;
			*n = count;
		}
		if (p == start)
			p++;
	}
	return best;
}

static int add_busybox(struct mkimage *im, const char *path)
{
	const struct cpio_entry *busybox;
	const char *applet;
	size_t n;
	int r = add_program(im, path, "bin/busybox", "");

	if (!r)
		r = image_tree_link(&im->tree, "bin/sh", "busybox");
	busybox = image_tree_find(&im->tree, "bin/busybox");
	applet = r < 0 ? NULL : find_applets(busybox, &n);
	for (size_t i = 0; !r && applet && i < n; i++, applet += strlen(applet) + 1) {
		char name[64];

		snprintf(name, sizeof(name), "bin/%s", applet);
		if (!image_tree_find(&im->tree, name))
			r = image_tree_link(&im->tree, name, "busybox");
	}
	return r;
}

static int add_node(struct mkimage *im, const char *name, mode_t mode, unsigned int major, unsigned int minor)
{
	return image_tree_add(
		&im->tree,
		&(struct cpio_entry){ .name = name, .mode = S_IFCHR | mode, .major = major, .minor = minor });
}

int mkimage_add_programs(struct mkimage *im)
{
	static const char *const directories[] = { "dev", "proc", "sys", "run", "etc", "sbin", "sysroot" };
	int r = 0;

	for (size_t i = 0; !r && i < ARRAY_SIZE(directories); i++)
		r = image_tree_directory(&im->tree, directories[i]);
	/* The device nodes that init has before it mounts a devtmpfs. */
	if (!r)
		r = add_node(im, "dev/console", 0600, 5, 1) ?: add_node(im, "dev/kmsg", 0644, 1, 11);
	if (!r)
		r = add_node(im, "dev/null", 0666, 1, 3);
	if (!r)
		r = add_program(im, im->wish->program ?: "/proc/self/exe", "init",
				": build one with meson setup -Dstatic=true, and name it with -p");
	if (!r)
		r = image_tree_link(&im->tree, "sbin/modprobe", "../init");
	if (!r)
		r = image_tree_link(&im->tree, "sbin/coldplug", "../init");
	return r ?: im->wish->busybox ? add_busybox(im, im->wish->busybox) : 0;
}

/* The path of a file in the image, without slashes in front and with one between names. 1; 0: not a valid
 * path; -ENOMEM. */
static int destination(const char *dest, char **ret)
{
	char *to = malloc(strlen(dest) + 1), *p = to;
	int r = 1;

	if (!to)
		return -ENOMEM;
	for (size_t n; r > 0 && *(dest += strspn(dest, "/")); dest += n) {
		n = strcspn(dest, "/");
		if (n == 1 && *dest == '.')
			continue;
		r = n != 2 || strncmp(dest, "..", 2) != 0;
		p = stpcpy(p, p > to ? "/" : "");
		p = mempcpy(p, dest, n);
	}
	*p = '\0';
	/* A path that ends so names a directory, not a file. */
	if (p == to || dest[-1] == '/')
		r = 0;
	if (r > 0)
		*ret = to;
	else
		free(to);
	return r;
}

static int add_file(struct mkimage *im, const char *word)
{
	const char *colon = strchr(word, ':');
	_cleanup_free_ char *from = strndup(word, colon ? (size_t)(colon - word) : 0), *to = NULL;
	struct file_bytes file = {};
	mode_t mode;
	int r = from ? 0 : -ENOMEM;

	if (!r)
		r = colon && *from && colon[1] ? destination(colon + 1, &to) : 0;
	if (r < 0)
		return r;
	if (!r) {
		log_error(&im->c->log,
			  "-a %s: must be SRC:DEST, where DEST is a path in the image without \"..\"", word);
		return -EINVAL;
	}
	r = read_program(im, from, &file, &mode);
	if (r < 0)
		return r;
	r = image_tree_file(&im->tree, to, mode, &file);
	if (r == -ENOTDIR || r == -EISDIR)
		log_error(&im->c->log, "-a %s: %s in the image", word,
			  r == -EISDIR ? "DEST is a directory" : "a directory of DEST is a file");
	return r;
}

int mkimage_add_files(struct mkimage *im)
{
	int r = 0;

	for (const char *const *word = im->wish->add; !r && word && *word; word++)
		r = add_file(im, *word);
	return r;
}
