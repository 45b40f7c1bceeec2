/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* When a run ends, as far as events decide it. What the kernel sends is the test's (struct netlink_ops),
 * all else is coldplug's, on a machine that is a tree of files and has nothing to load. */
#include "tests/unit/test.h"

#include <limits.h>
#include <linux/netlink.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include "engine/index-build.h"
#include "libcoldplug/context.h"
#include "uevent/udev.h"

#define PRINTK "sys/module/printk/uevent"
#define ALIASES "lib/modules/1/modules.alias"

struct source {
	struct tree t;
	struct messages m;
	struct coldplug *c;
	unsigned int overruns; /* so many barriers' events are lost with ENOBUFS, and others with them */
	unsigned int in_front; /* events in the queue before a barrier's */
	bool loses;	       /* the barrier's does not come */
	bool refuses;
	bool storms;   /* there is always one more event, and sometimes ENOBUFS */
	bool trickles; /* each time the queue is read there is an ENOBUFS, and nothing else */
	bool deaf;     /* coldplug is not woken by events */
	int rcvbuf;
	char uuid[64]; /* the last barrier seen */
	unsigned int left;
	bool barrier_left;
	bool overrun;
	unsigned int n_looks;
	unsigned int skips;    /* the next barrier's event comes so many numbers later than it should */
	const char *appears;   /* and with it this device, which no event announces, */
	bool truncates;	       /* while the index of aliases is truncated */
	const char *announces; /* once, a device */
	uint64_t seqnum;
};

static int source_open(void *data, int rcvbuf)
{
	struct source *s = data;

	s->rcvbuf = rcvbuf;
	return s->refuses ? -EPROTONOSUPPORT : eventfd(!s->deaf, EFD_CLOEXEC);
}

static void look_for_barrier(struct source *s)
{
	char line[64] = "";
	int fd = open(tree_path(&s->t, PRINTK), O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0 && read(fd, line, sizeof(line) - 1) >= 0);
	close(fd);
	if (!strcmp(line, s->uuid))
		return;
	strcpy(s->uuid, line);
	s->left = s->in_front;
	s->barrier_left = !s->loses;
	s->overrun = s->storms || s->overruns;
	s->overruns -= s->overruns > 0;
}

static ssize_t deliver(struct source *s, struct msghdr *msg, const char *more)
{
	struct ucred cred = {};
	struct cmsghdr *c = CMSG_FIRSTHDR(msg);
	int n = snprintf(msg->msg_iov->iov_base, msg->msg_iov->iov_len,
			 "change@/devices/x%cACTION=change%cDEVPATH=/devices/x%cSEQNUM=%llu%c%s", 0, 0, 0,
			 (unsigned long long)++s->seqnum, 0, more);

	*(struct sockaddr_nl *)msg->msg_name =
		(struct sockaddr_nl){ .nl_family = AF_NETLINK, .nl_groups = 1 };
	msg->msg_namelen = sizeof(struct sockaddr_nl);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_CREDENTIALS;
	c->cmsg_len = CMSG_LEN(sizeof(cred));
	memcpy(CMSG_DATA(c), &cred, sizeof(cred));
	msg->msg_flags = 0;
	return n + 1;
}

static ssize_t source_receive(void *data, int fd, struct msghdr *msg)
{
	struct source *s = data;
	char more[96];

	look_for_barrier(s);
	if (s->trickles && !s->barrier_left)
		return s->n_looks++ % 2 ? -EAGAIN : -ENOBUFS;
	if (s->overrun) {
		s->overrun = s->barrier_left = false;
		s->seqnum += 7;
		s->left = 1;
		return -ENOBUFS;
	}
	if (s->storms)
		return deliver(s, msg, "X=1");
	if (s->left) {
		s->left--;
		return deliver(s, msg, "X=1");
	}
	if (s->announces) {
		const char *device = s->announces;

		s->announces = NULL;
		return deliver(s, msg, device);
	}
	if (!s->barrier_left)
		return -EAGAIN;
	s->barrier_left = false;
	if (s->appears)
		tree_write(&s->t, s->appears, "pci:81000x\n");
	if (s->truncates)
		assert_int_equal(truncate(tree_path(&s->t, ALIASES ".bin"), 0), 0);
	s->seqnum += s->skips;
	s->skips = 0;
	snprintf(more, sizeof(more), "SYNTH_UUID=%s", s->uuid + strlen("add "));
	return deliver(s, msg, more);
}

static const struct netlink_ops source_ops = { .open = source_open, .receive = source_receive };

static int setup(void **state)
{
	struct source *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	s->t = tree_new();
	messages_init(&s->m);
	tree_write(&s->t, "lib/modules/1/modules.dep", "");
	tree_write(&s->t, ALIASES, "");
	tree_write(&s->t, "proc/cmdline", "quiet\n");
	tree_write(&s->t, "proc/modules", "");
	tree_write(&s->t, PRINTK, "");
	tree_mkdir(&s->t, "sys/devices/");
	assert_int_equal(coldplug_new(&s->c), 0);
	assert_int_equal(coldplug_set_root(s->c, s->t.dir), 0);
	coldplug_set_flag(s->c, COLDPLUG_DRY_RUN, false);
	coldplug_set_log(s->c, messages_take, &s->m, LOG_LEVEL_WARNING);
	s->c->listener.netlink.ops = &source_ops;
	s->c->listener.netlink.ops_data = s;
	*state = s;
	return 0;
}

static int teardown(void **state)
{
	struct source *s = *state;

	coldplug_free(s->c);
	messages_free(&s->m);
	tree_free(&s->t);
	free(s);
	return 0;
}

static void a_barrier_that_comes_back_is_the_end(void **state)
{
	struct source *s = *state;

	assert_int_equal(coldplug_run(s->c), 0);
	assert_int_equal(coldplug_exit_code(s->c), 0);
	assert_int_equal(s->rcvbuf, 16 * 1024 * 1024);
}

/* More events than one turn takes have arrived by the time the barrier is overdue, and it is behind them. */
static void a_barrier_behind_many_events_is_not_given_up(void **state)
{
	struct source *s = *state;

	s->deaf = true;
	s->in_front = 5000;
	assert_int_equal(coldplug_run(s->c), 0);
	assert_string_equal(messages_text(&s->m), "");
	assert_int_equal(coldplug_exit_code(s->c), 0);
	assert_true(s->c->listener.n_events > 5000);
}

static void a_barrier_that_never_comes_is_given_up(void **state)
{
	struct source *s = *state;

	s->loses = true;
	s->in_front = 5000;
	assert_int_equal(coldplug_run(s->c), 0);
	assert_contains(messages_text(&s->m), "its event does not come back");
	assert_int_equal(coldplug_exit_code(s->c), 2);
}

static void assert_gives_up(struct source *s)
{
	assert_int_equal(coldplug_run(s->c), 0);
	assert_contains(messages_text(&s->m), "are lost again and again");
	assert_int_equal(coldplug_exit_code(s->c), 2);
}

/* A rescan follows each loss, and the next barrier is lost again. */
static void a_settling_ends_while_events_are_lost_again_and_again(void **state)
{
	struct source *s = *state;

	s->overruns = UINT_MAX;
	assert_gives_up(s);
}

/* The numbers that are missing then do not count as another loss. */
static void two_losses_are_made_up_for(void **state)
{
	struct source *s = *state;

	s->overruns = 2;
	assert_int_equal(coldplug_run(s->c), 0);
	assert_string_equal(messages_text(&s->m), "");
	assert_int_equal(coldplug_exit_code(s->c), 0);
}

/* Also a gap that only the barrier's own event shows. */
static void a_gap_is_worth_a_walk(void **state)
{
	struct source *s = *state;

	s->in_front = 1;
	s->skips = 5;
	s->appears = "sys/devices/late/modalias";
	assert_int_equal(coldplug_run(s->c), 0);
	assert_int_equal(s->c->wanted.n_aliases, 1);
	assert_int_equal(coldplug_exit_code(s->c), 0);
}

static void a_settling_ends_while_the_queue_is_never_empty(void **state)
{
	struct source *s = *state;
	time_t begin = time(NULL);

	s->storms = true;
	assert_gives_up(s);
	assert_true(time(NULL) - begin < 30);
}

static void a_settling_ends_while_each_look_finds_a_loss(void **state)
{
	struct source *s = *state;

	s->trickles = true;
	assert_gives_up(s);
}

/* A walk for each loss, and with it a question to a device whose answer is awaited, would have no end. */
static void a_settling_ends_while_each_look_finds_a_loss_and_devices_are_asked(void **state)
{
	struct source *s = *state;

	s->loses = true;
	tree_write(&s->t, "sys/devices/x/uevent", "SUBSYSTEM=usb\nMODALIAS=usb:v1\n");
	tree_write(&s->t, "sys/devices/x/descriptors", "");
	s->trickles = true;
	assert_gives_up(s);
}

static void without_events_it_walks(void **state)
{
	struct source *s = *state;

	s->refuses = true;
	assert_int_equal(coldplug_run(s->c), 0);
	assert_contains(messages_text(&s->m),
			"the kernel's uevents cannot be received (Protocol not supported)");
	assert_int_equal(coldplug_exit_code(s->c), 2);
}

/* At once, not after the minute that udevd has to return a barrier. */
static void where_udevd_does_not_run_the_kernels_events_are_taken(void **state)
{
	struct source *s = *state;
	time_t begin = time(NULL);

	coldplug_set_flag(s->c, COLDPLUG_UDEV, true);
	assert_int_equal(coldplug_run(s->c), 0);
	assert_true(time(NULL) - begin < 20);
	assert_true(s->uuid[0]);
	assert_contains(messages_text(&s->m),
			udev_source_available() ? "udevd does not run" : "built without libudev");
	assert_int_equal(coldplug_exit_code(s->c), udev_source_available() ? 0 : 2);
}

static void a_recording_that_cannot_be_made_keeps_nothing_from_being_done(void **state)
{
	struct source *s = *state;

	coldplug_set_record(s->c, tree_path(&s->t, "nowhere/m.tar"));
	assert_int_equal(coldplug_run(s->c), 0);
	assert_contains(messages_text(&s->m), "nowhere/m.tar: cannot be recorded: No such file");
	assert_true(s->uuid[0] && coldplug_is_settled(s->c));
	assert_int_equal(coldplug_exit_code(s->c), 111);
}

static void the_receive_buffer_is_the_callers_choice(void **state)
{
	struct source *s = *state;

	assert_int_equal(coldplug_set_receive_buffer(s->c, 0), -EINVAL);
	assert_int_equal(coldplug_set_receive_buffer(s->c, UINT_MAX), -EINVAL);
	assert_int_equal(coldplug_set_receive_buffer(s->c, 1), 0);
	assert_int_equal(coldplug_run(s->c), 0);
	assert_int_equal(s->rcvbuf, 1);
	assert_int_equal(coldplug_set_receive_buffer(s->c, 1), -EBUSY);
}

/* So large that one lookup reads a part of it. The files of the modules do not exist: each load fails. */
static void write_large_index(struct source *s)
{
	struct index_builder b = {};
	uint8_t *data;
	char key[64];
	size_t size;

	tree_write(&s->t, "lib/modules/1/modules.dep", "early.ko:\nlate.ko:\n");
	tree_write(&s->t, ALIASES, "alias pci:0* early\nalias pci:8* late\n");
	for (unsigned int i = 0; i < 10000; i++) {
		int n = snprintf(key, sizeof(key), "pci:%05u*", i * 9);

		assert_int_equal(index_builder_add(&b, key, (size_t)n, "early", 5, i), 0);
	}
	assert_int_equal(index_builder_finish(&b, &data, &size), 0);
	tree_write_bytes(&s->t, ALIASES ".bin", data, size);
	index_builder_free(&b);
	free(data);
}

static bool is_planned(const struct source *s, const char *module)
{
	const struct coldplug_step *step;

	for (size_t i = 0; (step = coldplug_step(s->c, i)); i++)
		if (!strcmp(step->module, module))
			return true;
	return false;
}

static void a_run_lives_through_an_index_that_is_truncated(void **state)
{
	struct source *s = *state;

	write_large_index(s);
	tree_write(&s->t, "sys/devices/early/modalias", "pci:00009x\n");
	s->in_front = 1;
	s->skips = 5;
	s->appears = "sys/devices/late/modalias";
	s->truncates = true;
	assert_int_equal(coldplug_run(s->c), 0);
	assert_true(is_planned(s, "early") && is_planned(s, "late"));
	assert_contains(messages_text(&s->m), "modules.alias.bin: broken at byte");
	assert_contains(messages_text(&s->m), "changed while it was in use; using modules.alias\n");
}

static void announce(struct source *s, const char *device, const char *module)
{
	s->announces = device;
	for (int i = 0; i < 100 && !is_planned(s, module); i++) {
		assert_true(coldplug_dispatch(s->c) >= 0);
		usleep(1000);
	}
	assert_true(is_planned(s, module));
}

/* Between two bursts: everything was forgotten, and the indexes are open for the next one. */
static void start_monitor(struct source *s)
{
	write_large_index(s);
	coldplug_set_flag(s->c, COLDPLUG_MONITOR, true);
	assert_int_equal(coldplug_run(s->c), 0);
	assert_int_equal(coldplug_finish(s->c), 0);
	assert_true(coldplug_dispatch(s->c) >= 0);
	assert_true(s->c->monitor.monitoring && s->c->machine.dir.sources[MODDIR_ALIAS].state == SOURCE_OPEN);
}

static void a_monitor_lives_through_an_index_that_is_truncated_between_bursts(void **state)
{
	struct source *s = *state;

	start_monitor(s);
	assert_int_equal(truncate(tree_path(&s->t, ALIASES ".bin"), 0), 0);
	announce(s, "MODALIAS=pci:81000x", "late");
}

static void a_monitor_lives_through_an_index_that_is_truncated_in_a_burst(void **state)
{
	struct source *s = *state;

	start_monitor(s);
	announce(s, "MODALIAS=pci:00009x", "early");
	assert_int_equal(truncate(tree_path(&s->t, ALIASES ".bin"), 0), 0);
	announce(s, "MODALIAS=pci:81000x", "late");
	assert_contains(messages_text(&s->m), "changed while it was in use; using modules.alias\n");
}

#define t(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		t(a_barrier_that_comes_back_is_the_end),
		t(a_barrier_behind_many_events_is_not_given_up),
		t(a_barrier_that_never_comes_is_given_up),
		t(a_settling_ends_while_events_are_lost_again_and_again),
		t(two_losses_are_made_up_for),
		t(a_gap_is_worth_a_walk),
		t(a_settling_ends_while_the_queue_is_never_empty),
		t(a_settling_ends_while_each_look_finds_a_loss),
		t(a_settling_ends_while_each_look_finds_a_loss_and_devices_are_asked),
		t(without_events_it_walks),
		t(where_udevd_does_not_run_the_kernels_events_are_taken),
		t(a_recording_that_cannot_be_made_keeps_nothing_from_being_done),
		t(the_receive_buffer_is_the_callers_choice),
		t(a_run_lives_through_an_index_that_is_truncated),
		t(a_monitor_lives_through_an_index_that_is_truncated_between_bursts),
		t(a_monitor_lives_through_an_index_that_is_truncated_in_a_burst),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
