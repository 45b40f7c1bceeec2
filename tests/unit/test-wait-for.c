/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is waited for, and whether it is there. */
#include "tests/unit/test.h"

#include <sys/sysmacros.h>

#include "uevent/blockdev.h"
#include "uevent/wait-for.h"

#define UUID "01234567-89ab-cdef-0123-456789abcdef"

static void a_spec_says_what_is_meant(void **state)
{
	static const struct {
		const char *text;
		int r;
		enum wait_kind kind;
		const char *value;
		long offset;
	} rows[] = {
		{ "/dev/sda1", 0, WAIT_PATH, "/dev/sda1" },
		{ "/dev/mapper/a\\x20b", 0, WAIT_PATH,
		  "/dev/mapper/a\\x20b" }, /* a node's name is as it is */
		{ "/dev/\"x\"", 0, WAIT_PATH, "/dev/\"x\"" },
		{ "/dev/disk/by-id/ata-x", 1, WAIT_PATH, "/dev/disk/by-id/ata-x" },
		{ "/dev/disk/by-path/pci-x", 1, WAIT_PATH, "/dev/disk/by-path/pci-x" },
		{ "/dev/disk/by-path/a\\x20b", 1, WAIT_PATH, "/dev/disk/by-path/a\\x20b" },
		{ "/dev/disk/x", 0, WAIT_PATH, "/dev/disk/x" },
		{ "UUID=1-2", 0, WAIT_UUID, "1-2" },
		{ "LABEL=root", 0, WAIT_LABEL, "root" },
		{ "PARTUUID=1-2", 0, WAIT_PARTUUID, "1-2" },
		{ "PARTLABEL=EFI system", 0, WAIT_PARTLABEL, "EFI system" },
		{ "/dev/disk/by-uuid/1-2", 0, WAIT_UUID, "1-2" },
		{ "/dev/disk/by-label/root", 0, WAIT_LABEL, "root" },
		{ "/dev/disk/by-partuuid/1-2", 0, WAIT_PARTUUID, "1-2" },
		{ "/dev/disk/by-partlabel/x", 0, WAIT_PARTLABEL, "x" },
		/* udev's way to write a link's name, and only a link's */
		{ "/dev/disk/by-label/my\\x20disk", 0, WAIT_LABEL, "my disk" },
		{ "/dev/disk/by-label/\\x2fa\\x2Fb\\x5cx20", 0, WAIT_LABEL, "/a/b\\x20" },
		{ "/dev/disk/by-label/a\\xzz\\x2\\x", 0, WAIT_LABEL, "a\\xzz\\x2\\x" },
		{ "/dev/disk/by-label/caf\\xc3\\xa9", 0, WAIT_LABEL, "caf\303\251" },
		{ "/dev/disk/by-partlabel/EFI\\x20system", 0, WAIT_PARTLABEL, "EFI system" },
		{ "LABEL=my\\x20disk", 0, WAIT_LABEL, "my\\x20disk" },
		/* quotes as in fstab(5) */
		{ "LABEL=\"my disk\"", 0, WAIT_LABEL, "my disk" },
		{ "UUID=\"1-2\"", 0, WAIT_UUID, "1-2" },
		{ "LABEL=\"", 0, WAIT_LABEL, "\"" },
		{ "LABEL=\"x", 0, WAIT_LABEL, "\"x" },
		{ "LABEL=x\"", 0, WAIT_LABEL, "x\"" },
		{ "LABEL=\"\"x\"\"", 0, WAIT_LABEL, "\"x\"" },
		{ "LABEL=a=b", 0, WAIT_LABEL, "a=b" },
		{ "LABEL=a/PARTNROFF=1", 0, WAIT_LABEL, "a/PARTNROFF=1" },
		/* the kernel's */
		{ "8:1", 0, WAIT_NUMBER, "8:1" },
		{ "259:1048575", 0, WAIT_NUMBER, "259:1048575" },
		{ "PARTUUID=1-2/PARTNROFF=3", 0, WAIT_PARTUUID, "1-2", 3 },
		{ "PARTUUID=1-2/PARTNROFF=-1", 0, WAIT_PARTUUID, "1-2", -1 },
		{ "PARTUUID=1-2/PARTNROFF=0", 0, WAIT_PARTUUID, "1-2", 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct wait_list l = {};
		int r = wait_list_add(&l, rows[i].text);

		if (!blockdev_available() && rows[i].kind > WAIT_NUMBER) {
			assert_row(i, r == -EOPNOTSUPP && !l.specs.n);
			continue;
		}
		assert_row(i, r == rows[i].r && l.specs.n == 1);
		assert_row(i, l.specs.items[0].kind == rows[i].kind && !l.specs.items[0].node);
		assert_row(i, l.specs.items[0].offset == rows[i].offset);
		assert_row_string(i, l.specs.items[0].text, rows[i].text);
		assert_row_string(i, l.specs.items[0].value, rows[i].value);
		assert_row(i,
			   wait_list_pending(&l) &&
				   wait_list_needs_polling(&l) == (rows[i].kind == WAIT_PATH));
		wait_list_free(&l);
	}
}

static void what_names_nothing_is_refused(void **state)
{
	static const char *const rows[] = {
		"",
		"nonsense",
		"sda1",
		"/dev",
		"/dev/",
		"dev/sda",
		"/device",
		"/etc/fstab",
		" /dev/sda",
		"UUID",
		"UUID=",
		"uuid=1",
		"LABEL=",
		"PARTUUID=",
		"PARTLABEL=",
		"ID=x",
		"/dev/disk/by-uuid/",
		"/dev/disk/by-label/",
		"8",
		"8:",
		":1",
		"8:1x",
		"8:1:2",
		"-8:1",
		"0x8:1",
		" 8:1",
		"8: 1",
		"12345678901:1",
		"PARTUUID=1/PARTNROFF=",
		"PARTUUID=1/PARTNROFF=x",
		"PARTUUID=1/PARTNROFF=1x",
		"PARTUUID=1/PARTNROFF=99999999999999999999",
		"PARTUUID=/PARTNROFF=1",
		/* Everything without a label would be it. */
		"LABEL=\"\"",
		"UUID=\"\"",
		"/dev/disk/by-label/\\x00",
		"/dev/disk/by-label/\"\"",
	};
	struct wait_list l = {};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		int r = wait_list_add(&l, rows[i]);

		assert_row(i, (r == -EINVAL || (r == -EOPNOTSUPP && !blockdev_available())) && !l.specs.n);
	}
	assert_false(wait_list_pending(&l));
	assert_false(wait_list_needs_polling(&l));
	wait_list_free(&l);
}

/* ---- a machine with its prober ---- */

struct machine {
	struct tree t;
	struct messages m;
	struct prober disks;
	struct wait_list l;
};

static void machine_init(struct machine *m)
{
	*m = (struct machine){ .t = tree_new() };
	messages_init(&m->m);
	prober_init(&m->disks, wait_list_answer, &m->t.root, &m->m.log);
	m->l.types = true;
}

static void machine_free(struct machine *m)
{
	prober_free(&m->disks);
	wait_list_free(&m->l);
	messages_free(&m->m);
	tree_free(&m->t);
}

#define _cleanup_machine_ __attribute__((cleanup(machine_free)))

static int take(void *userdata, const struct probe_answer *answer)
{
	struct machine *m = userdata;

	return wait_list_take_answer(&m->l, &m->t.root, &m->disks, &m->m.log, answer);
}

static void all_answer(struct machine *m)
{
	assert_int_equal(prober_wait(&m->disks, take, m), 0);
}

static void want(struct machine *m, const char *spec)
{
	assert_true(wait_list_add(&m->l, spec) >= 0);
}

static void check_paths(struct machine *m)
{
	assert_int_equal(wait_list_check_paths(&m->l, &m->t.root, &m->disks), 0);
	all_answer(m);
}

static void check_block(struct machine *m, const char *name)
{
	assert_int_equal(wait_list_check_block(&m->l, &m->t.root, &m->disks, name), 0);
	all_answer(m);
}

static void check_all(struct machine *m)
{
	assert_int_equal(wait_list_check_all(&m->l, &m->t.root, &m->disks), 0);
	all_answer(m);
}

static const char *node_of(const struct machine *m, size_t i)
{
	return m->l.specs.items[i].node;
}

static bool make_node(const struct machine *m, const char *name, mode_t type, unsigned int major_number)
{
	if (mknod(tree_path(&m->t, name), type | 0600, makedev(major_number, 3)) == 0)
		return true;
	print_message("no device nodes can be made here\n");
	return false;
}

static void a_path_is_there_when_it_is_a_device(void **state)
{
	_cleanup_machine_ struct machine m;

	machine_init(&m);
	want(&m, "/dev/x");
	check_paths(&m);
	assert_true(wait_list_pending(&m.l));
	/* Somebody's redirection, a directory, a link into nowhere are no devices. */
	tree_write(&m.t, "dev/x", "");
	check_paths(&m);
	assert_true(wait_list_pending(&m.l));
	unlink(tree_path(&m.t, "dev/x"));
	tree_mkdir(&m.t, "dev/x/");
	check_paths(&m);
	assert_true(wait_list_pending(&m.l));
	rmdir(tree_path(&m.t, "dev/x"));
	tree_link(&m.t, "dev/x", "/dev/null");
	check_paths(&m);
	assert_true(wait_list_pending(&m.l)); /* not this machine's */
	if (!make_node(&m, "dev/null", S_IFCHR, 1))
		return;
	want(&m, "/dev/disk/by-id/y");
	check_paths(&m);
	assert_string_equal(node_of(&m, 0), "/dev/x");
	assert_true(wait_list_pending(&m.l) && wait_list_needs_polling(&m.l));
	tree_link(&m.t, "dev/disk/by-id/y", "../../null");
	check_paths(&m);
	assert_string_equal(node_of(&m, 1), "/dev/disk/by-id/y");
	assert_false(wait_list_pending(&m.l) || wait_list_needs_polling(&m.l));
	/* What was found is found once. */
	check_paths(&m);
	assert_int_equal(m.l.n_found, 2);
}

/* Nothing can be read of a device that no driver has; that it is there is enough. */
static void a_disk_that_cannot_be_read_is_there_all_the_same(void **state)
{
	_cleanup_machine_ struct machine m;

	machine_init(&m);
	want(&m, "/dev/x");
	tree_mkdir(&m.t, "dev/");
	if (!make_node(&m, "dev/x", S_IFBLK, 240))
		return;
	check_paths(&m);
	assert_string_equal(node_of(&m, 0), "/dev/x");
	assert_null(m.l.specs.items[0].type);
}

/* A caller that only receives events, as a monitor, looks for no paths by itself. */
static void an_event_is_a_reason_to_look_for_paths(void **state)
{
	_cleanup_machine_ struct machine m;

	machine_init(&m);
	want(&m, "/dev/x");
	tree_mkdir(&m.t, "dev/");
	check_block(&m, "x");
	assert_true(wait_list_pending(&m.l));
	if (!make_node(&m, "dev/x", S_IFBLK, 240))
		return;
	check_block(&m, "x");
	assert_string_equal(node_of(&m, 0), "/dev/x");
}

static void who_wants_no_type_asks_no_disk(void **state)
{
	_cleanup_machine_ struct machine m;

	machine_init(&m);
	m.l.types = false;
	want(&m, "/dev/x");
	want(&m, "8:1");
	tree_mkdir(&m.t, "dev/");
	tree_link(&m.t, "sys/dev/block/8:1", "../../devices/x/block/sda/sda1");
	if (!make_node(&m, "dev/x", S_IFBLK, 240))
		return;
	assert_int_equal(wait_list_check_all(&m.l, &m.t.root, &m.disks), 0);
	assert_string_equal(node_of(&m, 0), "/dev/x");
	assert_string_equal(node_of(&m, 1), "/dev/sda1");
	assert_false(prober_busy(&m.disks));
}

static void a_number_is_found_by_sysfs(void **state)
{
	_cleanup_machine_ struct machine m;

	machine_init(&m);
	want(&m, "104:1");
	tree_mkdir(&m.t, "sys/dev/block/");
	check_all(&m);
	check_block(&m, "sda");
	assert_true(wait_list_pending(&m.l) && !wait_list_needs_polling(&m.l));
	tree_link(&m.t, "sys/dev/block/104:1", "../../devices/pci0/block/cciss!c0d0/cciss!c0d0p1");
	tree_write(&m.t, "dev/cciss/c0d0p1", "");
	check_block(&m, "sda");
	assert_string_equal(node_of(&m, 0), "/dev/cciss/c0d0p1");
	assert_null(m.l.specs.items[0].type);
}

static void a_device_that_came_has_a_path_in_sysfs(void **state)
{
	static const char target[] = "../../devices/pci0/block/cciss!c0d0/cciss!c0d0p1";
	_cleanup_machine_ struct machine m;
	const struct wait_spec *spec;
	char path[PATH_MAX];

	machine_init(&m);
	want(&m, "104:1");
	spec = &m.l.specs.items[0];
	assert_false(wait_spec_device(spec, &m.t.root, path));
	assert_int_equal(spec->found_us, 0);
	tree_mkdir(&m.t, "sys/dev/block/");
	tree_mkdir(&m.t, "sys/class/block/");
	tree_link(&m.t, "sys/dev/block/104:1", target);
	tree_write(&m.t, "dev/cciss/c0d0p1", "");
	check_block(&m, "sda");
	assert_string_equal(node_of(&m, 0), "/dev/cciss/c0d0p1");
	assert_true(spec->found_us > 0);
	assert_false(wait_spec_device(spec, &m.t.root, path));
	tree_link(&m.t, "sys/class/block/cciss!c0d0p1", target);
	assert_true(wait_spec_device(spec, &m.t.root, path));
	assert_string_equal(path, "/devices/pci0/block/cciss!c0d0/cciss!c0d0p1");
}

/* A file instead of a disk: libblkid looks into both. */
static bool make_disk(const struct tree *t, const char *name)
{
	char command[400];

	tree_write(t, name, "");
	snprintf(command, sizeof(command),
		 "PATH=$PATH:/usr/sbin:/sbin mke2fs -q -F -t ext4 -U " UUID
		 " -L 'my disk' %s 1M >/dev/null 2>&1",
		 tree_path(t, name));
	return system(command) == 0;
}

static void skip_without_disks(void)
{
	struct tree t = tree_new();
	bool can = blockdev_available() && make_disk(&t, "disk");

	tree_free(&t);
	if (!can) {
		print_message("no mke2fs or no libblkid here\n");
		skip();
	}
}

static void a_file_system_is_found_by_what_it_is_called(void **state)
{
	static const struct {
		const char *spec;
		bool found;
	} rows[] = {
		{ "UUID=" UUID, true },
		{ "UUID=01234567-89AB-CDEF-0123-456789ABCDEF", true }, /* in capitals too */
		{ "UUID=\"" UUID "\"", true },
		{ "/dev/disk/by-uuid/" UUID, true },
		{ "LABEL=my disk", true },
		{ "LABEL=\"my disk\"", true },
		{ "/dev/disk/by-label/my\\x20disk", true },
		{ "LABEL=my\\x20disk", false },
		{ "LABEL=My Disk", false },
		{ "LABEL=my", false },
		{ "UUID=01234567", false },
		{ "PARTUUID=" UUID, false },
		{ "PARTLABEL=my disk", false },
		{ "LABEL=" UUID, false },
	};
	skip_without_disks();
	for (size_t i = 0; i < ARRAY_SIZE(rows) * 2; i++) {
		_cleanup_machine_ struct machine m;
		bool by_event = i % 2, found = rows[i / 2].found;

		machine_init(&m);
		assert_true(make_disk(&m.t, "dev/cciss/c0d0"));
		tree_mkdir(&m.t, "sys/class/block/sda/");
		tree_mkdir(&m.t, "sys/class/block/cciss!c0d0/");
		tree_write(&m.t, "dev/sda", "nothing on it");
		want(&m, rows[i / 2].spec);
		if (by_event) {
			check_block(&m, "sda");
			check_block(&m, "gone");
			assert_row(i, wait_list_pending(&m.l));
			check_block(&m, "cciss/c0d0");
		} else {
			check_all(&m);
		}
		assert_row(i, wait_list_pending(&m.l) == !found);
		assert_row_string(i, node_of(&m, 0), found ? "/dev/cciss/c0d0" : NULL);
		assert_row_string(i, m.l.specs.items[0].type, found ? "ext4" : NULL);
		assert_row_string(i, messages_text(&m.m), "");
	}
}

static void all_that_is_waited_for_must_come(void **state)
{
	_cleanup_machine_ struct machine m;

	machine_init(&m);
	skip_without_disks();
	assert_true(make_disk(&m.t, "dev/sda"));
	want(&m, "LABEL=my disk");
	want(&m, "UUID=" UUID);
	want(&m, "LABEL=other");
	check_block(&m, "sda");
	assert_int_equal(m.l.n_found, 2);
	assert_true(wait_list_pending(&m.l));
	check_block(&m, "sda");
	assert_int_equal(m.l.n_found, 2);
}

/* sda does not answer. libblkid opens a FIFO without waiting, so it is waited for here. */
static ssize_t slow_answer(const struct rootfs *root, const char *question, char *buf, size_t size)
{
	if (!strcmp(probe_name(question), "/dev/sda"))
		close(rootfs_openat(root, "dev/sda", O_RDONLY));
	return wait_list_answer(root, question, buf, size);
}

static void a_disk_that_does_not_answer_holds_up_no_other(void **state)
{
	_cleanup_machine_ struct machine m;
	int fd;

	machine_init(&m);
	skip_without_disks();
	m.disks.fn = slow_answer;
	tree_mkdir(&m.t, "dev/");
	assert_int_equal(mkfifo(tree_path(&m.t, "dev/sda"), 0600), 0);
	assert_true(make_disk(&m.t, "dev/sdb"));
	want(&m, "LABEL=my disk");
	assert_int_equal(wait_list_check_block(&m.l, &m.t.root, &m.disks, "sda"), 0);
	assert_int_equal(wait_list_check_block(&m.l, &m.t.root, &m.disks, "sdb"), 0);
	assert_int_equal(prober_go(&m.disks), 0);
	for (int i = 0; wait_list_pending(&m.l) && i < 1000; i++) {
		assert_int_equal(prober_take(&m.disks, take, &m), 0);
		usleep(10000);
	}
	assert_string_equal(node_of(&m, 0), "/dev/sdb");
	assert_string_equal(m.l.specs.items[0].type, "ext4");
	assert_true(prober_busy(&m.disks));
	fd = open(tree_path(&m.t, "dev/sda"), O_WRONLY | O_NONBLOCK | O_CLOEXEC);
	assert_true(fd >= 0);
	close(fd);
}

/* Two disks' worth of sysfs; which file has which UUID is the partition table's affair, so the answer is
 * ours. */
static void a_partition_is_found_by_another_one_of_its_disk(void **state)
{
	static const struct {
		const char *spec, *answers, *found;
	} rows[] = {
		{ "PARTUUID=p2", "/dev/sda2", "/dev/sda2" },
		{ "PARTUUID=p2/PARTNROFF=0", "/dev/sda2", "/dev/sda2" },
		{ "PARTUUID=p2/PARTNROFF=1", "/dev/sda2", "/dev/sda3" },
		{ "PARTUUID=p2/PARTNROFF=-1", "/dev/sda2", "/dev/sda1" },
		{ "PARTUUID=p2/PARTNROFF=-2", "/dev/sda2", "/dev/sda" },
		{ "PARTUUID=p2/PARTNROFF=-3", "/dev/sda2", NULL },
		{ "PARTUUID=p2/PARTNROFF=9", "/dev/sda2", NULL },
		{ "PARTUUID=p2/PARTNROFF=1", "/dev/sda", NULL }, /* no partition has it */
	};

	if (!blockdev_available())
		skip();
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_machine_ struct machine m;
		struct blockdev dev = { .partuuid = "p2", .type = "vfat" };
		char question[32];

		machine_init(&m);
		for (int k = 1; k <= 3; k++) {
			char name[64], text[16];

			snprintf(name, sizeof(name), "sys/devices/x/block/sda/sda%d/partition", k);
			snprintf(text, sizeof(text), "%d\n", k);
			tree_write(&m.t, name, text);
			snprintf(name, sizeof(name), "dev/sda%d", k);
			tree_write(&m.t, name, "");
		}
		tree_write(&m.t, "dev/sda", "");
		tree_link(&m.t, "sys/class/block/sda2", "../../devices/x/block/sda/sda2");
		tree_link(&m.t, "sys/class/block/sda", "../../devices/x/block/sda");
		want(&m, rows[i].spec);
		snprintf(question, sizeof(question), "b%s", rows[i].answers);
		assert_row(i, !take(&m, &(struct probe_answer){ question, 0, (char *)&dev, sizeof(dev) }));
		all_answer(&m);
		/* The one behind may come later. */
		check_block(&m, "sda9");
		assert_row_string(i, node_of(&m, 0), rows[i].found);
	}
}

static void two_disks(const struct tree *t)
{
	tree_write(t, "sys/devices/block/sda/sda1/partition", "1\n");
	tree_write(t, "sys/devices/block/sdb/sdb1/partition", "1\n");
	tree_write(t, "sys/devices/block/sdb/sdb2/partition", "2\n");
	tree_link(t, "sys/class/block/sda", "../../devices/block/sda");
	tree_link(t, "sys/class/block/sda1", "../../devices/block/sda/sda1");
	tree_link(t, "sys/class/block/sdb", "../../devices/block/sdb");
	tree_link(t, "sys/class/block/sdb1", "../../devices/block/sdb/sdb1");
	tree_link(t, "sys/class/block/sdb2", "../../devices/block/sdb/sdb2");
}

/* A copy is worth a warning; two paths to one disk, or a map and what it is made of, are none. */
static void only_a_copy_is_a_twin(void **state)
{
	static const struct {
		const char *first, *second, *files[2][2], *link[2]; /* the last: a holder */
		bool told;
	} rows[] = {
		{ "sda1", "sdb1", .told = true },
		{ "sda1", "sdb1", { { "sda/device/wwid", "naa.5\n" }, { "sdb/device/wwid", "naa.5\n" } } },
		{ "sda", "sdb", { { "sda/device/wwid", "naa.5\n" }, { "sdb/device/wwid", "naa.5\n" } } },
		{ "sda1", "sdb1", { { "sda/wwid", "eui.1\n" }, { "sdb/wwid", "eui.1\n" } } },
		{ "sda1", "sdb1", { { "sda/wwid", "eui.1\n" }, { "sdb/wwid", "eui.2\n" } }, .told = true },
		{ "sda1", "sdb1", { { "sda/wwid", "\n" }, { "sdb/wwid", "\n" } }, .told = true },
		{ "sda1", "sdb1", { { "sda/wwid", "eui.1\n" } }, .told = true },
		{ "sda1", "sdb2", { { "sda/wwid", "eui.1\n" }, { "sdb/wwid", "eui.1\n" } }, .told = true },
		{ "sda1", "sdb", { { "sda/wwid", "eui.1\n" }, { "sdb/wwid", "eui.1\n" } }, .told = true },
		{ "sda1", "sdb1", .link = { "sda/sda1/holders/sdb1" } },
		{ "sda1", "sdb1", .link = { "sdb/sdb1/holders/sda1" } },
		{ "sda1", "sdb1", .link = { "sda/sda1/holders/dm-0", "sdb/sdb1/holders/dm-0" } },
		{ "sda1", "sdb1", .link = { "sda/sda1/holders/dm-0", "sdb/sdb1/holders/dm-1" },
		  .told = true },
	};

	if (!blockdev_available())
		skip();
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_machine_ struct machine m;
		struct blockdev dev = { .uuid = "u", .type = "ext4" };
		char path[64], question[32];

		machine_init(&m);
		two_disks(&m.t);
		for (int k = 0; k < 2; k++) {
			snprintf(path, sizeof(path), "sys/devices/block/%s",
				 rows[i].link[k] ? rows[i].link[k] : rows[i].files[k][0]);
			if (rows[i].link[k])
				tree_link(&m.t, path, "x");
			else if (rows[i].files[k][0])
				tree_write(&m.t, path, rows[i].files[k][1]);
		}
		want(&m, "UUID=u");
		for (int k = 0; k < 2; k++) {
			snprintf(question, sizeof(question), "b/dev/%s", k ? rows[i].second : rows[i].first);
			assert_row(
				i,
				!take(&m, &(struct probe_answer){ question, 0, (char *)&dev, sizeof(dev) }));
		}
		assert_row(i, !strcmp(node_of(&m, 0) + strlen("/dev/"), rows[i].first));
		assert_row(i, (strstr(messages_text(&m.m), "more than one device") != NULL) == rows[i].told);
	}
}

/* A link that leads to itself is what else cannot be read. */
static void what_cannot_be_read_of_two_disks_is_said_and_no_twin(void **state)
{
	static const struct {
		const char *file, *message;
	} rows[] = {
		{ "sda/sda1/holders",
		  "/dev/sdb1: whether it is the same disk as /dev/sda1 is not known: Too many" },
		{ "sdb/sdb1/holders",
		  "/dev/sdb1: whether it is the same disk as /dev/sda1 is not known: Too many" },
	};

	if (!blockdev_available())
		skip();
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_machine_ struct machine m;
		struct blockdev dev = { .uuid = "u", .type = "ext4" };
		char path[64];

		machine_init(&m);
		two_disks(&m.t);
		snprintf(path, sizeof(path), "sys/devices/block/%s", rows[i].file);
		tree_link(&m.t, path, "holders");
		want(&m, "UUID=u");
		for (int k = 0; k < 2; k++)
			assert_row(i,
				   !take(&m,
					 &(struct probe_answer){ k ? "b/dev/sdb1" : "b/dev/sda1", 0,
								 (char *)&dev, sizeof(dev) }));
		assert_contains(messages_text(&m.m), rows[i].message);
		assert_null(strstr(messages_text(&m.m), "more than one device"));
	}
}

static void a_partition_that_may_be_there_but_cannot_be_read_is_named_once(void **state)
{
	static const char *const unread[] = { "sda/sda1/partition", "sda/sda2/partition" };

	if (!blockdev_available())
		skip();
	for (size_t i = 0; i < ARRAY_SIZE(unread); i++) {
		_cleanup_machine_ struct machine m;
		struct blockdev dev = { .partuuid = "p" };
		char path[64];

		machine_init(&m);
		two_disks(&m.t);
		snprintf(path, sizeof(path), "sys/devices/block/%s", unread[i]);
		tree_mkdir(&m.t, path);
		unlink(tree_path(&m.t, path));
		tree_link(&m.t, path, "partition");
		want(&m, "PARTUUID=p/PARTNROFF=1");
		assert_row(i,
			   !take(&m, &(struct probe_answer){ "b/dev/sda1", 0, (char *)&dev, sizeof(dev) }));
		assert_row(i, !wait_list_check_all(&m.l, &m.t.root, &m.disks));
		assert_row(i, wait_list_pending(&m.l));
		assert_contains(messages_text(&m.m), "/sys/devices/block/sda");
		assert_contains(messages_text(&m.m), ": cannot be read: Too many levels of symbolic links\n");
		assert_row(i, m.m.log.warnings == 1);
	}
}

static void a_probe_says_what_is_there_and_nothing_else(void **state)
{
	_cleanup_tree_ struct tree t = { .root = ROOTFS_NONE };
	struct blockdev dev = {};

	skip_without_disks();
	t = tree_new();
	assert_true(make_disk(&t, "disk"));
	assert_int_equal(blockdev_probe(tree_path(&t, "disk"), &dev), 0);
	assert_string_equal(dev.type, "ext4");
	assert_string_equal(dev.uuid, UUID);
	assert_string_equal(dev.label, "my disk");
	assert_string_equal(dev.partuuid, "");
	assert_string_equal(dev.partlabel, "");
	tree_write(&t, "blank", "no file system has so few bytes");
	assert_int_equal(blockdev_probe(tree_path(&t, "blank"), &dev), 0);
	assert_string_equal(dev.type, "");
	assert_string_equal(dev.uuid, "");
	assert_int_equal(blockdev_probe(tree_path(&t, "none"), &dev), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_spec_says_what_is_meant),
		cmocka_unit_test(what_names_nothing_is_refused),
		cmocka_unit_test(a_device_that_came_has_a_path_in_sysfs),
		cmocka_unit_test(a_path_is_there_when_it_is_a_device),
		cmocka_unit_test(a_disk_that_cannot_be_read_is_there_all_the_same),
		cmocka_unit_test(an_event_is_a_reason_to_look_for_paths),
		cmocka_unit_test(who_wants_no_type_asks_no_disk),
		cmocka_unit_test(a_number_is_found_by_sysfs),
		cmocka_unit_test(a_file_system_is_found_by_what_it_is_called),
		cmocka_unit_test(all_that_is_waited_for_must_come),
		cmocka_unit_test(a_disk_that_does_not_answer_holds_up_no_other),
		cmocka_unit_test(a_partition_is_found_by_another_one_of_its_disk),
		cmocka_unit_test(only_a_copy_is_a_twin),
		cmocka_unit_test(what_cannot_be_read_of_two_disks_is_said_and_no_twin),
		cmocka_unit_test(a_partition_that_may_be_there_but_cannot_be_read_is_named_once),
		cmocka_unit_test(a_probe_says_what_is_there_and_nothing_else),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
