/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the unit tests share: cmocka, a tree of files made for one test, a log that remembers. */
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "base/rootfs.h"

/* ---- a tree ---- */

struct tree {
	char dir[64];
	struct rootfs root;
};

static inline struct tree tree_new(void)
{
	struct tree t;

	/* Thousands of small trees: in memory, where there is a place for it. */
	snprintf(t.dir, sizeof(t.dir), "%s/coldplug-test.XXXXXX",
		 access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm");
	assert_non_null(mkdtemp(t.dir));
	assert_int_equal(rootfs_open(&t.root, t.dir), 0);
	return t;
}

static inline int tree_unlink(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	return remove(path);
}

static inline void tree_free(struct tree *t)
{
	rootfs_close(&t->root);
	nftw(t->dir, tree_unlink, 64, FTW_DEPTH | FTW_PHYS);
}

#define _cleanup_tree_ __attribute__((cleanup(tree_free)))

/* The path of a name in the tree; valid until the fourth call from here. */
static inline const char *tree_path(const struct tree *t, const char *name)
{
	static char paths[4][8192];
	static unsigned int next;
	char *path = paths[next++ % 4];

	snprintf(path, sizeof(paths[0]), "%s/%s", t->dir, name);
	return path;
}

/* The directories above name, and name itself when it ends in a slash. */
static inline void tree_mkdir(const struct tree *t, const char *name)
{
	char path[8192];

	snprintf(path, sizeof(path), "%s/%s", t->dir, name);
	for (char *p = path + strlen(t->dir) + 1; (p = strchr(p, '/')); *p++ = '/') {
		*p = '\0';
		if (mkdir(path, 0755) < 0)
			assert_int_equal(errno, EEXIST);
	}
}

static inline void tree_write_bytes(const struct tree *t, const char *name, const void *data, size_t size)
{
	FILE *f;

	tree_mkdir(t, name);
	f = fopen(tree_path(t, name), "we");
	assert_non_null(f);
	if (size)
		assert_int_equal(fwrite(data, 1, size, f), size);
	assert_int_equal(fclose(f), 0);
}

static inline void tree_write(const struct tree *t, const char *name, const char *text)
{
	tree_write_bytes(t, name, text, strlen(text));
}

static inline void tree_link(const struct tree *t, const char *name, const char *target)
{
	tree_mkdir(t, name);
	assert_int_equal(symlink(target, tree_path(t, name)), 0);
}

/* Sets a file's time to so many seconds ago. */
static inline void tree_age(const struct tree *t, const char *name, time_t seconds)
{
	time_t then = time(NULL) - seconds;
	struct timeval times[2] = { { .tv_sec = then }, { .tv_sec = then } };

	assert_int_equal(utimes(tree_path(t, name), times), 0);
}

/* ---- a log ---- */

struct messages {
	struct log log;
	ARRAY(char) text; /* a line a message */
};

static inline void messages_take(void *userdata, int level, const char *message)
{
	struct messages *m = userdata;
	size_t n = strlen(message);

	assert_int_equal(array_make_room(&m->text, n + 2), 0);
	memcpy(m->text.items + m->text.n, message, n);
	m->text.n += n;
	m->text.items[m->text.n++] = '\n';
	m->text.items[m->text.n] = '\0';
}

static inline void messages_init(struct messages *m)
{
	*m = (struct messages){ .log = { .fn = messages_take, .userdata = m, .level = LOG_LEVEL_WARNING } };
}

static inline void messages_free(struct messages *m)
{
	array_free(&m->text);
}

#define _cleanup_messages_ __attribute__((cleanup(messages_free)))

static inline const char *messages_text(const struct messages *m)
{
	return m->text.n ? m->text.items : "";
}

/* ---- words ---- */

#define assert_contains(text, part)                              \
	do {                                                     \
		const char *_t = (text), *_p = (part);           \
		if (!strstr(_t, _p))                             \
			fail_msg("'%s' is not in:\n%s", _p, _t); \
	} while (0)

/* In a table's loop: which row it was. */
#define assert_row(i, condition)                                          \
	do {                                                              \
		if (!(condition))                                         \
			fail_msg("row %zu: %s", (size_t)(i), #condition); \
	} while (0)

#define assert_row_string(i, a, b)                                                          \
	do {                                                                                \
		const char *_a = (a), *_b = (b);                                            \
		if (strcmp(_a ? _a : "(null)", _b ? _b : "(null)") != 0)                    \
			fail_msg("row %zu: \"%s\" instead of \"%s\"", (size_t)(i), _a, _b); \
	} while (0)

/* ---- chance ---- */

/* xorshift64*: the same numbers for the same seed everywhere. COLDPLUG_SEED chooses another. */
struct dice {
	uint64_t state;
};

static inline struct dice dice_new(uint64_t seed)
{
	const char *other = getenv("COLDPLUG_SEED");

	return (struct dice){ (other ? strtoull(other, NULL, 0) : seed) * 2 + 1 };
}

static inline uint32_t dice_roll(struct dice *d, uint32_t n)
{
	d->state ^= d->state >> 12;
	d->state ^= d->state << 25;
	d->state ^= d->state >> 27;
	return (uint32_t)((d->state * 0x2545f4914f6cdd1dULL) >> 33) % n;
}
