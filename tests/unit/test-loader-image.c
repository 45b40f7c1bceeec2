/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which way an image goes into the kernel, and what is said when it does not. */
#include "tests/unit/test-loader-fake.h"

#include <glob.h>

#ifdef HAVE_ZLIB
#include <zlib.h>
#endif

#include "base/limits.h"
#include "loader/image.h"
#include "loader/work.h"

struct world {
	char dir[64];
	struct rootfs root;
	struct fake *fake;
	struct kernel kernel;
};

static void setup(struct world *w, const char *compression)
{
	fake_root(w->dir, &w->root);
	w->fake = fake_new();
	if (compression) {
		w->fake->files[0].path = "sys/module/compression";
		w->fake->files[0].text = compression;
	}
	kernel_setup(&w->kernel, &w->root, &fake_ops, w->fake);
}

static void teardown(struct world *w)
{
	fake_root_remove(w->dir, &w->root);
	fake_free(w->fake);
}

static struct load_result load(struct world *w, const char *path, const char *params)
{
	struct step step = { .kind = STEP_MODULE, .name = "m", .path = path, .params = params };
	struct load_result result = {};

	work_on_step(&w->kernel, &step, &result);
	return result;
}

static void a_plain_file_goes_by_descriptor(void **state)
{
	struct load_result result;
	struct world w;

	setup(&w, "xz");
	result = load(&w, "m.ko", "id=3");
	assert_int_equal(result.outcome, LOAD_DONE);
	assert_string_equal(result.message, "");
	assert_int_equal(w.fake->n_loads, 1);
	assert_true(w.fake->loads[0].finit);
	assert_int_equal(w.fake->loads[0].flags, 0);
	assert_int_equal(w.fake->loads[0].id, 3);
	teardown(&w);
}

static void without_finit_module_a_plain_file_goes_from_memory(void **state)
{
	struct world w;

	setup(&w, NULL);
	w.fake->finit_answers[0] = -ENOSYS;
	assert_int_equal(load(&w, "m.ko", "").outcome, LOAD_DONE);
	assert_int_equal(w.fake->n_loads, 2);
	assert_false(w.fake->loads[1].finit);
	assert_int_equal(w.fake->loads[1].size, 64);
	teardown(&w);
}

static void async_probe_comes_before_the_parameters(void **state)
{
	static const struct {
		const char *params;
		int id;
	} rows[] = { { "id=4 -- not=looked at", 4 }, { "-- id=5", 5 }, { "", -1 }, { NULL, -1 } };

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct world w;

		setup(&w, NULL);
		w.kernel.async_probe = true;
		fake_module(w.dir, "library.ko", "memcpy");
		assert_int_equal(load(&w, "library.ko", rows[i].params).outcome, LOAD_DONE);
		assert_true(w.fake->loads[0].async);
		assert_int_equal(w.fake->loads[0].id, rows[i].id);
		teardown(&w);
	}
}

/* A try again, here from memory, has the same parameters. */
static void async_probe_is_given_on_every_way(void **state)
{
	struct world w;

	setup(&w, NULL);
	w.kernel.async_probe = true;
	w.fake->finit_answers[0] = -ENOSYS;
	fake_module(w.dir, "library.ko", "memcpy");
	assert_int_equal(load(&w, "library.ko", "id=4").outcome, LOAD_DONE);
	assert_int_equal(w.fake->n_loads, 2);
	assert_false(w.fake->loads[1].finit);
	assert_true(w.fake->loads[0].async && w.fake->loads[1].async);
	teardown(&w);
}

#ifdef HAVE_ZLIB
static size_t gzip(const void *data, size_t size, unsigned char *out, size_t room)
{
	z_stream z = { .next_in = (Bytef *)(uintptr_t)data,
		       .avail_in = (uInt)size,
		       .next_out = out,
		       .avail_out = (uInt)room };

	assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 16 + 15, 8, Z_DEFAULT_STRATEGY), Z_OK);
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	deflateEnd(&z);
	return z.total_out;
}

static void write_compressed(struct world *w, const char *name)
{
	unsigned char elf[64], packed[256];

	fake_elf(elf);
	fake_file(w->dir, name, packed, gzip(elf, sizeof(elf), packed, sizeof(packed)));
}

/* What the kernel says it decompresses, what it answers, and how the image goes in then. */
static const struct {
	const char *compression;
	int answer; /* 1: taken */
	enum load_outcome outcome;
	unsigned int n_loads;
	bool by_descriptor; /* the last */
	bool remark;
} ways[] = {
	{ NULL, 1, LOAD_DONE, 1, false, false },
	{ "xz", 1, LOAD_DONE, 1, false, false },
	{ "gzip", 1, LOAD_DONE, 1, true, false },
	{ "gzip", -EINVAL, LOAD_DONE, 2, false, true },
	{ "gzip", -ENOSYS, LOAD_DONE, 2, false, true },
	{ "gzip", -EOPNOTSUPP, LOAD_DONE, 2, false, true },
	{ "gzip", -ENODEV, LOAD_DECLINED, 1, true, false },
	{ "gzip", -ENOMEM, LOAD_FAILED, 1, true, false },
};

static void a_compressed_file_goes_the_way_the_kernel_takes(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
		struct load_result result;
		struct world w;

		setup(&w, ways[i].compression);
		write_compressed(&w, "m.ko.gz");
		w.fake->finit_answers[0] = ways[i].answer;
		result = load(&w, "m.ko.gz", "");
		assert_int_equal(result.outcome, ways[i].outcome);
		assert_int_equal(w.fake->n_loads, ways[i].n_loads);
		assert_int_equal(w.fake->loads[ways[i].n_loads - 1].finit, ways[i].by_descriptor);
		if (ways[i].by_descriptor)
			assert_int_equal(w.fake->loads[0].flags, FINIT_COMPRESSED_FILE);
		else
			assert_int_equal(w.fake->loads[ways[i].n_loads - 1].size, 64);
		if (result.outcome == LOAD_DONE)
			assert_int_equal(strstr(result.message, "user space") != NULL, ways[i].remark);
		teardown(&w);
	}
}

/* modprobe -f: init_module() could not be told, so a descriptor is made for what is in memory. */
static void what_is_not_to_be_looked_at_is_told_on_every_way(void **state)
{
	static const char *const compressions[] = { "gzip", NULL };
	struct world w;

	for (size_t i = 0; i < ARRAY_SIZE(compressions); i++) {
		setup(&w, compressions[i]);
		w.kernel.finit_flags = 3;
		write_compressed(&w, "m.ko.gz");
		assert_int_equal(load(&w, "m.ko", "").outcome, LOAD_DONE);
		assert_int_equal(load(&w, "m.ko.gz", "").outcome, LOAD_DONE);
		assert_int_equal(w.fake->n_loads, 2);
		assert_true(w.fake->loads[0].finit && w.fake->loads[1].finit);
		assert_int_equal(w.fake->loads[0].flags, 3);
		assert_int_equal(w.fake->loads[1].flags, compressions[i] ? FINIT_COMPRESSED_FILE | 3 : 3);
		teardown(&w);
	}
}

static void without_finit_module_what_is_not_to_be_looked_at_is_taken_out(void **state)
{
	struct world w;

	setup(&w, NULL);
	w.kernel.finit_flags = 3;
	w.fake->finit_answers[0] = -ENOSYS;
	write_compressed(&w, "m.ko.gz");
	assert_int_equal(load(&w, "m.ko", "").outcome, LOAD_DONE);
	assert_int_equal(w.fake->n_loads, 3);
	assert_true(w.fake->loads[0].finit && w.fake->loads[1].finit);
	assert_false(w.fake->loads[2].finit);
	assert_int_equal(load(&w, "m.ko.gz", "").outcome, LOAD_DONE);
	assert_int_equal(w.fake->n_loads, 5);
	assert_false(w.fake->loads[4].finit);
	teardown(&w);
}

static void the_bytes_decide_and_not_the_suffix(void **state)
{
	unsigned char elf[64];
	struct world w;

	setup(&w, NULL);
	fake_elf(elf);
	fake_file(w.dir, "plain.ko.gz", elf, sizeof(elf));
	write_compressed(&w, "packed.ko");
	write_compressed(&w, "packed.ko.xz");
	assert_int_equal(load(&w, "plain.ko.gz", "").outcome, LOAD_DONE);
	assert_true(w.fake->loads[0].finit);
	assert_int_equal(load(&w, "packed.ko", "").outcome, LOAD_DONE);
	assert_int_equal(load(&w, "packed.ko.xz", "").outcome, LOAD_DONE);
	assert_false(w.fake->loads[2].finit);
	teardown(&w);
}

static void bytes_in_memory_go_without_a_descriptor(void **state)
{
	struct image image = { .path = "archive:m.ko.gz", .fd = -1 };
	unsigned char elf[64], packed[256];
	struct image_load how;
	struct world w;

	setup(&w, "gzip");
	fake_elf(elf);
	image.bytes = elf;
	image.size = sizeof(elf);
	assert_int_equal(image_load(&w.kernel, &image, "", &how), 0);
	image.bytes = packed;
	image.size = gzip(elf, sizeof(elf), packed, sizeof(packed));
	assert_int_equal(image_load(&w.kernel, &image, "", &how), 0);
	assert_int_equal(w.fake->n_loads, 2);
	for (int i = 0; i < 2; i++) {
		assert_false(w.fake->loads[i].finit);
		assert_int_equal(w.fake->loads[i].size, 64);
	}
	teardown(&w);
}

static void a_file_that_packs_no_module_is_refused_here(void **state)
{
	unsigned char packed[256];
	struct load_result result;
	struct world w;

	setup(&w, NULL);
	fake_file(w.dir, "text.ko.gz", packed, gzip("this is no module at all", 24, packed, sizeof(packed)));
	result = load(&w, "text.ko.gz", "");
	assert_int_equal(result.outcome, LOAD_FAILED);
	assert_non_null(strstr(result.message, "text.ko.gz: is not a kernel module"));
	fake_file(w.dir, "cut.ko.gz", packed, 12);
	result = load(&w, "cut.ko.gz", "");
	assert_int_equal(result.error, EINVAL);
	assert_non_null(strstr(result.message, "cut.ko.gz: is cut short"));
	assert_int_equal(w.fake->n_loads, 0);
	teardown(&w);
}

/* The whole of it is zeros: a thousand to one. */
static void a_bomb_is_an_error_that_names_the_limit(void **state)
{
	_cleanup_free_ unsigned char *packed = malloc(1 << 20);
	static const char zeros[65536];
	z_stream z = { .next_out = packed, .avail_out = 1 << 20 };
	struct load_result result;
	struct world w;

	setup(&w, NULL);
	assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 16 + 15, 8, Z_DEFAULT_STRATEGY), Z_OK);
	for (size_t n = 0; n <= LIMIT_IMAGE; n += sizeof(zeros)) {
		z.next_in = (Bytef *)(uintptr_t)zeros;
		z.avail_in = sizeof(zeros);
		assert_int_equal(deflate(&z, n + sizeof(zeros) > LIMIT_IMAGE ? Z_FINISH : Z_NO_FLUSH),
				 n + sizeof(zeros) > LIMIT_IMAGE ? Z_STREAM_END : Z_OK);
	}
	deflateEnd(&z);
	fake_file(w.dir, "bomb.ko.gz", packed, z.total_out);
	result = load(&w, "bomb.ko.gz", "");
	assert_int_equal(result.error, EFBIG);
	assert_non_null(strstr(result.message, "LIMIT_IMAGE"));
	teardown(&w);
}
#endif

static void a_file_too_large_is_not_read(void **state)
{
	struct load_result result;
	char path[128];
	struct world w;

	setup(&w, NULL);
	fake_file(w.dir, "big.ko", "", 0);
	snprintf(path, sizeof(path), "%s/big.ko", w.dir);
	assert_int_equal(truncate(path, (off_t)LIMIT_IMAGE + 1), 0);
	result = load(&w, "big.ko", "");
	assert_int_equal(result.error, EFBIG);
	assert_non_null(strstr(result.message, "big.ko: larger than the limit of a module (LIMIT_IMAGE"));
	teardown(&w);
}

static void a_bad_file_is_named_with_what_is_wrong(void **state)
{
	static const struct {
		const char *name;
		int error;
		const char *words;
	} rows[] = {
		{ "empty.ko", EINVAL, "empty.ko: is empty" },
		{ "five.ko", EINVAL, "five.ko: is cut short" },
		{ "six.ko", ENOEXEC, "six.ko: is cut short" },
		{ "cut.ko", ENOEXEC, "cut.ko: is cut short" },
		{ "text.ko", ENOEXEC, "text.ko: is not a kernel module" },
		{ "none.ko", ENOENT, "none.ko: No such file" },
		{ "dir.ko", EISDIR, "dir.ko: Is a directory" },
		{ "fifo.ko", EINVAL, "fifo.ko: not a regular file" },
		{ "m.ko/deeper.ko", ENOTDIR, "m.ko/deeper.ko: Not a directory" },
	};
	unsigned char elf[64];
	char path[128];
	struct world w;

	setup(&w, NULL);
	fake_elf(elf);
	fake_file(w.dir, "empty.ko", elf, 0);
	fake_file(w.dir, "five.ko", elf, 5);
	fake_file(w.dir, "six.ko", elf, 6);
	fake_file(w.dir, "cut.ko", elf, 40);
	fake_file(w.dir, "text.ko", "#!/bin/sh\nexit 0\n# and on\n", 26);
	snprintf(path, sizeof(path), "%s/dir.ko", w.dir);
	assert_int_equal(mkdir(path, 0755), 0);
	snprintf(path, sizeof(path), "%s/fifo.ko", w.dir);
	assert_int_equal(mkfifo(path, 0644), 0);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct load_result result = load(&w, rows[i].name, "");

		assert_int_equal(result.outcome, LOAD_FAILED);
		assert_int_equal(result.error, rows[i].error);
		assert_non_null(strstr(result.message, rows[i].words));
	}
	assert_int_equal(w.fake->n_loads, 0);
	teardown(&w);
}

static bool probes(const struct rootfs *root, const char *path)
{
	struct image image;
	bool answer;

	assert_int_equal(image_open(&image, root, path), 0);
	answer = image_probes(&image);
	image_close(&image);
	return answer;
}

static bool bytes_probe(struct world *w, const void *data, size_t size)
{
	fake_file(w->dir, "bytes.ko", data, size);
	return probes(&w->root, "bytes.ko");
}

static void the_symbols_a_module_asks_for_tell_whether_it_probes(void **state)
{
	static const struct {
		const char *symbol;
		bool probes;
	} rows[] = {
		{ "", false },
		{ "memcpy", false },
		{ "misc_register", false },
		{ "crypto_register_shash", false },
		{ "dev_driver_string", false },
		{ "async_synchronize_full", false },
		{ "scsi_scan_target", false },
		{ "__pci_register_driver", true },
		{ "__platform_driver_register", true },
		{ "__platform_driver_probe", true },
		{ "phy_drivers_register", true },
		{ "register_virtio_driver", true },
		{ "usb_register_driver", true },
		{ "async_schedule", true },
		{ "async_schedule_node_domain", true },
		{ "__xenbus_register_frontend", true },
		{ "xenbus_register_frontend", true },
		{ "scsi_scan_host", true },
	};
	struct world w;

	setup(&w, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct fake_module last = fake_module_of("printk", rows[i].symbol);
		struct fake_module first = fake_module_of(rows[i].symbol, "printk");

		if (bytes_probe(&w, &last, sizeof(last)) != rows[i].probes ||
		    bytes_probe(&w, &first, sizeof(first)) != rows[i].probes)
			fail_msg("row %zu: %s", i, rows[i].symbol);
	}
	teardown(&w);
}

/* What a library scans, it scans for those who call it. A driver it registers is its own. */
static void a_module_that_serves_others_scans_nothing_when_it_is_loaded(void **state)
{
	static const struct {
		const char *symbol;
		bool probes;
	} rows[] = {
		{ "memcpy", false },
		{ "async_schedule_node", false },
		{ "scsi_scan_host", false },
		{ "__pci_register_driver", true },
		{ "usb_register_driver", true },
		{ "xenbus_register_frontend", true },
	};
	struct world w;

	setup(&w, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct fake_module m = fake_module_of("__ksymtab_its_own", rows[i].symbol);

		if (bytes_probe(&w, &m, sizeof(m)) != rows[i].probes)
			fail_msg("row %zu: %s", i, rows[i].symbol);
	}
	teardown(&w);
}

static void a_module_cut_anywhere_may_probe(void **state)
{
	struct fake_module m = fake_module_of("printk", "memcpy");
	struct world w;

	setup(&w, NULL);
	assert_false(bytes_probe(&w, &m, sizeof(m)));
	for (size_t cut = 0; cut < sizeof(m); cut++)
		assert_true(bytes_probe(&w, &m, cut));
	teardown(&w);
}

/* One number in a good file of a module that does not, and it may. */
static void a_module_whose_symbols_cannot_be_found_may_probe(void **state)
{
#define FIELD(f) offsetof(struct fake_module, f), sizeof(((struct fake_module *)0)->f)
	static const struct {
		size_t at, size;
		uint64_t value;
	} rows[] = {
		{ FIELD(header.e_type), ET_EXEC },
		{ FIELD(header.e_shoff), 1 << 20 },
		{ FIELD(header.e_shoff), UINT64_MAX },
		{ FIELD(header.e_shoff), UINT64_MAX - 255 },
		{ FIELD(header.e_shnum), 5 },
		{ FIELD(header.e_shnum), 0 },
		{ FIELD(header.e_shentsize), 40 },
		{ FIELD(sections[1].sh_type), SHT_PROGBITS }, /* has no symbols */
		{ FIELD(sections[1].sh_offset), sizeof(struct fake_module) },
		{ FIELD(sections[1].sh_offset), UINT64_MAX },
		{ FIELD(sections[1].sh_size), sizeof(struct fake_module) },
		{ FIELD(sections[1].sh_size), UINT64_MAX },
		{ FIELD(sections[1].sh_entsize), 0 },
		{ FIELD(sections[1].sh_entsize), 16 },
		{ FIELD(sections[1].sh_link), 4 },
		{ FIELD(sections[1].sh_link), UINT32_MAX },
		{ FIELD(sections[2].sh_type), SHT_NOBITS },
		{ FIELD(sections[2].sh_offset), sizeof(struct fake_module) + 1 },
		{ FIELD(sections[2].sh_size), UINT64_MAX },
		{ FIELD(sections[2].sh_size), 80 }, /* ends before the last name */
		{ FIELD(sections[2].sh_size), 82 }, /* and in it */
		{ FIELD(symbols[3].st_name), sizeof(((struct fake_module *)0)->strings) },
		{ FIELD(symbols[3].st_name), UINT32_MAX },
	};
	struct world w;

	setup(&w, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct fake_module m = fake_module_of("printk", "memcpy");
		uint16_t n16 = (uint16_t)rows[i].value;
		uint32_t n32 = (uint32_t)rows[i].value;
		const void *value = rows[i].size == 2 ? (void *)&n16
			: rows[i].size == 4	      ? (void *)&n32
						      : &rows[i].value;

		memcpy((char *)&m + rows[i].at, value, rows[i].size);
		if (!bytes_probe(&w, &m, sizeof(m)))
			fail_msg("row %zu", i);
	}
	teardown(&w);
}

/* As for the kernel: the type says what the symbols are. */
static void the_sections_names_do_not_matter(void **state)
{
	struct fake_module library = fake_module_of("printk", "memcpy");
	struct fake_module driver = fake_module_of("printk", "usb_register_driver");
	struct world w;

	setup(&w, NULL);
	memcpy(library.names + 1, ".renamed", 7);
	memcpy(driver.names + 1, ".renamed", 7);
	library.header.e_shstrndx = driver.header.e_shstrndx = 99;
	assert_false(bytes_probe(&w, &library, sizeof(library)));
	assert_true(bytes_probe(&w, &driver, sizeof(driver)));
	teardown(&w);
}

static void any_byte_of_a_module_may_be_anything(void **state)
{
	static const unsigned char values[] = { 0, 1, 2, 0x7f, 0x80, 0xff };
	struct fake_module m = fake_module_of("printk", "__pci_register_driver");
	const unsigned char *bytes = (const unsigned char *)&m;
	struct image image = { .path = "m.ko", .fd = memfd_create("m.ko", MFD_CLOEXEC), .size = sizeof(m) };

	assert_int_equal(write(image.fd, bytes, sizeof(m)), sizeof(m));
	for (size_t at = 0; at < sizeof(m); at++) {
		for (size_t k = 0; k < ARRAY_SIZE(values); k++) {
			assert_int_equal(pwrite(image.fd, &values[k], 1, (off_t)at), 1);
			(void)image_probes(&image);
		}
		assert_int_equal(pwrite(image.fd, &bytes[at], 1, (off_t)at), 1);
	}
	assert_true(image_probes(&image));
	image_close(&image);
}

static void what_is_no_module_may_probe(void **state)
{
	struct fake_module m = fake_module_of("printk", "memcpy");
	struct image image = { .path = "archive:m.ko", .fd = -1, .bytes = &m, .size = sizeof(m) };
	char text[200];
	struct world w;

	setup(&w, NULL);
	assert_false(image_probes(&image));
	memset(text, 'x', sizeof(text));
	assert_true(bytes_probe(&w, text, sizeof(text)));
	assert_true(probes(&w.root, "m.ko"));
	/* A file that has shrunk since. */
	fake_file(w.dir, "shrunk.ko", &m, sizeof(m));
	assert_int_equal(image_open(&image, &w.root, "shrunk.ko"), 0);
	fake_file(w.dir, "shrunk.ko", &m, sizeof(m) - 1);
	assert_true(image_probes(&image));
	image_close(&image);
	teardown(&w);
}

#ifdef HAVE_ZLIB
/* Decompressed here, so its symbols are there to be looked at. */
static void a_compressed_module_is_looked_at_where_the_kernel_takes_none(void **state)
{
	struct fake_module library = fake_module_of("printk", "memcpy");
	struct fake_module driver = fake_module_of("printk", "__pci_register_driver");
	unsigned char packed[1024];
	struct world w;

	setup(&w, NULL);
	w.kernel.async_probe = true;
	fake_file(w.dir, "library.ko", packed, gzip(&library, sizeof(library), packed, sizeof(packed)));
	fake_file(w.dir, "driver.ko.gz", packed, gzip(&driver, sizeof(driver), packed, sizeof(packed)));
	assert_int_equal(load(&w, "library.ko", "id=1").outcome, LOAD_DONE);
	assert_int_equal(load(&w, "driver.ko.gz", "id=2").outcome, LOAD_DONE);
	assert_true(w.fake->loads[0].async);
	assert_false(w.fake->loads[1].async);
	teardown(&w);
}

static void a_compressed_module_may_probe(void **state)
{
	struct fake_module m = fake_module_of("printk", "memcpy");
	unsigned char packed[1024];
	struct world w;

	setup(&w, "gzip");
	w.kernel.async_probe = true;
	fake_file(w.dir, "m.ko.gz", packed, gzip(&m, sizeof(m), packed, sizeof(packed)));
	assert_true(probes(&w.root, "m.ko.gz"));
	assert_int_equal(load(&w, "m.ko.gz", "id=1").outcome, LOAD_DONE);
	assert_false(w.fake->loads[0].async);
	teardown(&w);
}
#endif

/* The installed module, decompressed where it is not plain; false: there is none. */
static bool real_module_probes(struct world *w, const char *path, bool *answer)
{
	_cleanup_blob_ struct blob plain = {};
	const void *data;
	enum compression c;
	struct file_bytes file;
	struct rootfs root;
	size_t size;
	int r;

	assert_int_equal(rootfs_open(&root, "/"), 0);
	r = rootfs_read(&root, path, LIMIT_IMAGE, &file);
	rootfs_close(&root);
	if (r < 0)
		return false;
	data = file.data;
	size = file.size;
	c = compression_of(data, size);
	if (c != COMPRESSION_NONE && decompress(c, file.data, file.size, LIMIT_IMAGE, &plain) == 0) {
		data = plain.data;
		size = plain.size;
	}
	r = compression_of(data, size) == COMPRESSION_NONE;
	if (r)
		*answer = bytes_probe(w, data, size);
	free(file.data);
	return r;
}

static void the_installed_kernels_modules_are_told_apart(void **state)
{
	static const struct {
		const char *path;
		bool probes;
	} rows[] = {
		{ "drivers/net/mii.ko", false },
		{ "lib/crc16.ko", false },
		{ "crypto/crc32c_generic.ko", false },
		{ "fs/mbcache.ko", false },
		{ "fs/jbd2/jbd2.ko", false },
		{ "fs/ext4/ext4.ko", false },
		{ "drivers/cdrom/cdrom.ko", false },
		{ "drivers/ata/libahci.ko", false },
		{ "drivers/md/dm-mod.ko", false },
		{ "drivers/scsi/scsi_transport_spi.ko", false },
		/* async_schedule() for its ports, scsi_scan_host(): for others, when these are loaded */
		{ "drivers/ata/libata.ko", false },
		{ "drivers/scsi/esp_scsi.ko", false },
		{ "drivers/ata/ahci.ko", true },
		{ "drivers/scsi/scsi_mod.ko", true },
		{ "drivers/scsi/sd_mod.ko", true },
		{ "drivers/scsi/BusLogic.ko", true },
		{ "drivers/scsi/sym53c8xx_2/sym53c8xx.ko", true },
		{ "drivers/scsi/virtio_scsi.ko", true },
		{ "drivers/net/ethernet/intel/e1000/e1000.ko", true },
		{ "drivers/net/xen-netfront.ko", true },
		{ "drivers/block/xen-blkfront.ko", true },
		{ "drivers/block/virtio_blk.ko", true },
		{ "drivers/nvme/host/nvme.ko", true },
		{ "drivers/usb/core/usbcore.ko", true },
		{ "drivers/usb/storage/usb-storage.ko", true },
		{ "drivers/virtio/virtio_pci.ko", true },
	};
	size_t n = 0;
	struct world w;

	setup(&w, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		glob_t found = {};
		char pattern[256];
		bool answer;

		snprintf(pattern, sizeof(pattern), "/lib/modules/*/kernel/%s*", rows[i].path);
		if (glob(pattern, 0, NULL, &found) == 0)
			for (size_t k = 0; k < found.gl_pathc; k++) {
				if (!real_module_probes(&w, found.gl_pathv[k], &answer))
					continue;
				n++;
				if (answer != rows[i].probes)
					fail_msg("%s: %d", found.gl_pathv[k], answer);
			}
		globfree(&found);
	}
	teardown(&w);
	if (!n)
		skip();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_plain_file_goes_by_descriptor),
		cmocka_unit_test(without_finit_module_a_plain_file_goes_from_memory),
		cmocka_unit_test(async_probe_comes_before_the_parameters),
		cmocka_unit_test(async_probe_is_given_on_every_way),
#ifdef HAVE_ZLIB
		cmocka_unit_test(a_compressed_file_goes_the_way_the_kernel_takes),
		cmocka_unit_test(what_is_not_to_be_looked_at_is_told_on_every_way),
		cmocka_unit_test(without_finit_module_what_is_not_to_be_looked_at_is_taken_out),
		cmocka_unit_test(the_bytes_decide_and_not_the_suffix),
		cmocka_unit_test(bytes_in_memory_go_without_a_descriptor),
		cmocka_unit_test(a_file_that_packs_no_module_is_refused_here),
		cmocka_unit_test(a_bomb_is_an_error_that_names_the_limit),
		cmocka_unit_test(a_compressed_module_is_looked_at_where_the_kernel_takes_none),
		cmocka_unit_test(a_compressed_module_may_probe),
#endif
		cmocka_unit_test(a_file_too_large_is_not_read),
		cmocka_unit_test(a_bad_file_is_named_with_what_is_wrong),
		cmocka_unit_test(the_symbols_a_module_asks_for_tell_whether_it_probes),
		cmocka_unit_test(a_module_that_serves_others_scans_nothing_when_it_is_loaded),
		cmocka_unit_test(a_module_cut_anywhere_may_probe),
		cmocka_unit_test(a_module_whose_symbols_cannot_be_found_may_probe),
		cmocka_unit_test(the_sections_names_do_not_matter),
		cmocka_unit_test(any_byte_of_a_module_may_be_anything),
		cmocka_unit_test(what_is_no_module_may_probe),
		cmocka_unit_test(the_installed_kernels_modules_are_told_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
