/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Threads take the modules one after the other. What a module says goes into the module, and its strings
 * into an arena of the thread, so threads share nothing but the number of the next module, and what comes
 * out does not depend on which thread read what.
 *
 * Large files are left to one thread, which begins with them: two of them decompressed at once would be
 * most of the memory that depmod uses.
 *
 * Of a module that is not compressed only the pieces are read that are looked at: in Debian's 6.1 a sixth
 * of the bytes.
 */
#include "engine/depmod-read.h"

#include <errno.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/blocks.h"
#include "base/cleanup.h"
#include "base/decompress.h"
#include "base/limits.h"
#include "base/thread.h"

#define MAX_THREADS 16U
/* So many modules are worth a thread. */
#define MODULES_PER_THREAD 32U
#define LARGE (1024U * 1024)

struct reading {
	struct depmod *d;
	atomic_size_t next;
	atomic_bool no_memory;
};

struct reader {
	struct reading *reading;
	pthread_t thread;
	bool runs;
	struct arena arena;
};

static int read_range(struct blocks *b, const struct elf_range *range)
{
	return blocks_read(b, range->offset, range->size);
}

/* Puts in its place what elf_open() and elf_section_range() look at. */
static int read_headers(struct blocks *b, struct elf *elf)
{
	size_t n_head = b->size < ELF_HEADER_MAX ? b->size : ELF_HEADER_MAX;
	struct elf_range range;
	int r = blocks_read(b, 0, n_head) ?: elf_sections_range(b->data, n_head, b->size, &range);

	if (r < 0)
		return r;
	/* Without a number of sections it stands in the first of them. */
	r = range.size ? read_range(b, &range) : blocks_read(b, 0, b->size);
	r = r ?: elf_open(elf, b->data, b->size);
	if (r < 0)
		return r;
	r = elf_names_range(elf, &range);
	return r > 0 ? read_range(b, &range) : r ?: -EBADMSG;
}

/* Puts in their places the sections that depmod_take_facts() looks at. Damaged ones are left to it. */
static int read_sections(struct blocks *b, const struct elf *elf, bool versions)
{
	static const char *const names[] = { ".modinfo", "__versions", "__ksymtab_strings" };
	struct elf_range range, strings;
	int r = 0;

	if (versions)
		return blocks_read(b, 0, b->size);
	for (size_t i = 0; !r && i < ARRAY_SIZE(names); i++)
		if (elf_section_range(elf, names[i], &range) > 0)
			r = read_range(b, &range);
	if (!r && !elf_symbol_ranges(elf, &range, &strings))
		r = read_range(b, &range) ?: read_range(b, &strings);
	return r;
}

static int read_plain(struct depmod *d, struct depmod_module *m, struct arena *arena, struct blocks *b)
{
	struct elf elf;
	int r = read_headers(b, &elf) ?: read_sections(b, &elf, d->check_versions);

	return r ?: depmod_take_facts(m, arena, &elf, d->check_versions);
}

static int read_compressed(struct depmod *d, struct depmod_module *m, struct arena *arena, struct blocks *b,
			   enum compression how)
{
	_cleanup_blob_ struct blob blob = {};
	struct elf_range range;
	struct elf elf;
	int r = blocks_read(b, 0, b->size) ?: decompress(how, b->data, b->size, LIMIT_IMAGE, &blob);

	/* The compressed data are not needed any more. */
	blocks_close(b);
	if (!r)
		r = elf_open(&elf, blob.data, blob.size);
	if (r < 0)
		return r;
	r = elf_names_range(&elf, &range);
	return r > 0 ? depmod_take_facts(m, arena, &elf, d->check_versions) : r ?: -EBADMSG;
}

static int read_module(struct depmod *d, struct depmod_module *m, struct arena *arena)
{
	_cleanup_blocks_ struct blocks b = {};
	enum compression how;
	int r = blocks_open(&b, d->root, m->file, LIMIT_IMAGE);

	if (r < 0)
		return r;
	if (b.size < COMPRESSION_MAGIC_MAX)
		return -EINVAL;
	r = blocks_read(&b, 0, COMPRESSION_MAGIC_MAX);
	if (r < 0)
		return r;
	how = compression_of(b.data, b.size);
	return how == COMPRESSION_NONE ? read_plain(d, m, arena, &b) : read_compressed(d, m, arena, &b, how);
}

static void read_one(struct reader *reader, size_t i)
{
	struct reading *reading = reader->reading;
	struct depmod_module *m = &reading->d->modules.items[i];

	m->error = read_module(reading->d, m, &reader->arena);
	if (m->error == -ENOMEM)
		atomic_store(&reading->no_memory, true);
}

static bool is_large(const struct reading *reading, size_t i)
{
	return reading->d->modules.items[i].size > LARGE;
}

static void *read_small(void *arg)
{
	struct reader *reader = arg;
	struct reading *reading = reader->reading;
	size_t i;

	while ((i = atomic_fetch_add(&reading->next, 1)) < reading->d->modules.n)
		if (!is_large(reading, i))
			read_one(reader, i);
	return NULL;
}

static void read_large(struct reader *reader)
{
	const struct reading *reading = reader->reading;

	for (size_t i = 0; i < reading->d->modules.n; i++)
		if (is_large(reading, i))
			read_one(reader, i);
}

static size_t count_threads(const struct depmod *d)
{
	size_t n = d->modules.n / MODULES_PER_THREAD + 1;
	cpu_set_t set;
	size_t processors = sched_getaffinity(0, sizeof(set), &set) < 0 ? 1 : (size_t)CPU_COUNT(&set);

	n = n < processors ? n : processors;
	return n < MAX_THREADS ? n : MAX_THREADS;
}

/* The caller is one of the threads. Where another cannot be started the others do its work. */
static void run(struct reader *readers, size_t n)
{
	for (size_t i = 1; i < n; i++)
		readers[i].runs = !thread_start(&readers[i].thread, read_small, &readers[i]);
	read_large(&readers[0]);
	read_small(&readers[0]);
	for (size_t i = 1; i < n; i++)
		if (readers[i].runs)
			pthread_join(readers[i].thread, NULL);
}

/* kmod's words: a file that is damaged is an invalid argument. */
static void log_unreadable(struct depmod *d)
{
	for (size_t i = 0; i < d->modules.n; i++) {
		const struct depmod_module *m = &d->modules.items[i];
		int e = m->error == -EBADMSG || m->error == -ENODATA ? -EINVAL : m->error;

		d->n_unread += e < 0;
		if (e < 0)
			log_error(d->log, "failed to load symbols from %s: %s", depmod_shown(d, m->file),
				  strerror(-e));
	}
}

int depmod_read_modules(struct depmod *d)
{
	struct reading reading = { .d = d };
	size_t n = count_threads(d);
	struct reader *readers = calloc(n, sizeof(*readers));

	if (!readers)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		readers[i].reading = &reading;
	run(readers, n);
	for (size_t i = 0; i < n; i++)
		arena_adopt(&d->arena, &readers[i].arena);
	free(readers);
	if (atomic_load(&reading.no_memory))
		return -ENOMEM;
	log_unreadable(d);
	return 0;
}
