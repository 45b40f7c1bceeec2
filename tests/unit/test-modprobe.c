/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* coldplug_insert() and coldplug_remove() on a kernel of the test's own: what they do and tell, in order. */
#include "tests/unit/test.h"
#include "tests/unit/test-loader-fake.h"

#include "base/limits.h"

#include "libcoldplug/context.h"

#define MODULES 16

struct fake_state {
	char name[32];
	int refcount;
	bool coming;
	int answer;	      /* of its load; 0 */
	unsigned int busy_ms; /* its use ends then */
};

struct fake_machine {
	struct tree t;
	struct coldplug *c;
	struct fake_state modules[MODULES];
	size_t n;
	struct fake_state failing;
	int command_status;
	int stop_at; /* the act that is answered with "stop"; 0: none */
	int acts;
	unsigned int slept;
	char text[4096];
};

__attribute__((format(printf, 2, 3))) static void note(struct fake_machine *w, const char *fmt, ...)
{
	size_t n = strlen(w->text);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(w->text + n, sizeof(w->text) - n, fmt, ap);
	va_end(ap);
}

static struct fake_state *find(struct fake_machine *w, const char *name)
{
	for (size_t i = 0; i < w->n; i++)
		if (!strcmp(w->modules[i].name, name))
			return &w->modules[i];
	return NULL;
}

static void add(struct fake_machine *w, const char *name, int refcount)
{
	assert_true(w->n < MODULES);
	w->modules[w->n] = (struct fake_state){ .refcount = refcount };
	snprintf(w->modules[w->n++].name, sizeof(w->modules[0].name), "%s", name);
}

/* Which file a descriptor is tells its module. */
static int do_finit(void *data, int fd, const char *params, unsigned int flags)
{
	struct fake_machine *w = data;
	char link[32], path[256], *name;
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof(path) - 1);
	assert_true(n > 0);
	path[n] = '\0';
	name = strrchr(path, '/') + 1;
	name[strcspn(name, ".")] = '\0';
	note(w, "+%s%s%s", name, *params ? " " : "", params);
	if (flags)
		note(w, " flags %u", flags);
	if (!strcmp(w->failing.name, name)) {
		note(w, " (%d); ", w->failing.answer);
		return w->failing.answer;
	}
	note(w, "; ");
	add(w, name, 0);
	return 0;
}

static int do_delete(void *data, const char *name, unsigned int flags)
{
	struct fake_machine *w = data;
	struct fake_state *m = find(w, name);

	note(w, "-%s%s", name, flags & O_TRUNC ? " by force" : "");
	if (!m || m->refcount > 0 || !strcmp(w->failing.name, name)) {
		int r = !m ? -ENOENT : m->refcount > 0 ? -EAGAIN : w->failing.answer;

		note(w, " (%d); ", r);
		return r;
	}
	note(w, "; ");
	m->name[0] = '\0';
	/* In this world a uses b, and b uses c. */
	if (!strcmp(name, "a") && find(w, "b"))
		find(w, "b")->refcount--;
	if (!strcmp(name, "b") && find(w, "c"))
		find(w, "c")->refcount--;
	return 0;
}

static enum initstate do_initstate(void *data, const struct rootfs *root, const char *name)
{
	const struct fake_state *m = find(data, name);

	return !m ? INITSTATE_ABSENT : m->coming ? INITSTATE_COMING : INITSTATE_LIVE;
}

static int do_read(void *data, const struct rootfs *root, const char *path, char *buf, size_t size)
{
	const struct fake_state *m;
	char name[64];

	if (sscanf(path, "sys/module/%63[^/]/refcnt", name) != 1)
		return -ENOENT;
	m = find(data, name);
	return m ? snprintf(buf, size, "%d", m->refcount) : -ENOENT;
}

static int do_run_command(void *data, const struct rootfs *root, const struct kernel_command *command,
			  struct kernel_output *output)
{
	struct fake_machine *w = data;

	assert_true(command->foreground);
	note(w, "$ %s (%s); ", command->command, command->module);
	output->status = w->command_status;
	return 0;
}

static void do_sleep(void *data, unsigned int ms)
{
	struct fake_machine *w = data;

	w->slept += ms;
	for (size_t i = 0; i < w->n; i++)
		if (w->modules[i].busy_ms && w->slept >= w->modules[i].busy_ms)
			w->modules[i].refcount = 0;
}

static bool do_capable(void *data)
{
	return true;
}

static const struct kernel_ops ops = {
	.finit_module = do_finit,
	.init_module = fake_init_module,
	.delete_module = do_delete,
	.initstate = do_initstate,
	.read = do_read,
	.capable = do_capable,
	.run_command = do_run_command,
	.sleep = do_sleep,
};

static int take_act(void *data, const struct coldplug_act *a)
{
	static const char *const words[] = {
		[COLDPLUG_ACT_MATCH] = "match",		[COLDPLUG_ACT_INSMOD] = "insmod",
		[COLDPLUG_ACT_INSTALL] = "install",	[COLDPLUG_ACT_BUILTIN] = "builtin",
		[COLDPLUG_ACT_RMMOD] = "rmmod",		[COLDPLUG_ACT_REMOVE] = "remove",
		[COLDPLUG_ACT_NO_FILE] = "no file",	[COLDPLUG_ACT_COMMAND_FAILED] = "command failed",
		[COLDPLUG_ACT_FAILED] = "failed",	[COLDPLUG_ACT_THERE] = "there",
		[COLDPLUG_ACT_NOT_THERE] = "not there", [COLDPLUG_ACT_NOT_REMOVABLE] = "not removable",
		[COLDPLUG_ACT_IN_USE] = "in use",	[COLDPLUG_ACT_KEPT] = "kept",
	};
	struct fake_machine *w = data;

	assert_true(a->kind != COLDPLUG_ACT_MATCH || a->path);
	note(w, "%s %s", words[a->kind], a->module);
	if (a->params && *a->params)
		note(w, " [%s]", a->params);
	if (a->error)
		note(w, " %d", a->error);
	note(w, "; ");
	return ++w->acts == w->stop_at;
}

static void make_files(struct fake_machine *w, const char *conf)
{
	static const char *const names[] = { "a", "b", "c", "d", "s", "t" };
	unsigned char elf[64];

	fake_elf(elf);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		char path[64];

		snprintf(path, sizeof(path), "lib/modules/1/%s.ko", names[i]);
		tree_write_bytes(&w->t, path, elf, sizeof(elf));
	}
	tree_write(&w->t, "lib/modules/1/modules.dep",
		   "a.ko: b.ko c.ko\nb.ko: c.ko\nc.ko:\nd.ko:\ns.ko:\nt.ko:\ngone.ko:\n");
	tree_write(&w->t, "lib/modules/1/modules.alias", "alias x:* a\nalias y:1 d\nalias y:* s\n");
	tree_write(&w->t, "lib/modules/1/modules.builtin", "kernel/in.ko\n");
	tree_write(&w->t, "etc/modprobe.d/x.conf", conf);
	/* A kernel knows who uses whom; ours says so for the modules that the tests have removed with their
	 * users. */
	tree_mkdir(&w->t, "sys/module/b/holders/a/");
	tree_mkdir(&w->t, "sys/module/c/holders/b/");
}

static void machine_new(struct fake_machine *w, const char *conf, const char *loaded, uint32_t flags)
{
	*w = (struct fake_machine){ .t = tree_new() };
	make_files(w, conf);
	for (const char *p = loaded; *p; p += *p == ' ') {
		char name[32];
		int refcount = 0, n = 0;

		assert_int_equal(sscanf(p, "%31[^= ]%n", name, &n), 1);
		p += n;
		if (*p == '=')
			refcount = (int)strtol(p + 1, (char **)&p, 10);
		add(w, name, refcount);
	}
	assert_int_equal(coldplug_new(&w->c), 0);
	assert_int_equal(coldplug_set_root(w->c, w->t.dir), 0);
	assert_int_equal(coldplug_set_flag(w->c, COLDPLUG_DRY_RUN, false), 0);
	assert_int_equal(coldplug_set_flag(w->c, COLDPLUG_ASYNC_PROBE, false), 0);
	for (int i = 0; i < 32; i++)
		if (flags & 1u << i)
			assert_int_equal(coldplug_set_flag(w->c, (enum coldplug_flag)i, true), 0);
	coldplug_set_act(w->c, take_act, w);
	w->c->settings.kernel_ops = &ops;
	w->c->settings.kernel_data = w;
}

static void machine_free(struct fake_machine *w)
{
	coldplug_free(w->c);
	tree_free(&w->t);
}

#define FLAG(name) (1u << COLDPLUG_##name)

static void modules_are_inserted_as_modprobe_does(void **state)
{
	static const struct {
		const char *conf, *loaded, *name, *params;
		uint32_t flags;
		const char *failing;
		int answer, r;
		const char *text;
	} rows[] = {
		{ "", "", "a", NULL, 0, "", 0, 0, "insmod c; +c; insmod b; +b; insmod a; +a; " },
		{ "", "", "a", "p=1 q", 0, "", 0, 0,
		  "insmod c; +c; insmod b; +b; insmod a [p=1 q]; +a p=1 q; " },
		{ "options a o=1\noptions c o=2", "", "a", "p", 0, "", 0, 0,
		  "insmod c [o=2 ]; +c o=2 ; insmod b; +b; insmod a [o=1 p]; +a o=1 p; " },
		{ "options x:* no=1\noptions x:1 yes=1", "", "x:1", NULL, 0, "", 0, 0,
		  "insmod c; +c; insmod b; +b; insmod a [yes=1 ]; +a yes=1 ; " },
		/* what is there is left alone; under way is not there */
		{ "", "c b", "a", NULL, 0, "", 0, 0, "insmod a; +a; " },
		{ "", "c b a", "a", NULL, 0, "", 0, 0, "" },
		{ "", "c b a", "a", NULL, FLAG(FIRST_TIME), "", 0, -EEXIST, "there a 17; " },
		{ "", "c b", "a", NULL, FLAG(FIRST_TIME), "", 0, 0, "insmod a; +a; " },
		{ "", "", "in", NULL, 0, "", 0, 0, "" },
		{ "", "", "in", NULL, FLAG(FIRST_TIME), "", 0, -EEXIST, "there in 17; " },
		{ "", "", "in", NULL, FLAG(IGNORE_LOADED) | FLAG(DRY_RUN), "", 0, 0, "builtin in; " },
		{ "", "c b a", "a", NULL, FLAG(IGNORE_LOADED) | FLAG(DRY_RUN), "", 0, 0,
		  "insmod c; insmod b; insmod a; " },
		{ "", "c", "a", NULL, FLAG(DRY_RUN), "", 0, 0, "insmod b; insmod a; " },
		/* a dependency's failure ends it, a softdep's does not */
		{ "", "", "a", NULL, 0, "b", -ENOEXEC, -ENOEXEC,
		  "insmod c; +c; insmod b; +b (-8); failed a 8; " },
		{ "softdep d pre: s post: t", "", "d", NULL, 0, "s", -EIO, 0,
		  "insmod s; +s (-5); insmod d; +d; insmod t; +t; " },
		{ "softdep d pre: s post: t", "", "d", NULL, 0, "d", -EIO, -EIO,
		  "insmod s; +s; insmod d; +d (-5); failed d 5; " },
		{ "softdep d post: t", "", "d", NULL, 0, "t", -EIO, 0, "insmod d; +d; insmod t; +t (-5); " },
		/* whatever the kernel's error is: these are not this process's */
		{ "softdep d pre: s post: t", "", "d", NULL, 0, "s", -ENOMEM, 0,
		  "insmod s; +s (-12); insmod d; +d; insmod t; +t; " },
		{ "softdep d pre: s post: t", "", "d", NULL, 0, "s", -ECANCELED, 0,
		  "insmod s; +s (-125); insmod d; +d; insmod t; +t; " },
		{ "", "", "y:1", NULL, 0, "d", -ENOMEM, 0,
		  "insmod d; +d (-12); failed d 12; insmod s; +s; " },
		{ "", "", "a", NULL, 0, "b", -ECANCELED, -ECANCELED,
		  "insmod c; +c; insmod b; +b (-125); failed a 125; " },
		{ "", "", "d", NULL, 0, "d", -ENODEV, -ENODEV, "insmod d; +d (-19); failed d 19; " },
		{ "", "", "d", NULL, 0, "d", -EEXIST, -EEXIST, "insmod d; +d (-17); failed d 17; " },
		{ "", "", "gone", NULL, 0, "", 0, -ENOENT, "insmod gone; failed gone 2; " },
		/* several matches: each is tried, the last one's answer counts */
		{ "", "", "y:1", NULL, 0, "", 0, 0, "insmod d; +d; insmod s; +s; " },
		{ "", "", "y:1", NULL, 0, "d", -EIO, 0, "insmod d; +d (-5); failed d 5; insmod s; +s; " },
		{ "", "", "y:1", NULL, 0, "s", -EIO, -EIO, "insmod d; +d; insmod s; +s (-5); failed s 5; " },
		/* which modules are withheld */
		{ "blacklist d", "", "d", NULL, 0, "", 0, 0, "insmod d; +d; " },
		{ "blacklist d", "", "d", NULL, FLAG(BLACKLIST), "", 0, 1, "" },
		{ "blacklist d\nblacklist s", "", "y:1", NULL, 0, "", 0, 1, "" },
		{ "blacklist d", "", "y:1", NULL, 0, "", 0, 0, "insmod s; +s; " },
		{ "alias d off", "", "d", NULL, 0, "", 0, -ENOENT, "no file off; failed off 2; " },
		{ "alias d off", "", "d", NULL, FLAG(DRY_RUN), "", 0, 0, "" },
		/* commands */
		{ "install d do $CMDLINE_OPTS", "", "d", "p", 0, "", 0, 0, "install d [p]; $ do p (d); " },
		{ "install d do it", "", "d", NULL, FLAG(IGNORE_INSTALL), "", 0, 0, "insmod d; +d; " },
		{ "install b do it", "", "a", NULL, FLAG(IGNORE_INSTALL), "", 0, 0,
		  "insmod c; +c; install b; $ do it (b); insmod a; +a; " },
		{ "install n do it", "", "n", NULL, 0, "", 0, 0, "install n; $ do it (n); " },
		{ "remove n do it", "", "n", NULL, 0, "", 0, -ENOENT, "no file n; failed n 2; " },
		/* force */
		{ "", "", "d", NULL, FLAG(FORCE_VERMAGIC), "", 0, 0, "insmod d; +d flags 2; " },
		{ "", "", "d", NULL, FLAG(FORCE_VERMAGIC) | FLAG(FORCE_MODVERSION), "", 0, 0,
		  "insmod d; +d flags 3; " },
		/* nothing has this name */
		{ "", "", "nobody", NULL, 0, "", 0, -ENOENT, "" },
		{ "", "", "]", NULL, 0, "", 0, -ENOENT, "" },
		{ "", "", "/no/file.ko", NULL, 0, "", 0, -ENOENT, "" },
		{ "", "", "/lib/modules/1/d.ko", NULL, 0, "", 0, 0, "insmod d; +d; " },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct fake_machine w;

		machine_new(&w, rows[i].conf, rows[i].loaded, rows[i].flags);
		snprintf(w.failing.name, sizeof(w.failing.name), "%s", rows[i].failing);
		w.failing.answer = rows[i].answer;
		coldplug_set_log(w.c, NULL, NULL, 0);
		assert_row(i, coldplug_insert(w.c, rows[i].name, rows[i].params) == rows[i].r);
		assert_row_string(i, w.text, rows[i].text);
		machine_free(&w);
	}
}

static void modules_are_removed_as_modprobe_does(void **state)
{
	static const struct {
		const char *conf, *loaded, *name;
		uint32_t flags;
		const char *failing;
		int answer, r;
		const char *text;
	} rows[] = {
		/* with what nobody else uses */
		{ "", "d", "d", 0, "", 0, 0, "rmmod d; -d; " },
		{ "", "a b=1 c=1", "a", 0, "", 0, 0, "rmmod a; -a; rmmod b; -b; " },
		{ "", "a b=2 c=1", "a", 0, "", 0, 0, "rmmod a; -a; " },
		{ "", "a b=1 c=1", "a", FLAG(DRY_RUN), "", 0, 0, "rmmod a; " },
		{ "", "a b c", "a", FLAG(DRY_RUN), "", 0, 0, "rmmod a; rmmod c; rmmod b; " },
		{ "", "d s", "y:1", 0, "", 0, 0, "rmmod d; -d; rmmod s; -s; " },
		/* not there, built in, in use */
		{ "", "", "d", 0, "", 0, 0, "" },
		{ "", "", "d", FLAG(FIRST_TIME), "", 0, -ENOENT, "not there d; " },
		{ "", "", "in", 0, "", 0, -ENOENT, "not removable in; " },
		{ "", "d=1 s", "d", 0, "", 0, -EBUSY, "in use d; " },
		{ "", "d=1 s", "y:1", 0, "", 0, -EBUSY, "in use d; " },
		{ "", "d", "d", 0, "d", -EPERM, -EPERM, "rmmod d; -d (-1); kept d 1; " },
		{ "", "d", "d", 0, "d", -ENOMEM, -ENOMEM, "rmmod d; -d (-12); kept d 12; " },
		{ "softdep d pre: s post: t", "d s t", "d", 0, "t", -ENOMEM, 0,
		  "rmmod t; -t (-12); kept t 12; rmmod d; -d; rmmod s; -s; " },
		{ "softdep d pre: s post: t", "d s t", "d", 0, "t", -ECANCELED, 0,
		  "rmmod t; -t (-125); kept t 125; rmmod d; -d; rmmod s; -s; " },
		{ "", "a b=1 c=1", "a", 0, "b", -ENOMEM, 0, "rmmod a; -a; rmmod b; -b (-12); kept b 12; " },
		{ "", "", "nobody", 0, "", 0, -ENOENT, "" },
		{ "", "", "]", 0, "", 0, -EINVAL, "" },
		/* holders */
		{ "", "a b=1 c=1", "b", 0, "", 0, -EBUSY, "in use b; " },
		{ "", "a b=1 c=1", "b", FLAG(REMOVE_HOLDERS), "", 0, 0,
		  "rmmod a; -a; rmmod b; -b; rmmod c; -c; " },
		{ "", "a=1 b=1 c=1", "b", FLAG(REMOVE_HOLDERS), "", 0, -EBUSY, "in use a; " },
		/* softdeps: post, itself, what is unused, pre; only theirs may fail */
		{ "softdep d pre: s in post: t", "d s t", "d", 0, "", 0, 0,
		  "rmmod t; -t; rmmod d; -d; rmmod s; -s; " },
		{ "softdep d pre: s post: t", "d s t=1", "d", 0, "", 0, 0,
		  "in use t; rmmod d; -d; rmmod s; -s; " },
		{ "softdep d pre: s t", "d s t", "d", 0, "", 0, 0,
		  "rmmod d; -d; rmmod t; -t; rmmod s; -s; " },
		{ "softdep d pre: s", "d s", "d", FLAG(IGNORE_INSTALL), "", 0, 0, "rmmod d; -d; " },
		{ "softdep d pre: s\nsoftdep s pre: d", "d s", "d", 0, "", 0, 0,
		  "rmmod d; -d; rmmod s; -s; " },
		/* commands */
		{ "remove d do $CMDLINE_OPTS it", "d", "d", 0, "", 0, 0, "remove d; $ do  it (d); " },
		{ "remove d do it", "", "d", 0, "", 0, 0, "remove d; $ do it (d); " },
		{ "remove n do it", "", "n", 0, "", 0, 0, "remove n; $ do it (n); " },
		{ "remove d do it", "d", "d", FLAG(IGNORE_INSTALL), "", 0, 0, "rmmod d; -d; " },
		{ "remove d do it", "d", "d", FLAG(DRY_RUN), "", 0, 0, "remove d; " },
		/* force */
		{ "", "d", "d", FLAG(FORCE_REMOVE), "", 0, 0, "rmmod d; -d by force; " },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct fake_machine w;

		machine_new(&w, rows[i].conf, rows[i].loaded, rows[i].flags);
		snprintf(w.failing.name, sizeof(w.failing.name), "%s", rows[i].failing);
		w.failing.answer = rows[i].answer;
		assert_row(i, coldplug_remove(w.c, rows[i].name, 0) == rows[i].r);
		assert_row_string(i, w.text, rows[i].text);
		machine_free(&w);
	}
}

static void an_unclosed_quote_of_the_command_line_ends_with_it(void **state)
{
	struct fake_machine w;

	machine_new(&w, "", "", 0);
	tree_write(&w.t, "proc/cmdline", "quiet d.p=\"x y\n");
	assert_int_equal(coldplug_insert(w.c, "d", NULL), 0);
	assert_string_equal(w.text, "insmod d [p=\"x y\" ]; +d p=\"x y\" ; ");
	machine_free(&w);
}

static void take_message(void *data, int level, const char *message)
{
	note(data, "%s; ", message);
}

static void a_module_name_that_is_none_on_the_command_line_is_told(void **state)
{
	struct fake_machine w;

	machine_new(&w, "", "", 0);
	tree_write(&w.t, "proc/cmdline", "ivrs_acpihid[00:14.5]=AMD0020:0 d.p=1\n");
	coldplug_set_log(w.c, take_message, &w, 4);
	assert_int_equal(coldplug_insert(w.c, "d", NULL), 0);
	assert_contains(w.text,
			"Ignoring bad option on kernel command line while parsing module name: "
			"'ivrs_acpihid[00:14'; ");
	assert_contains(w.text, "+d p=1 ; ");
	machine_free(&w);
}

static void a_command_that_fails_is_told(void **state)
{
	struct fake_machine w;

	machine_new(&w, "install d x\nremove d y", "", 0);
	w.command_status = 3;
	assert_int_equal(coldplug_insert(w.c, "d", NULL), -EINVAL);
	assert_string_equal(w.text, "install d; $ x (d); command failed d 3; failed d 22; ");
	w.text[0] = '\0';
	assert_true(coldplug_remove(w.c, "d", 0) < 0);
	assert_string_equal(w.text, "remove d; $ y (d); command failed d 3; ");
	machine_free(&w);
}

static int run_noted(void *data, const char *module, const char *command)
{
	struct fake_machine *w = data;

	note(w, "own %s (%s); ", command, module);
	return w->command_status;
}

static void commands_can_be_the_callers(void **state)
{
	struct fake_machine w;

	machine_new(&w, "install d x $CMDLINE_OPTS\nremove d y", "", 0);
	coldplug_set_command(w.c, run_noted, &w);
	assert_int_equal(coldplug_insert(w.c, "d", "p=1"), 0);
	assert_int_equal(coldplug_remove(w.c, "d", 0), 0);
	assert_string_equal(w.text, "install d [p=1]; own x p=1 (d); remove d; own y (d); ");
	w.text[0] = '\0';
	w.command_status = -ENOEXEC;
	assert_int_equal(coldplug_insert(w.c, "d", NULL), -EINVAL);
	assert_int_equal(coldplug_remove(w.c, "d", 0), -ECHILD);
	assert_contains(w.text, "command failed d 126; failed d 22; ");
	w.command_status = 0;
	coldplug_set_command(w.c, NULL, NULL);
	assert_int_equal(coldplug_insert(w.c, "d", NULL), 0);
	assert_contains(w.text, "$ x  (d); ");
	machine_free(&w);
}

static void who_waits_gets_a_module_that_is_let_go_in_time(void **state)
{
	struct fake_machine w;

	machine_new(&w, "", "d=1", 0);
	w.modules[0].busy_ms = 100;
	assert_int_equal(coldplug_remove(w.c, "d", 50), -EAGAIN);
	assert_int_equal(w.slept, 50);
	assert_contains(w.text, "kept d 11; ");
	assert_int_equal(coldplug_remove(w.c, "d", 1000), 0);
	assert_true(w.slept >= 100 && w.slept < 300);
	assert_null(find(&w, "d"));
	machine_free(&w);
}

static void a_callback_can_end_it(void **state)
{
	struct fake_machine w;

	machine_new(&w, "", "", 0);
	w.stop_at = 2;
	assert_int_equal(coldplug_insert(w.c, "a", NULL), -ECANCELED);
	assert_string_equal(w.text, "insmod c; +c; insmod b; ");
	machine_free(&w);

	machine_new(&w, "softdep d pre: s", "d s=1", 0);
	w.stop_at = 2;
	assert_int_equal(coldplug_remove(w.c, "d", 0), -ECANCELED);
	assert_string_equal(w.text, "rmmod d; -d; in use s; ");
	machine_free(&w);
}

static void softdeps_in_a_circle_end(void **state)
{
	struct fake_machine w;

	machine_new(&w, "softdep d pre: s\nsoftdep s pre: d", "d s", FLAG(DRY_RUN));
	coldplug_set_log(w.c, NULL, NULL, 0);
	assert_int_equal(coldplug_remove(w.c, "d", 0), -ELOOP);
	assert_int_equal(w.acts, LIMIT_SOFTDEP_DEPTH);
	machine_free(&w);
}

static void one_context_does_one_name_after_the_other(void **state)
{
	struct fake_machine w;

	machine_new(&w, "", "", 0);
	assert_int_equal(coldplug_insert(w.c, "b", NULL), 0);
	assert_int_equal(coldplug_insert(w.c, "a", NULL), 0);
	assert_int_equal(coldplug_insert(w.c, "a", NULL), 0);
	assert_int_equal(coldplug_match(w.c, "y:1"), 0);
	assert_int_equal(coldplug_match(w.c, "nobody"), -ENOENT);
	assert_string_equal(w.text, "insmod c; +c; insmod b; +b; insmod a; +a; match d; match s; ");
	assert_string_equal(coldplug_module_directory(w.c) + strlen(w.t.dir), "/lib/modules/1");
	machine_free(&w);
}

static void modules_may_be_elsewhere(void **state)
{
	struct fake_machine w;
	char here[256];

	machine_new(&w, "", "", 0);
	assert_non_null(getcwd(here, sizeof(here)));
	coldplug_free(w.c);
	assert_int_equal(coldplug_new(&w.c), 0);
	assert_int_equal(coldplug_set_root(w.c, w.t.dir), 0);
	assert_int_equal(coldplug_set_module_root(w.c, w.t.dir), 0);
	coldplug_set_log(w.c, NULL, NULL, 0);
	assert_int_equal(coldplug_insert(w.c, "d", NULL), -EINVAL);
	coldplug_free(w.c);

	/* Relative to the working directory, and the name stays as it was said. */
	assert_int_equal(chdir(w.t.dir), 0);
	assert_int_equal(coldplug_new(&w.c), 0);
	assert_int_equal(coldplug_set_module_root(w.c, "./"), 0);
	assert_int_equal(coldplug_set_release(w.c, "1"), 0);
	assert_int_equal(coldplug_set_flag(w.c, COLDPLUG_ASYNC_PROBE, false), 0);
	coldplug_set_act(w.c, take_act, &w);
	w.c->settings.kernel_ops = &ops;
	w.c->settings.kernel_data = &w;
	assert_int_equal(coldplug_insert(w.c, "d", NULL), 0);
	assert_string_equal(w.text, "insmod d; +d; ");
	assert_string_equal(coldplug_module_directory(w.c) + strlen(w.t.dir), "/.//lib/modules/1");
	assert_int_equal(chdir(here), 0);
	machine_free(&w);
}

static void one_module_alone_is_removed_as_rmmod_does(void **state)
{
	static const struct {
		const char *loaded, *name;
		unsigned int wait_ms;
		uint32_t flags;
		int r;
		const char *text;
	} rows[] = {
		{ "a b=1 c=1", "a", 0, 0, 0, "-a; " },
		{ "a b=1 c=1", "b", 0, 0, -EAGAIN, "-b (-11); " },
		{ "a b=1 c=1", "b", 0, FLAG(FORCE_REMOVE), -EAGAIN, "-b by force (-11); " },
		{ "", "a", 0, 0, -ENOENT, "-a (-2); " },
		{ "x_y", "x-y.ko.xz", 0, 0, 0, "-x_y; " },
		{ "b=1", "b", 3, 0, -EAGAIN, "-b (-11); -b (-11); -b (-11); " },
		{ "a", "a", 0, FLAG(DRY_RUN), 0, "" },
		{ "a", "x:1", 0, 0, -ENOENT, "-x:1 (-2); " }, /* an alias is no name */
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct fake_machine w;

		machine_new(&w, "remove a false\n", rows[i].loaded, rows[i].flags);
		assert_row(i, coldplug_remove_module(w.c, rows[i].name, rows[i].wait_ms) == rows[i].r);
		assert_row_string(i, w.text, rows[i].text);
		machine_free(&w);
	}
}

static void how_one_module_is_in_the_kernel_is_told(void **state)
{
	static const struct {
		const char *name;
		enum coldplug_initstate state;
		int64_t refcount;
		const char *holders;
	} rows[] = {
		{ "b", COLDPLUG_INIT_LIVE, 2, "a" },	 { "b.ko", COLDPLUG_INIT_LIVE, 2, "a" },
		{ "c", COLDPLUG_INIT_COMING, -1, "b" },	 { "in", COLDPLUG_INIT_BUILTIN, -1, "" },
		{ "d", COLDPLUG_INIT_ABSENT, -1, "" },	 { "", COLDPLUG_INIT_ABSENT, -1, "" },
		{ ".ko", COLDPLUG_INIT_ABSENT, -1, "" },
	};
	struct fake_machine w;

	machine_new(&w, "", "b c", 0);
	w.modules[1].coming = true;
	tree_write(&w.t, "sys/module/b/refcnt", "2\n");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct coldplug_loaded m;

		assert_row(i, coldplug_initstate(w.c, rows[i].name, &m) == 0);
		assert_row(i, m.initstate == rows[i].state);
		assert_row(i, m.refcount == rows[i].refcount);
		assert_row_string(i, m.holders, rows[i].holders);
	}
	machine_free(&w);
}

/* What a file or, through a pipe, its bytes have become in the kernel. */
static int insert(struct fake_machine *w, const char *name, const char *params, bool piped)
{
	_cleanup_close_ int fd = open(tree_path(&w->t, name), O_RDONLY | O_CLOEXEC);
	char bytes[4096];
	int ends[2], r;
	ssize_t n;

	assert_true(fd >= 0);
	if (!piped)
		return coldplug_insert_fd(w->c, fd, params);
	n = read(fd, bytes, sizeof(bytes));
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(write(ends[1], bytes, (size_t)n), n);
	close(ends[1]);
	r = coldplug_insert_fd(w->c, ends[0], params);
	assert_int_equal(close(ends[0]), 0);
	return r;
}

static int note_init(void *data, const void *image, size_t size, const char *params)
{
	note(data, "init of %zu bytes [%s]; ", size, params);
	return 0;
}

static void one_file_alone_is_inserted_as_insmod_does(void **state)
{
	static const struct {
		const char *file, *params;
		uint32_t flags;
		bool piped;
		int r;
		const char *text;
	} rows[] = {
		{ "lib/modules/1/a.ko", NULL, 0, false, 0, "+a; " },
		{ "lib/modules/1/a.ko", "p=1 q", 0, false, 0, "+a p=1 q; " },
		{ "lib/modules/1/a.ko", "", FLAG(FORCE_VERMAGIC), false, 0, "+a flags 2; " },
		{ "lib/modules/1/a.ko", "", FLAG(FORCE_VERMAGIC) | FLAG(FORCE_MODVERSION), false, 0,
		  "+a flags 3; " },
		{ "lib/modules/1/b.ko", "", 0, false, -EEXIST, "+b (-17); " },
		{ "lib/modules/1/a.ko", "", FLAG(DRY_RUN), false, 0, "" },
		{ "lib/modules/1/a.ko", "p", 0, true, 0, "init of 64 bytes [p]; " },
		{ "text", "", 0, false, -ENOEXEC, "" },
		{ "text", "", 0, true, -ENOEXEC, "" },
		{ "empty", "", 0, false, -EINVAL, "" },
		{ "empty", "", 0, true, -EINVAL, "" },
		{ "broken.gz", "", 0, false, -EINVAL, "" },
		{ ".", "", 0, false, -EISDIR, "" },
	};
	struct kernel_ops with_init = ops;

	with_init.init_module = note_init;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct fake_machine w;

		machine_new(&w, "options a no=1\nsoftdep a pre: s\n", "", rows[i].flags);
		w.c->settings.kernel_ops = &with_init;
		w.failing = (struct fake_state){ .name = "b", .answer = -EEXIST };
		tree_write(&w.t, "text", "this is no module, but some words of text");
		tree_write(&w.t, "empty", "");
		tree_write_bytes(&w.t, "broken.gz", "\x1f\x8b\x08\0\0\0\0\0\0\3broken", 16);
		assert_row(i, insert(&w, rows[i].file, rows[i].params, rows[i].piped) == rows[i].r);
		assert_row_string(i, w.text, rows[i].text);
		machine_free(&w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(modules_are_inserted_as_modprobe_does),
		cmocka_unit_test(modules_are_removed_as_modprobe_does),
		cmocka_unit_test(an_unclosed_quote_of_the_command_line_ends_with_it),
		cmocka_unit_test(a_module_name_that_is_none_on_the_command_line_is_told),
		cmocka_unit_test(a_command_that_fails_is_told),
		cmocka_unit_test(commands_can_be_the_callers),
		cmocka_unit_test(who_waits_gets_a_module_that_is_let_go_in_time),
		cmocka_unit_test(a_callback_can_end_it),
		cmocka_unit_test(softdeps_in_a_circle_end),
		cmocka_unit_test(one_context_does_one_name_after_the_other),
		cmocka_unit_test(modules_may_be_elsewhere),
		cmocka_unit_test(one_module_alone_is_removed_as_rmmod_does),
		cmocka_unit_test(how_one_module_is_in_the_kernel_is_told),
		cmocka_unit_test(one_file_alone_is_inserted_as_insmod_does),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
