/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Input: entries of an image: a byte of mode, and up to two bytes 0xff their name and their contents. The
 * archive is read back as the kernel does (init/initramfs.c). */
#include "base/cpio.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "tests/fuzz/fuzz.h"

#define ENTRIES 32

struct archive {
	ARRAY(char) bytes;
};

static int append(void *userdata, const void *data, size_t size)
{
	struct archive *a = userdata;

	return array_append(&a->bytes, data, size);
}

static unsigned long field(const char *header, int i)
{
	char hex[9];

	snprintf(hex, sizeof(hex), "%.8s", header + 6 + 8 * i);
	MUST(strspn(hex, "0123456789abcdefABCDEF") == 8);
	return strtoul(hex, NULL, 16);
}

/* Returns where the next entry begins. */
static size_t check_entry(const struct archive *a, size_t at, const char *name, const struct cpio_entry *e)
{
	const char *p = a->bytes.items + at;
	size_t n_name, size, data;

	MUST(at % 4 == 0 && at + 110 <= a->bytes.n && !memcmp(p, "070701", 6));
	n_name = field(p, 11);
	size = field(p, 6);
	data = (110 + n_name + 3) & ~(size_t)3;
	MUST(at + data + ((size + 3) & ~(size_t)3) <= a->bytes.n);
	MUST(n_name == strlen(name) + 1 && !memcmp(p + 110, name, n_name));
	if (e) {
		MUST(field(p, 1) == e->mode && size == e->size);
		MUST(!size || !memcmp(p + data, e->data, size));
	}
	return at + data + ((size + 3) & ~(size_t)3);
}

static const mode_t kinds[] = { S_IFREG | 0644, S_IFREG | 0755, S_IFLNK | 0777, S_IFDIR | 0755,
				S_IFCHR | 0600 };

/* How many were written. */
static size_t write_entries(struct input *in, struct cpio *c, struct cpio_entry entries[ENTRIES])
{
	size_t n = 0;

	while (in->n && n < ENTRIES) {
		struct cpio_entry e = { .mode = kinds[input_byte(in) % ARRAY_SIZE(kinds)] };
		size_t n_name, at = ((struct archive *)c->userdata)->bytes.n;
		int r;

		e.name = input_part(in, '\xff', &n_name);
		e.data = input_part(in, '\xff', &e.size);
		if (S_ISDIR(e.mode) || S_ISCHR(e.mode))
			e.size = 0;
		r = cpio_write(c, &e);
		MUST(r == 0 || r == -ENAMETOOLONG || r == -EFBIG);
		if (r == 0) {
			MUST(((struct archive *)c->userdata)->bytes.n - at == cpio_size(&e));
			entries[n++] = e;
			continue;
		}
		free((char *)(uintptr_t)e.name);
		free((void *)(uintptr_t)e.data);
	}
	return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	struct cpio_entry entries[ENTRIES];
	struct archive a = {};
	struct cpio c = { .write = append, .userdata = &a, .mtime = 1 };
	size_t n = write_entries(&in, &c, entries), at = 0, end;

	end = a.bytes.n;
	MUST(cpio_end(&c) == 0 && a.bytes.n - end == cpio_size(NULL));
	for (size_t i = 0; i < n; i++) {
		at = check_entry(&a, at, entries[i].name, &entries[i]);
		free((char *)(uintptr_t)entries[i].name);
		free((void *)(uintptr_t)entries[i].data);
	}
	(void)check_entry(&a, at, "TRAILER!!!", NULL);
	array_free(&a.bytes);
	return 0;
}
