/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Of a module that is not compressed only what is shown is read: the headers, the names of the sections,
 * .modinfo, the build id, and the signature at the file's end. These pieces stand in their places in
 * anonymous memory as large as the file, whose other pages are never touched. Refused: mapping the file,
 * as kmod does, because a file that shrinks meanwhile would end the caller by SIGBUS; and reading all of
 * it, which takes longer than all the rest.
 *
 * The strings are used where they are: the '=' behind a key becomes its NUL. That is the last thing that
 * is done to the image, since the sections of a bad file may overlap. A last string without its NUL is
 * copied.
 */
#include "engine/fields.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/elf.h"
#include "base/limits.h"
#include "base/signature.h"

#define ET_RELOCATABLE 1
/* Files that are shorter have no beginning that tells what they are. */
#define MAGIC_MAX 6U

static int read_range(struct fields *f, int fd, const struct elf_range *range)
{
	uint64_t done = 0;

	while (done < range->size) {
		ssize_t n = pread(fd, f->image.data + range->offset + done, range->size - done,
				  (off_t)(range->offset + done));

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n == 0)
			return -EBADMSG;
		done += n > 0 ? (uint64_t)n : 0;
	}
	return 0;
}

/* Puts a section in its place, unless the file is in memory (fd -1). *range is empty if there is none. */
static int read_section(struct fields *f, int fd, const struct elf *elf, const char *name,
			struct elf_range *range)
{
	int r;

	*range = (struct elf_range){};
	r = elf_section_range(elf, name, range);
	return r < 0 ? r : fd < 0 ? 0 : read_range(f, fd, range);
}

/* Puts in their places what elf_open() and elf_section_range() look at. */
static int read_headers(struct fields *f, int fd, struct elf *elf)
{
	struct elf_range head = { .size = ELF_HEADER_MAX }, sections, names;
	size_t size = f->image.size;
	int r;

	if (size < ELF_HEADER_MAX)
		head.size = size;
	r = fd < 0 ? 0 : read_range(f, fd, &head);
	if (!r && fd >= 0)
		r = elf_sections_range(f->image.data, head.size, size, &sections)
			?: read_range(f, fd, &sections);
	r = r ?: elf_open(elf, f->image.data, size);
	if (r < 0 || fd < 0)
		return r;
	r = elf_names_range(elf, &names);
	return r > 0 ? read_range(f, fd, &names) : r;
}

static int add(struct fields *f, const char *key, const char *value, enum field_source source)
{
	return key && value ? array_push(&f->items, { key, value, source }) : -ENOMEM;
}

/* "66:F5:4E", 20 bytes a line, as kmod prints them. */
static const char *hex(struct fields *f, const unsigned char *data, size_t n)
{
	static const char digits[] = "0123456789ABCDEF";
	char *text = arena_alloc(&f->arena, n * 3 + n / 20 * 3 + 1), *p = text;

	for (size_t i = 0; p && i < n; i++) {
		*p++ = digits[data[i] >> 4];
		*p++ = digits[data[i] & 15];
		if (i + 1 < n)
			*p++ = ':';
		if (i + 1 < n && i % 20 == 19) {
			memcpy(p, "\n\t\t", 3);
			p += 3;
		}
	}
	if (p)
		*p = '\0';
	return text;
}

static int add_hex(struct fields *f, const char *key, const unsigned char *data, size_t n,
		   enum field_source source)
{
	return add(f, key, hex(f, data, n), source);
}

static int add_signature(struct fields *f, int fd)
{
	struct elf_range range = { .size = SIGNATURE_TAIL };
	struct signature s;
	int r;

	if (f->image.size < SIGNATURE_TAIL)
		return 0;
	range.offset = f->image.size - range.size;
	r = fd < 0 ? 0 : read_range(f, fd, &range);
	if (r < 0)
		return r;
	range.size = signature_size(f->image.data + range.offset, f->image.size);
	range.offset = f->image.size - range.size;
	r = fd < 0 ? 0 : read_range(f, fd, &range);
	if (r < 0 || !signature_read(f->image.data + range.offset, range.size, &s))
		return r;
	return add(f, "sig_id", s.id_type, FIELD_SIGNATURE) ?:
		add(f, "signer", arena_strndup(&f->arena, (const char *)s.signer.data, s.signer.n),
		    FIELD_SIGNATURE) ?:
		add_hex(f, "sig_key", s.key.data, s.key.n, FIELD_SIGNATURE) ?:
		add(f, "sig_hashalgo", arena_strdup(&f->arena, s.hash), FIELD_SIGNATURE) ?:
		add_hex(f, "signature", s.value.data, s.value.n, FIELD_SIGNATURE);
}

static int add_build_id(struct fields *f, int fd, const struct elf *elf)
{
	const unsigned char *id;
	struct elf_range notes;
	size_t n;

	/* A module without a readable build id is a module all the same. */
	if (read_section(f, fd, elf, ".note.gnu.build-id", &notes) < 0 ||
	    elf_build_id(elf, &notes, &id, &n) <= 0)
		return 0;
	return add_hex(f, "build-id", id, n, FIELD_NOTE);
}

/* Adds a string, which is split in place. */
static int add_string(struct fields *f, char *string)
{
	char *value = strchr(string, '=');

	if (value)
		*value++ = '\0';
	return add(f, string, value ?: "", FIELD_MODINFO);
}

static int add_strings(struct fields *f, char *data, size_t size)
{
	int r = 0;

	for (size_t at = 0; !r && at < size;) {
		size_t n = strnlen(data + at, size - at);
		char *string = data + at;

		if (n == size - at)
			string = arena_strndup(&f->arena, string, n);
		if (n)
			r = string ? add_string(f, string) : -ENOMEM;
		at += n + 1;
	}
	return r;
}

/* Moves the first n fields behind the others. */
static int rotate(struct fields *f, size_t n)
{
	int r = array_make_room(&f->items, n);

	if (r < 0 || !n)
		return r;
	memcpy(f->items.items + f->items.n, f->items.items, n * sizeof(*f->items.items));
	memmove(f->items.items, f->items.items + n, f->items.n * sizeof(*f->items.items));
	return 0;
}

/* fd: a file of which nothing has been read, or -1 when all of it is in f->image. */
static int read_image(struct fields *f, int fd)
{
	struct elf_range info;
	struct elf elf;
	size_t n;
	int r = read_headers(f, fd, &elf) ?: elf_section_range(&elf, ".modinfo", &info);

	if (r <= 0)
		return r ?: -ENODATA;
	r = (fd < 0 ? 0 : read_range(f, fd, &info)) ?: add_signature(f, fd) ?: add_build_id(f, fd, &elf);
	n = f->items.n;
	return r ?: add_strings(f, f->image.data + info.offset, info.size) ?: rotate(f, n);
}

/* kmod's errno and the words for what is wrong with the image. r: what reading it has answered. */
static int judge(const struct fields *f, int r, const char **why)
{
	size_t size = f->image.size;
	struct elf_kind kind;

	if (r != -EBADMSG && r != -ENOEXEC) {
		*why = r == -ENODATA ? "has no .modinfo section" : strerror(-r);
		return r;
	}
	*why = elf_header_complaint(f->image.data, size < ELF_HEADER_MAX ? size : ELF_HEADER_MAX, size)
		?: "is damaged: a section leads out of the file";
	if (size > MAGIC_MAX - 1 && (size < 17 || memcmp(f->image.data, "\177ELF", 4) != 0))
		return -ENOEXEC;
	if (r == -ENOEXEC && !elf_kind(f->image.data, size, &kind) && kind.type != ET_RELOCATABLE)
		return -ENODATA;
	return -EINVAL;
}

/* Decompresses the file into f->image. */
static int unpack(struct fields *f, int fd, enum compression how, const char **why)
{
	_cleanup_file_ struct file_bytes file = {};
	int r = file_read(fd, LIMIT_IMAGE, &file);

	if (r < 0) {
		*why = strerror(-r);
		return r;
	}
	blob_release(&f->image);
	r = decompress(how, file.data, file.size, LIMIT_IMAGE, &f->image);
	if (r < 0)
		*why = decompress_strerror(how, r);
	return r == -EBADMSG || r == -ENODATA ? -EINVAL : r;
}

static void clear(struct fields *f)
{
	arena_free(&f->arena);
	blob_release(&f->image);
	f->items.n = 0;
}

int fields_read_file(struct fields *f, const struct rootfs *root, const char *path, const char **why)
{
	struct stat st;
	_cleanup_close_ int fd = rootfs_open_regular(root, path, LIMIT_IMAGE, &st);
	struct elf_range magic = { .size = MAGIC_MAX };
	enum compression how;
	int r = fd < 0 ? fd : 0;

	clear(f);
	f->image.size = r < 0 ? 0 : (size_t)st.st_size;
	if (f->image.size < magic.size)
		magic.size = f->image.size;
	r = r ?: blob_reserve(&f->image, f->image.size + 1) ?: read_range(f, fd, &magic);
	if (r < 0) {
		*why = strerror(-r);
		return r;
	}
	how = compression_of(f->image.data, magic.size);
	if (how != COMPRESSION_NONE)
		r = unpack(f, fd, how, why);
	if (r < 0)
		return r;
	r = read_image(f, how == COMPRESSION_NONE ? fd : -1);
	return r < 0 ? judge(f, r, why) : 0;
}

int fields_read_builtin(struct fields *f, const char *text, size_t size, const char *module)
{
	size_t n_module = strlen(module), n;
	int r = 0;

	clear(f);
	for (size_t at = 0; !r && at < size; at += n + 1) {
		char *copy;

		n = strnlen(text + at, size - at);
		if (n <= n_module || text[at + n_module] != '.' || memcmp(text + at, module, n_module) != 0)
			continue;
		copy = arena_strndup(&f->arena, text + at + n_module + 1, n - n_module - 1);
		r = copy ? add_string(f, copy) : -ENOMEM;
	}
	return r;
}

void fields_free(struct fields *f)
{
	clear(f);
	array_free(&f->items);
}
