/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Of a module that is not compressed only what is shown is read: its beginning, its end, and the pieces
 * between them that are needed, mostly .modinfo alone. They stand in their places in anonymous memory as
 * large as the file. Nothing looks at what was not read: there are pieces of the file before. Refused:
 * mapping the file, as kmod does, because a file that shrinks meanwhile would end the caller by SIGBUS;
 * and reading all of it, which takes longer than all the rest.
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
/* A table of 50 sections has 3,200 bytes, their names 800, and a signature of Debian's 170 or 680. */
#define HEAD_SIZE 4096U
#define TAIL_SIZE 8192U
#define BUILD_ID_MAX 64U    /* it is a hash */
#define MODINFO_MAX "1 MiB" /* LIMIT_MODINFO */

/* A module's file that is read in pieces. */
struct source {
	int fd;		/* -1: all of it is in place */
	uint64_t begun; /* so many bytes of its beginning are in place, */
	uint64_t ended; /* and all from here on */
};

static bool is_in_place(const struct source *s, const struct elf_range *range)
{
	return s->fd < 0 || range->offset + range->size <= s->begun || range->offset >= s->ended;
}

static int read_range(struct fields *f, const struct source *s, const struct elf_range *range)
{
	if (is_in_place(s, range))
		return 0;
	return file_read_at(s->fd, f->image.data + range->offset, range->size, range->offset);
}

/* Reads the beginning, where the header and mostly the build id are, and the end, where the section
 * headers, their names and the signature are. Two calls are faster than one for each of these. */
static int read_ends(struct fields *f, struct source *s)
{
	struct elf_range head = { .size = HEAD_SIZE }, tail = { .size = TAIL_SIZE };
	uint64_t size = f->image.size;
	int r;

	head.size = head.size < size ? head.size : size;
	tail.size = tail.size < size - head.size ? tail.size : size - head.size;
	tail.offset = size - tail.size;
	r = read_range(f, s, &head) ?: read_range(f, s, &tail);
	s->begun = head.size;
	s->ended = tail.offset;
	return r;
}

/* Puts a section in its place. *range is empty if there is none. */
static int read_section(struct fields *f, const struct source *s, const struct elf *elf, const char *name,
			struct elf_range *range)
{
	int r;

	*range = (struct elf_range){};
	r = elf_section_range(elf, name, range);
	if (r >= 0 && range->size > LIMIT_MODINFO)
		return -EFBIG;
	return r < 0 ? r : read_range(f, s, range);
}

/* Puts in their places what elf_open() and elf_section_range() look at. */
static int read_headers(struct fields *f, const struct source *s, struct elf *elf)
{
	size_t size = f->image.size, n_head = size < ELF_HEADER_MAX ? size : ELF_HEADER_MAX;
	struct elf_range sections, names;
	int r = elf_sections_range(f->image.data, n_head, size, &sections);

	/* Their number may stand in the first of them instead, but a module has not so many. */
	if (!r && !sections.size)
		r = -EBADMSG;
	r = r ?: read_range(f, s, &sections) ?: elf_open(elf, f->image.data, size);
	if (r < 0)
		return r;
	r = elf_names_range(elf, &names);
	return r > 0 ? read_range(f, s, &names) : r;
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

static int add_signature(struct fields *f, const struct source *source)
{
	struct elf_range range = { .size = SIGNATURE_TAIL };
	struct signature s;
	int r;

	if (f->image.size < SIGNATURE_TAIL)
		return 0;
	range.offset = f->image.size - range.size;
	range.size = signature_size(f->image.data + range.offset, f->image.size);
	range.offset = f->image.size - range.size;
	r = range.size > LIMIT_MODINFO ? 0 : read_range(f, source, &range);
	if (r < 0 || range.size > LIMIT_MODINFO ||
	    !signature_read(f->image.data + range.offset, range.size, &s))
		return r;
	return add(f, "sig_id", s.id_type, FIELD_SIGNATURE) ?:
		add(f, "signer", arena_strndup(&f->arena, (const char *)s.signer.data, s.signer.n),
		    FIELD_SIGNATURE) ?:
		add_hex(f, "sig_key", s.key.data, s.key.n, FIELD_SIGNATURE) ?:
		add(f, "sig_hashalgo", arena_strdup(&f->arena, s.hash), FIELD_SIGNATURE) ?:
		add_hex(f, "signature", s.value.data, s.value.n, FIELD_SIGNATURE);
}

static int add_build_id(struct fields *f, const struct source *s, const struct elf *elf)
{
	const unsigned char *id;
	struct elf_range notes;
	size_t n;

	/* A module without a readable build id is a module all the same. */
	if (read_section(f, s, elf, ".note.gnu.build-id", &notes) < 0 ||
	    elf_build_id(elf, &notes, &id, &n) <= 0 || n > BUILD_ID_MAX)
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

static int read_image(struct fields *f, const struct source *s)
{
	struct elf_range info;
	struct elf elf;
	size_t n;
	int r = read_headers(f, s, &elf) ?: elf_section_range(&elf, ".modinfo", &info);

	if (r <= 0)
		return r ?: -ENODATA;
	if (info.size > LIMIT_MODINFO)
		return -EFBIG;
	r = read_range(f, s, &info) ?: add_signature(f, s) ?: add_build_id(f, s, &elf);
	n = f->items.n;
	return r ?: add_strings(f, f->image.data + info.offset, info.size) ?: rotate(f, n);
}

/* kmod's errno and the words for what is wrong with the image. r: what reading it has answered. */
static int judge(const struct fields *f, int r, const char **why)
{
	size_t size = f->image.size;
	struct elf_kind kind;

	if (r != -EBADMSG && r != -ENOEXEC) {
		*why = strerror(-r);
		if (r == -ENODATA)
			*why = "has no .modinfo section";
		if (r == -EFBIG)
			*why = "has a .modinfo section of more than " MODINFO_MAX;
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

/* Decompresses the file into f->image, if it is compressed. */
static int unpack(struct fields *f, struct source *s, const char **why)
{
	_cleanup_file_ struct file_bytes file = {};
	enum compression how = compression_of(f->image.data, f->image.size);
	int r;

	if (how == COMPRESSION_NONE)
		return 0;
	r = file_read(s->fd, LIMIT_IMAGE, &file);
	if (r < 0) {
		*why = strerror(-r);
		return r;
	}
	s->fd = -1;
	blob_release(&f->image);
	r = decompress(how, file.data, file.size, LIMIT_IMAGE, &f->image);
	if (r < 0)
		*why = decompress_strerror(how, r);
	return r == -EBADMSG || r == -ENODATA ? -EINVAL : r;
}

/* Keeps the pages of the image: for the next file they need not be made again. */
static void clear(struct fields *f)
{
	arena_free(&f->arena);
	f->image.size = 0;
	f->items.n = 0;
}

int fields_read_file(struct fields *f, const struct rootfs *root, const char *path, const char **why)
{
	struct stat st;
	_cleanup_close_ int fd = rootfs_open_regular(root, path, LIMIT_IMAGE, &st);
	struct source source = { .fd = fd };
	int r = fd < 0 ? fd : 0;

	clear(f);
	f->image.size = r < 0 ? 0 : (size_t)st.st_size;
	source.ended = f->image.size;
	r = r ?: blob_reserve(&f->image, f->image.size + 1) ?: read_ends(f, &source);
	if (r < 0) {
		*why = strerror(-r);
		return r;
	}
	r = unpack(f, &source, why);
	if (r < 0)
		return r;
	r = read_image(f, &source);
	return r < 0 ? judge(f, r, why) : 0;
}

int fields_read_member(struct fields *f, struct archive *a, const struct archive_entry *e, const char **why)
{
	_cleanup_archive_group_ struct archive_group group = {};
	struct source source = { .fd = -1 };
	int r;

	clear(f);
	r = archive_unpack(a, e, &group, &f->image);
	if (r < 0) {
		*why = strerror(-r);
		return r;
	}
	r = read_image(f, &source);
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
	blob_release(&f->image);
	array_free(&f->items);
}
