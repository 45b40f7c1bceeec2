/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* coldplug_run() from its beginning to its end, on a machine that is a tree of files and has no events: the
 * public header and the shared object are all it has. A FIFO in place of a "uevent" file is a device whose
 * lock is held: whoever reads it waits until somebody writes. Nothing here wants a module that is there. */
#include <coldplug.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define HUB "sys/devices/hub/uevent"

struct machine {
	char dir[64];
	struct coldplug *c;
	char messages[4096];
};

static const char *path_of(const struct machine *m, const char *name)
{
	static char path[512];

	snprintf(path, sizeof(path), "%s/%s", m->dir, name);
	return path;
}

static void make_parents(const struct machine *m, const char *name)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/%s", m->dir, name);
	for (char *p = path + strlen(m->dir) + 1; (p = strchr(p, '/')); *p++ = '/') {
		*p = '\0';
		mkdir(path, 0755);
	}
}

static void put(const struct machine *m, const char *name, const char *text)
{
	FILE *f;

	make_parents(m, name);
	f = fopen(path_of(m, name), "we");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void put_fifo(const struct machine *m, const char *name)
{
	make_parents(m, name);
	assert_int_equal(mkfifo(path_of(m, name), 0600), 0);
}

static void make_node(const struct machine *m, const char *name)
{
	make_parents(m, name);
	if (mknod(path_of(m, name), S_IFCHR | 0600, makedev(1, 3)) < 0) {
		print_message("no device nodes can be made here\n");
		skip();
	}
}

/* The lock is released: the process that waits reads this, and so does any later one. */
static void release_hub(const struct machine *m, const char *text)
{
	int fd = -1;

	for (int i = 0; fd < 0 && i < 1000; i++) {
		fd = open(path_of(m, HUB), O_WRONLY | O_NONBLOCK | O_CLOEXEC);
		if (fd < 0)
			usleep(10000);
	}
	unlink(path_of(m, HUB));
	put(m, HUB, text);
	if (fd >= 0 && write(fd, text, strlen(text)) < 0)
		abort();
	if (fd >= 0)
		close(fd);
}

static void take_message(void *userdata, int level, const char *message)
{
	struct machine *m = userdata;
	size_t n = strlen(m->messages);

	snprintf(m->messages + n, sizeof(m->messages) - n, "%s\n", message);
}

static int setup(void **state)
{
	struct machine *m = calloc(1, sizeof(*m));

	assert_non_null(m);
	snprintf(m->dir, sizeof(m->dir), "/tmp/coldplug-run.XXXXXX");
	assert_non_null(mkdtemp(m->dir));
	put(m, "lib/modules/1.0/modules.dep", "kernel/black.ko:\nkernel/b2.ko:\n");
	put(m, "lib/modules/1.0/modules.alias", "alias pci:v2 black\nalias pci:v3 b2\n");
	put(m, "etc/modprobe.d/x.conf", "blacklist black\n\nblacklist b2\nalias gone off\n");
	put(m, "proc/cmdline", "modules_load=ghost,gone\n");
	put(m, "proc/modules", "");
	put(m, "sys/devices/p/modalias", "pci:v1\n");
	put(m, "sys/devices/q/modalias", "pci:v2\n");
	put(m, "sys/devices/r/uevent", "MODALIAS=pci:v3\n");
	make_parents(m, "dev/");
	assert_int_equal(coldplug_new(&m->c), 0);
	assert_int_equal(coldplug_set_root(m->c, m->dir), 0);
	assert_int_equal(coldplug_set_flag(m->c, COLDPLUG_DRY_RUN, false), 0);
	coldplug_set_log(m->c, take_message, m, 3);
	*state = m;
	return 0;
}

static int teardown(void **state)
{
	struct machine *m = *state;
	char command[128];

	coldplug_free(m->c);
	snprintf(command, sizeof(command), "rm -rf %s", m->dir);
	free(m);
	return system(command);
}

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void assert_said(const struct machine *m, const char *text)
{
	if (!strstr(m->messages, text))
		fail_msg("'%s' is not in:\n%s", text, m->messages);
}

static void both_halves_of_the_walk_count(void **state)
{
	struct machine *m = *state;
	struct coldplug_summary s;

	assert_int_equal(coldplug_run(m->c), 0);
	coldplug_get_summary(m->c, &s);
	assert_int_equal(s.devices, 3);
	assert_int_equal(s.aliases, 3);
	assert_int_equal(s.withheld, 3);
	assert_null(strstr(m->messages, "no answer"));
}

static void a_device_that_does_not_answer_holds_up_nobody(void **state)
{
	struct machine *m = *state;
	double start;

	put_fifo(m, HUB);
	make_node(m, "dev/x");
	assert_int_equal(coldplug_wait_for(m->c, "/dev/x"), 0);
	start = seconds();
	assert_int_equal(coldplug_run(m->c), 0);
	assert_true(seconds() - start < 2);
	assert_string_equal(coldplug_found(m->c, 0), "/dev/x");
	assert_null(coldplug_found_type(m->c, 0));
	release_hub(m, "");
}

static void a_timeout_comes_in_time_too(void **state)
{
	struct machine *m = *state;
	double start;

	put_fifo(m, HUB);
	assert_int_equal(coldplug_wait_for(m->c, "/dev/never"), 0);
	coldplug_set_timeout(m->c, 1500);
	start = seconds();
	assert_int_equal(coldplug_run(m->c), -ETIMEDOUT);
	assert_true(seconds() - start < 5);
	assert_null(coldplug_found(m->c, 0));
	release_hub(m, "");
}

/* An ext2 as little as libblkid knows one: the number that marks it and a UUID (fs/ext2/ext2.h). */
static void put_ext2(const struct machine *m, const char *name, unsigned char byte)
{
	static char image[64 * 1024];
	FILE *f;

	memset(image, 0, sizeof(image));
	image[1024 + 56] = 0x53;
	image[1024 + 57] = (char)0xef;
	memset(image + 1024 + 104, byte, 16);
	make_parents(m, name);
	f = fopen(path_of(m, name), "we");
	assert_non_null(f);
	assert_int_equal(fwrite(image, 1, sizeof(image), f), sizeof(image));
	fclose(f);
}

/* Withheld, so that nothing is loaded; that it was wanted is what counts. */
static void who_prepares_a_mount_gets_its_file_system(void **state)
{
	static const char uuid[] = "UUID=42424242-4242-4242-4242-424242424242";
	struct machine *m = *state;
	const char *const *names;
	const struct coldplug_reason *why;
	int r = coldplug_prepare_mount(m->c, uuid);

	if (r == -EOPNOTSUPP)
		skip();
	assert_int_equal(r, 0);
	assert_int_equal(coldplug_prepare_mount(m->c, "/dev/never"), 0);
	assert_int_equal(coldplug_prepare_mount(m->c, "ZFS=pool"), -EINVAL);
	coldplug_set_flag(m->c, COLDPLUG_BLACKLIST, true);
	put(m, "lib/modules/1.0/modules.dep", "kernel/black.ko:\nkernel/b2.ko:\nkernel/smallfs.ko:\n");
	put(m, "lib/modules/1.0/modules.alias",
	    "alias pci:v2 black\nalias pci:v3 b2\nalias fs-ext2 smallfs\n");
	put(m, "etc/modprobe.d/y.conf", "blacklist smallfs\n");
	put_ext2(m, "dev/a", 0x41);
	put_ext2(m, "dev/b", 0x42);
	put(m, "sys/class/block/a/size", "128\n");
	put(m, "sys/class/block/b/size", "128\n");
	assert_int_equal(coldplug_run(m->c), 0);
	assert_int_equal(coldplug_withheld(m->c, &names), 4);
	assert_true(coldplug_why(m->c, "smallfs", &why) > 0);
}

static void run_waits_for_an_answer(void **state)
{
	struct machine *m = *state;
	struct coldplug_summary s;
	pid_t pid;

	put_fifo(m, HUB);
	pid = fork();
	if (pid == 0) {
		usleep(1500000);
		release_hub(m, "DRIVER=usb\nMODALIAS=usb:late\n");
		_exit(0);
	}
	assert_int_equal(coldplug_run(m->c), 0);
	coldplug_get_summary(m->c, &s);
	assert_int_equal(s.devices, 4);
	assert_int_equal(s.aliases, 4);
	assert_null(strstr(m->messages, "no answer"));
}

static void but_not_for_ever(void **state)
{
	struct machine *m = *state;
	double start = seconds();

	put_fifo(m, HUB);
	assert_int_equal(coldplug_run(m->c), 0);
	assert_true(seconds() - start >= 10 && seconds() - start < 20);
	assert_said(m, "/sys/devices/hub/uevent: no answer for 10.000 s, no longer waited for\n");
	assert_int_equal(coldplug_exit_code(m->c), 2);
	release_hub(m, "");
}

/* One turn of a caller's own loop. */
static int turn(const struct machine *m)
{
	struct pollfd fd = { .fd = coldplug_fd(m->c), .events = POLLIN };
	int timeout, r = coldplug_advance(m->c, &timeout);

	if (!r)
		poll(&fd, 1, timeout);
	return r;
}

static void who_has_a_loop_of_its_own_sees_when_all_has_settled(void **state)
{
	struct machine *m = *state;

	assert_int_equal(coldplug_wait_for(m->c, "/dev/x"), 0);
	assert_int_equal(coldplug_begin(m->c), 0);
	while (!coldplug_is_settled(m->c))
		assert_int_equal(turn(m), 0);
	assert_null(coldplug_found(m->c, 0));
	make_node(m, "dev/x");
	while (!turn(m))
		;
	assert_string_equal(coldplug_found(m->c, 0), "/dev/x");
}

static void put_disk(const struct machine *m)
{
	put(m, "lib/modules/1.0/modules.dep", "kernel/black.ko:\nkernel/b2.ko:\nkernel/disk.ko:\n");
	put(m, "lib/modules/1.0/modules.alias",
	    "alias pci:v2 black\nalias pci:v3 b2\nalias pci:*bc01sc08* disk\n");
	put(m, "sys/bus/pci/devices/d/modalias", "pci:v4bc01sc08\n");
	put(m, "sys/devices/d/modalias", "pci:v4bc01sc08\n");
}

static size_t count_devices(const struct machine *m)
{
	struct coldplug_summary s;

	coldplug_get_summary(m->c, &s);
	return s.devices;
}

static void what_leads_to_a_disk_goes_before_the_walk(void **state)
{
	struct machine *m = *state;
	int timeout;

	put_disk(m);
	coldplug_set_flag(m->c, COLDPLUG_FOUND_TYPE, false);
	make_node(m, "dev/nvme0n1");
	assert_int_equal(coldplug_wait_for(m->c, "/dev/nvme0n1"), 0);
	assert_int_equal(coldplug_begin(m->c), 0);
	assert_int_equal(coldplug_advance(m->c, &timeout), 1);
	assert_int_equal(count_devices(m), 0); /* a glimpse of a bus is no count of devices */
	/* The caller is about to go, and nothing is lost. */
	assert_int_equal(coldplug_leave(m->c), 0);
	assert_int_equal(count_devices(m), 4);
}

static void the_walk_that_was_put_off_is_made_when_the_disk_does_not_come(void **state)
{
	struct machine *m = *state;

	put_disk(m);
	assert_int_equal(coldplug_wait_for(m->c, "/dev/nvme0n1"), 0);
	assert_int_equal(coldplug_begin(m->c), 0);
	assert_false(coldplug_is_settled(m->c));
	while (!coldplug_is_settled(m->c))
		assert_int_equal(turn(m), 0);
	assert_int_equal(count_devices(m), 4);
}

#define PROFILE(alias)                                                                          \
	"coldplug-profile 1\nrelease 1.0\nawaited /dev/nvme0n1\ndevice /devices/soc/mmc " alias \
	"\ndevice /devices/soc/mmc/host0/card mmc:block\nend\n"

/* What is requested before the walk; the glimpse knows nothing of such a bus. */
static char *requests_with_profile(struct machine *m, const char *path, const char *profile)
{
	int timeout;
	char *json;

	put_disk(m);
	put(m, "sys/devices/soc/mmc/modalias", "of:NmmcT(null)Cacme,mmc\n");
	put(m, "lib/modules/1.0/modules.alias", "alias pci:*bc01sc08* disk\nalias of:Nmmc* disk\n");
	put(m, path, profile);
	coldplug_set_flag(m->c, COLDPLUG_FOUND_TYPE, false);
	make_node(m, "dev/nvme0n1");
	assert_int_equal(coldplug_set_release(m->c, "1.0"), 0);
	if (!strcmp(path, "profile"))
		assert_int_equal(coldplug_set_profile(m->c, path_of(m, path)), 0);
	assert_int_equal(coldplug_wait_for(m->c, "/dev/nvme0n1"), 0);
	assert_int_equal(coldplug_begin(m->c), 0);
	assert_int_equal(coldplug_advance(m->c, &timeout), 1);
	assert_int_equal(coldplug_json(m->c, COLDPLUG_JSON_PLAN, &json), 0);
	assert_int_equal(coldplug_leave(m->c), 0);
	/* A profile takes nothing away. */
	assert_int_equal(count_devices(m), 5);
	return json;
}

static void what_an_earlier_boot_needed_is_requested_first(void **state)
{
	struct machine *m = *state;
	char *json = requests_with_profile(m, "profile", PROFILE("of:NmmcT(null)Cacme,mmc"));

	assert_non_null(strstr(json, "{\"alias\":\"of:NmmcT(null)Cacme,mmc\",\"device\":true"));
	assert_non_null(strstr(json, "{\"alias\":\"mmc:block\",\"device\":true"));
	/* All that the device was behind is there, so nothing else is looked at. */
	assert_null(strstr(json, "pci:v4bc01sc08"));
	free(json);
}

static void a_profile_in_its_place_counts_without_being_named(void **state)
{
	struct machine *m = *state;
	char *json = requests_with_profile(m, "etc/coldplug/profile", PROFILE("of:NmmcT(null)Cacme,mmc"));

	assert_non_null(strstr(json, "{\"alias\":\"mmc:block\",\"device\":true"));
	assert_null(strstr(json, "pci:v4bc01sc08"));
	free(json);
}

static void a_device_that_is_another_one_now_is_not_requested(void **state)
{
	struct machine *m = *state;
	char *json = requests_with_profile(m, "profile", PROFILE("of:NmmcT(null)Cacme,other"));

	assert_null(strstr(json, "mmc:block"));
	assert_null(strstr(json, "of:N"));
	assert_non_null(strstr(json, "pci:v4bc01sc08"));
	free(json);
}

static void a_profile_that_is_wrong_is_warned_of_and_not_used(void **state)
{
	struct machine *m = *state;
	char *json;

	coldplug_set_log(m->c, take_message, m, 4);
	json = requests_with_profile(m, "etc/coldplug/profile", "coldplug-profile 1\nrelease 2.0\n");
	assert_non_null(strstr(json, "pci:v4bc01sc08"));
	assert_said(m,
		    "/etc/coldplug/profile:2: no profile is used: it is of another release of the kernel\n");
	/* The disk's module has no file; no input was lost. */
	assert_int_equal(coldplug_exit_code(m->c), 1);
	free(json);
}

static void who_only_runs_has_seen_all_devices(void **state)
{
	struct machine *m = *state;

	put_disk(m);
	make_node(m, "dev/nvme0n1");
	assert_int_equal(coldplug_wait_for(m->c, "/dev/nvme0n1"), 0);
	assert_int_equal(coldplug_run(m->c), 0);
	assert_int_equal(count_devices(m), 4);
}

static void a_timeout_does_not_take_the_walk_away(void **state)
{
	struct machine *m = *state;

	put_disk(m);
	coldplug_set_timeout(m->c, 1);
	assert_int_equal(coldplug_wait_for(m->c, "/dev/nvme0n1"), 0);
	assert_int_equal(coldplug_run(m->c), -ETIMEDOUT);
	assert_true(count_devices(m) >= 3); /* one is asked, and there is no time */
}

/* Nothing is loaded after the device has come, and the caller leaves at once, as "run --wait-for" does. */
static void the_report_says_when_the_device_came(void **state)
{
	static const char wanted[] =
		"\"awaited\":[{\"spec\":\"/dev/x\",\"node\":\"/dev/x\",\"path\":null,\"found_us\":";
	struct machine *m = *state;
	static char text[8192];
	char *awaited;
	FILE *f = NULL;

	assert_int_equal(coldplug_set_report(m->c, path_of(m, "report")), 0);
	assert_int_equal(coldplug_wait_for(m->c, "/dev/x"), 0);
	assert_int_equal(coldplug_begin(m->c), 0);
	while (!coldplug_is_settled(m->c))
		assert_int_equal(turn(m), 0);
	make_node(m, "dev/x");
	while (!turn(m))
		;
	coldplug_free(m->c);
	m->c = NULL;
	for (int i = 0; !f && i < 1000; i++, usleep(10000))
		f = fopen(path_of(m, "report"), "re");
	assert_non_null(f);
	text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
	fclose(f);
	awaited = strstr(text, wanted);
	if (!awaited)
		fail_msg("there is no device in: %s", text);
	assert_true(strtoull(awaited + strlen(wanted), NULL, 10) > 0);
}

static void what_is_found_early_lets_the_rest_settle(void **state)
{
	struct machine *m = *state;

	make_node(m, "dev/x");
	put_fifo(m, HUB);
	assert_int_equal(coldplug_wait_for(m->c, "/dev/x"), 0);
	assert_int_equal(coldplug_begin(m->c), 0);
	while (!turn(m))
		;
	assert_false(coldplug_is_settled(m->c));
	release_hub(m, "");
	while (!coldplug_is_settled(m->c)) {
		assert_int_equal(turn(m), 1);
		usleep(10000);
	}
}

/* A module that a processor's alias asks for is not started then, for 5 s. */
static void what_comes_last_comes_when_nothing_gives_way_any_more(void **state)
{
	struct machine *m = *state;
	double start;

	put(m, "lib/modules/1.0/modules.alias", "alias pci:v2 black\nalias pci:v3 b2\nalias cpu:c late\n");
	put(m, "lib/modules/1.0/modules.dep", "kernel/black.ko:\nkernel/b2.ko:\nkernel/late.ko:\n");
	put(m, "sys/devices/c/modalias", "cpu:c\n");
	make_node(m, "dev/x");
	coldplug_set_flag(m->c, COLDPLUG_FOUND_TYPE, false);
	assert_int_equal(coldplug_set_flag(m->c, COLDPLUG_AWAIT_END, true), 0);
	assert_int_equal(coldplug_wait_for(m->c, "/dev/x"), 0);
	assert_int_equal(coldplug_begin(m->c), 0);
	for (start = seconds(); seconds() < start + 1; usleep(10000))
		assert_true(turn(m) >= 0);
	assert_false(coldplug_is_settled(m->c));
	assert_int_equal(coldplug_set_flag(m->c, COLDPLUG_AWAIT_END, false), 0);
	for (start = seconds(); !coldplug_is_settled(m->c); usleep(10000))
		assert_true(turn(m) >= 0 && seconds() < start + 3);
}

static void who_begins_again_settles_again(void **state)
{
	struct machine *m = *state;

	for (int i = 0; i < 2; i++) {
		assert_int_equal(coldplug_begin(m->c), 0);
		assert_false(coldplug_is_settled(m->c));
		while (!turn(m))
			;
		assert_true(coldplug_is_settled(m->c));
	}
}

static void who_is_cancelled_waits_for_nothing_more(void **state)
{
	struct machine *m = *state;

	assert_int_equal(coldplug_wait_for(m->c, "/dev/never"), 0);
	coldplug_cancel(m->c);
	assert_int_equal(coldplug_run(m->c), 0);
	assert_null(coldplug_found(m->c, 0));
}

/* Otherwise the loop would be busy until the device answers. */
static void a_timeout_that_nothing_waits_for_is_none(void **state)
{
	struct machine *m = *state;
	int timeout;

	put_fifo(m, HUB);
	coldplug_set_timeout(m->c, 1);
	assert_int_equal(coldplug_begin(m->c), 0);
	usleep(10000);
	assert_int_equal(coldplug_advance(m->c, &timeout), 0);
	assert_int_not_equal(timeout, 0);
	release_hub(m, "");
}

static void the_time_is_up_in_a_loop_too(void **state)
{
	struct machine *m = *state;
	int r;

	assert_int_equal(coldplug_wait_for(m->c, "/dev/never"), 0);
	coldplug_set_timeout(m->c, 500);
	assert_int_equal(coldplug_begin(m->c), 0);
	while (!(r = turn(m)))
		;
	assert_int_equal(r, -ETIMEDOUT);
}

static bool is_among(const char *const *names, int64_t n, const char *name)
{
	for (int64_t i = 0; i < n; i++)
		if (!strcmp(names[i], name))
			return true;
	return false;
}

static void what_is_withheld_and_what_nothing_has_is_listed(void **state)
{
	struct machine *m = *state;
	const struct coldplug_reason *reasons;
	const char *const *names;

	assert_int_equal(coldplug_withheld(m->c, &names), 0);
	assert_int_equal(coldplug_not_found(m->c, &names), 0);
	assert_int_equal(coldplug_run(m->c), 0);
	assert_int_equal(coldplug_withheld(m->c, &names), 3);
	assert_true(is_among(names, 3, "black") && is_among(names, 3, "b2") && is_among(names, 3, "gone"));
	assert_int_equal(coldplug_not_found(m->c, &names), 1);
	assert_string_equal(names[0], "ghost");
	assert_int_equal(coldplug_why(m->c, "b2", &reasons), 1);
	assert_int_equal(reasons[0].why, COLDPLUG_WHY_BLACKLIST);
	assert_string_equal(reasons[0].file, "/etc/modprobe.d/x.conf");
	assert_int_equal(reasons[0].line, 3);
}

/* A record reads the same files. */
static void a_record_waits_no_longer_than_run(void **state)
{
	struct machine *m = *state;
	char tar[128];

	put_fifo(m, HUB);
	snprintf(tar, sizeof(tar), "%s/m.tar", m->dir);
	assert_int_equal(coldplug_record(m->c, tar), 0);
	assert_said(m, "/sys/devices/hub/uevent: no answer for 10.000 s");
	release_hub(m, "");
}

/* Its own give-up time is that of a run that has nothing else to do; loading has not waited for it at all. */
static void a_recorded_run_ends_when_it_has_what_it_waits_for(void **state)
{
	struct machine *m = *state;
	double start = seconds();
	char tar[128];

	put_fifo(m, HUB);
	make_node(m, "dev/x");
	snprintf(tar, sizeof(tar), "%s/m.tar", m->dir);
	assert_int_equal(coldplug_wait_for(m->c, "/dev/x"), 0);
	assert_int_equal(coldplug_set_record(m->c, tar), 0);
	assert_int_equal(coldplug_run(m->c), 0);
	assert_true(seconds() - start < 5);
	assert_said(m, "/sys/devices/hub/uevent: no answer for 1.000 s");
	assert_int_equal(access(tar, R_OK), 0);
	release_hub(m, "");
}

/* As a container's seccomp profile or SELinux does it. */
static void refuse_netlink(void)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_socket, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_NETLINK, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EACCES),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { sizeof(filter) / sizeof(filter[0]), filter };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0 ||
	    socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_KOBJECT_UEVENT) >= 0)
		_exit(77);
}

/* In a process of its own: a filter stays. */
static int run_without_netlink(struct machine *m)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		struct coldplug_summary summary;

		refuse_netlink();
		if (coldplug_run(m->c) < 0)
			_exit(99);
		coldplug_get_summary(m->c, &summary);
		if (!strstr(m->messages,
			    "the kernel's uevents cannot be received (Permission denied): devices that "
			    "appear late are found by walking /sys only"))
			_exit(98);
		_exit(summary.aliases == 3 ? coldplug_exit_code(m->c) : 97);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void where_netlink_is_refused_that_is_said_and_sys_is_walked(void **state)
{
	int code = run_without_netlink(*state);

	if (code == 77) {
		print_message("no seccomp here\n");
		skip();
	}
	assert_int_equal(code, 2);
}

static void without_sys_that_is_said_and_names_are_loaded_all_the_same(void **state)
{
	struct machine *m = *state;
	char old[128];

	snprintf(old, sizeof(old), "%s/elsewhere", m->dir);
	assert_int_equal(rename(path_of(m, "sys"), old), 0);
	put(m, "lib/modules/1.0/modules.dep", "kernel/named.ko:\n");
	assert_int_equal(coldplug_want(m->c, "named", NULL), 1);
	assert_int_equal(coldplug_run(m->c), 0);
	assert_said(m, "/sys/devices");
	assert_int_equal(coldplug_steps(m->c), 1);
	assert_string_equal(coldplug_step(m->c, 0)->module, "named");
	assert_int_equal(coldplug_exit_code(m->c), 2);
}

#define t(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		t(both_halves_of_the_walk_count),
		t(a_device_that_does_not_answer_holds_up_nobody),
		t(a_timeout_comes_in_time_too),
		t(who_prepares_a_mount_gets_its_file_system),
		t(run_waits_for_an_answer),
		t(but_not_for_ever),
		t(who_has_a_loop_of_its_own_sees_when_all_has_settled),
		t(what_leads_to_a_disk_goes_before_the_walk),
		t(the_walk_that_was_put_off_is_made_when_the_disk_does_not_come),
		t(what_an_earlier_boot_needed_is_requested_first),
		t(a_profile_in_its_place_counts_without_being_named),
		t(a_device_that_is_another_one_now_is_not_requested),
		t(a_profile_that_is_wrong_is_warned_of_and_not_used),
		t(who_only_runs_has_seen_all_devices),
		t(a_timeout_does_not_take_the_walk_away),
		t(the_report_says_when_the_device_came),
		t(what_is_found_early_lets_the_rest_settle),
		t(what_comes_last_comes_when_nothing_gives_way_any_more),
		t(who_begins_again_settles_again),
		t(the_time_is_up_in_a_loop_too),
		t(who_is_cancelled_waits_for_nothing_more),
		t(a_timeout_that_nothing_waits_for_is_none),
		t(what_is_withheld_and_what_nothing_has_is_listed),
		t(a_record_waits_no_longer_than_run),
		t(a_recorded_run_ends_when_it_has_what_it_waits_for),
		t(where_netlink_is_refused_that_is_said_and_sys_is_walked),
		t(without_sys_that_is_said_and_names_are_loaded_all_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
