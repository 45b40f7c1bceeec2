/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the filter and the groups give: packs the modules whose paths are read from the standard input,
 * in this order, unpacks them again, and prints sizes and processor times. With -1 each module is a
 * frame of its own, without filter. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/group-codec.h"
#include "base/module-filter.h"
#include "base/rootfs.h"
#include "tests/bench/bench.h"

struct module {
	struct file_bytes file;
	uint8_t *data; /* filtered */
	size_t size;
	int filter;
};

struct frame {
	size_t first, n; /* its modules */
	uint8_t *data;
	size_t size;
};

struct options {
	int level;
	size_t group, dictionary;
	bool alone, plain, streams;
	unsigned int every; /* only each so many-th group */
};

struct bench {
	struct options options;
	ARRAY(struct module) modules;
	ARRAY(struct frame) frames;
	uint8_t *dictionary;
	size_t n_dictionary;
	size_t original, filtered, packed;
};

static double cpu_seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void fail(const char *what)
{
	fprintf(stderr, "%s\n", what);
	exit(1);
}

static void read_module(struct bench *b, const char *path)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct module m = {};

	if (fd < 0 || file_read(fd, 256 << 20, &m.file) < 0 || array_push(&b->modules, m) < 0)
		fail(path);
}

static void read_modules(struct bench *b)
{
	char line[4096];

	while (fgets(line, sizeof(line), stdin)) {
		line[strcspn(line, "\n")] = '\0';
		read_module(b, line);
	}
}

static void make_groups(struct bench *b)
{
	struct frame f = {};
	size_t total = 0, groups = 0;

	for (size_t i = 0; i < b->modules.n; i++, f.n++) {
		size_t size = b->modules.items[i].file.size;

		if (f.n && (b->options.alone || total + size > b->options.group)) {
			if (groups++ % b->options.every == 0 && array_push(&b->frames, f) < 0)
				fail("memory");
			f = (struct frame){ .first = i };
			total = 0;
		}
		total += size;
	}
	if (groups % b->options.every == 0 && array_push(&b->frames, f) < 0)
		fail("memory");
}

static void filter(struct bench *b, struct module *m)
{
	int r = b->options.plain ? 0 : module_filter_apply(m->file.data, m->file.size, &m->data, &m->size);

	if (r < 0)
		fail("filter");
	m->filter = r ? MODULE_FILTER_ELF : MODULE_FILTER_NONE;
	if (!r) {
		m->data = (uint8_t *)(uintptr_t)m->file.data;
		m->size = m->file.size;
	}
	b->original += m->file.size;
	b->filtered += m->size;
}

static struct group_member *members_of(struct bench *b, const struct frame *f)
{
	struct group_member *members = calloc(f->n, sizeof(*members));

	for (size_t i = 0; members && i < f->n; i++) {
		const struct module *m = &b->modules.items[f->first + i];

		members[i] = (struct group_member){ m->data, m->size, m->filter };
	}
	return members;
}

static void train(struct bench *b)
{
	ARRAY(struct group_member) all = {};

	for (struct frame *f = b->frames.items; f < b->frames.items + b->frames.n; f++) {
		_cleanup_free_ struct group_member *members = members_of(b, f);

		if (array_append(&all, members, f->n) < 0)
			fail("memory");
	}
	if (b->options.dictionary &&
	    group_dictionary_train(all.items, all.n, b->options.dictionary, &b->dictionary,
				   &b->n_dictionary) < 0)
		fail("dictionary");
	array_free(&all);
}

static void pack(struct bench *b)
{
	for (struct frame *f = b->frames.items; f < b->frames.items + b->frames.n; f++) {
		_cleanup_free_ struct group_member *members = members_of(b, f);

		if (group_compress(members, f->n, b->dictionary, b->n_dictionary, b->options.level, &f->data,
				   &f->size) < 0)
			fail("compress");
		b->packed += f->size;
	}
}

static void unpack_frame(struct bench *b, const struct frame *f, bool compare)
{
	_cleanup_free_ uint8_t *data = NULL;
	size_t size = 0, at = 0;
	int r;

	for (size_t i = 0; i < f->n; i++)
		size += b->modules.items[f->first + i].size;
	data = malloc(size);
	if (!data || group_decompress(f->data, f->size, b->dictionary, b->n_dictionary, data, size) < 0)
		fail("decompress");
	for (size_t i = 0; i < f->n; i++) {
		struct module *m = &b->modules.items[f->first + i];
		_cleanup_free_ uint8_t *out = calloc(1, m->file.size);

		r = m->filter == MODULE_FILTER_NONE
			? (memcpy(out, data + at, m->size), 0)
			: module_filter_undo(data + at, m->size, out, m->file.size);
		if (r < 0 || (compare && memcmp(out, m->file.data, m->file.size) != 0))
			fail("undo");
		at += m->size;
	}
}

static double unpack(struct bench *b, bool compare)
{
	double begin = cpu_seconds();

	for (size_t i = 0; i < b->frames.n; i++)
		unpack_frame(b, &b->frames.items[i], compare);
	return cpu_seconds() - begin;
}

static uint64_t take_number(const uint8_t **p)
{
	uint64_t v = 0;

	for (unsigned int shift = 0;; shift += 7) {
		v |= (uint64_t)(**p & 0x7f) << shift;
		if (!(*(*p)++ & 0x80))
			return v;
	}
}

static struct group_member stream_of(const struct module *m, unsigned int stream)
{
	const uint8_t *p = m->data;
	uint64_t before = 0, size = 0;

	for (unsigned int i = 0; i < MODULE_FILTER_STREAMS; i++) {
		uint64_t n = take_number(&p);

		before += i < stream ? n : 0;
		size = i == stream ? n : size;
	}
	return (struct group_member){ p + before, size, MODULE_FILTER_NONE };
}

static void add_stream(struct bench *b, const struct frame *f, unsigned int stream, size_t *size,
		       size_t *packed)
{
	_cleanup_free_ struct group_member *members = calloc(f->n, sizeof(*members));
	_cleanup_free_ uint8_t *frame = NULL;
	size_t n;

	for (size_t i = 0; i < f->n; i++) {
		members[i] = stream_of(&b->modules.items[f->first + i], stream);
		*size += members[i].size;
	}
	if (group_compress(members, f->n, NULL, 0, b->options.level, &frame, &n) < 0)
		fail("compress");
	*packed += n;
}

/* What each stream is of all, when each group's is compressed alone. */
static void print_streams(struct bench *b)
{
	for (unsigned int stream = 0; stream < MODULE_FILTER_STREAMS; stream++) {
		size_t size = 0, packed = 0;

		for (struct frame *f = b->frames.items; f < b->frames.items + b->frames.n; f++)
			add_stream(b, f, stream, &size, &packed);
		printf("%3u %10zu %10zu\n", stream, size, packed);
	}
}

static void run(struct bench *b)
{
	_cleanup_free_ uint8_t *dictionary = NULL;
	double begin, filtered, trained, packed;
	size_t n_dictionary = 0;

	read_modules(b);
	make_groups(b);
	begin = cpu_seconds();
	for (struct frame *f = b->frames.items; f < b->frames.items + b->frames.n; f++)
		for (size_t i = 0; i < f->n; i++)
			filter(b, &b->modules.items[f->first + i]);
	filtered = cpu_seconds() - begin;
	if (b->options.streams) {
		print_streams(b);
		return;
	}
	train(b);
	trained = cpu_seconds() - begin - filtered;
	pack(b);
	packed = cpu_seconds() - begin - filtered - trained;
	if (b->n_dictionary &&
	    group_compress(&(struct group_member){ b->dictionary, b->n_dictionary, MODULE_FILTER_NONE }, 1,
			   NULL, 0, b->options.level, &dictionary, &n_dictionary) < 0)
		fail("compress");
	printf("%zu groups %zu filtered %zu packed %zu dictionary %zu (%zu) sum %zu", b->frames.n,
	       b->original, b->filtered, b->packed, n_dictionary, b->n_dictionary, b->packed + n_dictionary);
	printf("; seconds: filter %.2f train %.2f compress %.2f", filtered, trained, packed);
	unpack(b, true);
	printf(" unpack %.3f\n", unpack(b, false));
}

int main(int argc, char **argv)
{
	struct bench b = { .options = { GROUP_LEVEL, GROUP_SIZE, GROUP_DICTIONARY_SIZE, false, false, false,
					1 } };
	int c;

	while ((c = getopt(argc, argv, "1l:g:d:e:ps")) >= 0)
		switch (c) {
		case '1':
			b.options.alone = true;
			break;
		case 'p':
			b.options.plain = true;
			break;
		case 's':
			b.options.streams = true;
			break;
		case 'l':
			b.options.level = (int)strtol(optarg, NULL, 10);
			break;
		case 'g':
			b.options.group = strtoul(optarg, NULL, 10) << 10;
			break;
		case 'd':
			b.options.dictionary = strtoul(optarg, NULL, 10) << 10;
			break;
		case 'e':
			b.options.every = (unsigned int)strtoul(optarg, NULL, 10);
			break;
		default:
			return 1;
		}
	run(&b);
	return 0;
}
