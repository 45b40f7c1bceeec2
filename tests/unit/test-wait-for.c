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
	} rows[] = {
		{ "/dev/sda1", 0, WAIT_PATH, "/dev/sda1" },
		{ "/dev/mapper/a\\x20b", 0, WAIT_PATH, "/dev/mapper/a\\x20b" }, /* a node's name is as it is */
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
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct wait_list l = {};
		int r = wait_list_add(&l, rows[i].text);

		if (!blockdev_available() && rows[i].kind != WAIT_PATH) {
			assert_row(i, r == -EOPNOTSUPP && !l.specs.n);
			continue;
		}
		assert_row(i, r == rows[i].r && l.specs.n == 1);
		assert_row(i, l.specs.items[0].kind == rows[i].kind && !l.specs.items[0].node);
		assert_row_string(i, l.specs.items[0].text, rows[i].text);
		assert_row_string(i, l.specs.items[0].value, rows[i].value);
		assert_row(i, wait_list_pending(&l) && wait_list_needs_polling(&l) == (rows[i].kind == WAIT_PATH));
		wait_list_free(&l);
	}
}

static void what_names_nothing_is_refused(void **state)
{
	static const char *const rows[] = {
		"", "nonsense", "sda1", "/dev", "/dev/", "dev/sda", "/device", "/etc/fstab", " /dev/sda", "UUID", "UUID=",
		"uuid=1", "LABEL=", "PARTUUID=", "PARTLABEL=", "ID=x", "/dev/disk/by-uuid/", "/dev/disk/by-label/",
		/* Everything without a label would be it. */
		"LABEL=\"\"", "UUID=\"\"", "/dev/disk/by-label/\\x00", "/dev/disk/by-label/\"\"",
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

static void a_path_is_there_when_it_is_a_device(void **state)
{
	_cleanup_tree_ struct tree t = tree_new();
	struct wait_list l = {};

	assert_int_equal(wait_list_add(&l, "/dev/x"), 0);
	wait_list_check_paths(&l, &t.root);
	assert_true(wait_list_pending(&l));
	/* Somebody's redirection, a directory, a link into nowhere are no devices. */
	tree_write(&t, "dev/x", "");
	wait_list_check_paths(&l, &t.root);
	assert_true(wait_list_pending(&l));
	unlink(tree_path(&t, "dev/x"));
	tree_mkdir(&t, "dev/x/");
	wait_list_check_paths(&l, &t.root);
	assert_true(wait_list_pending(&l));
	rmdir(tree_path(&t, "dev/x"));
	tree_link(&t, "dev/x", "/dev/null");
	wait_list_check_paths(&l, &t.root);
	assert_true(wait_list_pending(&l)); /* not this machine's */
	if (mknod(tree_path(&t, "dev/null"), S_IFCHR | 0600, makedev(1, 3)) < 0) {
		print_message("no device nodes can be made here\n");
		wait_list_free(&l);
		return;
	}
	assert_int_equal(wait_list_add(&l, "/dev/disk/by-id/y"), 1);
	wait_list_check_paths(&l, &t.root);
	assert_string_equal(l.specs.items[0].node, "/dev/x");
	assert_true(wait_list_pending(&l) && wait_list_needs_polling(&l));
	tree_link(&t, "dev/disk/by-id/y", "../../null");
	wait_list_check_paths(&l, &t.root);
	assert_string_equal(l.specs.items[1].node, "/dev/disk/by-id/y");
	assert_false(wait_list_pending(&l) || wait_list_needs_polling(&l));
	/* What was found is found once. */
	wait_list_check_paths(&l, &t.root);
	assert_int_equal(l.n_found, 2);
	wait_list_free(&l);
}

/* A file instead of a disk: libblkid looks into both. */
static bool make_disk(const struct tree *t, const char *name)
{
	char command[400];

	tree_write(t, name, "");
	snprintf(command, sizeof(command),
		 "PATH=$PATH:/usr/sbin:/sbin mke2fs -q -F -t ext4 -U " UUID " -L 'my disk' %s 1M >/dev/null 2>&1",
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
	_cleanup_tree_ struct tree t = { .root = ROOTFS_NONE };
	_cleanup_messages_ struct messages m;

	skip_without_disks();
	t = tree_new();
	messages_init(&m);
	assert_true(make_disk(&t, "dev/cciss/c0d0"));
	tree_mkdir(&t, "sys/class/block/sda/");
	tree_mkdir(&t, "sys/class/block/cciss!c0d0/");
	tree_write(&t, "dev/sda", "nothing on it");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct wait_list by_event = {}, by_walk = {};

		assert_row(i, wait_list_add(&by_event, rows[i].spec) == 0);
		assert_row(i, wait_list_add(&by_walk, rows[i].spec) == 0);
		wait_list_check_block(&by_event, &t.root, &m.log, "sda");
		wait_list_check_block(&by_event, &t.root, &m.log, "gone");
		assert_row(i, wait_list_pending(&by_event));
		wait_list_check_block(&by_event, &t.root, &m.log, "cciss/c0d0");
		wait_list_check_all(&by_walk, &t.root, &m.log);
		assert_row(i, wait_list_pending(&by_event) == !rows[i].found);
		assert_row(i, wait_list_pending(&by_walk) == !rows[i].found);
		assert_row_string(i, by_event.specs.items[0].node, rows[i].found ? "/dev/cciss/c0d0" : NULL);
		assert_row_string(i, by_walk.specs.items[0].node, rows[i].found ? "/dev/cciss/c0d0" : NULL);
		wait_list_free(&by_event);
		wait_list_free(&by_walk);
	}
	assert_string_equal(messages_text(&m), "");
}

static void all_that_is_waited_for_must_come(void **state)
{
	_cleanup_tree_ struct tree t = { .root = ROOTFS_NONE };
	_cleanup_messages_ struct messages m;
	struct wait_list l = {};

	skip_without_disks();
	t = tree_new();
	messages_init(&m);
	assert_true(make_disk(&t, "dev/sda"));
	assert_int_equal(wait_list_add(&l, "LABEL=my disk"), 0);
	assert_int_equal(wait_list_add(&l, "UUID=" UUID), 0);
	assert_int_equal(wait_list_add(&l, "LABEL=other"), 0);
	wait_list_check_block(&l, &t.root, &m.log, "sda");
	assert_int_equal(l.n_found, 2);
	assert_true(wait_list_pending(&l));
	wait_list_check_block(&l, &t.root, &m.log, "sda");
	assert_int_equal(l.n_found, 2);
	wait_list_free(&l);
	assert_false(wait_list_pending(&l));
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
		cmocka_unit_test(a_path_is_there_when_it_is_a_device),
		cmocka_unit_test(a_file_system_is_found_by_what_it_is_called),
		cmocka_unit_test(all_that_is_waited_for_must_come),
		cmocka_unit_test(a_probe_says_what_is_there_and_nothing_else),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
