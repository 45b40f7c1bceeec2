/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is recorded of events is what is read back, byte for byte. */
#include "tests/unit/test.h"

#include <glob.h>
#include <limits.h>

#include "base/tar.h"
#include "libcoldplug/context.h"
#include "libcoldplug/record.h"

#define MAX_EVENTS 400

struct event {
	char *text; /* the kernel's form */
	size_t size;
	uint64_t time_us;
};

struct recording {
	struct tree t, unpacked;
	struct messages m;
	struct coldplug *c;
	struct event events[MAX_EVENTS];
	size_t n, n_read;
};

static int setup(void **state)
{
	struct recording *r = calloc(1, sizeof(*r));

	assert_non_null(r);
	r->t = tree_new();
	r->unpacked = tree_new();
	messages_init(&r->m);
	tree_write(&r->t, "lib/modules/1/modules.dep", "a.ko:\n");
	tree_write(&r->t, "lib/modules/1/modules.alias", "");
	tree_write(&r->t, "proc/modules", "");
	tree_write(&r->t, "sys/devices/d/modalias", "x:1\n");
	tree_write(&r->t, "sys/devices/d/uevent", "MODALIAS=x:1\n");
	assert_int_equal(coldplug_new(&r->c), 0);
	assert_int_equal(coldplug_set_root(r->c, r->t.dir), 0);
	*state = r;
	return 0;
}

static int teardown(void **state)
{
	struct recording *r = *state;

	for (size_t i = 0; i < r->n; i++)
		free(r->events[i].text);
	coldplug_free(r->c);
	messages_free(&r->m);
	tree_free(&r->unpacked);
	tree_free(&r->t);
	free(r);
	return 0;
}

/* An event of ACTION, DEVPATH and whatever variables follow. */
static void add(struct recording *r, const char *action, const char *devpath, const char *more, size_t n_more)
{
	struct event *e = &r->events[r->n++];
	int n;

	assert_true(r->n <= MAX_EVENTS);
	e->text = malloc(2 * strlen(devpath) + n_more + 128);
	n = sprintf(e->text, "%s@%s%cACTION=%s%cDEVPATH=%s%c", action, devpath, 0, action, 0, devpath, 0);
	memcpy(e->text + n, more, n_more);
	e->size = (size_t)n + n_more;
	e->time_us = r->n * 1000003;
}

static int compare(void *userdata, const struct uevent *e, uint64_t time_us)
{
	struct recording *r = userdata;
	struct event *wanted = &r->events[r->n_read];
	size_t head = strlen(wanted->text) + 1;

	assert_true(r->n_read++ < r->n);
	assert_int_equal(time_us, wanted->time_us);
	assert_int_equal(e->size, wanted->size - head);
	assert_memory_equal(e->variables, wanted->text + head, e->size);
	return 0;
}

static void round_trip(struct recording *r)
{
	struct record *record;
	const char *tar = tree_path(&r->t, "m.tar"), *why;

	assert_int_equal(context_open(r->c), 0);
	assert_int_equal(record_begin(&record, &r->c->machine, tar, -1), 0);
	for (size_t i = 0; i < r->n; i++) {
		struct uevent e;

		assert_int_equal(uevent_parse(r->events[i].text, r->events[i].size, &e, &why), 0);
		assert_int_equal(record_event(record, &e, r->events[i].time_us), 0);
	}
	assert_int_equal(record_end(record, 1000), 0);
	assert_int_equal(record_unpack(tar, r->unpacked.root.fd, &r->m.log), 0);
	assert_int_equal(record_each_event(&r->unpacked.root, &r->m.log, compare, r), 0);
	assert_string_equal(messages_text(&r->m), "");
	assert_int_equal(r->n_read, r->n);
}

#define add_bytes(r, devpath, more) add(r, "add", devpath, more, sizeof(more))

static void hard_events_come_back(void **state)
{
	struct recording *r = *state;

	add(r, "add", "/devices/nothing-more", "", 0);
	add_bytes(r, "/devices/newline", "MODALIAS=cpu:type\n");
	add_bytes(r, "/devices/newlines", "A=\n\n\n\0B=\n");
	add_bytes(r, "/devices/escaped", "A=\\n\0B=\\\\n\0C=\\\0D=\\\n\\\0E=\\x20");
	add_bytes(r, "/devices/empty-value", "A=\0=\0B=");
	add_bytes(r, "/devices/empty-variables", "A=1\0\0\0B=2\0");
	add_bytes(r, "/devices/bytes", "A=\x01\x7f\x80\xff\xc3\x28\t\r");
	add_bytes(r, "/devices/at", "@12\0add@/devices/y\0A=@");
	add_bytes(r, "/devices/new\nline\\and\\n", "A=1");
	round_trip(r);
}

static void a_thousand_variables_and_a_long_path_come_back(void **state)
{
	struct recording *r = *state;
	static char more[UEVENT_MESSAGE_MAX], path[6000] = "/devices/";
	size_t n = 0;

	for (int i = 0; i < 1000; i++)
		n += (size_t)sprintf(more + n, "V%d=%d", i, i % 7) + 1;
	add(r, "change", "/devices/many", more, n);
	memset(path + 9, 'x', sizeof(path) - 10);
	add(r, "change", path, more, 10);
	round_trip(r);
}

static void random_events_come_back(void **state)
{
	struct recording *r = *state;
	struct dice d = dice_new(11);
	static const char hard[] = "\n\\\n\\n@= \t\xff";

	while (r->n < MAX_EVENTS) {
		char more[1200] = "", path[64];
		size_t n = dice_roll(&d, sizeof(more) - 1);

		for (size_t i = 0; i < n; i++)
			more[i] = dice_roll(&d, 3) ? hard[dice_roll(&d, sizeof(hard))]
						   : (char)dice_roll(&d, 256);
		/* Not one of those that are looked at, which may be refused; the last one has its NUL. */
		if (n)
			more[n++] = '\0';
		sprintf(path, "/devices/%u\n\\%u", dice_roll(&d, 100), dice_roll(&d, 3));
		add(r, "add", path, more, n);
	}
	round_trip(r);
}

static int count(void *userdata, const struct uevent *e, uint64_t time_us)
{
	++*(int *)userdata;
	return 0;
}

static void a_broken_event_is_told_and_the_next_one_read(void **state)
{
	struct recording *r = *state;
	int n = 0;

	tree_write(
		&r->unpacked, "coldplug/events",
		"@1\nadd@/x\nACTION=add\n\nno time\n\n@2\n\n@3\nadd@/y\nACTION=add\nDEVPATH=/y\\\n\n@4\nadd@/z");
	assert_int_equal(record_each_event(&r->unpacked.root, &r->m.log, count, &n), 0);
	assert_int_equal(n, 1);
	assert_contains(messages_text(&r->m), "no ACTION or DEVPATH");
	assert_contains(messages_text(&r->m), "no time");
}

static char *text_below(const struct tree *t, const char *path)
{
	struct file_bytes file;

	return rootfs_read(&t->root, path, 1000, &file) ? NULL : file.data;
}

static char *unpacked_text(struct recording *r, const char *path)
{
	return text_below(&r->unpacked, path);
}

/* Below the unpacked root it is found without being named. */
static void configuration_named_by_hand_is_recorded(void **state)
{
	struct recording *r = *state;
	char mine[PATH_MAX], other[PATH_MAX], *text;
	const char *paths[] = { mine, other, NULL };

	tree_write(&r->t, "etc/modprobe.d/not-read.conf", "blacklist a\n");
	tree_write(&r->t, "mine/a.conf", "options a x=1\n");
	tree_write(&r->t, "other/file", "options a y=1\n");
	strcpy(mine, tree_path(&r->t, "mine"));
	strcpy(other, tree_path(&r->t, "other/file"));
	assert_int_equal(coldplug_set_config_paths(r->c, paths), 0);
	round_trip(r);
	assert_string_equal(text = unpacked_text(r, "etc/modprobe.d/000-a.conf"), "options a x=1\n");
	free(text);
	assert_string_equal(text = unpacked_text(r, "etc/modprobe.d/001-file.conf"), "options a y=1\n");
	free(text);
	assert_null(unpacked_text(r, "etc/modprobe.d/not-read.conf"));
}

/* One in front of modules.softdep, the other behind it; two of one name but for the suffix. */
static void named_files_keep_their_order(void **state)
{
	struct recording *r = *state;
	char one[PATH_MAX], two[PATH_MAX], three[PATH_MAX];
	const char *paths[] = { one, two, three, NULL };

	tree_write(&r->t, "a/foo", "options a x=1\n");
	tree_write(&r->t, "b/foo.conf", "options a x=2\n");
	tree_write(&r->t, "c/zz.conf", "options a x=3\n");
	strcpy(one, tree_path(&r->t, "a/foo"));
	strcpy(two, tree_path(&r->t, "b/foo.conf"));
	strcpy(three, tree_path(&r->t, "c/zz.conf"));
	assert_int_equal(coldplug_set_config_paths(r->c, paths), 0);
	round_trip(r);
	assert_true(faccessat(r->unpacked.root.fd, "etc/modprobe.d/000-foo.conf", F_OK, 0) == 0);
	assert_true(faccessat(r->unpacked.root.fd, "etc/modprobe.d/001-foo.conf", F_OK, 0) == 0);
	assert_true(faccessat(r->unpacked.root.fd, "etc/modprobe.d/z002-zz.conf", F_OK, 0) == 0);
}

static void assert_is_mask(struct recording *r, const char *path)
{
	char target[16] = "";

	assert_true(readlinkat(r->unpacked.root.fd, path, target, sizeof(target)) > 0);
	assert_string_equal(target, "/dev/null");
}

/* The root it is unpacked to need not have a /dev. */
static void a_mask_is_recorded(void **state)
{
	struct recording *r = *state;

	tree_write(&r->t, "lib/modprobe.d/a.conf", "blacklist a\n");
	tree_mkdir(&r->t, "etc/modprobe.d/");
	tree_mkdir(&r->t, "etc/modules-load.d/");
	assert_int_equal(symlinkat("/dev/null", r->t.root.fd, "etc/modprobe.d/a.conf"), 0);
	assert_int_equal(symlinkat("/dev/null", r->t.root.fd, "etc/modules-load.d/a.conf"), 0);
	round_trip(r);
	assert_is_mask(r, "etc/modprobe.d/a.conf");
	assert_is_mask(r, "etc/modules-load.d/a.conf");
	assert_null(unpacked_text(r, "lib/modprobe.d/a.conf"));
}

static void addresses_are_not_recorded(void **state)
{
	struct recording *r = *state;
	char *text;

	tree_write(&r->t, "proc/modules",
		   "a 4096 1 b, Live 0xffffffffc02f4000 (E)\nb 4096 0 - Live 0xffffffffc0ab0000\n");
	round_trip(r);
	assert_string_equal(text = unpacked_text(r, "proc/modules"),
			    "a 4096 1 b, Live 0x0000000000000000 (E)\nb 4096 0 - Live 0x0000000000000000\n");
	free(text);
}

static void what_is_too_large_is_told_and_the_rest_recorded(void **state)
{
	struct recording *r = *state;

	tree_write(&r->t, "etc/modules-load.d/a.conf", "a\n");
	assert_int_equal(truncate(tree_path(&r->t, "etc/modules-load.d/a.conf"), LIMIT_CONFIG_FILE + 1), 0);
	coldplug_set_log(r->c, messages_take, &r->m, LOG_LEVEL_WARNING);
	assert_int_equal(coldplug_record(r->c, tree_path(&r->t, "m.tar")), 0);
	assert_contains(messages_text(&r->m),
			"etc/modules-load.d/a.conf: larger than 16777216 bytes, not recorded");
	assert_int_equal(record_unpack(tree_path(&r->t, "m.tar"), r->unpacked.root.fd, &r->m.log), 0);
	assert_int_equal(faccessat(r->unpacked.root.fd, "sys/devices/d/modalias", F_OK, 0), 0);
}

/* Somebody else's archive, with the kernel's help and without. */
static void nothing_is_unpacked_or_read_through_a_link_that_leads_out(void **state)
{
	struct recording *r = *state;
	char outside[128];
	FILE *f;

	tree_write(&r->t, "outside/secret", "s");
	snprintf(outside, sizeof(outside), "%s", tree_path(&r->t, "outside"));
	f = fopen(tree_path(&r->t, "evil.tar"), "we");
	assert_non_null(f);
	assert_int_equal(tar_write(f, &(struct tar_entry){ .name = "sys", .link = outside, .mode = 0777 }),
			 0);
	assert_int_equal(tar_write(f, &(struct tar_entry){ .name = "sys/a/b/c", .data = "x", .size = 1 }), 0);
	assert_int_equal(tar_finish(f), 0);
	fclose(f);
	for (int without = 0; without < 2; without++) {
		rootfs_without_openat2 = without;
		assert_true(record_unpack(tree_path(&r->t, "evil.tar"), r->unpacked.root.fd, &r->m.log) < 0);
		assert_null(unpacked_text(r, "sys/secret"));
		rootfs_without_openat2 = false;
		assert_int_equal(faccessat(r->t.root.fd, "outside/a", F_OK, 0), -1);
	}
}

/* A file of the name that a link has, and one of a name that a file has. The link's target is there, or is
 * not. */
static void a_file_is_not_unpacked_onto_what_is_there(void **state)
{
	static const char *const targets[] = { "outside/secret", "outside/new", NULL };
	struct recording *r = *state;
	char path[128], target[128] = "", *text;

	snprintf(path, sizeof(path), "%s", tree_path(&r->t, "evil.tar"));
	tree_write(&r->t, "outside/secret", "s");
	for (size_t i = 0; i < ARRAY_SIZE(targets); i++) {
		char name[] = { (char)('a' + i), '\0' };
		struct tar_entry first = { .name = name, .data = "1", .size = 1 };
		FILE *f = fopen(path, "we");

		assert_non_null(f);
		if (targets[i]) {
			snprintf(target, sizeof(target), "%s", tree_path(&r->t, targets[i]));
			first = (struct tar_entry){ .name = name, .link = target, .mode = 0777 };
		}
		assert_int_equal(tar_write(f, &first), 0);
		assert_int_equal(tar_write(f, &(struct tar_entry){ .name = name, .data = "2", .size = 1 }),
				 0);
		assert_int_equal(tar_finish(f), 0);
		fclose(f);
		assert_row(i, record_unpack(path, r->unpacked.root.fd, &r->m.log) == -EEXIST);
	}
	assert_int_equal(faccessat(r->t.root.fd, "outside/new", F_OK, 0), -1);
	assert_string_equal(text = text_below(&r->t, "outside/secret"), "s");
	free(text);
	assert_string_equal(text = unpacked_text(r, "c"), "1");
	free(text);
}

/* An archive of n names, each behind this many directories. */
static void write_archive(const char *path, size_t n, size_t depth)
{
	FILE *f = fopen(path, "we");
	char name[PATH_MAX];

	assert_non_null(f);
	for (size_t i = 0; i < n; i++) {
		size_t at = 0;

		for (size_t d = 0; d < depth; d++)
			at += (size_t)sprintf(name + at, "%c/", (int)('a' + i));
		sprintf(name + at, "f");
		assert_int_equal(tar_write(f, &(struct tar_entry){ .name = name, .data = "x", .size = 1 }),
				 0);
	}
	assert_int_equal(tar_finish(f), 0);
	fclose(f);
}

static void a_name_too_long_to_be_removed_is_not_unpacked(void **state)
{
	struct recording *r = *state;
	char path[128];

	snprintf(path, sizeof(path), "%s", tree_path(&r->t, "deep.tar"));
	write_archive(path, 1, 500);
	assert_int_equal(record_unpack(path, r->unpacked.root.fd, &r->m.log), 0);
	write_archive(path, 1, 1900);
	assert_int_equal(record_unpack(path, r->unpacked.root.fd, &r->m.log), -EFBIG);
	assert_contains(messages_text(&r->m), ": its name is too long");
}

static void nobody_else_can_read_a_recording(void **state)
{
	struct recording *r = *state;
	mode_t mask = umask(0);
	struct stat st;

	assert_int_equal(coldplug_record(r->c, tree_path(&r->t, "m.tar")), 0);
	umask(mask);
	assert_int_equal(stat(tree_path(&r->t, "m.tar"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
}

static void what_is_not_ended_leaves_no_file(void **state)
{
	struct recording *r = *state;
	glob_t found = {};

	assert_int_equal(coldplug_set_record(r->c, tree_path(&r->t, "m.tar")), 0);
	assert_int_equal(context_open(r->c), 0);
	assert_int_equal(record_begin(&r->c->listener.record, &r->c->machine, r->c->settings.record_path, -1),
			 0);
	r->c = coldplug_free(r->c);
	assert_int_equal(glob(tree_path(&r->t, "m.tar*"), 0, NULL, &found), GLOB_NOMATCH);
	globfree(&found);
}

#define t(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		t(hard_events_come_back),
		t(a_thousand_variables_and_a_long_path_come_back),
		t(random_events_come_back),
		t(configuration_named_by_hand_is_recorded),
		t(named_files_keep_their_order),
		t(a_mask_is_recorded),
		t(addresses_are_not_recorded),
		t(what_is_too_large_is_told_and_the_rest_recorded),
		t(nothing_is_unpacked_or_read_through_a_link_that_leads_out),
		t(a_file_is_not_unpacked_onto_what_is_there),
		t(a_name_too_long_to_be_removed_is_not_unpacked),
		t(nobody_else_can_read_a_recording),
		t(what_is_not_ended_leaves_no_file),
		t(a_broken_event_is_told_and_the_next_one_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
