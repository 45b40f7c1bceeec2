/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How an image is given to the kernel:
 *
 *     plain ELF, a file    finit_module; where there is none (ENOSYS), init_module
 *     plain ELF, bytes     init_module; where that is refused (EPERM, EACCES: IMA and LoadPin want a file) or with
 *                          flags (modprobe -f) finit_module of a sealed memfd, and where this cannot be (ENOSYS),
 *                          init_module of a copy without what the flags are to ignore
 *     compressed, a file   finit_module with COMPRESSED_FILE when the kernel decompresses just this
 *                          format; when it does not or refuses (EINVAL: an xz whose check is not
 *                          CRC32, for one; ENOSYS, EOPNOTSUPP), decompressed here, init_module
 *     compressed, bytes    decompressed here, init_module
 *
 * The first bytes decide, not the suffix. As for kmod, EINVAL says that a file is too short to see what it
 * is, or that its compressed data are damaged; ENOEXEC, as the kernel has it, that it is plain and no
 * module. EINVAL may also come from the module's own init; then the second try gives the same answer
 * again. The bytes are read, not mapped: if a mapped file shrank, SIGBUS would end all loads.
 *
 * async_probe. The kernel's do_init_module() (kernel/module/main.c) ends in async_synchronize_full()
 * unless the module was given that parameter (commit 67d6212afda2): one adapter that scans its bus for
 * seconds makes every later load wait for it, also that of a library another driver needs. A module
 * that registers no driver has nothing to probe, so the only effect of the parameter is that its load does
 * not wait. Refused: giving it to drivers. Their probes would then run where request_module() must not be
 * called (kernel/module/kmod.c warns, and a load it asks for waits for the probe that waits for the load),
 * and all other loads wait for these probes; measured on `big`, giving it to the slow SCSI adapters made a
 * boot a third slower.
 */
#include "loader/image.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/elf.h"
#include "base/limits.h"

int image_open(struct image *ret, const struct rootfs *root, const char *path)
{
	struct stat st;
	_cleanup_close_ int fd = rootfs_open_regular(root, path, LIMIT_IMAGE, &st);

	if (fd < 0)
		return fd;
	*ret = (struct image){ .path = path, .size = (size_t)st.st_size, .fd = steal_fd(&fd) };
	return 0;
}

void image_close(struct image *image)
{
	if (image->fd >= 0)
		close(image->fd);
	image->fd = -1;
	blob_release(&image->plain);
}

bool image_error_is_own(int error)
{
	return error == ENOMEM || error == EMFILE || error == ENFILE;
}

/* r: negative errno. */
static int complain(struct image_load *how, int r, const char *what)
{
	how->own = image_error_is_own(-r);
	snprintf(how->complaint, sizeof(how->complaint), "%s", what);
	return r;
}

static ssize_t read_at(int fd, char *buf, size_t size, size_t offset)
{
	ssize_t n;

	do
		n = pread(fd, buf, size, (off_t)offset);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

/* The image's bytes: those it has, or the file's, read into *store. */
static int image_bytes(const struct image *image, struct blob *store, const void **data, size_t *size)
{
	ssize_t n;
	int r;

	if (image->fd < 0) {
		*data = image->bytes;
		*size = image->size;
		return 0;
	}
	r = blob_reserve(store, image->size);
	if (r < 0)
		return r;
	while (store->size < image->size) {
		n = read_at(image->fd, store->data + store->size, image->size - store->size, store->size);
		if (n < 0)
			return (int)n;
		if (n == 0)
			break;
		store->size += (size_t)n;
	}
	*data = store->data;
	*size = store->size;
	return 0;
}

/* Read-only: the kernel refuses a file that is open for writing. */
static int reopen(int fd)
{
	char path[32];
	int r;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	r = open(path, O_RDONLY | O_CLOEXEC);
	return r < 0 ? -errno : r;
}

static int make_file(const void *data, size_t size)
{
	_cleanup_close_ int fd = memfd_create("module", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	const char *p = data;

	if (fd < 0)
		return -errno;
	while (size) {
		ssize_t n = write(fd, p, size);

		if (n < 0)
			return -errno;
		p += n;
		size -= (size_t)n;
	}
	/* Nobody changes what the kernel looks at. */
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0)
		return -errno;
	return reopen(fd);
}

/* For a kernel without finit_module, or where no descriptor can be made, as without /proc: what the flags
 * tell the kernel to ignore is not there. */
static int load_stripped(const struct kernel *k, const void *data, size_t size, const char *params,
			 struct image_load *how)
{
	_cleanup_blob_ struct blob copy = {};
	unsigned int what = 0;

	if (blob_reserve(&copy, size) < 0)
		return complain(how, -ENOMEM, strerror(ENOMEM));
	memcpy(copy.data, data, size);
	if (k->finit_flags & FINIT_IGNORE_MODVERSIONS)
		what |= ELF_STRIP_VERSIONS;
	if (k->finit_flags & FINIT_IGNORE_VERMAGIC)
		what |= ELF_STRIP_VERMAGIC;
	if (elf_strip(copy.data, size, what) < 0)
		return complain(how, -ENOEXEC, "is damaged: its version sections cannot be found");
	return k->ops->init_module(k->data, copy.data, size, params);
}

/* init_module(2) has no flags, and some kernels refuse it. */
static int load_as_file(const struct kernel *k, const void *data, size_t size, const char *params,
			struct image_load *how)
{
	_cleanup_close_ int fd = make_file(data, size);
	int r = -ENOSYS;

	if (image_error_is_own(-fd))
		return complain(how, fd, strerror(-fd));
	if (fd >= 0)
		r = k->ops->finit_module(k->data, fd, params, k->finit_flags);
	return r;
}

static int load_plain_bytes(const struct kernel *k, const void *data, size_t size, const char *params,
			    struct image_load *how)
{
	const char *wrong = elf_header_complaint(data, size, size);
	int r;

	if (wrong)
		return complain(how, -ENOEXEC, wrong);
	if (!k->finit_flags && !k->wants_file) {
		r = k->ops->init_module(k->data, data, size, params);
		/* IMA and LoadPin answer so where they want a file. Without an archive all is as with
		 * kmod. */
		if (!k->members || (r != -EACCES && r != -EPERM))
			return r;
	}
	r = load_as_file(k, data, size, params, how);
	if (r != -ENOSYS || how->own)
		return r;
	return k->finit_flags ? load_stripped(k, data, size, params, how)
			      : k->ops->init_module(k->data, data, size, params);
}

static int load_plain(const struct kernel *k, const struct image *image, const char *params, const char *head,
		      size_t n_head, struct image_load *how)
{
	const char *wrong = elf_header_complaint(head, n_head, image->size);
	_cleanup_blob_ struct blob store = {};
	const void *data = NULL;
	size_t size = 0;
	int r;

	if (wrong)
		return complain(how, image->size < COMPRESSION_MAGIC_MAX ? -EINVAL : -ENOEXEC, wrong);
	if (image->fd >= 0) {
		r = k->ops->finit_module(k->data, image->fd, params, k->finit_flags);
		if (r != -ENOSYS)
			return r;
	}
	r = image_bytes(image, &store, &data, &size);
	if (r < 0)
		return complain(how, r, strerror(-r));
	return load_plain_bytes(k, data, size, params, how);
}

int image_decompress(const struct kernel *k, const struct image *image, struct image *ret)
{
	_cleanup_blob_ struct blob store = {};
	struct image plain = { .path = image->path, .fd = -1 };
	char head[ELF_HEADER_MAX];
	enum compression c;
	const void *data = NULL;
	ssize_t n = 0;
	size_t size = 0;
	int r;

	if (image->fd >= 0)
		n = read_at(image->fd, head, sizeof(head), 0);
	c = image->fd >= 0 ? compression_of(head, n > 0 ? (size_t)n : 0)
			   : compression_of(image->bytes, image->size);
	if (c == COMPRESSION_NONE || (image->fd >= 0 && c == k->compression))
		return 0;
	r = image_bytes(image, &store, &data, &size);
	plain.read_us = clock_now_us();
	r = r ?: decompress(c, data, size, LIMIT_IMAGE, &plain.plain);
	if (r < 0) {
		blob_release(&plain.plain);
		return r;
	}
	plain.bytes = plain.plain.data;
	plain.size = plain.plain.size;
	*ret = plain;
	return 1;
}

static int load_decompressed(const struct kernel *k, const struct image *image, enum compression c,
			     const char *params, struct image_load *how)
{
	_cleanup_blob_ struct blob store = {};
	_cleanup_blob_ struct blob plain = {};
	const void *data = NULL;
	size_t size = 0;
	int r;

	r = image_bytes(image, &store, &data, &size);
	if (r < 0)
		return complain(how, r, strerror(-r));
	r = decompress(c, data, size, LIMIT_IMAGE, &plain);
	if (r < 0)
		return complain(how, r == -EBADMSG || r == -ENODATA ? -EINVAL : r, decompress_strerror(c, r));
	blob_release(&store);
	return load_plain_bytes(k, plain.data, plain.size, params, how);
}

static int load_compressed(const struct kernel *k, const struct image *image, enum compression c,
			   const char *params, struct image_load *how)
{
	int r;

	if (image->fd >= 0 && c == k->compression) {
		r = k->ops->finit_module(k->data, image->fd, params, FINIT_COMPRESSED_FILE | k->finit_flags);
		if (r != -EINVAL && r != -ENOSYS && r != -EOPNOTSUPP)
			return r;
		how->refused = -r;
	}
	return load_decompressed(k, image, c, params, how);
}

int image_load(const struct kernel *k, const struct image *image, const char *params, struct image_load *how)
{
	const char *head = image->bytes;
	ssize_t n = (ssize_t)(image->size < ELF_HEADER_MAX ? image->size : ELF_HEADER_MAX);
	char buf[ELF_HEADER_MAX];
	enum compression c;

	*how = (struct image_load){};
	if (image->fd >= 0) {
		n = read_at(image->fd, buf, sizeof(buf), 0);
		if (n < 0)
			return complain(how, (int)n, strerror((int)-n));
		head = buf;
	}
	c = compression_of(head, (size_t)n);
	if (c == COMPRESSION_NONE)
		return load_plain(k, image, params, head, (size_t)n, how);
	return load_compressed(k, image, c, params, how);
}

static int read_range(const struct image *image, struct blob *b, const struct elf_range *range)
{
	ssize_t n = read_at(image->fd, b->data + range->offset, range->size, range->offset);

	return n < 0 ? (int)n : (uint64_t)n < range->size ? -EBADMSG : 0;
}

/* Makes b a copy of the file in which only the headers and symbols have been read: its other pages are never
 * touched. */
static int read_symbols(const struct image *image, struct blob *b, struct elf *elf, struct elf_range *strings)
{
	struct elf_range head = { .size = ELF_HEADER_MAX }, sections, symbols;
	int r;

	if (image->size < ELF_HEADER_MAX)
		return -EOPNOTSUPP;
	if (image->fd < 0)
		return elf_open(elf, image->bytes, image->size) ?: elf_symbol_ranges(elf, &symbols, strings);
	r = blob_reserve(b, image->size) ?: read_range(image, b, &head);
	if (r < 0)
		return r;
	if (compression_of(b->data, ELF_HEADER_MAX) != COMPRESSION_NONE)
		return -EOPNOTSUPP;
	return elf_sections_range(b->data, ELF_HEADER_MAX, image->size, &sections) ?:
		       read_range(image, b, &sections)				   ?:
		       elf_open(elf, b->data, image->size)			   ?:
		       elf_symbol_ranges(elf, &symbols, strings)		   ?:
		       read_range(image, b, &symbols)				   ?:
		       read_range(image, b, strings);
}

/* The functions with which a driver registers have these names on every bus but xenbus, which has
 * "frontends". BusLogic does not register: it finds its adapters itself and has them scanned. A module that
 * exports symbols (libata, esp_scsi) does such work for its users, not when it is loaded. */
static bool begins_probes(const char *symbol, bool serves_others)
{
	if (strstr(symbol, "async_schedule") || !strcmp(symbol, "scsi_scan_host"))
		return !serves_others;
	if (strstr(symbol, "xenbus_register"))
		return true;
	return strstr(symbol, "driver") && (strstr(symbol, "register") || strstr(symbol, "probe"));
}

bool image_probes(const struct image *image)
{
	_cleanup_blob_ struct blob b = {};
	struct elf_range strings;
	struct elf elf;
	const char *name;
	size_t cursor = 0;
	bool serves_others;
	int r = read_symbols(image, &b, &elf, &strings);
	const char *data = image->fd < 0 ? image->bytes : b.data;

	/* include/linux/export-internal.h: each exported symbol has a __ksymtab_ symbol. */
	serves_others = !r && memmem(data + strings.offset, strings.size, "__ksymtab_", 10);
	while (!r && (r = elf_undefined_next(&elf, &cursor, &name)) > 0) {
		if (begins_probes(name, serves_others))
			return true;
		r = 0;
	}
	return r < 0;
}
