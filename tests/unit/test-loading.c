/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the library hands over to the loading process, with a kernel of the tests' own behind it, on a machine that is
 * a tree of files and has no events. */
#include "tests/unit/test-loader-fake.h"

#include "libcoldplug/context.h"
#include "tests/unit/test.h"

struct world {
	struct tree t;
	struct fake *fake;
	struct coldplug *c;
};

static int no_events(void *data, int rcvbuf)
{
	return -EPROTONOSUPPORT;
}

static const struct netlink_ops no_netlink = { .open = no_events };

/* A load tells by its parameters which module it is of. */
static void write_module(struct world *w, const char *name, const char *params)
{
	char path[64], text[64];
	unsigned char elf[64];

	fake_elf(elf);
	snprintf(path, sizeof(path), "lib/modules/1/%s.ko", name);
	tree_write_bytes(&w->t, path, elf, sizeof(elf));
	snprintf(text, sizeof(text), "options %s %s\n", name, params);
	snprintf(path, sizeof(path), "etc/modprobe.d/%s.conf", name);
	tree_write(&w->t, path, text);
}

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	w->t = tree_new();
	w->fake = fake_new();
	write_module(w, "busy", "id=0 forever");
	write_module(w, "other", "id=1");
	write_module(w, "disk", "id=2");
	tree_write(&w->t, "lib/modules/1/modules.dep", "busy.ko:\nother.ko:\ndisk.ko:\n");
	tree_write(&w->t, "lib/modules/1/modules.alias", "alias pci:*bc01sc08* disk\n");
	tree_write(&w->t, "proc/cmdline", "quiet\n");
	tree_write(&w->t, "proc/modules", "");
	tree_mkdir(&w->t, "sys/devices/");
	assert_int_equal(coldplug_new(&w->c), 0);
	assert_int_equal(coldplug_set_root(w->c, w->t.dir), 0);
	assert_int_equal(coldplug_set_flag(w->c, COLDPLUG_DRY_RUN, false), 0);
	assert_int_equal(coldplug_set_jobs(w->c, 1), 0);
	w->c->settings.kernel_ops = &fake_ops;
	w->c->settings.kernel_data = w->fake;
	w->c->listener.netlink.ops = &no_netlink;
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	atomic_store(&w->fake->release, true);
	coldplug_free(w->c);
	tree_free(&w->t);
	fake_free(w->fake);
	free(w);
	return 0;
}

static void await_loads(struct world *w, unsigned int n)
{
	for (int i = 0; i < 20000 && atomic_load(&w->fake->n_loads) < n; i++)
		fake_really_sleep(1);
	assert_int_equal(atomic_load(&w->fake->n_loads), n);
}

/* The first one occupies the only worker. */
static void load_by_name(struct world *w)
{
	static const char *const names[] = { "busy", "other", "disk" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		assert_int_equal(coldplug_want(w->c, names[i], NULL), 1);
	assert_int_equal(coldplug_plan(w->c), ARRAY_SIZE(names));
	assert_int_equal(coldplug_load(w->c), 0);
	await_loads(w, 1);
}

static void modules_are_loaded_in_the_order_in_which_they_were_wanted(void **state)
{
	struct world *w = *state;

	load_by_name(w);
	atomic_store(&w->fake->release, true);
	await_loads(w, 3);
	assert_int_equal(w->fake->loads[1].id, 1);
	assert_int_equal(w->fake->loads[2].id, 2);
}

/* What leads to the device is glimpsed on its bus, and was planned before: no step is new. */
static void what_an_awaited_device_needs_is_raised_if_it_was_handed_over_before(void **state)
{
	struct world *w = *state;

	load_by_name(w);
	tree_write(&w->t, "sys/bus/pci/devices/0000:00:01.0/modalias", "pci:v1d1sv1sd1bc01sc08i02\n");
	assert_int_equal(coldplug_wait_for(w->c, "/dev/nvme0n1"), 0);
	assert_int_equal(coldplug_begin(w->c), 0);
	assert_int_equal(w->c->loading.handed, 3);
	assert_int_equal(w->c->machine.planner.raises.n, 0);
	/* The messages are read in order: once this one is answered, the raise has been read. */
	assert_int_equal(loader_leave(w->c->loading.loader), 0);
	atomic_store(&w->fake->release, true);
	await_loads(w, 3);
	assert_int_equal(w->fake->loads[1].id, 2);
	assert_int_equal(w->fake->loads[2].id, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(modules_are_loaded_in_the_order_in_which_they_were_wanted,
						setup, teardown),
		cmocka_unit_test_setup_teardown(
			what_an_awaited_device_needs_is_raised_if_it_was_handed_over_before, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
