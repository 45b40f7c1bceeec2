/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Every device below sys/devices with its aliases, against a full descent too. */
#include "tests/unit/test.h"

#include "base/limits.h"
#include "base/array.h"
#include "uevent/glimpse.h"
#include "uevent/walk-skip.h"
#include "uevent/walk.h"

struct seen {
	ARRAY(char) text; /* "PATH ALIAS\n" */
	int answer;
	size_t n;
	const struct rootfs *root;
	struct log *log;
};

static int see(void *userdata, const char *devpath, const char *alias)
{
	struct seen *s = userdata;
	size_t n = strlen(devpath) + strlen(alias) + 2;

	s->n++;
	assert_int_equal(array_make_room(&s->text, n + 1), 0);
	snprintf(s->text.items + s->text.n, n + 1, "%s %s\n", devpath, alias);
	s->text.n += n;
	return s->answer;
}

static int compare_lines(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The lines in order: a walk may take directories as they come. */
static void sort_lines(char *text, char *out, size_t size)
{
	char *lines[4096], *save = NULL;
	size_t count = 0, n = 0;

	for (char *w = strtok_r(text, "\n", &save); w && count < 4096; w = strtok_r(NULL, "\n", &save))
		lines[count++] = w;
	qsort(lines, count, sizeof(*lines), compare_lines);
	*out = '\0';
	for (size_t i = 0; i < count && n < size - 1; i++)
		n += (size_t)snprintf(out + n, size - n, "%s\n", lines[i]);
}

/* What is asked is answered on the spot. */
static int answer_here(void *userdata, const char *question)
{
	static char text[LIMIT_ATTRIBUTE];
	struct seen *s = userdata;
	ssize_t n = walk_answer(s->root, question, text, sizeof(text));

	return n ? walk_take_answer(question, n < 0 ? (int)n : 0, text, s->log, see, s) : 0;
}

static int walk(const struct tree *t, bool devicetree, struct messages *m, char *out, size_t size)
{
	struct seen s = { .root = &t->root, .log = &m->log };
	int r = walk_devices(&t->root, devicetree, &m->log, see, answer_here, &s);

	array_push(&s.text, '\0');
	sort_lines(s.text.items, out, size);
	array_free(&s.text);
	return r;
}

#define D "sys/devices/d/"

static void a_device_has_the_aliases_of_its_files(void **state)
{
	static const struct {
		const char *modalias, *uevent; /* NULL: no such file */
		bool devicetree;
		const char *found;
	} rows[] = {
		{ "pci:v1\n", NULL, false, "/devices/d pci:v1\n" },
		{ "pci:v1\n", "DRIVER=x\nMODALIAS=pci:v1\n", false, "/devices/d pci:v1\n" },
		{ NULL, "DRIVER=x\nMODALIAS=cpu:type:x86\n", false, "/devices/d cpu:type:x86\n" },
		{ NULL, "MODALIAS=\n", false, "" },
		{ NULL, "XMODALIAS=a\nMODALIASX=b\nMODALIA=c\n", false, "" },
		{ NULL, "MODALIAS=a", false, "/devices/d a\n" },
		{ "acpi:PNP0A08:\nacpi:PNP0A03:\n", "", false,
		  "/devices/d acpi:PNP0A03:\n/devices/d acpi:PNP0A08:\n" },
		{ "", "", false, "" },
		{ "\n", "", false, "" },
		{ NULL, "", false, "" },
		{ NULL, NULL, false, "" },
		{ "with blank b\n", NULL, false, "/devices/d with blank b\n" },
		/* the device tree, only when asked for */
		{ NULL, "OF_NAME=n\nOF_COMPATIBLE_0=a,b\n", false, "" },
		{ NULL, "OF_NAME=n\nOF_COMPATIBLE_0=a,b\nOF_COMPATIBLE_N=1\n", true,
		  "/devices/d of:NnT(null)Ca,b\n" },
		{ NULL, "OF_NAME=n\nOF_TYPE=t\nOF_COMPATIBLE_0=a\nOF_COMPATIBLE_1=b\n", true,
		  "/devices/d of:NnTtCaCb\n" },
		{ "i2c:x\n", "MODALIAS=i2c:x\nOF_NAME=n\nOF_COMPATIBLE_0=a\n", true,
		  "/devices/d i2c:x\n/devices/d of:NnT(null)Ca\n" },
		{ "i2c:x\n", "OF_NAME=n\nOF_COMPATIBLE_0=a\n", false, "/devices/d i2c:x\n" },
		{ NULL, "OF_COMPATIBLE_0=a\n", true, "" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_tree_ struct tree t = tree_new();
		_cleanup_messages_ struct messages m;
		char found[4096];

		messages_init(&m);
		tree_mkdir(&t, D);
		if (rows[i].modalias)
			tree_write(&t, D "modalias", rows[i].modalias);
		if (rows[i].uevent)
			tree_write(&t, D "uevent", rows[i].uevent);
		assert_row(i, walk(&t, rows[i].devicetree, &m, found, sizeof(found)) == 0);
		assert_row_string(i, found, rows[i].found);
		assert_row_string(i, messages_text(&m), "");
	}
}

static void devices_are_found_wherever_they_are(void **state)
{
	_cleanup_tree_ struct tree t = tree_new();
	_cleanup_messages_ struct messages m;
	char found[4096];

	messages_init(&m);
	tree_write(&t, "sys/devices/modalias", "root:\n");
	tree_write(&t, "sys/devices/pci0/0000:00:1f.2/modalias", "pci:a\n");
	tree_write(&t, "sys/devices/pci0/0000:00:1f.2/ata1/uevent", "MODALIAS=scsi:b\n");
	tree_write(&t, "sys/devices/system/cpu/modalias", "cpu:c\n");
	tree_write(&t, "sys/devices/virtual/dmi/id/modalias", "dmi:d\n");
	/* no devices: a link, an attribute group, another tree */
	tree_link(&t, "sys/devices/pci0/link", "../system");
	tree_write(&t, "sys/devices/pci0/power/modalias", "power:\n");
	tree_write(&t, "sys/bus/modalias", "bus:\n");
	assert_int_equal(walk(&t, false, &m, found, sizeof(found)), 0);
	assert_string_equal(found,
			    "/devices root:\n"
			    "/devices/pci0/0000:00:1f.2 pci:a\n"
			    "/devices/pci0/0000:00:1f.2/ata1 scsi:b\n"
			    "/devices/system/cpu cpu:c\n"
			    "/devices/virtual/dmi/id dmi:d\n");
}

/* Only what has other directories in it is listed, and nothing is missed because of that. */
static void a_directory_need_not_be_listed_to_be_found(void **state)
{
	static const struct {
		const char *files[4], *found;
	} rows[] = {
		{ { "x/modalias" }, "/devices/x pci:1\n" },
		{ { "x/modalias", "x/power/control" }, "/devices/x pci:1\n" },
		{ { "x/modalias", "x/power/modalias" }, "/devices/x pci:1\n" },
		{ { "x/uevent", "x/power/control" }, "/devices/x pci:1\n" },
		{ { "x/uevent", "x/modalias" }, "/devices/x pci:1\n" },
		{ { "x/vendor", "x/power/modalias" }, "" },
		/* They look the same by their number. */
		{ { "x/modalias", "x/child/modalias" }, "/devices/x pci:1\n/devices/x/child pci:1\n" },
		{ { "x/uevent", "x/child/uevent" }, "/devices/x pci:1\n/devices/x/child pci:1\n" },
		{ { "x/power", "x/child/modalias" }, "/devices/x/child pci:1\n" },
		{ { "x/power/control", "x/child/modalias" }, "/devices/x/child pci:1\n" },
		{ { "x/power/control", "x/a/uevent", "x/b/modalias" },
		  "/devices/x/a pci:1\n/devices/x/b pci:1\n" },
		{ { "x/uevent", "x/modalias/y" }, "" },
		{ { "net/eth0/modalias", "net/eth0/uevent", "net/eth1/uevent" },
		  "/devices/net/eth0 pci:1\n" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_tree_ struct tree t = tree_new();
		_cleanup_messages_ struct messages m;
		char found[4096];

		messages_init(&m);
		for (size_t k = 0; k < ARRAY_SIZE(rows[i].files) && rows[i].files[k]; k++) {
			const char *file = rows[i].files[k];
			size_t n = strlen(file);
			char path[64];

			snprintf(path, sizeof(path), "sys/devices/%s", file);
			tree_write(&t, path,
				   n > 6 && !strcmp(file + n - 6, "uevent") ? "MODALIAS=pci:1\n" : "pci:1\n");
		}
		assert_row(i, walk(&t, false, &m, found, sizeof(found)) == 0);
		assert_row_string(i, found, rows[i].found);
		assert_row_string(i, messages_text(&m), "");
	}
}

static void what_cannot_be_read_is_named_and_the_walk_goes_on(void **state)
{
	static const struct {
		const char *name, *message; /* NULL: no message, the device has vanished */
	} rows[] = {
		{ "sys/devices/bad/modalias/", NULL },	      /* a directory */
		{ "sys/devices/bad/modalias>nowhere", NULL }, /* a link */
		{ "sys/devices/bad/uevent>loop", NULL },
		{ "sys/devices/bad/modalias=100000",
		  "/sys/devices/bad/modalias: cannot be read: larger than 65535 bytes" },
		{ "sys/devices/bad/uevent=100000",
		  "/sys/devices/bad/uevent: cannot be read: larger than 65535 bytes" },
		{ "sys/devices/bad/modalias=5000",
		  "/sys/devices/bad: alias of 5000 bytes is truncated to 4095" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_tree_ struct tree t = tree_new();
		_cleanup_messages_ struct messages m;
		char name[256], found[8192], *p;

		messages_init(&m);
		tree_write(&t, "sys/devices/a/modalias", "a:\n");
		tree_write(&t, "sys/devices/z/modalias", "z:\n");
		snprintf(name, sizeof(name), "%s", rows[i].name);
		if ((p = strchr(name, '>'))) {
			*p = '\0';
			tree_link(&t, name, p + 1);
		} else if ((p = strchr(name, '='))) {
			size_t n = strtoul(p + 1, NULL, 10);
			char *text = malloc(n);

			*p = '\0';
			memset(text, 'x', n);
			tree_write_bytes(&t, name, text, n);
			free(text);
		} else {
			tree_mkdir(&t, name);
		}
		assert_row(i, walk(&t, false, &m, found, sizeof(found)) == 0);
		assert_contains(found, "/devices/a a:\n");
		assert_contains(found, "/devices/z z:\n");
		if (rows[i].message)
			assert_contains(messages_text(&m), rows[i].message);
		else
			assert_row_string(i, messages_text(&m), "");
	}
}

static void a_file_with_a_NUL_is_named_and_ignored(void **state)
{
	_cleanup_tree_ struct tree t = tree_new();
	_cleanup_messages_ struct messages m;
	char found[4096];

	messages_init(&m);
	tree_write_bytes(&t, D "modalias", "pci:v1\0d2\n", 10);
	assert_int_equal(walk(&t, false, &m, found, sizeof(found)), 0);
	assert_string_equal(found, "");
	assert_contains(messages_text(&m), "/sys/devices/d/modalias: not text, ignored");
	assert_int_equal(m.log.lost, 1);
}

static void a_tree_too_deep_is_cut_with_a_word(void **state)
{
	_cleanup_tree_ struct tree t = tree_new();
	_cleanup_messages_ struct messages m;
	char name[4000] = "sys/devices", found[4096];
	char *all = malloc(1 << 16);
	size_t n = strlen(name);

	messages_init(&m);
	for (unsigned int depth = 1; depth <= LIMIT_WALK_DEPTH + 2; depth++) {
		n += (size_t)snprintf(name + n, sizeof(name) - n, "/d");
		snprintf(found, sizeof(found), "%s/modalias", name);
		tree_write(&t, found, depth <= LIMIT_WALK_DEPTH ? "yes\n" : "no\n");
	}
	assert_int_equal(walk(&t, false, &m, all, 1 << 16), 0);
	n = 0;
	for (char *p = all; (p = strstr(p, "yes")); p++)
		n++;
	assert_int_equal(n, LIMIT_WALK_DEPTH);
	assert_null(strstr(all, "no\n"));
	free(all);
	assert_contains(messages_text(&m), ": too deep to walk, not read");
	assert_int_equal(m.log.lost, 1);
}

/* A path longer than any in sysfs is one that comes from a crafted root. */
static void a_path_too_long_is_cut_with_a_word(void **state)
{
	_cleanup_tree_ struct tree t = tree_new();
	_cleanup_messages_ struct messages m;
	char part[201], found[16384];
	int fd = open(t.dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	memset(part, 'p', 200);
	part[200] = '\0';
	messages_init(&m);
	tree_mkdir(&t, "sys/devices/");
	for (int i = 0; i < 25; i++) {
		int next;

		if (i < 2) {
			next = openat(fd, i ? "devices" : "sys", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		} else {
			assert_int_equal(mkdirat(fd, part, 0755), 0);
			next = openat(fd, part, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		}
		assert_true(next >= 0);
		close(fd);
		fd = next;
	}
	close(fd);
	assert_int_equal(walk(&t, false, &m, found, sizeof(found)), 0);
	assert_int_equal(m.log.lost, 1);
	assert_contains(messages_text(&m), "/sys/devices/ppp");
	/* Too deep for nftw(3) as well. */
	snprintf(found, sizeof(found), "rm -rf %s/sys", t.dir);
	assert_int_equal(system(found), 0);
}

static void without_sys_devices_there_is_no_walk(void **state)
{
	_cleanup_tree_ struct tree t = tree_new();
	_cleanup_messages_ struct messages m;
	char found[64];

	messages_init(&m);
	assert_int_equal(walk(&t, false, &m, found, sizeof(found)), -ENOENT);
	tree_write(&t, "sys/devices", "a file");
	assert_int_equal(walk(&t, false, &m, found, sizeof(found)), -ENOTDIR);
}

static void a_negative_answer_ends_the_walk(void **state)
{
	_cleanup_tree_ struct tree t = tree_new();
	struct seen s = { .answer = -ENOMEM };

	tree_write(&t, "sys/devices/a/modalias", "a:\n");
	tree_write(&t, "sys/devices/b/modalias", "b:\n");
	assert_int_equal(walk_devices(&t.root, false, &(struct log){}, see, answer_here, &s), -ENOMEM);
	assert_int_equal(s.n, 1);
	array_free(&s.text);
}

/* ---- what may block ---- */

static int note_question(void *userdata, const char *question)
{
	return see(userdata, question, "");
}

static void what_takes_a_lock_is_asked_and_nothing_else(void **state)
{
	static const struct {
		bool devicetree;
		const char *questions;
	} rows[] = {
		{ false, "1/sys/devices/alone/uevent \n" },
		{ true, "2/sys/devices/both/uevent \n3/sys/devices/alone/uevent \n" },
	};
	_cleanup_tree_ struct tree t = tree_new();

	tree_write(&t, "sys/devices/both/modalias", "");
	/* A read would wait for ever: nobody writes to it. */
	assert_int_equal(mkfifo(tree_path(&t, "sys/devices/both/uevent"), 0600), 0);
	tree_mkdir(&t, "sys/devices/alone/");
	assert_int_equal(mkfifo(tree_path(&t, "sys/devices/alone/uevent"), 0600), 0);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct seen s = {};
		char questions[4096];

		assert_row(
			i,
			!walk_devices(&t.root, rows[i].devicetree, &(struct log){}, see, note_question, &s));
		array_push(&s.text, '\0');
		sort_lines(s.text.items, questions, sizeof(questions));
		assert_row_string(i, questions, rows[i].questions);
		array_free(&s.text);
	}
}

static void an_answer_is_sent_only_when_it_holds_what_was_asked(void **state)
{
	static const struct {
		const char *question, *uevent;
		ssize_t n;
	} rows[] = {
		{ "1/u", "MODALIAS=a\n", 11 },
		{ "1/u", "DRIVER=x\n", 0 },
		{ "1/u", "OF_NAME=x\n", 0 },
		{ "2/u", "MODALIAS=a\n", 0 },
		{ "2/u", "OF_NAME=x\n", 10 },
		{ "3/u", "A=1\nOF_NAME=x\n", 14 },
		{ "3/u", "MODALIAS=a", 11 },
		{ "3/u", "", 0 },
		{ "5/u", "", 1 },
		{ "7/u", "DRIVER=x\n", 9 },
		{ "1/u", "XMODALIAS=\nMODALIA", 0 },
		{ "1/none", "", 0 },
	};
	_cleanup_tree_ struct tree t = tree_new();
	char text[64], devpath[8];

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		tree_write(&t, "u", rows[i].uevent);
		assert_row(i, walk_answer(&t.root, rows[i].question, text, sizeof(text)) == rows[i].n);
		assert_row(i, rows[i].n < 1 || text[rows[i].n - 1] == '\0');
	}
	tree_write_bytes(&t, "u", "A\0B", 3);
	assert_int_equal(walk_answer(&t.root, "1/u", text, sizeof(text)), -EBADMSG);
	assert_int_equal(walk_answer(&t.root, "1/u", text, 3), -EFBIG);
	assert_int_equal(walk_devpath("1/sys/dev/a/uevent", devpath, sizeof(devpath)), 0);
	assert_string_equal(devpath, "/dev/a");
	assert_int_equal(walk_devpath("1/sys/dev/aa/uevent", devpath, 7), -EINVAL);
	assert_int_equal(walk_devpath("1/sys", devpath, sizeof(devpath)), -EINVAL);
}

/* ---- this machine: the walk against find(1) in C ---- */

static char *expected;
static size_t n_expected;

static int descend(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	char text[70000];
	const char *name = path + ftw->base;
	bool modalias = !strcmp(name, "modalias");
	ssize_t n;
	int fd;

	if (flag != FTW_F || (!modalias && strcmp(name, "uevent") != 0))
		return 0;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (fd >= 0)
		close(fd);
	if (n <= 0)
		return 0;
	text[n] = '\0';
	for (char *save = NULL, *line = strtok_r(text, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save)) {
		const char *alias = modalias ? line : !strncmp(line, "MODALIAS=", 9) ? line + 9 : "";

		if (!*alias)
			continue;
		expected = realloc(expected, n_expected + strlen(alias) + 2);
		n_expected += (size_t)sprintf(expected + n_expected, "%s\n", alias);
	}
	return 0;
}

static void on_this_machine_it_finds_what_a_full_descent_finds(void **state)
{
	struct seen s = {};
	struct rootfs root;
	_cleanup_messages_ struct messages m;
	size_t n = 0;

	messages_init(&m);
	if (access("/sys/devices", R_OK) < 0)
		skip();
	nftw("/sys/devices", descend, 64, FTW_PHYS);
	assert_int_equal(rootfs_open(&root, NULL), 0);
	s.root = &root;
	s.log = &m.log;
	assert_int_equal(walk_devices(&root, false, &m.log, see, answer_here, &s), 0);
	rootfs_close(&root);
	array_push(&s.text, '\0');
	for (char *save = NULL, *line = strtok_r(expected, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save), n++) {
		char end[8192];

		snprintf(end, sizeof(end), " %s\n", line);
		assert_contains(s.text.items, end);
	}
	array_free(&s.text);
	free(expected);
}

static void what_cannot_have_an_alias_is_known_by_its_place(void **state)
{
	static const struct {
		struct skip_place in;
		const char *name;
		bool directory, question;
	} rows[] = {
		{ { .path = "/devices/platform/x", .device = true }, "power", true, false },
		{ { .path = "/devices/platform/x", .device = true }, "wakeup", true, false },
		{ { .path = "/devices/platform/x", .device = true }, "link", false, false },
		{ { .path = "/devices/pci0000:00/0000:00:01.0", true, true, .pci = true },
		  "link",
		  true,
		  false },
		{ { .path = "/devices/virtual/net" }, "wakeup", false, true },
		{ { .path = "/devices/platform", .device = true }, "wakeup", false, false },
		{ { .path = "/devices/virtual" }, "block", true, false },
		{ { .path = "/devices/virtual", .devicetree = true }, "block", false, false },
		{ { .path = "/devices/pci0000:00/ata1/host0/target0:0:0/0:0:0:0", .device = true },
		  "block",
		  true,
		  false },
		{ { .path = "/devices/x", .device = true }, "block2", false, false },
		{ { .path = "/devices/x" }, "block", false, false },
		{ { .path = "/devices/platform", .device = true }, "block", false, false },
		{ { .path = "/devices/virtual/tty" }, "tty63", true, true },
		{ { .path = "/devices/virtual/tty" }, "ttyGS0", false, true },
		{ { .path = "/devices/virtual/tty" }, "hvc0", false, true },
		{ { .path = "/devices/platform/x/tty" }, "tty1", false, true },
		{ { .path = "/devices/virtual" }, "tty", false, false },
		{ { .path = "/devices/virtual" }, "vc", true, false },
		{ { .path = "/devices/virtual" }, "misc", false, false },
		{ { .path = "/devices/virtual" }, "input", false, false },
		{ { .path = "/devices/system", .device = true }, "memory", true, false },
		{ { .path = "/devices/system" }, "memory", true, false },
		{ { .path = "/devices/system" }, "cpu", false, false },
		{ { .path = "/devices/x" }, "memory", false, false },
		{ { .path = "/devices/system/cpu", true, true }, "cpu0", true, false },
		{ { .path = "/devices/system/cpu", true, true }, "cpu4095", true, false },
		{ { .path = "/devices/system/cpu", true, true }, "cpufreq", false, false },
		{ { .path = "/devices/system/cpu", .device = true }, "cpu0", false, false },
		{ { .path = "/devices/system/cpu", true, true, .devicetree = true }, "cpu0", false, false },
		{ { .path = "/devices/virtual/misc" }, "uhid", false, true },
		{ { .path = "/devices/virtual/misc", .devicetree = true }, "uhid", false, false },
		{ { .path = "/devices/virtual/misc", .device = true }, "uhid", false, false },
		{ { .path = "/devices/platform/x/net" }, "eth0", false, true },
		{ { .path = "/devices/platform/x/ne" }, "eth0", false, false },
		{ { .path = "/devices/virtual/net/lo", .device = true }, "queues", true, false },
		{ { .path = "/devices/virtual/net/lo" }, "queues", false, false },
		{ { .path = "/devices/virtual/net/lo", .device = true }, "queue", false, false },
		{ { .path = "/devices/platform/net/x", true, true }, "queues", false, false },
		{ { .path = "/devices/x/subnet/y", .device = true }, "queues", false, false },
		{ { .path = "/devices/x", .device = true }, "queues", false, false },
		{ { .path = "/devices/platform/x/mmc_host/mmc0", .device = true },
		  "mmc0:0001",
		  false,
		  false },
		{ { .path = "/devices/LNXSYSTM:00/LNXSYBUS:00", .device = true }, "device:0a", false, true },
		{ { .path = "/devices/LNXSYSTM:00/LNXSYBUS:00", .device = true },
		  "PNP0A08:00",
		  false,
		  false },
		{ { .path = "/devices/platform", .device = true }, "device:0a", false, false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct skip_place *in = &rows[i].in;
		bool question = skip_questions(in) || skip_question(in, rows[i].name);

		if (skip_directory(in, rows[i].name) != rows[i].directory || question != rows[i].question)
			fail_msg("%s/%s", in->path, rows[i].name);
	}
}

static int glimpse_one(void *userdata, const char *alias)
{
	return see(userdata, "", alias);
}

/* Links as the kernel makes them; what a bus lists wrongly is left to the walk. */
static void a_glimpse_sees_the_devices_that_buses_list(void **state)
{
	struct tree t = tree_new();
	struct seen s = {};
	char out[256];

	tree_write(&t, "sys/devices/pci0/0000:00:01.0/modalias", "pci:v1\n");
	tree_write(&t, "sys/devices/pci0/0000:00:02.0/modalias", "pci:v2");
	tree_write(&t, "sys/devices/pci0/0000:00:03.0/uevent", "");
	tree_write(&t, "sys/devices/virtio0/modalias", "virtio:d2v1\n");
	tree_write(&t, "sys/devices/platform/x/modalias", "platform:x\n");
	tree_link(&t, "sys/bus/pci/devices/0000:00:01.0", "../../../devices/pci0/0000:00:01.0");
	tree_link(&t, "sys/bus/pci/devices/0000:00:02.0", "../../../devices/pci0/0000:00:02.0");
	tree_link(&t, "sys/bus/pci/devices/0000:00:03.0", "../../../devices/pci0/0000:00:03.0");
	tree_link(&t, "sys/bus/pci/devices/gone", "../../../devices/gone");
	tree_link(&t, "sys/bus/virtio/devices/virtio0", "../../../devices/virtio0");
	tree_link(&t, "sys/bus/platform/devices/x", "../../../devices/platform/x");
	assert_int_equal(glimpse(&t.root, glimpse_one, &s), 0);
	array_push(&s.text, '\0');
	sort_lines(s.text.items, out, sizeof(out));
	assert_string_equal(out, " pci:v1\n pci:v2\n virtio:d2v1\n");
	s.answer = -ENOMEM;
	s.n = 0;
	assert_int_equal(glimpse(&t.root, glimpse_one, &s), -ENOMEM);
	assert_int_equal(s.n, 1);
	array_free(&s.text);
	tree_free(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_device_has_the_aliases_of_its_files),
		cmocka_unit_test(devices_are_found_wherever_they_are),
		cmocka_unit_test(a_directory_need_not_be_listed_to_be_found),
		cmocka_unit_test(what_cannot_be_read_is_named_and_the_walk_goes_on),
		cmocka_unit_test(a_file_with_a_NUL_is_named_and_ignored),
		cmocka_unit_test(a_tree_too_deep_is_cut_with_a_word),
		cmocka_unit_test(a_path_too_long_is_cut_with_a_word),
		cmocka_unit_test(without_sys_devices_there_is_no_walk),
		cmocka_unit_test(a_negative_answer_ends_the_walk),
		cmocka_unit_test(what_takes_a_lock_is_asked_and_nothing_else),
		cmocka_unit_test(an_answer_is_sent_only_when_it_holds_what_was_asked),
		cmocka_unit_test(what_cannot_have_an_alias_is_known_by_its_place),
		cmocka_unit_test(a_glimpse_sees_the_devices_that_buses_list),
		cmocka_unit_test(on_this_machine_it_finds_what_a_full_descent_finds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
