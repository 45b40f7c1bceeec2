/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A monitor, through its own code from recvmsg(2) to finit_module(2), in the kernel of world.h: what random
 * events (uevents.c) come to only by accident. */
#include "tests/property/world.h"

#include <poll.h>

#include "libcoldplug/context.h"

#define CARD 100
#define OTHER 101
#define BROKEN 102 /* has no file at first */

struct fake_machine {
	struct tree t;
	struct world *w;
	struct coldplug *c;
	char messages[2048];
};

static void keep_message(void *userdata, int level, const char *message)
{
	struct fake_machine *m = userdata;
	size_t n = strlen(m->messages);

	snprintf(m->messages + n, sizeof(m->messages) - n, "%s\n", message);
}

static void put_module(struct fake_machine *m, int module)
{
	unsigned char elf[64] = { 0x7f, 'E', 'L', 'F', 2, 1, 1, [16] = 1, [58] = 64 };
	char path[96], name[32];

	snprintf(path, sizeof(path), "lib/modules/1/kernel/%s.ko", module_name(module, name));
	tree_write_bytes(&m->t, path, elf, sizeof(elf));
}

static void put_device(struct fake_machine *m, int device, const char *alias)
{
	char path[64];

	snprintf(path, sizeof(path), "sys/devices/dev%d/modalias", device);
	tree_write(&m->t, path, alias);
}

static void say(struct fake_machine *m, const char *action, int device, const char *alias)
{
	char path[64], more[128];
	int n = snprintf(more, sizeof(more), "SUBSYSTEM=test%cMODALIAS=%s", 0, alias) + 1;

	snprintf(path, sizeof(path), "/devices/dev%d", device);
	pthread_mutex_lock(&m->w->lock);
	world_event(m->w, action, path, more, (size_t)n, false);
	pthread_mutex_unlock(&m->w->lock);
}

static void plug(struct fake_machine *m, int device, const char *alias)
{
	put_device(m, device, alias);
	say(m, "add", device, alias);
}

static struct fake_machine *machine_new(void)
{
	struct fake_machine *m = calloc(1, sizeof(*m));

	assert_non_null(m);
	m->t = tree_new();
	m->w = world_new(&m->t);
	tree_write(&m->t, "proc/cmdline", "quiet\n");
	tree_write(&m->t, "proc/modules", "");
	tree_mkdir(&m->t, "sys/devices");
	tree_mkdir(&m->t, "etc/modprobe.d");
	put_module(m, CARD);
	put_module(m, OTHER);
	put_module(m, HANGING);
	put_module(m, FIRST_BEHIND);
	put_module(m, 0);
	/* world.h wants what they need there first. */
	for (int i = 0; i < N_CORES; i++)
		m->w->loaded[i] = true;
	tree_write(&m->t, "lib/modules/1/modules.dep",
		   "kernel/mod_100.ko:\nkernel/mod_101.ko:\nkernel/mod_102.ko:\nkernel/mod_354.ko:\n"
		   "kernel/mod_350.ko: kernel/mod_354.ko\n");
	tree_write(&m->t, "lib/modules/1/modules.alias",
		   "alias card mod_100\nalias broken mod_102\nalias hanging mod_354\nalias behind mod_350\n");
	assert_int_equal(coldplug_new(&m->c), 0);
	coldplug_set_log(m->c, keep_message, m, 3);
	assert_int_equal(coldplug_set_root(m->c, m->t.dir), 0);
	coldplug_set_flag(m->c, COLDPLUG_DRY_RUN, false);
	coldplug_set_flag(m->c, COLDPLUG_MONITOR, true);
	m->c->listener.netlink.ops = &world_netlink;
	m->c->listener.netlink.ops_data = m->w;
	m->c->settings.kernel_ops = &world_kernel;
	m->c->settings.kernel_data = m->w;
	return m;
}

static void machine_free(struct fake_machine *m)
{
	m->w->hangs = false;
	coldplug_free(m->c);
	world_free(m->w);
	tree_free(&m->t);
	free(m);
}

static void start(struct fake_machine *m)
{
	assert_int_equal(coldplug_run(m->c), 0);
	assert_int_equal(coldplug_finish(m->c), 0);
}

/* Gives coldplug its turns for so long, or until a module is there. */
static bool is_loaded_within(struct fake_machine *m, int module, unsigned int ms)
{
	uint64_t end = clock_now_us() + ms * UINT64_C(1000);

	while (!m->w->loaded[module] && clock_now_us() < end) {
		struct pollfd pfd = { .fd = coldplug_fd(m->c), .events = POLLIN };

		assert_true(coldplug_dispatch(m->c) >= 0);
		poll(&pfd, 1, 20);
	}
	return m->w->loaded[module];
}

static void wait_until_it_hangs(struct fake_machine *m)
{
	for (int i = 0; i < 1000 && !m->w->hung; i++)
		is_loaded_within(m, HANGING, 10);
	assert_int_equal(m->w->hung, 1);
}

/* ---- a load that never returns ---- */

static void what_failed_is_tried_again_while_another_load_hangs(void **state)
{
	struct fake_machine *m = machine_new();

	start(m);
	m->w->hangs = true;
	plug(m, 1, "hanging");
	wait_until_it_hangs(m);
	plug(m, 2, "broken");
	assert_false(is_loaded_within(m, BROKEN, 300));
	put_module(m, BROKEN);
	say(m, "remove", 2, "broken");
	say(m, "add", 2, "broken");
	assert_true(is_loaded_within(m, BROKEN, 20000));
	machine_free(m);
}

static void a_hangup_takes_effect_while_a_load_hangs(void **state)
{
	struct fake_machine *m = machine_new();

	start(m);
	m->w->hangs = true;
	plug(m, 1, "hanging");
	plug(m, 2, "special");
	wait_until_it_hangs(m);
	tree_write(&m->t, "etc/modprobe.d/special.conf", "alias special mod_101\n");
	coldplug_reload(m->c);
	assert_true(is_loaded_within(m, OTHER, 20000));
	assert_int_equal(m->c->loading.orphans.items.n, 1);
	machine_free(m);
}

static void lost_events_are_made_up_for_while_a_load_hangs(void **state)
{
	struct fake_machine *m = machine_new();

	start(m);
	m->w->hangs = true;
	plug(m, 1, "hanging");
	wait_until_it_hangs(m);
	put_device(m, 2, "card");
	m->w->overrun = true;
	assert_true(is_loaded_within(m, CARD, 20000));
	machine_free(m);
}

static void what_waits_for_a_load_that_hangs_comes_when_it_returns(void **state)
{
	struct fake_machine *m = machine_new();

	start(m);
	m->w->hangs = true;
	plug(m, 1, "hanging");
	wait_until_it_hangs(m);
	coldplug_reload(m->c);
	plug(m, 2, "behind");
	say(m, "remove", 1, "hanging");
	say(m, "add", 1, "hanging");
	assert_false(is_loaded_within(m, FIRST_BEHIND, 300));
	assert_int_equal(m->w->hung, 1);
	m->w->hangs = false;
	assert_true(is_loaded_within(m, FIRST_BEHIND, 20000));
	assert_string_equal(m->w->broken, "");
	assert_null(orphans_step(&m->c->loading.orphans, 0));
	machine_free(m);
}

static void readiness_has_a_limit_and_all_goes_on_after_it(void **state)
{
	struct fake_machine *m = machine_new();
	const struct coldplug_step *s;

	m->w->hangs = true;
	put_device(m, 1, "hanging");
	coldplug_set_timeout(m->c, 700);
	assert_int_equal(coldplug_run(m->c), -ETIMEDOUT);
	s = coldplug_step(m->c, 0);
	assert_string_equal(s->module, "mod_354");
	assert_int_equal(s->state, COLDPLUG_PLANNED);
	plug(m, 2, "card");
	assert_true(is_loaded_within(m, CARD, 20000));
	m->w->hangs = false;
	assert_true(is_loaded_within(m, HANGING, 20000));
	machine_free(m);
}

/* ---- what is on disk changes ---- */

static void a_new_index_counts_without_a_hangup(void **state)
{
	struct fake_machine *m = machine_new();

	start(m);
	plug(m, 1, "special");
	assert_false(is_loaded_within(m, OTHER, 400));
	tree_write(&m->t, "lib/modules/1/modules.alias", "alias card mod_100\nalias special mod_101\n");
	say(m, "remove", 1, "special");
	say(m, "add", 1, "special");
	assert_true(is_loaded_within(m, OTHER, 20000));
	machine_free(m);
}

static void a_new_line_of_configuration_counts_too(void **state)
{
	struct fake_machine *m = machine_new();

	start(m);
	/* After a burst it has read the files for the next one, and must not rely on that. */
	plug(m, 1, "card");
	assert_true(is_loaded_within(m, CARD, 20000));
	assert_false(is_loaded_within(m, OTHER, 400));
	tree_write(&m->t, "etc/modprobe.d/special.conf", "alias special mod_101\n");
	plug(m, 2, "special");
	assert_true(is_loaded_within(m, OTHER, 20000));
	machine_free(m);
}

static void a_directory_of_modules_that_comes_late_counts(void **state)
{
	struct fake_machine *m = machine_new();
	char later[128];

	snprintf(later, sizeof(later), "%s", tree_path(&m->t, "lib/modules/later"));
	assert_int_equal(rename(tree_path(&m->t, "lib/modules/1"), later), 0);
	assert_int_equal(coldplug_set_release(m->c, "1"), 0);
	start(m);
	plug(m, 1, "special");
	assert_false(is_loaded_within(m, CARD, 400));
	assert_int_equal(rename(later, tree_path(&m->t, "lib/modules/1")), 0);
	plug(m, 2, "card");
	assert_true(is_loaded_within(m, CARD, 20000));
	machine_free(m);
}

static void a_hangup_reads_modules_load_d_too(void **state)
{
	struct fake_machine *m = machine_new();

	start(m);
	tree_write(&m->t, "etc/modules-load.d/x.conf", "mod_101\n");
	assert_false(is_loaded_within(m, OTHER, 300));
	coldplug_reload(m->c);
	assert_true(is_loaded_within(m, OTHER, 20000));
	machine_free(m);
}

/* ---- no events ---- */

static int open_nothing(void *data, int rcvbuf)
{
	return -EPERM;
}

static const struct netlink_ops no_netlink = { .open = open_nothing };

/* As if so much time had passed. */
static void a_walk_is_due(struct fake_machine *m)
{
	m->c->settle.walked_us = 0;
	assert_true(coldplug_dispatch(m->c) >= 0);
}

static void without_events_it_walks(void **state)
{
	struct fake_machine *m = machine_new();

	m->c->listener.netlink.ops = &no_netlink;
	start(m);
	assert_non_null(
		strstr(m->messages, "the kernel's uevents cannot be received (Operation not permitted)"));
	put_device(m, 1, "card");
	put_device(m, 2, "broken");
	/* By itself: the timer is its own. */
	assert_true(is_loaded_within(m, CARD, 20000));
	is_loaded_within(m, BROKEN, 500);
	put_module(m, BROKEN);
	for (int i = 0; i < 3; i++)
		a_walk_is_due(m);
	assert_false(is_loaded_within(m, BROKEN, 300));
	/* The device goes, which takes two walks, and comes again. */
	assert_int_equal(unlink(tree_path(&m->t, "sys/devices/dev2/modalias")), 0);
	a_walk_is_due(m);
	a_walk_is_due(m);
	put_device(m, 2, "broken");
	a_walk_is_due(m);
	assert_true(is_loaded_within(m, BROKEN, 20000));
	machine_free(m);
}

static ssize_t receive_nothing(void *data, int fd, struct msghdr *msg)
{
	struct world *w = data;

	pthread_mutex_lock(&w->lock);
	take_barriers(w);
	w->tail = w->head;
	pthread_mutex_unlock(&w->lock);
	return -EAGAIN;
}

static const struct netlink_ops silent_netlink = { .open = socket_open, .receive = receive_nothing };

/* As in a network namespace that receives no events. */
static void without_its_own_barrier_it_walks(void **state)
{
	struct fake_machine *m = machine_new();

	m->c->listener.netlink.ops = &silent_netlink;
	start(m);
	assert_non_null(strstr(m->messages, "its event does not come back"));
	put_device(m, 1, "card");
	assert_true(is_loaded_within(m, CARD, 20000));
	machine_free(m);
}

static void a_sys_that_is_mounted_later_is_walked(void **state)
{
	struct fake_machine *m = machine_new();
	char later[128];

	put_device(m, 1, "card");
	snprintf(later, sizeof(later), "%s", tree_path(&m->t, "later"));
	assert_int_equal(rename(tree_path(&m->t, "sys"), later), 0);
	start(m);
	assert_int_equal(rename(later, tree_path(&m->t, "sys")), 0);
	assert_true(is_loaded_within(m, CARD, 20000));
	machine_free(m);
}

/* ---- a storm ---- */

/* Every second read reports a loss. The card's event is lost last, after the last walk. */
static ssize_t lose_all(void *data, int fd, struct msghdr *msg)
{
	struct fake_machine *m = data;
	static unsigned int n_looks;

	if (++n_looks % 2)
		return receive_nothing(m->w, fd, msg);
	if (m->c->settle.phase >= SETTLE_CONFIRMED && m->c->settle.source == SETTLE_OVERRUN)
		put_device(m, 1, "card");
	return -ENOBUFS;
}

static int open_of_machine(void *data, int rcvbuf)
{
	struct fake_machine *m = data;

	return socket_open(m->w, rcvbuf);
}

static const struct netlink_ops lossy_netlink = { .open = open_of_machine, .receive = lose_all };

static void what_a_storm_hid_is_found_when_monitoring_begins(void **state)
{
	struct fake_machine *m = machine_new();

	m->c->listener.netlink.ops = &lossy_netlink;
	m->c->listener.netlink.ops_data = m;
	start(m);
	assert_non_null(strstr(m->messages, "lost again and again"));
	assert_false(m->w->loaded[CARD]);
	m->c->listener.netlink.ops = &silent_netlink;
	m->c->listener.netlink.ops_data = m->w;
	assert_true(is_loaded_within(m, CARD, 20000));
	machine_free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_failed_is_tried_again_while_another_load_hangs),
		cmocka_unit_test(a_hangup_takes_effect_while_a_load_hangs),
		cmocka_unit_test(lost_events_are_made_up_for_while_a_load_hangs),
		cmocka_unit_test(what_waits_for_a_load_that_hangs_comes_when_it_returns),
		cmocka_unit_test(readiness_has_a_limit_and_all_goes_on_after_it),
		cmocka_unit_test(a_new_index_counts_without_a_hangup),
		cmocka_unit_test(a_new_line_of_configuration_counts_too),
		cmocka_unit_test(a_directory_of_modules_that_comes_late_counts),
		cmocka_unit_test(a_hangup_reads_modules_load_d_too),
		cmocka_unit_test(without_events_it_walks),
		cmocka_unit_test(without_its_own_barrier_it_walks),
		cmocka_unit_test(a_sys_that_is_mounted_later_is_walked),
		cmocka_unit_test(what_a_storm_hid_is_found_when_monitoring_begins),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
