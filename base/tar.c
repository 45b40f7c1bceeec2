/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/tar.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "base/cleanup.h"

#define BLOCK 512

/* pax(1p), ustar interchange format. */
struct header {
	char name[100];
	char mode[8];
	char uid[8];
	char gid[8];
	char size[12];
	char mtime[12];
	char checksum[8];
	char type;
	char link[100];
	char magic[8]; /* "ustar\0" "00", or GNU's "ustar  " */
	char user[32];
	char group[32];
	char major[8];
	char minor[8];
	char prefix[155];
	char pad[12];
};

enum {
	TYPE_FILE = '0',
	TYPE_LINK = '2',
	TYPE_DIRECTORY = '5',
	TYPE_LONG_LINK = 'K',
	TYPE_LONG_NAME = 'L',
	TYPE_PAX = 'x'
};

static int put(FILE *f, const void *data, size_t n)
{
	return fwrite(data, 1, n, f) == n ? 0 : errno ? -errno : -EIO;
}

static int put_padded(FILE *f, const void *data, size_t n)
{
	static const char zeros[BLOCK];
	size_t rest = n % BLOCK;
	int r = put(f, data, n);

	return r ?: rest ? put(f, zeros, BLOCK - rest) : 0;
}

static int put_header(FILE *f, char type, const char *name, const char *link, const struct tar_entry *e,
		      size_t size)
{
	struct header h = {};
	unsigned int sum = 0;

	memcpy(h.name, name, strnlen(name, sizeof(h.name)));
	memcpy(h.link, link ? link : "", strnlen(link ? link : "", sizeof(h.link)));
	snprintf(h.mode, sizeof(h.mode), "%07o", (unsigned int)e->mode & 07777);
	snprintf(h.uid, sizeof(h.uid), "%07o", 0);
	snprintf(h.gid, sizeof(h.gid), "%07o", 0);
	snprintf(h.size, sizeof(h.size), "%011llo", (unsigned long long)size & 077777777777ULL);
	snprintf(h.mtime, sizeof(h.mtime), "%011llo", (unsigned long long)e->mtime & 077777777777ULL);
	h.type = type;
	memcpy(h.magic, "ustar  ", 8);
	memset(h.checksum, ' ', sizeof(h.checksum));
	for (size_t i = 0; i < sizeof(h); i++)
		sum += ((const unsigned char *)&h)[i];
	snprintf(h.checksum, sizeof(h.checksum), "%06o", sum);
	return put(f, &h, sizeof(h));
}

/* GNU: what does not fit comes in front, as an entry of its own. */
static int put_long(FILE *f, char type, const char *text, const struct tar_entry *e)
{
	size_t n = strlen(text) + 1;

	if (n <= sizeof(((struct header *)0)->name))
		return 0;
	if (n > PATH_MAX)
		return -ENAMETOOLONG;
	return put_header(f, type, "././@LongLink", NULL, e, n) ?: put_padded(f, text, n);
}

int tar_write(FILE *f, const struct tar_entry *e)
{
	int r = put_long(f, TYPE_LONG_NAME, e->name, e);

	if (!r && e->link)
		r = put_long(f, TYPE_LONG_LINK, e->link, e);
	if (r < 0)
		return r;
	if (e->link)
		return put_header(f, TYPE_LINK, e->name, e->link, e, 0);
	r = put_header(f, TYPE_FILE, e->name, NULL, e, e->size);
	return r ?: put_padded(f, e->data, e->size);
}

int tar_finish(FILE *f)
{
	static const char zeros[2 * BLOCK];

	return put(f, zeros, sizeof(zeros));
}

static int refuse(struct tar_error *error, const char *what)
{
	error->why = what;
	return -EBADMSG;
}

static bool parse_octal(const char *p, size_t n, uint64_t *ret)
{
	uint64_t v = 0;
	size_t i = 0;

	while (i < n && p[i] == ' ')
		i++;
	for (; i < n && p[i] && p[i] != ' '; i++) {
		if (p[i] < '0' || p[i] > '7')
			return false;
		v = v << 3 | (uint64_t)(p[i] - '0');
	}
	*ret = v;
	return true;
}

static bool checksum_is_right(const struct header *h)
{
	const unsigned char *p = (const unsigned char *)h;
	uint64_t want, sum = 0;

	for (size_t i = 0; i < sizeof(*h); i++)
		sum += i >= offsetof(struct header, checksum) && i < offsetof(struct header, type) ? ' '
												   : p[i];
	return parse_octal(h->checksum, sizeof(h->checksum), &want) && want == sum;
}

static bool stays_inside(const char *name)
{
	if (name[0] == '/' || !name[0])
		return false;
	for (const char *p = name; p; p = strchr(p, '/')) {
		p += *p == '/';
		if (p[0] == '.' && p[1] == '.' && (!p[2] || p[2] == '/'))
			return false;
	}
	return true;
}

struct reader {
	char name[PATH_MAX], link[PATH_MAX];
	bool long_name, long_link; /* the next entry's are there already */
};

static int take_long(char place[PATH_MAX], bool *there, const char *data, size_t size,
		     struct tar_error *error)
{
	if (!size || size > PATH_MAX || data[size - 1])
		return refuse(error, "a long name is empty, too long or not terminated");
	memcpy(place, data, size);
	*there = true;
	return 0;
}

/* One record of an extended header (pax(1p)), "LENGTH KEY=VALUE\n", of which the names matter. Returns its
 * length, or 0 if it is damaged. */
static size_t take_record(struct reader *r, const char *data, size_t size)
{
	const char *blank = memchr(data, ' ', size), *equals;
	size_t n = 0, n_key, n_value;
	bool is_name, is_link;

	for (const char *p = data; blank && p < blank && n < size; p++) {
		if (*p < '0' || *p > '9')
			return 0;
		n = n * 10 + (size_t)(*p - '0');
	}
	if (!blank || n > size || n < (size_t)(blank - data) + 2 || data[n - 1] != '\n')
		return 0;
	equals = memchr(blank, '=', n - (size_t)(blank - data));
	if (!equals)
		return 0;
	n_key = (size_t)(equals - blank) - 1;
	n_value = n - 2 - (size_t)(equals - data);
	is_name = n_key == 4 && !memcmp(blank + 1, "path", 4);
	is_link = n_key == 8 && !memcmp(blank + 1, "linkpath", 8);
	if ((is_name || is_link) && n_value >= PATH_MAX)
		return 0;
	if (is_name || is_link)
		snprintf(is_name ? r->name : r->link, PATH_MAX, "%.*s", (int)n_value, equals + 1);
	r->long_name = r->long_name || is_name;
	r->long_link = r->long_link || is_link;
	return n;
}

static int take_pax(struct reader *r, const char *data, size_t size, struct tar_error *error)
{
	while (size) {
		size_t n = take_record(r, data, size);

		if (!n)
			return refuse(error, "an extended header is damaged");
		data += n;
		size -= n;
	}
	return 0;
}

/* The entry of a header: 1 when it is one for the caller. */
static int take_header(struct reader *r, const struct header *h, const char *data, size_t size,
		       struct tar_entry *e, struct tar_error *error)
{
	uint64_t mode = 0, mtime = 0;

	if (h->type == TYPE_LONG_NAME)
		return take_long(r->name, &r->long_name, data, size, error);
	if (h->type == TYPE_LONG_LINK)
		return take_long(r->link, &r->long_link, data, size, error);
	if (h->type == TYPE_PAX)
		return take_pax(r, data, size, error);
	if (!r->long_name && h->prefix[0] && !memcmp(h->magic, "ustar", 6))
		snprintf(r->name, sizeof(r->name), "%.155s/%.100s", h->prefix, h->name);
	else if (!r->long_name)
		snprintf(r->name, sizeof(r->name), "%.100s", h->name);
	if (!r->long_link)
		snprintf(r->link, sizeof(r->link), "%.100s", h->link);
	r->long_name = r->long_link = false;
	parse_octal(h->mode, sizeof(h->mode), &mode);
	parse_octal(h->mtime, sizeof(h->mtime), &mtime);
	*e = (struct tar_entry){ .name = r->name, .mode = (mode_t)mode & 07777, .mtime = (int64_t)mtime };
	while (!strncmp(e->name, "./", 2))
		e->name += 2;
	snprintf(error->name, sizeof(error->name), "%s", e->name);
	if (h->type != TYPE_FILE && h->type != '\0' && h->type != TYPE_LINK)
		return 0;
	if (!stays_inside(e->name))
		return refuse(error, "a name that leads out of it");
	if (h->type == TYPE_LINK) {
		e->link = r->link;
	} else {
		e->data = data;
		e->size = size;
	}
	return 1;
}

int tar_read(const char *data, size_t size, int (*fn)(void *userdata, const struct tar_entry *e),
	     void *userdata, struct tar_error *error)
{
	_cleanup_free_ struct reader *r = calloc(1, sizeof(*r));
	struct header h;
	struct tar_entry e;
	uint64_t n;
	int answer;

	if (!r)
		return -ENOMEM;
	error->in_entry = true;
	for (size_t at = 0;; at += n) {
		error->at = at;
		error->name[0] = '\0';
		if (size - at < BLOCK)
			return refuse(error, "it ends too early");
		memcpy(&h, data + at, sizeof(h));
		if (!h.name[0])
			return 0;
		at += BLOCK;
		if (!checksum_is_right(&h) || !parse_octal(h.size, sizeof(h.size), &n))
			return refuse(error, "not a tar archive, or a damaged one");
		snprintf(error->name, sizeof(error->name), "%.100s", h.name);
		if (n > size - at)
			return refuse(error, "it ends too early");
		answer = take_header(r, &h, data + at, n, &e, error);
		if (answer > 0)
			answer = fn(userdata, &e);
		if (answer < 0)
			return answer;
		n = (n + BLOCK - 1) / BLOCK * BLOCK;
		if (n > size - at)
			return refuse(error, "it ends too early");
	}
}
