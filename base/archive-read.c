/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The tables are read in blocks when something in them is first looked at, into memory whose addresses
 * stay, as base/blocks.h does; here each block has a checksum too. So opening costs no more than reading
 * the header, and a damaged block costs what is in it. The first few are read alone, others with their
 * neighbours, since many lookups come to most of them. Refused: mapping the file, because a file that
 * shrinks meanwhile ends the caller by SIGBUS; and reading all tables at once, which takes longer than the
 * first hundred lookups.
 */
#include "base/archive-read.h"

#include <errno.h>
#include <limits.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/group-codec.h"
#include "base/limits.h"
#include "base/little-endian.h"
#include "base/xxh64.h"

#define MAX_FILE ((uint64_t)1 << 40)
#define MAX_SECTIONS 256U
#define PROBES 256U	/* slots for one name; where half of them are free the longest way is some 40 */
#define LONE_LIST 4096U /* dependencies of a module whose list cannot be checked; no module has so many */
#define SINGLES 8U	/* blocks that are read alone at first */
#define WINDOW 16U	/* blocks that are read at once */

int archive_damaged(struct archive *a, uint64_t place, const char *what)
{
	if (a->complaints++ < LIMIT_WARNINGS)
		log_error(a->log, "%s: damaged at byte %" PRIu64 ": %s", a->path, place, what);
	return -EBADMSG;
}

/* ---- reading ---- */

static int read_bytes(struct archive *a, void *to, uint64_t place, size_t n)
{
	size_t done = 0;

	while (done < n) {
		ssize_t k = pread(a->fd, (char *)to + done, n - done, (off_t)(place + done));
		int error = errno;

		if (k < 0 && error == EINTR)
			continue;
		if (k < 0) {
			log_error(a->log, "%s: cannot be read at byte %" PRIu64 ": %s", a->path, place + done,
				  strerror(error));
			return -error;
		}
		if (k == 0)
			return archive_damaged(a, place + done, "the file was cut while it was in use");
		done += (size_t)k;
	}
	return 0;
}

/* The sums are behind the sections' rows, which were checked with them. */
static uint64_t sum_of_block(const struct archive *a, uint64_t block)
{
	const uint8_t *sums = a->tables + ARCHIVE_HEADER_SIZE + ARCHIVE_SECTION_ROW * le32(a->tables + 32);

	return le64(sums + 8 * (block - a->first / ARCHIVE_BLOCK));
}

static uint64_t first_block(const struct archive_section *s)
{
	return s->place / ARCHIVE_BLOCK;
}

static uint64_t last_block(const struct archive_section *s)
{
	return (s->place + s->size - 1) / ARCHIVE_BLOCK;
}

/* Reads the blocks around one, if none of them has been. The header is not among them: it has been checked. */
static bool read_window(struct archive *a, uint64_t block)
{
	uint64_t first = block / WINDOW * WINDOW, end = first + WINDOW, header = a->first / ARCHIVE_BLOCK;
	size_t size;

	first = first > header ? first : header;
	end = end < a->tables_size / ARCHIVE_BLOCK ? end : a->tables_size / ARCHIVE_BLOCK;
	for (uint64_t i = first; i < end; i++)
		if (a->blocks[i] != ARCHIVE_BLOCK_UNREAD)
			return false;
	size = (end - first) * ARCHIVE_BLOCK;
	if (pread(a->fd, a->tables + first * ARCHIVE_BLOCK, size, (off_t)(first * ARCHIVE_BLOCK)) !=
	    (ssize_t)size)
		return false;
	memset(a->blocks + first, ARCHIVE_BLOCK_UNCHECKED, end - first);
	return true;
}

/* Who has asked for a few blocks will ask for more: then their neighbours are read too, but not checked. */
static int fetch_block(struct archive *a, uint64_t block)
{
	if (a->blocks[block] == ARCHIVE_BLOCK_UNCHECKED || (a->singles >= SINGLES && read_window(a, block)))
		return 0;
	a->singles++;
	return read_bytes(a, a->tables + block * ARCHIVE_BLOCK, block * ARCHIVE_BLOCK, ARCHIVE_BLOCK);
}

static int read_block(struct archive *a, uint64_t block)
{
	const struct archive_section *aliases = &a->sections[ARCHIVE_ALIASES];
	int r = fetch_block(a, block);

	if (!r && xxh64(a->tables + block * ARCHIVE_BLOCK, ARCHIVE_BLOCK) != sum_of_block(a, block))
		r = archive_damaged(a, block * ARCHIVE_BLOCK, "this block has another checksum");
	a->blocks[block] = r < 0 ? ARCHIVE_BLOCK_DAMAGED : ARCHIVE_BLOCK_GOOD;
	if (!r && aliases->size && block >= first_block(aliases) && block <= last_block(aliases))
		a->unread--;
	return r;
}

int archive_need(struct archive *a, uint64_t place, uint64_t n)
{
	int r = 0;

	for (uint64_t i = place >> ARCHIVE_BLOCK_SHIFT; !r && i << ARCHIVE_BLOCK_SHIFT < place + n; i++) {
		if (a->blocks[i] != ARCHIVE_BLOCK_GOOD)
			r = a->blocks[i] == ARCHIVE_BLOCK_DAMAGED ? -EBADMSG : read_block(a, i);
	}
	return r;
}

/* n bytes at a place of a section that is not packed, or NULL. */
static const uint8_t *at(struct archive *a, enum archive_section_type type, uint64_t place, uint64_t n)
{
	const struct archive_section *s = &a->sections[type];

	if (place > s->size || n > s->size - place) {
		archive_damaged(a, s->place + s->size, "a place outside of its section");
		return NULL;
	}
	return archive_need(a, s->place + place, n) < 0 ? NULL : a->tables + s->place + place;
}

const char *archive_string(struct archive *a, uint64_t place, size_t limit)
{
	const struct archive_section *s = &a->sections[ARCHIVE_STRINGS];
	uint64_t begin = s->place + place, end = s->place + s->size, next;

	if (place >= s->size) {
		archive_damaged(a, s->place + s->size, "a string outside of the strings");
		return NULL;
	}
	end = end - begin <= limit ? end : begin + limit + 1;
	for (uint64_t p = begin; p < end; p = next) {
		next = (p / ARCHIVE_BLOCK + 1) * ARCHIVE_BLOCK;
		next = next < end ? next : end;
		if (archive_need(a, p, next - p) < 0)
			return NULL;
		if (memchr(a->tables + p, '\0', next - p))
			return (const char *)a->tables + begin;
	}
	archive_damaged(a, begin, "a string without end, or one that is too long");
	return NULL;
}

/* ---- opening ---- */

static int not_an_archive(struct archive *a, const char *what)
{
	log_error(a->log, "%s: %s", a->path, what);
	return -EBADMSG;
}

static int check_header(struct archive *a, const uint8_t *h)
{
	uint64_t header = le32(h + 12), blocks;
	uint32_t n = le32(h + 32), version = le32(h + 8);

	if (memcmp(h, ARCHIVE_MAGIC, ARCHIVE_MAGIC_SIZE) != 0)
		return not_an_archive(a, "is no archive of modules");
	if (version != ARCHIVE_VERSION) {
		log_error(a->log, "%s: has version %u of the format; this coldplug reads version %u", a->path,
			  version, ARCHIVE_VERSION);
		return -EOPNOTSUPP;
	}
	if (le64(h + 16) != a->size) {
		log_error(a->log, "%s: has %" PRIu64 " bytes, but its header says %" PRIu64, a->path, a->size,
			  le64(h + 16));
		return -EBADMSG;
	}
	a->tables_size = le64(h + 24);
	a->first = (header + ARCHIVE_BLOCK - 1) / ARCHIVE_BLOCK * ARCHIVE_BLOCK;
	if (a->tables_size % ARCHIVE_BLOCK || a->tables_size > a->size || a->tables_size > LIMIT_INDEX ||
	    a->first > a->tables_size)
		return archive_damaged(a, 24, "the size of the tables cannot be");
	blocks = (a->tables_size - a->first) / ARCHIVE_BLOCK;
	if (n > MAX_SECTIONS || header != ARCHIVE_HEADER_SIZE + ARCHIVE_SECTION_ROW * n + 8 * blocks)
		return archive_damaged(a, 12, "the size of the header cannot be");
	return 0;
}

/* Reads and checks the header with what belongs to it. */
static int read_header(struct archive *a)
{
	uint8_t head[ARCHIVE_HEADER_SIZE];
	uint32_t size;
	uint64_t sum;
	int r;

	if (a->size < ARCHIVE_HEADER_SIZE)
		return not_an_archive(a, "is no archive of modules: it is shorter than a header");
	r = read_bytes(a, head, 0, sizeof(head));
	if (!r)
		r = check_header(a, head);
	if (r < 0)
		return r;
	/* What is never written to takes no memory. */
	a->tables = malloc(a->tables_size);
	a->blocks = calloc(a->tables_size / ARCHIVE_BLOCK, 1);
	if (!a->tables || !a->blocks)
		return -ENOMEM;
	size = le32(head + 12);
	r = read_bytes(a, a->tables, 0, size);
	if (r < 0)
		return r;
	sum = le64(a->tables + ARCHIVE_HEADER_SUM);
	memset(a->tables + ARCHIVE_HEADER_SUM, 0, 8);
	if (memcmp(a->tables, head, ARCHIVE_HEADER_SUM) != 0 || xxh64(a->tables, size) != sum)
		return archive_damaged(a, ARCHIVE_HEADER_SUM, "the header has another checksum");
	return 0;
}

static bool is_in_place(const struct archive *a, uint32_t type, const struct archive_section *s)
{
	uint64_t end = type == ARCHIVE_DICTIONARY ? a->size : a->tables_size;

	return s->place >= a->first && s->place <= end && s->size <= end - s->place;
}

static bool has_contents(const struct archive_section *s)
{
	return s->size <= LIMIT_INDEX && s->unpacked <= LIMIT_INDEX &&
		(s->flags & ARCHIVE_PACKED || s->unpacked == s->size);
}

static int take_section(struct archive *a, const uint8_t *row)
{
	uint64_t where = (uint64_t)(row - a->tables);
	uint32_t type = le32(row);
	struct archive_section s = { .flags = le32(row + 4),
				     .place = le64(row + 8),
				     .size = le64(row + 16),
				     .unpacked = le64(row + 24),
				     .sum = le64(row + 32) };
	bool known =
		type > 0 && type < ARCHIVE_SECTION_TYPES && !(s.flags & ~(ARCHIVE_REQUIRED | ARCHIVE_PACKED));

	if (!known && s.flags & ARCHIVE_REQUIRED) {
		log_error(a->log, "%s: needs a newer coldplug: a section of type %u with flags %u", a->path,
			  type, s.flags);
		return -EOPNOTSUPP;
	}
	if (!known)
		return 0;
	if (a->sections[type].place)
		return archive_damaged(a, where, "a section that is there already");
	if (!is_in_place(a, type, &s))
		return archive_damaged(a, where, "a section outside of the tables");
	if (!has_contents(&s))
		return archive_damaged(a, where, "a section with a size that cannot be");
	a->sections[type] = s;
	return 0;
}

/* The sections without which there is no archive. They are read where they are. */
static int check_sections(struct archive *a)
{
	const struct archive_section *aliases = &a->sections[ARCHIVE_ALIASES];

	for (uint32_t type = ARCHIVE_META; type <= ARCHIVE_GROUPS; type++) {
		if (!a->sections[type].place || a->sections[type].flags & ARCHIVE_PACKED)
			return archive_damaged(a, ARCHIVE_HEADER_SIZE, "a section that must be there is not");
	}
	if (a->sections[ARCHIVE_ENTRIES].size % ARCHIVE_ENTRY_ROW ||
	    a->sections[ARCHIVE_ENTRIES].size / ARCHIVE_ENTRY_ROW > LIMIT_ARCHIVE_ENTRIES ||
	    a->sections[ARCHIVE_GROUPS].size % ARCHIVE_GROUP_ROW ||
	    a->sections[ARCHIVE_GROUPS].size / ARCHIVE_GROUP_ROW > LIMIT_ARCHIVE_ENTRIES)
		return archive_damaged(a, ARCHIVE_HEADER_SIZE, "a table with a size that cannot be");
	if ((a->sections[ARCHIVE_DICTIONARY].flags | aliases->flags) & ARCHIVE_PACKED)
		return archive_damaged(a, ARCHIVE_HEADER_SIZE, "a section that is packed and must not be");
	a->n_entries = (uint32_t)(a->sections[ARCHIVE_ENTRIES].size / ARCHIVE_ENTRY_ROW);
	a->n_groups = (uint32_t)(a->sections[ARCHIVE_GROUPS].size / ARCHIVE_GROUP_ROW);
	if (aliases->size)
		a->unread = last_block(aliases) - first_block(aliases) + 1;
	return 0;
}

static int open_file(struct archive *a, const struct rootfs *root, const char *path)
{
	struct stat st;

	a->fd = root ? rootfs_open_regular(root, path, SIZE_MAX, &st)
		     : open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (a->fd < 0 && root) {
		log_error(a->log, "%s: %s", a->path, strerror(-a->fd));
		return a->fd;
	}
	if (a->fd < 0 || (!root && fstat(a->fd, &st) < 0)) {
		int r = -errno;

		log_error(a->log, "%s: %s", a->path, strerror(-r));
		return r;
	}
	a->size = (uint64_t)st.st_size;
	a->mtime = st.st_mtime;
	return !S_ISREG(st.st_mode) || a->size > MAX_FILE ? not_an_archive(a, "is no regular file") : 0;
}

int archive_open(struct archive *a, const struct rootfs *root, const char *path, struct log *log)
{
	const char *above = root ? root->path : "", *slash = root && *path != '/' ? "/" : "";
	int r;

	*a = (struct archive){ .log = log, .fd = -1 };
	if (asprintf(&a->path, "%s%s%s", above, slash, path) < 0)
		a->path = NULL;
	r = a->path ? open_file(a, root, path) : -ENOMEM;
	if (!r)
		r = read_header(a);
	for (uint32_t i = 0; !r && i < le32(a->tables + 32); i++)
		r = take_section(a, a->tables + ARCHIVE_HEADER_SIZE + ARCHIVE_SECTION_ROW * i);
	if (!r)
		r = check_sections(a);
	if (r < 0)
		archive_close(a);
	return r;
}

void archive_close(struct archive *a)
{
	for (size_t i = 0; i < ARCHIVE_SECTION_TYPES; i++)
		blob_release(&a->sections[i].contents);
	if (a->fd >= 0)
		close(a->fd);
	free(a->path);
	free(a->tables);
	free(a->blocks);
	array_free(&a->stars);
	array_free(&a->found);
	*a = (struct archive){ .fd = -1 };
}

/* ---- sections ---- */

/* Reads all of a section that is packed, or not among the tables. */
static int load_section(struct archive *a, struct archive_section *s)
{
	_cleanup_blob_ struct blob packed = {}, contents = {};
	int r = blob_reserve(&packed, s->size + 1);

	if (!r)
		r = read_bytes(a, packed.data, s->place, s->size);
	if (r < 0)
		return r;
	packed.size = s->size;
	if (xxh64(packed.data, packed.size) != s->sum)
		return archive_damaged(a, s->place, "this section has another checksum");
	if (!(s->flags & ARCHIVE_PACKED)) {
		s->contents = packed;
		packed = (struct blob){};
		return 0;
	}
	r = blob_reserve(&contents, s->unpacked + 1);
	if (!r)
		r = group_decompress(packed.data, packed.size, NULL, 0, contents.data, s->unpacked);
	if (r == -EBADMSG)
		return archive_damaged(a, s->place, "this section cannot be unpacked");
	if (r < 0)
		return r;
	contents.size = s->unpacked;
	s->contents = contents;
	contents = (struct blob){};
	return 0;
}

int archive_section(struct archive *a, enum archive_section_type type, const uint8_t **data, size_t *size)
{
	struct archive_section *s = &a->sections[type];
	int r = 0;

	if (!s->place)
		return 0;
	if (s->place + s->size <= a->tables_size && !(s->flags & ARCHIVE_PACKED)) {
		r = archive_need(a, s->place, s->size);
		*data = a->tables + s->place;
	} else if (!s->contents.data) {
		r = load_section(a, s);
	}
	if (r < 0)
		return r;
	if (s->contents.data)
		*data = (const uint8_t *)s->contents.data;
	*size = s->unpacked;
	return 1;
}

int archive_meta(struct archive *a, const char *key, const char **value)
{
	size_t size, n = strlen(key);
	const uint8_t *data;
	int r = archive_section(a, ARCHIVE_META, &data, &size);

	if (r <= 0)
		return r;
	for (const char *p = (const char *)data, *end = p + size, *nul; p < end; p = nul + 1) {
		nul = memchr(p, '\0', (size_t)(end - p));
		if (!nul)
			return archive_damaged(a, a->sections[ARCHIVE_META].place, "a string without end");
		if (!strncmp(p, key, n) && p[n] == '=') {
			*value = p + n + 1;
			return 1;
		}
	}
	return 0;
}

/* A damaged block is copied as it is. */
int archive_copy_tables(struct archive *a, struct blob *ret)
{
	uint32_t header = le32(a->tables + 12);
	uint8_t *data;

	for (uint64_t place = a->first; place < a->tables_size; place += ARCHIVE_BLOCK)
		(void)archive_need(a, place, ARCHIVE_BLOCK);
	if (blob_reserve(ret, a->tables_size) < 0)
		return -ENOMEM;
	data = (uint8_t *)ret->data;
	memcpy(data, a->tables, header);
	memset(data + header, 0, a->first - header);
	memcpy(data + a->first, a->tables + a->first, a->tables_size - a->first);
	ret->size = a->tables_size;
	put_le64(data + 16, a->tables_size);
	/* What lies behind the tables is not there any more. */
	for (uint8_t *row = data + ARCHIVE_HEADER_SIZE, *end = row + ARCHIVE_SECTION_ROW * le32(data + 32);
	     row < end; row += ARCHIVE_SECTION_ROW)
		if (le64(row + 8) + le64(row + 16) > a->tables_size)
			memset(row, 0, ARCHIVE_SECTION_ROW);
	put_le64(data + ARCHIVE_HEADER_SUM, 0);
	put_le64(data + ARCHIVE_HEADER_SUM, xxh64(data, header));
	return 0;
}

/* ---- entries ---- */

/* A name with a newline would be two lines of a list. */
static bool has_control(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			return true;
	return false;
}

bool archive_is_plain_path(const char *path)
{
	if (strnlen(path, PATH_MAX) == PATH_MAX || has_control(path))
		return false;
	for (const char *p = path;; p++) {
		size_t n = strcspn(p, "/");

		if (!n || n > 255 || (n == 1 && p[0] == '.') || (n == 2 && p[0] == '.' && p[1] == '.'))
			return false;
		p += n;
		if (!*p)
			return true;
	}
}

/* NULL after an error. */
static const uint8_t *row_of(struct archive *a, uint32_t id)
{
	if (id < a->n_entries)
		return at(a, ARCHIVE_ENTRIES, (uint64_t)id * ARCHIVE_ENTRY_ROW, ARCHIVE_ENTRY_ROW);
	archive_damaged(a, a->sections[ARCHIVE_ENTRIES].place, "an entry outside of the table");
	return NULL;
}

/* The list of an entry begins where that of the one before it ends. So they do not overlap, and all of them
 * are no longer than what is in the section. If the one before it cannot be read, that one is lost, and not
 * this one, unless its list is longer than any is. */
static bool is_list_in_place(struct archive *a, const struct archive_entry *e)
{
	const uint8_t *before;

	if (!e->id)
		return !e->dependencies;
	before = row_of(a, e->id - 1);
	if (!before)
		return e->n_dependencies <= LONE_LIST;
	return e->dependencies == (uint64_t)le32(before + 36) + le32(before + 40);
}

int archive_entry(struct archive *a, uint32_t id, struct archive_entry *ret)
{
	const uint8_t *row = row_of(a, id);
	struct archive_entry e = { .id = id };

	if (!row)
		return -EBADMSG;
	e.kind = row[0];
	e.filter = row[1];
	e.compression = row[2];
	e.name = archive_string(a, le32(row + 4), LIMIT_NAME);
	e.path = archive_string(a, le32(row + 8), PATH_MAX - 1);
	e.size = le32(row + 12);
	e.sum = le64(row + 16);
	e.group = le32(row + 24);
	e.place = le32(row + 28);
	e.stored = le32(row + 32);
	e.dependencies = le32(row + 36);
	e.n_dependencies = le32(row + 40);
	e.info = le32(row + 44);
	if (!e.name || !e.path)
		return -EBADMSG;
	if (!archive_is_plain_path(e.path) || has_control(e.name) || e.n_dependencies > a->n_entries)
		return archive_damaged(a, (uint64_t)(row - a->tables), "an entry with a name that cannot be");
	if (!is_list_in_place(a, &e))
		return archive_damaged(a, (uint64_t)(row - a->tables),
				       "a list of dependencies that is not behind the one before it");
	*ret = e;
	return 0;
}

/* Whether it is worth looking at the rest of an entry. 1, 0, -EBADMSG. */
static int has_name(struct archive *a, uint32_t id, const char *name)
{
	const uint8_t *row = row_of(a, id);
	const char *other = row ? archive_string(a, le32(row + 4), LIMIT_NAME) : NULL;

	return other ? !strcmp(other, name) : -EBADMSG;
}

int archive_find(struct archive *a, const char *name, struct archive_entry *ret)
{
	const uint8_t *head = at(a, ARCHIVE_NAMES, 0, 4), *slot;
	uint32_t n = head ? le32(head) : 0;
	uint64_t i = xxh64(name, strlen(name));
	int r;

	if (!head)
		return -EBADMSG;
	/* pack makes it twice as large as there are names, and then a power of two. */
	if (!n || n & (n - 1) || n > 16 + 4 * (uint64_t)a->n_entries ||
	    a->sections[ARCHIVE_NAMES].size != 4 + 4 * (uint64_t)n)
		return archive_damaged(a, a->sections[ARCHIVE_NAMES].place,
				       "a hash table with a size that cannot be");
	for (uint32_t tried = 0; tried < n && tried < PROBES; tried++, i++) {
		slot = at(a, ARCHIVE_NAMES, 4 + 4 * (i & (n - 1)), 4);
		if (!slot)
			return -EBADMSG;
		if (!le32(slot))
			return 0;
		r = has_name(a, le32(slot) - 1, name);
		if (r > 0) {
			r = archive_entry(a, le32(slot) - 1, ret);
			if (!r && ret->kind == ARCHIVE_MODULE)
				return 1;
		}
		if (r < 0)
			return r;
	}
	return n <= PROBES ? 0
			   : archive_damaged(a, a->sections[ARCHIVE_NAMES].place,
					     "a hash table with too many full slots in a row");
}

int archive_dependency(struct archive *a, const struct archive_entry *e, uint32_t i, uint32_t *id)
{
	const uint8_t *p = at(a, ARCHIVE_DEPENDENCIES, 4 * ((uint64_t)e->dependencies + i), 4);

	if (!p)
		return -EBADMSG;
	*id = le32(p);
	return 0;
}

int archive_info(struct archive *a, const struct archive_entry *e, const char **text, size_t *n)
{
	const uint8_t *data = NULL;
	size_t size = 0;
	int r = archive_section(a, ARCHIVE_INFO, &data, &size);

	*text = "";
	*n = 0;
	if (r <= 0)
		return r;
	if (e->info > size || size - e->info < 4 || le32(data + e->info) > size - e->info - 4)
		return archive_damaged(a, a->sections[ARCHIVE_INFO].place,
				       "a .modinfo outside of its section");
	/* A byte behind the contents is 0: that of the blob, or the next one's number of bytes is checked
	 * here. */
	*text = (const char *)data + e->info + 4;
	*n = le32(data + e->info);
	if (*n > LIMIT_MODINFO)
		return archive_damaged(a, a->sections[ARCHIVE_INFO].place, "a .modinfo of more than 1 MiB");
	if (*n && (*text)[*n - 1])
		return archive_damaged(a, a->sections[ARCHIVE_INFO].place, "a .modinfo without end");
	*n -= *n > 0;
	return 0;
}

/* ---- contents ---- */

int archive_member(struct archive *a, const struct archive_entry *e, struct archive_member *ret)
{
	const uint8_t *row = e->group < a->n_groups
		? at(a, ARCHIVE_GROUPS, (uint64_t)e->group * ARCHIVE_GROUP_ROW, ARCHIVE_GROUP_ROW)
		: NULL;
	struct archive_member m = { .sum = e->sum,
				    .filter = e->filter,
				    .place = e->place,
				    .stored = e->stored,
				    .size = e->size };

	if (!row)
		return archive_damaged(a, a->sections[ARCHIVE_GROUPS].place, "a group outside of the table");
	m.group = le64(row);
	m.packed = le32(row + 8);
	m.unpacked = le32(row + 12);
	m.flags = le32(row + 16);
	if (m.group < a->tables_size)
		return archive_damaged(a, (uint64_t)(row - a->tables), "a group among the tables");
	*ret = m;
	return 0;
}

struct archive_dictionary archive_dictionary(const struct archive *a)
{
	const struct archive_section *s = &a->sections[ARCHIVE_DICTIONARY];

	return (struct archive_dictionary){ s->place, s->size, s->sum };
}

static int unpack_group(struct archive *a, const struct archive_member *m, struct archive_group *group,
			const char **why)
{
	struct archive_dictionary d = archive_dictionary(a);
	struct blob *dictionary = &a->sections[ARCHIVE_DICTIONARY].contents;
	bool wanted = m->flags & ARCHIVE_GROUP_DICTIONARY;

	/* A damaged one is not read again for each group. */
	if (wanted && !dictionary->data && !a->dictionary_error) {
		a->dictionary_error = archive_read_dictionary(a->fd, &d, dictionary, &a->dictionary_why);
		if (a->dictionary_error)
			blob_release(dictionary);
	}
	*why = a->dictionary_why;
	if (wanted && a->dictionary_error)
		return a->dictionary_error;
	return archive_read_group(a->fd, m, dictionary, &group->scratch, &group->data, why);
}

int archive_unpack(struct archive *a, const struct archive_entry *e, struct archive_group *group,
		   struct blob *ret)
{
	const char *why = NULL;
	struct archive_member m;
	int r = archive_member(a, e, &m);

	/* A damaged group is not tried again for each of its entries. */
	if (!r && group->next != e->group + 1) {
		r = group->error = unpack_group(a, &m, group, &why);
		group->why = why;
		group->next = r == -ENOMEM ? 0 : e->group + 1;
	} else if (!r) {
		r = group->error;
		why = group->why;
	}
	if (!r)
		r = archive_take_member(&m, &group->data, ret, &why);
	if (r < 0 && why && r != -ENOMEM)
		log_error(a->log, "%s(%s): %s (group at byte %" PRIu64 ")", a->path, e->path, why, m.group);
	return r;
}

void archive_group_release(struct archive_group *group)
{
	blob_release(&group->data);
	group_scratch_release(&group->scratch);
	group->next = 0;
}
