/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A million random uevents, with losses, against a model.
 *
 * A few thousand devices come, change and go, in a real directory tree under --root; what happens to them
 * is announced by messages that may be lost (the receive buffer overflows whenever coldplug is kept from
 * reading for long; a message does not fit), and among which there are forgeries and junk. Modules are
 * removed by hand and loaded by others. coldplug monitors, through its own code from recvmsg(2) to
 * finit_module(2): only these two are the test's (world.h).
 *
 * One module's init does not return: until the end a load is in flight, and others wait for it. Now and then
 * somebody sends SIGHUP.
 *
 * Now and then coldplug is left alone until it has read everything and nothing else is in flight. Then:
 *
 *     nothing is lost	each module is loaded that a device wants which is there and has said so (whether
 *			that was received or not) since the module was removed by hand
 *     nothing more	what was loaded since the last time was wanted by a device that has been there since:
 *			not a forger's, nothing blacklisted
 *     memory		does not grow
 *
 * At the end SIGHUP makes it walk once more. What a full rescan wants is there by then, and it loads
 * nothing but what was removed by hand.
 *
 *	uevents [EVENTS]	COLDPLUG_SEED chooses other ones
 */
#include "tests/property/world.h"

#include <malloc.h>
#include <poll.h>

#include "libcoldplug/context.h"

#ifdef __SANITIZE_ADDRESS__
/* sanitizer/allocator_interface.h, which gcc's package does not have */
size_t __sanitizer_get_current_allocated_bytes(void);
#endif

#define N_DEVICES 3000
#define BUSES 60
/* Events between two of these, on average: a check, a time in which coldplug cannot read, a message cut. */
#define CHECK_EVERY 700
/* A short test, which has seen little when its first tenth is over; coldplug is kept from reading more
 * often in it, so that much is lost all the same. */
#define SHORT (total < 100000)
#define SILENCE_EVERY (SHORT ? 1000 : 4000)
#define TRUNCATED_EVERY 20000
#define HANGUP_EVERY 10000
/* What may come and go: the buffers of a load, of a walk. Half of a million aliases would be 60 MB. */
#define MEMORY_MARGIN (128 * 1024)

struct device {
	bool present;
	int module; /* of N_MODULES; above: nobody's */
	uint32_t serial;
	uint64_t said; /* when it last said that it is there */
};

struct model {
	struct tree t;
	struct world *w;
	struct coldplug *c;
	struct dice dice;
	struct device devices[N_DEVICES];
	uint64_t now;		     /* counts what happens */
	uint64_t removed[N_MODULES]; /* when, by hand */
	bool wanted[N_MODULES];	     /* by a device that has been there since the last check */
	size_t memory_early, memory_late;
	long rss_early, rss_late;
	unsigned int checks, events;
	unsigned int silent;   /* for so many events coldplug does not get its turn */
	unsigned int removing; /* for so many events modules are removed often */
	unsigned int pace;     /* on average it does each so many */
};

static struct model model;

static bool is_behind(int module)
{
	return module >= FIRST_BEHIND && module < HANGING;
}

/* ---- files ---- */

static void write_modules(struct model *m)
{
	ARRAY(char) dep = {}, alias = {};
	unsigned char elf[64] = { 0x7f, 'E', 'L', 'F', 2, 1, 1, [16] = 1, [58] = 64 };
	char name[32], needs[32], more[64], line[224];

	for (int i = 0; i < N_MODULES; i++) {
		module_name(i, name);
		module_name(i % N_CORES, needs);
		snprintf(line, sizeof(line), "lib/modules/1/kernel/%s.ko", name);
		tree_write_bytes(&m->t, line, elf, sizeof(elf));
		snprintf(more, sizeof(more), " kernel/mod_%d.ko kernel/core_%d.ko", HANGING,
			 HANGING % N_CORES);
		if (i < N_CORES)
			snprintf(line, sizeof(line), "kernel/%s.ko:\n", name);
		else
			snprintf(line, sizeof(line), "kernel/%s.ko:%s kernel/%s.ko\n", name,
				 is_behind(i) ? more : "", needs);
		assert_int_equal(array_make_room(&dep, strlen(line)), 0);
		memcpy(dep.items + dep.n, line, strlen(line));
		dep.n += strlen(line);
		snprintf(line, sizeof(line), "alias prop:m%04dx* %s\n", i, name);
		assert_int_equal(array_make_room(&alias, strlen(line) + 64), 0);
		memcpy(alias.items + alias.n, line, strlen(line));
		alias.n += strlen(line);
	}
	snprintf(line, sizeof(line), "alias prop:m*z7 %s\n", module_name(EVERYBODYS, name));
	memcpy(alias.items + alias.n, line, strlen(line));
	alias.n += strlen(line);
	tree_write_bytes(&m->t, "lib/modules/1/modules.dep", dep.items, dep.n);
	tree_write_bytes(&m->t, "lib/modules/1/modules.alias", alias.items, alias.n);
	array_free(&dep);
	array_free(&alias);
}

static void write_configuration(struct model *m)
{
	char text[(FIRST_DECLINING - FIRST_OFF) * 32] = "", name[32];

	for (int i = FIRST_OFF; i < FIRST_DECLINING; i++)
		sprintf(text + strlen(text), "blacklist %s\n", module_name(i, name));
	tree_write(&m->t, "etc/modprobe.d/off.conf", text);
	tree_write(&m->t, "proc/cmdline", "quiet\n");
	tree_write(&m->t, "proc/modules", "");
}

static const char *devpath_of(int i)
{
	static char path[64];

	snprintf(path, sizeof(path), "/devices/bus%d/dev%d", i % BUSES, i);
	return path;
}

static const char *alias_of(const struct device *d)
{
	static char alias[64];

	snprintf(alias, sizeof(alias), "prop:m%04dx%08xz%u", d->module, d->serial, d->serial % 11);
	return alias;
}

static void put_file(const char *directory, const char *name, const char *text)
{
	char path[192];
	int fd;

	assert_true(snprintf(path, sizeof(path), "%s/%s", directory, name) < (int)sizeof(path));
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

/* Every third has its alias in "uevent" only, as processors do. */
static void put_device(struct model *m, int i)
{
	char directory[160], text[160];

	snprintf(directory, sizeof(directory), "%s/sys%s", m->t.dir, devpath_of(i));
	if (mkdir(directory, 0755) < 0)
		assert_int_equal(errno, EEXIST);
	snprintf(text, sizeof(text), i % 3 ? "SUBSYSTEM=prop\n" : "MODALIAS=%s\n", alias_of(&m->devices[i]));
	put_file(directory, "uevent", text);
	snprintf(text, sizeof(text), "%s\n", alias_of(&m->devices[i]));
	if (i % 3)
		put_file(directory, "modalias", text);
}

static void drop_device(struct model *m, int i)
{
	char path[160];
	int n = snprintf(path, sizeof(path), "%s/sys%s", m->t.dir, devpath_of(i));

	strcpy(path + n, "/uevent");
	assert_int_equal(unlink(path), 0);
	strcpy(path + n, "/modalias");
	if (i % 3)
		assert_int_equal(unlink(path), 0);
	path[n] = '\0';
	assert_int_equal(rmdir(path), 0);
}

/* ---- what a device wants ---- */

static bool wants(const struct device *d, int module)
{
	if (module >= FIRST_OFF && module < FIRST_DECLINING)
		return false;
	if (module < N_CORES && d->module < N_MODULES &&
	    (d->module < FIRST_OFF || d->module >= FIRST_DECLINING) && d->module % N_CORES == module)
		return true;
	if (is_behind(d->module) && (module == HANGING || module == HANGING % N_CORES))
		return true;
	return d->module == module ||
		(d->serial % 11 == 7 && (module == EVERYBODYS || module == EVERYBODYS % N_CORES));
}

static void note_wanted(struct model *m, const struct device *d)
{
	for (int i = 0; i < N_MODULES; i++)
		m->wanted[i] = m->wanted[i] || wants(d, i);
}

/* ---- what happens ---- */

/* Coldplug's turn comes between any two things, also between a change and its event. */
static void maybe_dispatch(struct model *m)
{
	if (!m->silent && dice_roll(&m->dice, m->pace) == 0)
		assert_true(coldplug_dispatch(m->c) >= 0);
}

static void choose_alias(struct model *m, struct device *d)
{
	uint32_t n = dice_roll(&m->dice, FIRST_FORGED + 40);

	/* Modules that others need have no devices of their own. */
	d->module = n >= FIRST_FORGED ? 9999 : n < N_CORES ? EVERYBODYS - (int)n : (int)n;
	/* Some are of the same kind. */
	d->serial = dice_roll(&m->dice, dice_roll(&m->dice, 3) ? UINT32_MAX : 20);
}

static void say(struct model *m, const char *action, int i)
{
	char more[128];
	const char *newline = dice_roll(&m->dice, 8) ? "" : "\n";
	int n = snprintf(more, sizeof(more), "SUBSYSTEM=prop%cMODALIAS=%s%s", 0, alias_of(&m->devices[i]),
			 newline) +
		1;
	bool truncated = dice_roll(&m->dice, TRUNCATED_EVERY) == 0;

	pthread_mutex_lock(&m->w->lock);
	/* Another network namespace has taken some. */
	if (dice_roll(&m->dice, 100) == 0)
		m->w->seqnum += dice_roll(&m->dice, 5);
	world_event(m->w, action, devpath_of(i), more, (size_t)n, truncated);
	pthread_mutex_unlock(&m->w->lock);
	m->now++;
	if (strcmp(action, "remove") != 0 && strcmp(action, "unbind") != 0)
		m->devices[i].said = m->now;
}

static void add(struct model *m, int i)
{
	struct device *d = &m->devices[i];

	choose_alias(m, d);
	put_device(m, i);
	d->present = true;
	note_wanted(m, d);
	d->said = 0;
	maybe_dispatch(m);
	say(m, "add", i);
}

/* The kernel says it first and takes the directory away then; a reader may be later than both. */
static void remove_device(struct model *m, int i)
{
	bool early = dice_roll(&m->dice, 2);

	if (early)
		drop_device(m, i);
	m->devices[i].present = false;
	say(m, "remove", i);
	maybe_dispatch(m);
	if (!early)
		drop_device(m, i);
}

static void change(struct model *m, int i)
{
	/* A device that becomes another: a stick that switches its mode. */
	if (dice_roll(&m->dice, 4) == 0) {
		choose_alias(m, &m->devices[i]);
		put_device(m, i);
		note_wanted(m, &m->devices[i]);
		m->devices[i].said = 0;
		maybe_dispatch(m);
	}
	say(m, "change", i);
}

/* By hand. The model calls a module removed from its event on: an event that is sent between the two may
 * be received before or after. */
static void remove_module(struct model *m)
{
	int n = N_CORES + (int)dice_roll(&m->dice, FIRST_OFF - N_CORES);

	pthread_mutex_lock(&m->w->lock);
	if (m->w->loaded[n])
		world_set_module(m->w, n, false, dice_roll(&m->dice, 20) == 0);
	pthread_mutex_unlock(&m->w->lock);
	m->removed[n] = ++m->now;
}

static void load_module(struct model *m)
{
	int n = N_CORES + (int)dice_roll(&m->dice, FIRST_OFF - N_CORES);

	pthread_mutex_lock(&m->w->lock);
	if (!m->w->loaded[n] && m->w->loaded[n % N_CORES] && n != HANGING && !is_behind(n))
		world_set_module(m->w, n, true, false);
	pthread_mutex_unlock(&m->w->lock);
}

/* A message of the right form that was not sent by the kernel. */
static void forge(struct model *m)
{
	char text[256];
	int n = snprintf(text, sizeof(text),
			 "add@/devices/forged%cACTION=add%cDEVPATH=/devices/forged%cSUBSYSTEM=prop%c"
			 "MODALIAS=prop:m%04dx0z7%cSEQNUM=%llu",
			 0, 0, 0, 0, FIRST_FORGED + (int)dice_roll(&m->dice, N_MODULES - FIRST_FORGED), 0,
			 (unsigned long long)m->w->seqnum + dice_roll(&m->dice, 1000)) +
		1;
	struct queued head = { .size = (uint32_t)n, .groups = 1 };

	switch (dice_roll(&m->dice, 5)) {
	case 0:
		head.pid = 1 + dice_roll(&m->dice, 100000);
		break;
	case 1:
		head.uid = 1 + dice_roll(&m->dice, 100000);
		break;
	case 2:
		head.groups = 0;
		break;
	case 3:
		head.groups = 2;
		break;
	case 4:
		head.no_credentials = true;
		break;
	}
	pthread_mutex_lock(&m->w->lock);
	m->w->forged++;
	world_queue(m->w, head, text);
	pthread_mutex_unlock(&m->w->lock);
}

/* From the kernel, but not an event: no NUL, no '@', random bytes. */
static void junk(struct model *m)
{
	static char text[UEVENT_MESSAGE_MAX];
	size_t n = 1 + dice_roll(&m->dice, dice_roll(&m->dice, 20) ? 300 : sizeof(text) - 1);

	for (size_t i = 0; i < n; i++)
		text[i] = (char)dice_roll(&m->dice, 256);
	switch (dice_roll(&m->dice, 3)) {
	case 0:
		memcpy(text, "add@/d", n < 6 ? n : 6);
		break;
	case 1:
		memset(text, 'x', n);
		break;
	}
	pthread_mutex_lock(&m->w->lock);
	world_queue(m->w, (struct queued){ .size = (uint32_t)n, .groups = 1 }, text);
	pthread_mutex_unlock(&m->w->lock);
}

static void something_happens(struct model *m)
{
	int i = (int)dice_roll(&m->dice, N_DEVICES);
	uint32_t what = dice_roll(&m->dice, 1000);
	bool there = m->devices[i].present;

	if (dice_roll(&m->dice, HANGUP_EVERY) == 0)
		coldplug_reload(m->c);
	if (what < (m->removing ? 100 : 5))
		remove_module(m);
	else if (what < 8)
		load_module(m);
	else if (what < 60)
		forge(m);
	else if (what < 90)
		junk(m);
	else if (!there)
		add(m, i);
	else if (what < 450)
		remove_device(m, i);
	else if (what < 650)
		change(m, i);
	else
		say(m, what < 800 ? "bind" : what < 950 ? "add" : "unbind", i);
}

/* ---- the checks ---- */

static bool hangs(const struct model *m, const struct step *s)
{
	int n;

	return m->w->hangs && sscanf(s->name, "mod_%d", &n) == 1 && (n == HANGING || is_behind(n));
}

/* How many loads are in flight that will end. */
static size_t in_flight(const struct model *m)
{
	const struct step *s;
	size_t n = 0;

	for (size_t i = 0; m->c->loading.n_results < m->c->loading.handed && i < m->c->loading.handed; i++)
		n += m->c->loading.results.items[i].outcome == RESULT_NONE &&
			!hangs(m, &m->c->machine.planner.steps.items[i]);
	for (size_t i = 0; (s = orphans_step(&m->c->loading.orphans, i)); i++)
		n += !hangs(m, s);
	return n;
}

static bool is_quiet(const struct model *m)
{
	return !socket_has_more(m->w) && !in_flight(m) && m->c->settle.look == SETTLE_LOOK_NOT &&
		!m->c->monitor.reload && !prober_busy(&m->c->wanted.devices_prober);
}

static void leave_alone(struct model *m)
{
	uint64_t end = clock_now_us() + 60 * UINT64_C(1000000);

	for (int i = 0; clock_now_us() < end; i++) {
		struct pollfd pfd = { .fd = coldplug_fd(m->c), .events = POLLIN };

		assert_true(coldplug_dispatch(m->c) >= 0);
		if (is_quiet(m) && i > 1)
			return;
		if (in_flight(m) || prober_busy(&m->c->wanted.devices_prober))
			poll(&pfd, 1, 1000);
	}
	fail_msg(
		"coldplug does not come to rest: %zu in flight, asking: %d, to be walked: %d, to be read: %d",
		in_flight(m), prober_busy(&m->c->wanted.devices_prober), m->c->settle.look,
		socket_has_more(m->w));
}

static void check_device(struct model *m, int i)
{
	const struct device *d = &m->devices[i];
	char name[32];

	for (int n = 0; d->present && n < N_MODULES; n++) {
		if (d->said <= m->removed[n] || m->w->loaded[n] || !wants(d, n) ||
		    (n >= FIRST_DECLINING && n < FIRST_FORGED) ||
		    (m->w->hangs && (n == HANGING || is_behind(n))))
			continue;
		fail_msg("after %u events: %s is not loaded, but %s (%s) wants it", m->events,
			 module_name(n, name), devpath_of(i), alias_of(d));
	}
}

static void check_nothing_more(struct model *m)
{
	char name[32];

	for (int n = 0; n < N_MODULES; n++)
		if (m->w->tried[n] && !m->wanted[n])
			fail_msg("after %u events: %s was loaded, which no device wanted", m->events,
				 module_name(n, name));
	memset(m->w->tried, 0, sizeof(m->w->tried));
	memset(m->wanted, 0, sizeof(m->wanted));
}

static size_t memory(void)
{
#ifdef __SANITIZE_ADDRESS__
	return __sanitizer_get_current_allocated_bytes();
#else
	struct mallinfo2 info = mallinfo2();

	return info.uordblks + info.hblkhd;
#endif
}

static long rss(void)
{
	long size, resident = 0;
	FILE *f = fopen("/proc/self/statm", "re");

	if (!f || fscanf(f, "%ld %ld", &size, &resident) != 2)
		fail_msg("no /proc/self/statm");
	fclose(f);
	return resident * sysconf(_SC_PAGESIZE);
}

static void note_memory(struct model *m, bool early)
{
	size_t *most = early ? &m->memory_early : &m->memory_late, now = memory();
	long *rss_most = early ? &m->rss_early : &m->rss_late, rss_now = rss();

	*most = now > *most ? now : *most;
	*rss_most = rss_now > *rss_most ? rss_now : *rss_most;
}

static void check(struct model *m, unsigned int total)
{
	leave_alone(m);
	m->checks++;
	assert_string_equal(m->w->broken, "");
	for (int i = 0; i < N_DEVICES; i++)
		check_device(m, i);
	check_nothing_more(m);
	note_memory(m, m->events <= total / 10);
	for (int i = 0; i < N_DEVICES; i++)
		if (m->devices[i].present)
			note_wanted(m, &m->devices[i]);
}

/* ---- the test ---- */

static unsigned int total = 100000;

static void begin(struct model *m)
{
	m->t = tree_new();
	m->w = world_new(&m->t);
	m->w->hangs = true;
	m->dice = dice_new(7);
	m->pace = 1;
	write_modules(m);
	write_configuration(m);
	for (int i = 0; i < BUSES; i++) {
		char path[96];

		snprintf(path, sizeof(path), "sys%s", devpath_of(i));
		tree_mkdir(&m->t, path);
	}
}

static void start_coldplug(struct model *m)
{
	int r;

	assert_int_equal(coldplug_new(&m->c), 0);
	assert_int_equal(coldplug_set_root(m->c, m->t.dir), 0);
	coldplug_set_flag(m->c, COLDPLUG_DRY_RUN, false);
	coldplug_set_flag(m->c, COLDPLUG_MONITOR, true);
	coldplug_set_flag(m->c, COLDPLUG_ASYNC_PROBE, false);
	coldplug_set_jobs(m->c, 4);
	m->c->listener.netlink.ops = &world_netlink;
	m->c->listener.netlink.ops_data = m->w;
	m->c->settings.kernel_ops = &world_kernel;
	m->c->settings.kernel_data = m->w;
	coldplug_set_timeout(m->c, 1000);
	/* Bursts follow each other at once, and so does what hangs. */
	m->c->monitor.quiet_us = 0;
	m->c->monitor.stuck_us = 3000;
	r = coldplug_run(m->c);
	assert_true(r == -ETIMEDOUT || (r == 0 && coldplug_finish(m->c) == 0));
}

/* What a full rescan wants was there before it, but for what was removed by hand. */
static void rescan_finds_nothing_new(struct model *m)
{
	bool before[N_MODULES];
	char name[32];

	memcpy(before, m->w->loaded, sizeof(before));
	coldplug_reload(m->c);
	leave_alone(m);
	leave_alone(m);
	for (int n = 0; n < N_MODULES; n++)
		if (m->w->loaded[n] && !before[n] && !m->removed[n])
			fail_msg("only the rescan at the end found %s", module_name(n, name));
	memset(m->removed, 0, sizeof(m->removed));
	for (int i = 0; i < N_DEVICES; i++) {
		m->devices[i].said = 1;
		check_device(m, i);
	}
	check_nothing_more(m);
}

/* Then what waited for it comes, by itself. */
static void what_hangs_returns(struct model *m)
{
	assert_int_equal(m->w->hung, 1);
	assert_false(m->w->loaded[HANGING]);
	for (int i = 0; i < N_DEVICES; i++)
		if (m->devices[i].present)
			note_wanted(m, &m->devices[i]);
	m->w->hangs = false;
	check(m, total);
	assert_true(m->w->loaded[HANGING]);
}

static void print_figures(const struct model *m)
{
	const struct world *w = m->w;

	print_message(
		"%u events, %u checks: %llu messages sent, %llu lost, %llu truncated, %llu forged; %u loads, "
		"%u of them already there\n",
		m->events, m->checks, (unsigned long long)w->sent, (unsigned long long)w->lost,
		(unsigned long long)w->truncated, (unsigned long long)w->forged, w->loads, w->already);
	print_message(
		"memory at most: %zu kB in the first tenth, %zu kB afterwards; resident %ld kB, %ld kB\n",
		m->memory_early / 1024, m->memory_late / 1024, m->rss_early / 1024, m->rss_late / 1024);
}

static void assert_memory_is_flat(const struct model *m)
{
	if (m->memory_late > m->memory_early + MEMORY_MARGIN)
		fail_msg("memory grows");
#ifndef __SANITIZE_ADDRESS__
	if (m->rss_late > m->rss_early + 4 * MEMORY_MARGIN)
		fail_msg("resident memory grows");
#endif
}

static void random_events_with_losses_leave_what_a_rescan_wants(void **state)
{
	struct model *m = &model;

	begin(m);
	for (int i = 0; i < N_DEVICES / 2; i++) {
		choose_alias(m, &m->devices[i * 2]);
		put_device(m, i * 2);
		m->devices[i * 2].present = true;
		m->devices[i * 2].said = ++m->now;
		note_wanted(m, &m->devices[i * 2]);
	}
	start_coldplug(m);
	check(m, total);
	while (m->events < total) {
		bool ends = m->silent == 1;

		m->events++;
		something_happens(m);
		/* Somebody keeps it from reading: its buffer may overflow. */
		m->removing -= m->removing > 0;
		if (ends && dice_roll(&m->dice, 2))
			m->removing = 300;
		if (m->silent)
			m->silent--;
		else if (dice_roll(&m->dice, SILENCE_EVERY) == 0)
			m->silent = 500 + dice_roll(&m->dice, 3000);
		if (dice_roll(&m->dice, 2000) == 0)
			m->pace = 1 + dice_roll(&m->dice, 200);
		maybe_dispatch(m);
		/* Best soon after: what happens later hides what was lost. */
		if (!m->silent && dice_roll(&m->dice, ends ? 2 : CHECK_EVERY) == 0)
			check(m, total);
	}
	check(m, total);
	rescan_finds_nothing_new(m);
	what_hangs_returns(m);
	print_figures(m);
	assert_true(m->w->lost > total / 100 && m->w->truncated && m->w->loads > N_MODULES / 2);
	if (!SHORT)
		assert_memory_is_flat(m);
	coldplug_free(m->c);
	world_free(m->w);
	tree_free(&m->t);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_events_with_losses_leave_what_a_rescan_wants),
	};

	if (argc > 1)
		total = (unsigned int)strtoul(argv[1], NULL, 10);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
