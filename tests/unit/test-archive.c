/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Packing a tree of modules, and reading what has become of it, sound and damaged. */
#include "tests/unit/test-archive.h"

#include "base/xxh64.h"
#include "engine/archive-extract.h"
#include "engine/archive-match.h"
#include "base/archive-read.h"
#include "engine/archive-text.h"
#include "engine/archive-write.h"

struct world {
	struct tree t;
	struct messages m;
	struct archive_wish wish;
	struct archive a;
};

static void world_open(struct world *w)
{
	*w = (struct world){ .a.fd = -1 };
	w->t = tree_new();
	messages_init(&w->m);
	make_tree(&w->t);
	w->wish = (struct archive_wish){ .root = &w->t.root, .directory = DIR_, .release = "1.0" };
}

static int pack(struct world *w, const char *name, unsigned int threads)
{
	w->wish.output = tree_path(&w->t, name);
	w->wish.threads = threads;
	return archive_write(&w->wish, &w->m.log);
}

static int open_archive(struct world *w, const char *name)
{
	archive_close(&w->a);
	return archive_open(&w->a, NULL, tree_path(&w->t, name), &w->m.log);
}

static void world_close(struct world *w)
{
	archive_close(&w->a);
	messages_free(&w->m);
	tree_free(&w->t);
}

static void read_back(struct world *w, const char *name, struct file_bytes *ret)
{
	assert_int_equal(rootfs_read(&w->t.root, name, SIZE_MAX / 2, ret), 0);
}

/* ---- sound ones ---- */

static void what_is_packed_is_read_back(void **state)
{
	static const struct {
		const char *name, *path, *dependencies;
	} rows[] = {
		{ "crc16", "kernel/lib/crc16.ko", "" },		{ "jbd2", "kernel/fs/jbd2.ko", "crc16 " },
		{ "ext4", "kernel/fs/ext4.ko", "jbd2 crc16 " }, { "other", "kernel/net/other.ko", "" },
		{ "e1000_e", "kernel/net/e1000-e.ko", "" },
	};
	_cleanup_archive_group_ struct archive_group group = {};
	_cleanup_blob_ struct blob data = {};
	struct world w;

	world_open(&w);
	assert_int_equal(pack(&w, "a", 2), 0);
	assert_int_equal(w.wish.n_modules, ARRAY_SIZE(rows));
	assert_int_equal(open_archive(&w, "a"), 0);
	for (uint32_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_file_ struct file_bytes file = {};
		struct archive_entry e, other;
		char text[256] = "", path[256];
		uint32_t id;

		assert_int_equal(archive_find(&w.a, rows[i].name, &e), 1);
		assert_int_equal(e.id, i);
		assert_string_equal(e.path, rows[i].path);
		for (uint32_t k = 0; k < e.n_dependencies; k++) {
			assert_int_equal(archive_dependency(&w.a, &e, k, &id), 0);
			assert_int_equal(archive_entry(&w.a, id, &other), 0);
			strcat(strcat(text, other.name), " ");
		}
		assert_string_equal(text, rows[i].dependencies);
		assert_int_equal(archive_unpack(&w.a, &e, &group, &data), 0);
		snprintf(path, sizeof(path), DIR_ "/%s", rows[i].path);
		read_back(&w, path, &file);
		assert_int_equal(data.size, file.size);
		assert_memory_equal(data.data, file.data, file.size);
	}
	assert_int_equal(archive_find(&w.a, "none", &(struct archive_entry){}), 0);
	assert_int_equal(archive_verify(&w.a), 0);
	world_close(&w);
}

static void an_alias_is_answered_in_the_order_of_the_modules(void **state)
{
	static const struct {
		const char *alias, *answer;
	} rows[] = {
		{ "fs_ext4", "ext4 other " },
		{ "pci:v00008086d00001234sv00000000sd00000000bc02sc00i00", "other e1000_e " },
		{ "pci:v00008086d00001235sv00000000sd00000000bc03sc00i00", "e1000_e " },
		{ "pci:v00008086d00001236sv00000000sd00000000bc03sc00i00", "" },
	};
	struct index_hits hits = {};
	struct world w;

	world_open(&w);
	assert_int_equal(pack(&w, "a", 1), 0);
	assert_int_equal(open_archive(&w, "a"), 0);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char text[256] = "";

		assert_int_equal(archive_match(&w.a, rows[i].alias, &hits), 0);
		for (size_t k = 0; k < hits.hits.n; k++)
			strcat(strcat(text, hits.hits.items[k].value), " ");
		assert_row_string(i, text, rows[i].answer);
	}
	index_hits_free(&hits);
	world_close(&w);
}

static void a_module_says_what_its_file_says(void **state)
{
	struct world w;
	char *text;

	world_open(&w);
	assert_int_equal(pack(&w, "a", 1), 0);
	assert_int_equal(open_archive(&w, "a"), 0);
	assert_int_equal(archive_show(&w.a, "crc16", false, &text), 0);
	assert_non_null(strstr(text, "license:        GPL\nparm:           x:a\nparm:           y:b\n"));
	free(text);
	assert_int_equal(archive_show(&w.a, "e1000-e", true, &text), 0);
	assert_non_null(strstr(text, "\"firmware\":[\"e.bin\"]"));
	free(text);
	assert_int_equal(archive_show(&w.a, "none", false, &text), -ENOENT);
	assert_contains(messages_text(&w.m), "has no module none");
	world_close(&w);
}

/* Hosts of either byte order and word size read the same file. */
static void an_archive_that_was_made_elsewhere_is_read(void **state)
{
	_cleanup_archive_group_ struct archive_group group = {};
	_cleanup_blob_ struct blob data = {};
	_cleanup_file_ struct file_bytes file = {};
	struct index_hits hits = {};
	struct archive_entry e;
	struct rootfs source;
	struct module_file m;
	struct world w;
	size_t line;

	world_open(&w);
	assert_int_equal(rootfs_open(&source, getenv("COLDPLUG_SOURCE")), 0);
	assert_int_equal(rootfs_read(&source, "tests/fuzz/corpus/archive/five-modules", 1 << 20, &file), 0);
	rootfs_close(&source);
	line = strcspn(file.data, "\n") + 1;
	tree_write_bytes(&w.t, "a", file.data + line, file.size - line);
	assert_int_equal(open_archive(&w, "a"), 0);
	assert_int_equal(archive_verify(&w.a), 0);
	assert_int_equal(archive_match(&w.a, "fs_ext4", &hits), 0);
	assert_int_equal(hits.hits.n, 2);
	assert_string_equal(hits.hits.items[0].value, "ext4");
	index_hits_free(&hits);
	assert_int_equal(archive_find(&w.a, "crc16", &e), 1);
	assert_int_equal(archive_unpack(&w.a, &e, &group, &data), 0);
	m = module_of(62, "license=GPL;parm=x:a;parm=y:b", NULL, "crc16");
	assert_int_equal(data.size, m.size);
	assert_memory_equal(data.data, m.bytes, m.size);
	world_close(&w);
}

static void the_same_modules_make_the_same_bytes(void **state)
{
	_cleanup_file_ struct file_bytes a = {}, b = {};
	struct world w;

	world_open(&w);
	assert_int_equal(pack(&w, "a", 1), 0);
	assert_int_equal(pack(&w, "b", 4), 0);
	read_back(&w, "a", &a);
	read_back(&w, "b", &b);
	assert_int_equal(a.size, b.size);
	assert_memory_equal(a.data, b.data, a.size);
	world_close(&w);
}

static void what_is_extracted_makes_the_same_archive(void **state)
{
	_cleanup_file_ struct file_bytes a = {}, b = {};
	struct rootfs extracted;
	struct world w;
	char *text;

	world_open(&w);
	assert_int_equal(pack(&w, "a", 2), 0);
	assert_int_equal(open_archive(&w, "a"), 0);
	assert_int_equal(archive_extract(&w.a, tree_path(&w.t, "new")), 0);
	assert_int_equal(rootfs_open(&extracted, tree_path(&w.t, "new")), 0);
	w.wish.root = &extracted;
	assert_int_equal(pack(&w, "b", 2), 0);
	rootfs_close(&extracted);
	read_back(&w, "a", &a);
	read_back(&w, "b", &b);
	assert_int_equal(a.size, b.size);
	assert_memory_equal(a.data, b.data, a.size);
	/* What is there already is right, and nothing is replaced. */
	assert_int_equal(archive_extract(&w.a, tree_path(&w.t, "new")), 0);
	tree_write(&w.t, "new/" DIR_ "/kernel/lib/crc16.ko", "another");
	assert_int_equal(archive_extract(&w.a, tree_path(&w.t, "new")), -EEXIST);
	assert_int_equal(archive_diff(&w.a, &w.a, &text), 0);
	free(text);
	world_close(&w);
}

static void archives_that_differ_are_told_apart(void **state)
{
	_cleanup_archive_ struct archive b = { .fd = -1 };
	struct world w;
	char *text;

	world_open(&w);
	assert_int_equal(pack(&w, "a", 2), 0);
	write_module(&w.t, "kernel/net/new.ko", 62, "license=GPL", NULL, NULL);
	write_module(&w.t, "kernel/lib/crc16.ko", 62, "license=MIT", NULL, "crc16");
	assert_int_equal(unlink(tree_path(&w.t, DIR_ "/kernel/net/other.ko")), 0);
	assert_int_equal(pack(&w, "b", 2), 0);
	assert_int_equal(open_archive(&w, "a"), 0);
	assert_int_equal(archive_open(&b, NULL, tree_path(&w.t, "b"), &w.m.log), 0);
	assert_int_equal(archive_diff(&w.a, &b, &text), 1);
	assert_string_equal(text, "!kernel/lib/crc16.ko\n+kernel/net/new.ko\n-kernel/net/other.ko\n");
	free(text);
	world_close(&w);
}

static void a_tree_that_cannot_be_packed_leaves_the_old_archive(void **state)
{
	static const struct {
		const char *path, *text;
		size_t size;
		const char *message;
	} rows[] = {
		{ "kernel/bad.ko", "no module", 9, "kernel/bad.ko" },
		{ "kernel/bad.ko.xz", "\3757zXZ\0broken", 12, "kernel/bad.ko.xz" },
		{ "kernel/arm.ko", NULL, 0, "kernel/arm.ko: is for another architecture" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_file_ struct file_bytes file = {};
		char name[128];
		struct world w;
		int r;

		world_open(&w);
		tree_write(&w.t, "a", "old");
		snprintf(name, sizeof(name), DIR_ "/%s", rows[i].path);
		if (rows[i].text)
			tree_write_bytes(&w.t, name, rows[i].text, rows[i].size);
		else
			write_module(&w.t, rows[i].path, 183, "license=GPL", NULL, NULL);
		r = pack(&w, "a", 2);
		assert_row(i, r < 0);
		if (!strstr(messages_text(&w.m), rows[i].message))
			fail_msg("row %zu: %s", i, messages_text(&w.m));
		read_back(&w, "a", &file);
		assert_string_equal(file.data, "old");
		world_close(&w);
	}
}

static void an_update_is_packed_in_the_place_of_the_kernels_module(void **state)
{
	struct archive_entry e;
	struct world w;

	world_open(&w);
	write_module(&w.t, "updates/ext4.ko", 62, "license=GPL", NULL, NULL);
	assert_int_equal(pack(&w, "a", 2), 0);
	assert_int_equal(open_archive(&w, "a"), 0);
	assert_int_equal(archive_find(&w.a, "ext4", &e), 1);
	assert_string_equal(e.path, "updates/ext4.ko");
	world_close(&w);
}

static void a_selection_of_nothing_is_an_error(void **state)
{
	struct intern nothing = {};
	struct world w;

	world_open(&w);
	w.wish.wanted = &nothing;
	assert_int_equal(pack(&w, "a", 2), -ENOENT);
	assert_contains(messages_text(&w.m), "lib/modules/1.0: none of its modules is selected");
	world_close(&w);
}

/* Whose name a module has counts, not in which file it is; one that is not there is missing. */
static void a_selection_is_packed_whole(void **state)
{
	struct intern wanted = {};
	struct archive_entry e;
	struct world w;

	world_open(&w);
	w.wish.wanted = &wanted;
	assert_int_not_equal(intern_add(&wanted, "crc16", 5), INTERN_NONE);
	write_module(&w.t, "updates/crc16.ko", 62, "license=GPL", NULL, "crc16");
	assert_int_equal(pack(&w, "a", 2), 0);
	assert_int_equal(open_archive(&w, "a"), 0);
	assert_int_equal(archive_find(&w.a, "crc16", &e), 1);
	assert_string_equal(e.path, "updates/crc16.ko");
	assert_int_not_equal(intern_add(&wanted, "gone", 4), INTERN_NONE);
	assert_int_equal(pack(&w, "a", 2), -ENOENT);
	assert_contains(messages_text(&w.m), "lib/modules/1.0: has no module gone any more");
	intern_free(&wanted);
	world_close(&w);
}

static void a_tree_without_modules_is_an_error(void **state)
{
	struct world w;

	world_open(&w);
	w.wish.directory = "lib/modules/2.0";
	tree_mkdir(&w.t, "lib/modules/2.0/");
	assert_int_equal(pack(&w, "a", 2), -ENOENT);
	assert_contains(messages_text(&w.m), "lib/modules/2.0: has no module to be packed");
	world_close(&w);
}

static bool has_entry(struct archive *a, const char *path)
{
	struct archive_entry e;

	for (uint32_t id = 0; id < a->n_entries; id++)
		if (!archive_entry(a, id, &e) && !strcmp(e.path, path))
			return true;
	return false;
}

static void what_is_packed_has_names_that_the_reader_takes(void **state)
{
	struct world w;

	world_open(&w);
	write_module(
		&w.t, "kernel/net/f.ko", 62,
		"firmware=a//b.bin;firmware=./c.bin;firmware=c.bin;firmware=d\n.bin;firmware=x/././d.bin",
		NULL, NULL);
	tree_write(&w.t, "lib/firmware/a/b.bin", "1");
	tree_write(&w.t, "lib/firmware/c.bin", "2");
	tree_write(&w.t, "lib/firmware/d\n.bin", "3");
	tree_write(&w.t, "lib/firmware/x/d.bin", "4");
	tree_write(&w.t, "etc/modprobe.d/a\nb.conf", "options ext4 a=1\n");
	tree_write(&w.t, "etc/modprobe.d/c.conf", "options ext4 b=1\n");
	w.wish.firmware = w.wish.configuration = true;
	assert_int_equal(pack(&w, "a", 1), 0);
	assert_contains(messages_text(&w.m),
			"lib/firmware/d\\x0a.bin: has a name that no archive can have, and");
	assert_contains(messages_text(&w.m), "b.conf: has a name that no archive can have, and is left out");
	assert_int_equal(open_archive(&w, "a"), 0);
	assert_int_equal(archive_verify(&w.a), 0);
	assert_int_equal(w.wish.n_files, 6);
	assert_true(has_entry(&w.a, "lib/firmware/a/b.bin"));
	assert_true(has_entry(&w.a, "lib/firmware/c.bin"));
	assert_true(has_entry(&w.a, "lib/firmware/x/d.bin"));
	assert_true(has_entry(&w.a, "etc/modprobe.d/c.conf"));
	write_module(&w.t, "kernel/net/a\nb.ko", 62, "license=GPL", NULL, NULL);
	assert_int_equal(pack(&w, "a", 1), -EINVAL);
	assert_contains(messages_text(&w.m), "b.ko: has a name that no archive can have\n");
	world_close(&w);
}

static void files_that_are_no_files_are_named(void **state)
{
	struct world w;
	char *fifo;

	world_open(&w);
	fifo = strdup(tree_path(&w.t, "fifo"));
	assert_int_equal(mkfifo(fifo, 0600), 0);
	w.wish.output = "/dev/full";
	assert_int_equal(archive_write(&w.wish, &w.m.log), -EINVAL);
	assert_contains(messages_text(&w.m), "/dev/full: is not a regular file");
	/* Nobody writes to it: whoever waits for that is ended here. */
	alarm(60);
	w.wish.profile = fifo;
	assert_true(pack(&w, "a", 1) < 0);
	alarm(0);
	assert_contains(messages_text(&w.m), "fifo: ");
	free(fifo);
	world_close(&w);
}

/* ---- damaged ones ---- */

/* Everything that an archive says but the bodies; NULL after an error. */
static char *spell(struct archive *a)
{
	static const char *const aliases[] = { "fs_ext4", "pci:v00008086d00001234sv0sd0bc02sc00i0", "x" };
	static const enum archive_section_type types[] = { ARCHIVE_SYMBOLS, ARCHIVE_BUILTIN,
							   ARCHIVE_SOFTDEPS };
	struct index_hits hits = {};
	char *list = NULL, *text = NULL;
	const uint8_t *data;
	size_t size;
	FILE *f = open_memstream(&text, &size);
	int r = archive_list(a, true, &list);

	fputs(list ? list : "", f);
	free(list);
	for (uint32_t id = 0; !r && id < a->n_entries; id++) {
		struct archive_entry e;

		r = archive_entry(a, id, &e);
		list = NULL;
		if (!r && e.kind == ARCHIVE_MODULE)
			r = archive_show(a, e.name, true, &list);
		fputs(list ? list : "", f);
		free(list);
		fprintf(f, "%u %u %u %u", e.filter, e.group, e.place, e.stored);
	}
	for (size_t i = 0; !r && i < ARRAY_SIZE(aliases); i++) {
		r = archive_match(a, aliases[i], &hits);
		for (size_t k = 0; !r && k < hits.hits.n; k++)
			fputs(hits.hits.items[k].value, f);
	}
	for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(types); i++) {
		r = archive_section(a, types[i], &data, &size);
		if (r > 0)
			fwrite(data, 1, size, f);
	}
	index_hits_free(&hits);
	fclose(f);
	if (r >= 0)
		return text;
	free(text);
	return NULL;
}

/* An archive in memory that is written to a file anew for each damage. */
struct copy {
	struct world w;
	struct file_bytes file;
	char *expected;
	uint64_t tables, header;
};

static void copy_open(struct copy *c)
{
	world_open(&c->w);
	c->file = (struct file_bytes){};
	assert_int_equal(pack(&c->w, "a", 2), 0);
	assert_int_equal(open_archive(&c->w, "a"), 0);
	c->expected = spell(&c->w.a);
	assert_non_null(c->expected);
	read_back(&c->w, "a", &c->file);
	c->tables = le64((uint8_t *)c->file.data + 24);
	c->header = le32((uint8_t *)c->file.data + 12);
}

static void copy_close(struct copy *c)
{
	file_release(&c->file);
	free(c->expected);
	world_close(&c->w);
}

/* Changes bytes of the file that "a" is, and of the copy. */
static void poke(struct copy *c, uint64_t at, const void *data, size_t n)
{
	int fd = open(tree_path(&c->w.t, "a"), O_WRONLY | O_CLOEXEC);

	memcpy(c->file.data + at, data, n);
	assert_int_equal(pwrite(fd, data, n, (off_t)at), n);
	close(fd);
}

static void poke_byte(struct copy *c, uint64_t at, uint8_t byte)
{
	poke(c, at, &byte, 1);
}

/* Makes all checksums of the tables right. */
static void fix_sums(struct copy *c)
{
	uint64_t first = (c->header + 4095) / 4096 * 4096, n = (c->tables - first) / 4096;
	uint8_t *data = (uint8_t *)c->file.data, sum[8] = {};

	for (uint64_t i = 0; i < n; i++) {
		put_le64(sum, xxh64(data + first + 4096 * i, 4096));
		poke(c, c->header - 8 * (n - i), sum, 8);
	}
	put_le64(sum, 0);
	poke(c, 40, sum, 8);
	put_le64(sum, xxh64(data, c->header));
	poke(c, 40, sum, 8);
}

static void a_flipped_byte_is_an_error_or_makes_no_difference(void **state)
{
	struct copy c;
	size_t errors = 0;

	copy_open(&c);
	for (uint64_t at = 0; at < c.tables; at++) {
		char byte = c.file.data[at], *text;

		poke_byte(&c, at, (uint8_t)~byte);
		c.w.m.text.n = 0;
		text = open_archive(&c.w, "a") < 0 ? NULL : spell(&c.w.a);
		if (text && strcmp(text, c.expected) != 0)
			fail_msg("byte %u: a wrong answer", (unsigned int)at);
		/* What is wrong is said, with the file. */
		if (!text && !strstr(messages_text(&c.w.m), tree_path(&c.w.t, "a")))
			fail_msg("byte %u: '%s'", (unsigned int)at, messages_text(&c.w.m));
		errors += !text;
		free(text);
		poke_byte(&c, at, (uint8_t)byte);
	}
	assert_true(errors > c.tables / 2);
	copy_close(&c);
}

/* Checksums do not protect from whoever makes them: also with right ones there is nothing but an error or
 * an answer. */
static void a_lying_table_is_an_error_or_an_answer(void **state)
{
	static const uint8_t bytes[] = { 0, 1, 0x7f, 0x80, 0xff };
	struct copy c;

	copy_open(&c);
	for (uint64_t at = 8; at < c.tables; at++) {
		char byte = c.file.data[at];

		/* Most of the tables is padding. */
		if (at > c.header && !byte && !c.file.data[at - 1] && at % 16)
			continue;
		poke_byte(&c, at, bytes[at % ARRAY_SIZE(bytes)]);
		fix_sums(&c);
		c.w.m.text.n = 0;
		if (!open_archive(&c.w, "a")) {
			free(spell(&c.w.a));
			archive_verify(&c.w.a);
		}
		poke_byte(&c, at, (uint8_t)byte);
	}
	fix_sums(&c);
	assert_int_equal(open_archive(&c.w, "a"), 0);
	assert_int_equal(archive_verify(&c.w.a), 0);
	copy_close(&c);
}

/* Five entries have these bytes at this place of their rows, with right checksums. */
static void assert_verify_finds(uint64_t place, const uint8_t *bytes, size_t n, const char *what)
{
	const struct archive_section *s;
	struct copy c;

	copy_open(&c);
	s = &c.w.a.sections[ARCHIVE_ENTRIES];
	for (uint32_t id = 0; id < 5; id++)
		poke(&c, s->place + id * ARCHIVE_ENTRY_ROW + place, bytes, n);
	fix_sums(&c);
	c.w.m.text.n = 0;
	assert_int_equal(open_archive(&c.w, "a"), 0);
	assert_int_equal(archive_verify(&c.w.a), -EBADMSG);
	assert_contains(messages_text(&c.w.m), what);
	copy_close(&c);
}

/* A list that begins before its own place is another one's too. */
static void lists_that_overlap_are_found(void **state)
{
	assert_verify_finds(36, (uint8_t[8]){ 0, 0, 0, 0, 1 }, 8,
			    "a list of dependencies that is not behind the one before it");
}

static void entries_that_are_larger_than_the_archive_can_be_are_not_unpacked(void **state)
{
	assert_verify_finds(12, (uint8_t[4]){ 0, 0, 0, 0x10 }, 4,
			    "entries that are larger than any archive's");
}

static void a_cut_archive_is_an_error(void **state)
{
	struct copy c;

	copy_open(&c);
	for (size_t size = 0; size < c.file.size; size += size < 4200 ? 13 : 1024) {
		tree_write_bytes(&c.w.t, "a", c.file.data, size);
		c.w.m.text.n = 0;
		if (open_archive(&c.w, "a") >= 0)
			fail_msg("%zu of %zu bytes are an archive", size, c.file.size);
		assert_contains(messages_text(&c.w.m), tree_path(&c.w.t, "a"));
	}
	copy_close(&c);
}

static void an_archive_that_is_cut_while_it_is_open_is_an_error(void **state)
{
	struct copy c;

	copy_open(&c);
	assert_int_equal(open_archive(&c.w, "a"), 0);
	assert_int_equal(truncate(tree_path(&c.w.t, "a"), 4096), 0);
	assert_null(spell(&c.w.a));
	assert_contains(messages_text(&c.w.m), "the file was cut while it was in use");
	assert_true(archive_verify(&c.w.a) < 0);
	copy_close(&c);
}

static void a_damaged_group_costs_its_modules_only(void **state)
{
	_cleanup_archive_group_ struct archive_group group = {};
	_cleanup_blob_ struct blob data = {};
	struct archive_entry e;
	struct copy c;

	copy_open(&c);
	/* The modules are in the first group, the other files in the second. */
	poke_byte(&c, c.tables + 20, (uint8_t)~c.file.data[c.tables + 20]);
	assert_int_equal(open_archive(&c.w, "a"), 0);
	assert_int_equal(archive_find(&c.w.a, "ext4", &e), 1);
	assert_int_equal(archive_unpack(&c.w.a, &e, &group, &data), -EBADMSG);
	assert_contains(messages_text(&c.w.m), "its group cannot be unpacked");
	assert_int_equal(archive_entry(&c.w.a, c.w.a.n_entries - 1, &e), 0);
	assert_int_equal(archive_unpack(&c.w.a, &e, &group, &data), 0);
	assert_int_equal(archive_verify(&c.w.a), -EBADMSG);
	copy_close(&c);
}

/* The row of section i. */
static uint64_t section_row(uint32_t i)
{
	return ARCHIVE_HEADER_SIZE + (uint64_t)ARCHIVE_SECTION_ROW * i;
}

static uint64_t row_of(struct copy *c, uint32_t type)
{
	uint32_t k = 0;

	while (le32((uint8_t *)c->file.data + section_row(k)) != type)
		k++;
	return section_row(k);
}

static void a_damaged_dictionary_is_what_its_groups_lack(void **state)
{
	static const char said[] = "the dictionary of its archive is damaged";
	uint8_t row[ARCHIVE_SECTION_ROW] = {};
	struct copy c;
	uint64_t groups, at;

	copy_open(&c);
	/* A small archive has none: SOFTDEPS becomes one. */
	at = row_of(&c, ARCHIVE_SOFTDEPS);
	memcpy(row, c.file.data + at, sizeof(row));
	put_le32(row, ARCHIVE_DICTIONARY);
	put_le32(row + 4, ARCHIVE_REQUIRED);
	put_le64(row + 24, le64(row + 16));
	put_le64(row + 32, ~le64(row + 32));
	poke(&c, at, row, sizeof(row));
	groups = le64((uint8_t *)c.file.data + row_of(&c, ARCHIVE_GROUPS) + 8);
	poke_byte(&c, groups + 16, ARCHIVE_GROUP_DICTIONARY);
	poke_byte(&c, groups + ARCHIVE_GROUP_ROW + 16, ARCHIVE_GROUP_DICTIONARY);
	fix_sums(&c);
	assert_int_equal(open_archive(&c.w, "a"), 0);
	for (int i = 0; i < 2; i++) {
		_cleanup_archive_group_ struct archive_group group = {};
		_cleanup_blob_ struct blob data = {};
		struct archive_entry e;

		c.w.m.text.n = 0;
		assert_int_equal(archive_entry(&c.w.a, i ? c.w.a.n_entries - 1 : 0, &e), 0);
		assert_int_equal(archive_unpack(&c.w.a, &e, &group, &data), -EBADMSG);
		assert_contains(messages_text(&c.w.m), said);
	}
	copy_close(&c);
}

static void an_archive_of_another_format_is_refused_or_read(void **state)
{
	static const struct {
		uint64_t at; /* of the header, or of the last section's row when LAST is added */
		uint32_t value;
		int r;
		const char *message;
	} rows[] = {
#define LAST 1000000
		{ 0, 0, -EBADMSG, "is no archive of modules" },
		{ 8, 2, -EOPNOTSUPP, "has version 2 of the format; this coldplug reads version 1" },
		{ LAST, 99, 0, "" },	/* one that may be skipped */
		{ LAST + 4, 4, 0, "" }, /* packed in a way that is not known */
		{ LAST + 4, 1 | 4, -EOPNOTSUPP, "needs a newer coldplug: a section of type 11 with flags 5" },
		{ LAST, 1, -EBADMSG, "a section that is there already" },
		{ LAST + 12, 1, -EBADMSG, "a section outside of the tables" },
		{ LAST + 28, 1, -EBADMSG, "a section with a size that cannot be" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct copy c;
		uint8_t value[4];
		uint64_t at = rows[i].at;

		copy_open(&c);
		/* That of SOFTDEPS is the last one here that may be missing. */
		if (at >= LAST)
			at += row_of(&c, ARCHIVE_SOFTDEPS) - LAST;
		put_le32(value, rows[i].value);
		poke(&c, at, value, 4);
		fix_sums(&c);
		assert_row(i, open_archive(&c.w, "a") == rows[i].r);
		if (!strstr(messages_text(&c.w.m), rows[i].message) && i != 4)
			fail_msg("row %zu: %s", i, messages_text(&c.w.m));
		copy_close(&c);
	}
}

static void what_is_no_file_is_no_archive(void **state)
{
	struct world w;

	world_open(&w);
	assert_int_equal(open_archive(&w, "none"), -ENOENT);
	assert_int_equal(open_archive(&w, "lib"), -EBADMSG);
	tree_write(&w.t, "empty", "");
	assert_int_equal(open_archive(&w, "empty"), -EBADMSG);
	world_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_packed_is_read_back),
		cmocka_unit_test(an_alias_is_answered_in_the_order_of_the_modules),
		cmocka_unit_test(a_module_says_what_its_file_says),
		cmocka_unit_test(an_archive_that_was_made_elsewhere_is_read),
		cmocka_unit_test(the_same_modules_make_the_same_bytes),
		cmocka_unit_test(what_is_extracted_makes_the_same_archive),
		cmocka_unit_test(archives_that_differ_are_told_apart),
		cmocka_unit_test(a_tree_that_cannot_be_packed_leaves_the_old_archive),
		cmocka_unit_test(an_update_is_packed_in_the_place_of_the_kernels_module),
		cmocka_unit_test(a_selection_of_nothing_is_an_error),
		cmocka_unit_test(a_selection_is_packed_whole),
		cmocka_unit_test(a_tree_without_modules_is_an_error),
		cmocka_unit_test(a_flipped_byte_is_an_error_or_makes_no_difference),
		cmocka_unit_test(lists_that_overlap_are_found),
		cmocka_unit_test(entries_that_are_larger_than_the_archive_can_be_are_not_unpacked),
		cmocka_unit_test(a_lying_table_is_an_error_or_an_answer),
		cmocka_unit_test(a_cut_archive_is_an_error),
		cmocka_unit_test(an_archive_that_is_cut_while_it_is_open_is_an_error),
		cmocka_unit_test(a_damaged_group_costs_its_modules_only),
		cmocka_unit_test(a_damaged_dictionary_is_what_its_groups_lack),
		cmocka_unit_test(what_is_packed_has_names_that_the_reader_takes),
		cmocka_unit_test(files_that_are_no_files_are_named),
		cmocka_unit_test(an_archive_of_another_format_is_refused_or_read),
		cmocka_unit_test(what_is_no_file_is_no_archive),
	};

#ifndef HAVE_ZSTD
	puts("this build lacks zstd");
	return 77;
#endif
	return cmocka_run_group_tests(tests, NULL, NULL);
}
