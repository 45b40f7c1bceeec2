/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A user of the library: this file sees coldplug.h and is linked with libcoldplug.so, nothing else. */
#include <coldplug.h>

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define SIZE(a) (sizeof(a) / sizeof((a)[0]))

static char dir[] = "/tmp/coldplug-api.XXXXXX";

static void put(const char *name, const char *text)
{
	char path[512];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	for (char *p = path + strlen(dir) + 1; (p = strchr(p, '/')); *p++ = '/') {
		*p = '\0';
		mkdir(path, 0755);
	}
	f = fopen(path, "we");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static int setup(void **state)
{
	assert_non_null(mkdtemp(dir));
	put("lib/modules/1.0/modules.dep",
	    "kernel/a.ko: kernel/b.ko\nkernel/b.ko:\nkernel/black.ko:\nkernel/s.ko:\n");
	put("lib/modules/1.0/modules.alias", "alias pci:v1* a\nalias pci:v1d2 black\nalias usb:* b\n");
	put("etc/modprobe.d/x.conf", "blacklist black\nsoftdep a pre: s\noptions a x=1\nalias none off\n");
	put("sys/devices/p/modalias", "pci:v1d2\n");
	put("sys/devices/q/modalias", "pci:v1d2\n");
	put("sys/devices/r/modalias", "unknown:\n");
	put("proc/modules", "b 16384 0 - Live 0x0000000000000000\n");
	put("proc/cmdline", "quiet modules_load=s\n");
	return 0;
}

static int teardown(void **state)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command);
}

static char messages[4096];

static void take(void *userdata, int level, const char *message)
{
	size_t n = strlen(messages);

	assert_ptr_equal(userdata, messages);
	snprintf(messages + n, sizeof(messages) - n, "%d %s\n", level, message);
}

static struct coldplug *open_it(void)
{
	struct coldplug *c;

	messages[0] = '\0';
	assert_int_equal(coldplug_new(&c), 0);
	coldplug_set_log(c, take, messages, 3);
	assert_int_equal(coldplug_set_root(c, dir), 0);
	return c;
}

static void a_context_can_be_made_and_freed_unused(void **state)
{
	struct coldplug *c;

	assert_int_equal(coldplug_new(&c), 0);
	assert_null(coldplug_free(c));
	assert_null(coldplug_free(NULL));
}

static void another_root_means_a_dry_run_unless_said_otherwise(void **state)
{
	struct coldplug *c;

	assert_int_equal(coldplug_new(&c), 0);
	assert_false(coldplug_is_dry_run(c));
	assert_int_equal(coldplug_set_root(c, "/"), 0);
	assert_false(coldplug_is_dry_run(c));
	assert_int_equal(coldplug_set_root(c, dir), 0);
	assert_true(coldplug_is_dry_run(c));
	assert_int_equal(coldplug_set_flag(c, COLDPLUG_DRY_RUN, false), 0);
	assert_false(coldplug_is_dry_run(c));
	coldplug_free(c);
}

static void settings_come_first(void **state)
{
	struct coldplug *c = open_it();
	const char *const *names;

	assert_int_equal(coldplug_resolve(c, "a", &names), 1);
	assert_int_equal(coldplug_set_root(c, "/"), -EBUSY);
	assert_int_equal(coldplug_set_release(c, "x"), -EBUSY);
	assert_int_equal(coldplug_set_archive(c, "x"), -EBUSY);
	assert_int_equal(coldplug_set_jobs(c, 1), -EBUSY);
	assert_int_equal(coldplug_add_alone(c, "a"), -EBUSY);
	assert_int_equal(coldplug_set_flag(c, COLDPLUG_DRY_RUN, false), -EBUSY);
	assert_int_equal(coldplug_set_config_paths(c, NULL), -EBUSY);
	assert_int_equal(coldplug_set_report(c, "/x"), -EBUSY);
	assert_int_equal(coldplug_set_stream(c, 1), -EBUSY);
	coldplug_free(c);
}

static void what_loads_alone_is_a_name(void **state)
{
	static const char *const bad[] = { "", "a/b", "a,b", "a b", "a[b]", "a\n" };
	struct coldplug *c = open_it();
	char longest[257];

	memset(longest, 'a', sizeof(longest));
	longest[256] = '\0';
	for (size_t i = 0; i < SIZE(bad); i++)
		assert_int_equal(coldplug_add_alone(c, bad[i]), -EINVAL);
	assert_int_equal(coldplug_add_alone(c, longest), -EINVAL);
	assert_int_equal(coldplug_add_alone(c, longest + 1), 0);
	assert_int_equal(coldplug_add_alone(c, "a-b"), 0);
	coldplug_free(c);
}

static void a_release_is_a_name(void **state)
{
	static const char *const bad[] = { "", "../x", "a/b", "..", "/" };
	struct coldplug *c = open_it();

	for (size_t i = 0; i < SIZE(bad); i++)
		assert_int_equal(coldplug_set_release(c, bad[i]), -EINVAL);
	assert_int_equal(coldplug_set_release(c, "1.0"), 0);
	assert_int_equal(coldplug_set_release(c, NULL), 0);
	coldplug_free(c);
}

static void a_root_that_is_not_there_is_an_error(void **state)
{
	struct coldplug *c;
	const char *const *names;

	assert_int_equal(coldplug_new(&c), 0);
	assert_int_equal(coldplug_set_root(c, "/nowhere/at/all"), 0);
	assert_int_equal(coldplug_resolve(c, "a", &names), -ENOENT);
	assert_int_equal(coldplug_walk(c), -ENOENT);
	coldplug_free(c);
}

static void an_alias_means_modules(void **state)
{
	static const struct {
		const char *alias;
		int n;
		const char *first, *second;
	} rows[] = {
		{ "a", 1, "a", NULL },	    { "pci:v1d2", 2, "a", "black" }, { "pci:v9", 0, NULL, NULL },
		{ "usb:x", 1, "b", NULL },  { "", 0, NULL, NULL },	     { "a]", -EINVAL, NULL, NULL },
		{ "none", 1, "off", NULL },
	};
	struct coldplug *c = open_it();

	for (size_t i = 0; i < SIZE(rows); i++) {
		const char *const *names = NULL;

		assert_int_equal(coldplug_resolve(c, rows[i].alias, &names), rows[i].n);
		if (rows[i].first)
			assert_string_equal(names[0], rows[i].first);
		if (rows[i].second)
			assert_string_equal(names[1], rows[i].second);
	}
	coldplug_free(c);
	c = open_it();
	assert_int_equal(coldplug_set_flag(c, COLDPLUG_BLACKLIST, true), 0);
	assert_int_equal(coldplug_resolve(c, "pci:v1d2", &(const char *const *){ NULL }), 1);
	coldplug_free(c);
}

static void ten_lines_do_the_job(void **state)
{
	struct coldplug *c = open_it();
	struct coldplug_summary s;
	const struct coldplug_step *step;
	char *text;

	assert_int_equal(coldplug_run(c), 0);
	coldplug_get_summary(c, &s);
	assert_int_equal(s.devices, 3);
	assert_int_equal(s.aliases, 2);
	assert_int_equal(s.withheld, 1);
	assert_int_equal(s.failed, 0);
	assert_int_equal(s.modules, 2); /* b is loaded */
	assert_int_equal(coldplug_steps(c), 2);
	step = coldplug_step(c, 0);
	assert_string_equal(step->module, "s");
	assert_int_equal(step->state, COLDPLUG_PLANNED);
	step = coldplug_step(c, 1);
	assert_string_equal(step->module, "a");
	assert_string_equal(step->params, "x=1");
	assert_non_null(strstr(step->path, "/lib/modules/1.0/kernel/a.ko"));
	assert_null(coldplug_step(c, 2));
	assert_int_equal(coldplug_plan_text(c, &text), 0);
	assert_non_null(strstr(text, "kernel/a.ko x=1"));
	free(text);
	assert_int_equal(coldplug_exit_code(c), 0);
	assert_int_equal(coldplug_fd(c), -1);
	assert_int_equal(coldplug_finish(c), 0);
	assert_string_equal(messages, "");
	coldplug_free(c);
}

static void every_reason_is_told(void **state)
{
	static const struct {
		const char *module;
		enum coldplug_why why;
		const char *device, *pattern, *by;
		unsigned int line;
	} rows[] = {
		{ "a", COLDPLUG_WHY_DEVICE, "/devices/p", "pci:v1*", NULL, 0 },
		{ "a", COLDPLUG_WHY_DEVICE, "/devices/q", "pci:v1*", NULL, 0 },
		{ "a", COLDPLUG_WHY_OPTION, NULL, "x=1", NULL, 3 },
		{ "black", COLDPLUG_WHY_BLACKLIST, "/devices/p", NULL, NULL, 1 },
		{ "s", COLDPLUG_WHY_SOFTDEP_PRE, NULL, NULL, "a", 2 },
		{ "s", COLDPLUG_WHY_NAME, NULL, NULL, NULL, 0 },
	};
	struct coldplug *c = open_it();
	const struct coldplug_reason *list;

	assert_int_equal(coldplug_want_configured(c), 0);
	assert_int_equal(coldplug_walk(c), 2);
	assert_int_equal(coldplug_walk(c), 0);
	assert_int_equal(coldplug_plan(c), 2);
	assert_int_equal(coldplug_plan(c), 0);
	for (size_t i = 0; i < SIZE(rows); i++) {
		int64_t n = coldplug_why(c, rows[i].module, &list);
		bool found = false;

		for (int64_t k = 0; k < n; k++)
			found |= list[k].why == rows[i].why && list[k].line == rows[i].line &&
				(!rows[i].device ||
				 (list[k].device && !strcmp(list[k].device, rows[i].device))) &&
				(!rows[i].pattern ||
				 (list[k].pattern && !strcmp(list[k].pattern, rows[i].pattern))) &&
				(!rows[i].by || (list[k].by && !strcmp(list[k].by, rows[i].by)));
		if (!found)
			fail_msg("row %zu: no such reason for %s among %d", i, rows[i].module, (int)n);
	}
	assert_int_equal(coldplug_why(c, "nobody", &list), 0);
	/* Its line alone is no reason. */
	assert_int_equal(coldplug_why(c, "none", &list), 0);
	assert_int_equal(coldplug_want(c, "none", NULL), 1);
	assert_int_equal(coldplug_plan(c), 0);
	assert_int_equal(coldplug_why(c, "none", &list), 1);
	assert_int_equal(list[0].why, COLDPLUG_WHY_OFF);
	assert_int_equal(list[0].line, 4);
	assert_string_equal(list[0].file, "/etc/modprobe.d/x.conf");
	coldplug_free(c);
}

static void what_is_withheld_counts_once(void **state)
{
	static const struct {
		const char *name;
		size_t withheld;
	} rows[] = {
		{ "black", 0 }, /* a blacklist is for aliases */
		{ "pci:v1d2", 1 }, { "pci:v1d2", 1 }, { "pci:v1d2x", 1 },
		{ "none", 2 },	   { "none", 2 },     { "never", 3 },
	};
	struct coldplug *c;

	put("etc/modprobe.d/y.conf", "alias never off\n");
	put("lib/modules/1.0/modules.alias", "alias pci:v1* a\nalias pci:v1d2* black\nalias usb:* b\n");
	c = open_it();
	for (size_t i = 0; i < SIZE(rows); i++) {
		struct coldplug_summary s;

		assert_true(coldplug_want(c, rows[i].name, NULL) >= 0);
		coldplug_get_summary(c, &s);
		assert_int_equal(s.withheld, rows[i].withheld);
	}
	coldplug_free(c);
	put("etc/modprobe.d/y.conf", "");
	put("lib/modules/1.0/modules.alias", "alias pci:v1* a\nalias pci:v1d2 black\nalias usb:* b\n");
}

/* They are the caller's files: looked up where the caller is, at once, and not below the root. */
static void config_paths_are_the_callers(void **state)
{
	static const char *const none[] = { "/etc/modprobe.d", "/nowhere/at/all", NULL };
	struct coldplug *c = open_it();
	char path[512], before[512];
	const char *const absolute[] = { path, NULL }, *const relative[] = { "given/y", NULL };

	put("given/y", "options a y=1\n");
	snprintf(path, sizeof(path), "%s/given", dir);
	assert_int_equal(coldplug_set_config_paths(c, none), -ENOENT);
	assert_int_equal(coldplug_set_config_paths(c, relative), -ENOENT);
	assert_non_null(getcwd(before, sizeof(before)));
	assert_int_equal(chdir(dir), 0);
	assert_int_equal(coldplug_set_config_paths(c, relative), 0);
	assert_int_equal(chdir(before), 0);
	assert_int_equal(coldplug_want(c, "a", NULL), 1);
	assert_int_equal(coldplug_plan(c), 1);
	assert_string_equal(coldplug_step(c, 0)->params, "y=1");
	coldplug_free(c);
	put("given/x.conf", "options a x=2\n");
	c = open_it();
	assert_int_equal(coldplug_set_config_paths(c, absolute), 0);
	/* What cannot be set changes nothing. */
	assert_int_equal(coldplug_set_config_paths(c, none), -ENOENT);
	assert_int_equal(coldplug_want(c, "a", NULL), 1);
	assert_int_equal(coldplug_plan(c), 1);
	assert_string_equal(coldplug_step(c, 0)->params, "x=2");
	assert_string_equal(messages, "");
	coldplug_free(c);
}

/* What is loaded is the kernel's to say: no release is needed for it. */
static void a_list_needs_no_modules_directory(void **state)
{
	const struct coldplug_loaded *list;
	char bare[512], *text;
	struct coldplug *c;

	put("bare/proc/modules", "b 16384 0 - Live 0x0000000000000000\n");
	snprintf(bare, sizeof(bare), "%s/bare", dir);
	c = open_it();
	assert_int_equal(coldplug_set_root(c, bare), 0);
	assert_int_equal(coldplug_loaded(c, &list), 1);
	assert_int_equal(coldplug_json(c, COLDPLUG_JSON_LOADED, &text), 0);
	assert_string_equal(list[0].name, "b");
	assert_non_null(strstr(text, "\"b\""));
	free(text);
	assert_int_equal(coldplug_exit_code(c), 0);
	assert_string_equal(messages, "");
	coldplug_free(c);
}

static void what_nothing_has_counts_as_failed(void **state)
{
	struct coldplug *c = open_it();
	char expected[256];

	assert_int_equal(coldplug_want(c, "ghost", NULL), 0);
	snprintf(expected, sizeof(expected), "3 module 'ghost': not found in %s/lib/modules/1.0\n", dir);
	assert_string_equal(messages, expected);
	messages[0] = '\0';
	assert_int_equal(coldplug_want(c, "a[", NULL), 0);
	snprintf(
		expected, sizeof(expected),
		"3 module 'a[': not an alias, its '[' and ']' do not match; not looked for in %s/lib/modules/1.0\n",
		dir);
	assert_string_equal(messages, expected);
	assert_int_equal(coldplug_want(c, "black", "p=1"), 1);
	assert_int_equal(coldplug_plan(c), 1);
	assert_string_equal(coldplug_step(c, 0)->params, "p=1");
	assert_int_equal(coldplug_exit_code(c), 1);
	coldplug_free(c);
}

static void parameters_have_a_limit(void **state)
{
	struct coldplug *c = open_it();
	char *params = malloc((1 << 20) + 2);

	memset(params, 'x', (1 << 20) + 1);
	params[(1 << 20) + 1] = '\0';
	assert_int_equal(coldplug_want(c, "a", params), 0);
	assert_int_equal(coldplug_exit_code(c), 1);
	params[1 << 20] = '\0';
	assert_int_equal(coldplug_want(c, "a", params), 1);
	free(params);
	coldplug_free(c);
}

static void loaded_modules_are_listed(void **state)
{
	struct coldplug *c = open_it();
	const struct coldplug_loaded *list;

	assert_int_equal(coldplug_loaded(c, &list), 1);
	assert_string_equal(list[0].name, "b");
	assert_int_equal(list[0].size, 16384);
	assert_int_equal(list[0].refcount, 0);
	assert_string_equal(list[0].holders, "");
	assert_int_equal(list[0].initstate, COLDPLUG_INIT_LIVE);
	coldplug_free(c);
}

/* Finds what text means, as "name path;" with the path below the directory of modules. */
static const char *modules_of(struct coldplug *c, const char *text, enum coldplug_by by, int64_t *n)
{
	const struct coldplug_module *list;
	static char names[512];
	size_t used = 0;

	names[0] = '\0';
	*n = coldplug_modules(c, text, by, &list);
	for (int64_t i = 0; i < *n; i++)
		used += (size_t)snprintf(names + used, sizeof(names) - used, "%s %s;", list[i].name,
					 list[i].path		   ? list[i].path + strlen(dir)
						 : list[i].builtin ? "builtin"
								   : "-");
	return names;
}

static void modules_have_paths(void **state)
{
	static const struct {
		const char *text;
		enum coldplug_by by;
		int64_t n;
		const char *modules;
	} rows[] = {
		{ "a", COLDPLUG_BY_ALIAS, 1, "a /lib/modules/1.0/kernel/a.ko;" },
		{ "pci:v1d2", COLDPLUG_BY_ALIAS, 2,
		  "a /lib/modules/1.0/kernel/a.ko;black /lib/modules/1.0/kernel/black.ko;" },
		{ "pci:v1d2", COLDPLUG_BY_NAME, 0, "" },
		{ "a.b", COLDPLUG_BY_NAME, 1, "a /lib/modules/1.0/kernel/a.ko;" },
		{ "in", COLDPLUG_BY_NAME, 1, "in builtin;" },
		{ "in", COLDPLUG_BY_ALIAS, 1, "in builtin;" },
		{ "nobody", COLDPLUG_BY_ALIAS, 0, "" },
		{ "nobody", COLDPLUG_BY_NAME, 0, "" },
		{ "", COLDPLUG_BY_NAME, 0, "" },
		{ "]", COLDPLUG_BY_ALIAS, -EINVAL, "" },
		{ "etc/x-y.ko", COLDPLUG_BY_FILE, 1, "x_y /etc/x-y.ko;" },
		{ "/etc/x-y.ko", COLDPLUG_BY_FILE, 1, "x_y /etc/x-y.ko;" },
		{ "/etc/none.ko", COLDPLUG_BY_FILE, -ENOENT, "" },
		{ "a", (enum coldplug_by)77, -EINVAL, "" },
	};
	struct coldplug *c = open_it();

	put("etc/x-y.ko", "no module");
	put("lib/modules/1.0/modules.builtin", "kernel/in.ko\n");
	for (size_t i = 0; i < SIZE(rows); i++) {
		int64_t n;

		assert_string_equal(modules_of(c, rows[i].text, rows[i].by, &n), rows[i].modules);
		assert_int_equal(n, rows[i].n);
	}
	coldplug_free(c);
}

/* Of a module's file the tests of reference/ and unit/ know more. */
static void modules_say_what_they_are(void **state)
{
	static const char builtin[] = "in.license=GPL\0in.parm=p:text\0other.license=X";
	const struct coldplug_module in = { .name = "in", .builtin = true }, none = { .name = "in" };
	const struct coldplug_module *list;
	const struct coldplug_field *f;
	struct coldplug *c = open_it();
	char path[512];
	FILE *file;

	assert_int_equal(coldplug_modinfo(c, &in, &f), -ENOENT);
	snprintf(path, sizeof(path), "%s/lib/modules/1.0/modules.builtin.modinfo", dir);
	file = fopen(path, "we");
	assert_non_null(file);
	assert_int_equal(fwrite(builtin, 1, sizeof(builtin), file), sizeof(builtin));
	fclose(file);
	assert_int_equal(coldplug_modinfo(c, &in, &f), 2);
	assert_string_equal(f[0].key, "license");
	assert_string_equal(f[1].value, "p:text");
	assert_int_equal(f[1].source, COLDPLUG_FIELD_MODINFO);
	assert_int_equal(coldplug_modinfo(c, &none, &f), -ENOENT);
	put("etc/x-y.ko", "no module");
	assert_int_equal(coldplug_modules(c, "etc/x-y.ko", COLDPLUG_BY_FILE, &list), 1);
	assert_int_equal(coldplug_modinfo(c, &list[0], &f), -ENOEXEC);
	assert_string_equal(messages, "");
	coldplug_set_log(c, take, messages, 6);
	assert_int_equal(coldplug_modinfo(c, &list[0], &f), -ENOEXEC);
	assert_non_null(strstr(messages, "/etc/x-y.ko: is cut short"));
	remove(path);
	coldplug_free(c);
}

static void relations_firmware_and_values_are_listed(void **state)
{
	const struct coldplug_value *values;
	const char *const *needs, *const *users, *const *paths;
	struct coldplug *c = open_it();

	assert_int_equal(coldplug_related(c, "a.ko", COLDPLUG_NEEDS, &needs), 1);
	assert_int_equal(coldplug_related(c, "b", COLDPLUG_NEEDED_BY, &users), 1);
	assert_string_equal(needs[0], "b");
	assert_string_equal(users[0], "a");
	assert_int_equal(coldplug_related(c, "nobody", COLDPLUG_NEEDED_BY, &users), 0);
	assert_int_equal(coldplug_related(c, "a", (enum coldplug_relation)77, &users), -EINVAL);
	put("lib/firmware/one.bin", "x");
	assert_int_equal(coldplug_firmware(c, "one.bin", &paths), 1);
	assert_string_equal(paths[0] + strlen(dir), "/lib/firmware/one.bin");
	assert_int_equal(coldplug_firmware(c, "*.bin", &paths), 1);
	assert_int_equal(coldplug_firmware(c, "two.bin", &paths), 0);
	assert_int_equal(coldplug_firmware(c, "../firmware/one.bin", &paths), 0);
	assert_int_equal(coldplug_firmware(c, "", &paths), 0);
	/* The kernel's parameter comes first; without a value it is none. */
	put("sys/module/firmware_class/parameters/path", "\n");
	assert_int_equal(coldplug_firmware(c, "one.bin", &paths), 1);
	put("sys/module/firmware_class/parameters/path", "/srv/fw\n");
	put("srv/fw/one.bin", "y");
	assert_int_equal(coldplug_firmware(c, "one.bin", &paths), 1);
	assert_string_equal(paths[0] + strlen(dir), "/srv/fw/one.bin");
	put("sys/module/x_y/parameters/q", "\n");
	put("sys/module/x_y/parameters/p", "1\n");
	assert_int_equal(coldplug_values(c, "x-y", &values), 2);
	assert_string_equal(values[0].name, "p");
	assert_string_equal(values[0].value, "1");
	assert_string_equal(values[1].value, "");
	assert_int_equal(coldplug_values(c, "nobody", &values), 0);
	assert_int_equal(coldplug_values(c, "", &values), 0);
	coldplug_free(c);
}

static void assert_entry(const struct coldplug_entry *e, const char *key, const char *value,
			 unsigned int line)
{
	assert_string_equal(e->key, key);
	assert_string_equal(e->value, value);
	assert_int_equal(e->line, line);
}

static void the_configuration_is_listed(void **state)
{
	struct coldplug *c = open_it();
	const struct coldplug_entry *list;

	put("proc/cmdline", "modprobe.blacklist=m module_blacklist=n a.z=1\n");
	assert_int_equal(coldplug_config(c, COLDPLUG_CONFIG_ALIAS, &list), 1);
	assert_entry(list, "none", "off", 4);
	assert_string_equal(list->file, "/etc/modprobe.d/x.conf");
	assert_int_equal(coldplug_config(c, COLDPLUG_CONFIG_BLACKLIST, &list), 2);
	assert_entry(list, "black", "", 1);
	assert_entry(list + 1, "m", "", 0);
	assert_int_equal(coldplug_config(c, COLDPLUG_CONFIG_OPTIONS, &list), 2);
	assert_entry(list, "a", "x=1", 3);
	assert_entry(list + 1, "a", "z=1", 0);
	assert_string_equal(list[1].file, "kernel command line");
	assert_int_equal(coldplug_config(c, COLDPLUG_CONFIG_SOFTDEP, &list), 1);
	assert_entry(list, "a", "pre: s", 2);
	assert_int_equal(coldplug_config(c, COLDPLUG_CONFIG_FORBIDDEN, &list), 1);
	assert_entry(list, "n", "", 0);
	assert_int_equal(coldplug_config(c, COLDPLUG_CONFIG_INSTALL, &list), 0);
	assert_int_equal(coldplug_config(c, (enum coldplug_config)77, &list), -EINVAL);
	put("proc/cmdline", "quiet modules_load=s\n");
	coldplug_free(c);
}

static void indexes_are_listed(void **state)
{
	static const char broken[] = "\xb0\x07\xf4\x57\x00\x02\x00\x01\x20\x00\x00\x0c";
	struct coldplug *c = open_it();
	const struct coldplug_entry *list;
	char path[512];

	put("lib/modules/1.0/modules.alias.bin", broken);
	assert_int_equal(coldplug_index(c, COLDPLUG_INDEX_DEP, &list), 4);
	assert_string_equal(list[0].key, "a");
	assert_string_equal(list[0].value, "kernel/a.ko: kernel/b.ko");
	assert_null(list[0].file);
	/* Of a broken file what the text has, once. */
	assert_int_equal(coldplug_index(c, COLDPLUG_INDEX_ALIAS, &list), 3);
	assert_string_equal(list[2].key, "usb:*");
	assert_string_equal(list[2].value, "b");
	assert_int_equal(coldplug_index(c, COLDPLUG_INDEX_BUILTIN_ALIAS, &list), 0);
	assert_int_equal(coldplug_index(c, (enum coldplug_index)77, &list), -EINVAL);
	coldplug_free(c);
	snprintf(path, sizeof(path), "%s/lib/modules/1.0/modules.alias.bin", dir);
	remove(path);
}

static void what_is_said_of_a_module_is_listed(void **state)
{
	struct coldplug *c;
	struct coldplug_rules rules;
	char path[512];

	put("etc/modprobe.d/y.conf",
	    "options a y=2\ninstall a first\ninstall a second\nremove a* gone\n"
	    "softdep black post: usb:1 nobody\nweakdep a pci:v1x b\n");
	c = open_it();
	assert_int_equal(coldplug_rules(c, "a", &rules), 0);
	assert_string_equal(rules.options, "x=1 y=2");
	assert_string_equal(rules.install, "first");
	assert_string_equal(rules.remove, "gone");
	assert_string_equal(rules.pre[0], "s");
	assert_null(rules.pre[1]);
	assert_null(rules.post[0]);
	assert_string_equal(rules.weak[0], "a");
	assert_string_equal(rules.weak[1], "b");
	assert_null(rules.weak[2]);
	assert_false(rules.blacklisted);
	assert_int_equal(coldplug_rules(c, "black.ko", &rules), 0);
	assert_true(rules.blacklisted);
	assert_string_equal(rules.post[0], "b");
	assert_null(rules.post[1]);
	/* A name that has no file can have rules, too. */
	assert_int_equal(coldplug_rules(c, "nobody", &rules), 0);
	assert_string_equal(rules.options, "");
	assert_null(rules.install);
	assert_false(rules.blacklisted);
	coldplug_free(c);
	snprintf(path, sizeof(path), "%s/etc/modprobe.d/y.conf", dir);
	remove(path);
}

static void a_change_is_noticed(void **state)
{
	struct coldplug *c = open_it();
	const struct coldplug_entry *list;
	char path[512];

	assert_int_equal(coldplug_changed(c), 0);
	assert_int_equal(coldplug_config(c, COLDPLUG_CONFIG_ALIAS, &list), 1);
	assert_int_equal(coldplug_changed(c), 0);
	put("etc/modprobe.d/z.conf", "alias new a\n");
	assert_int_equal(coldplug_changed(c), 1);
	/* What was read stays. */
	assert_int_equal(coldplug_config(c, COLDPLUG_CONFIG_ALIAS, &list), 1);
	assert_int_equal(coldplug_changed(c), 1);
	coldplug_free(c);
	c = open_it();
	assert_int_equal(coldplug_config(c, COLDPLUG_CONFIG_ALIAS, &list), 2);
	assert_int_equal(coldplug_changed(c), 0);
	coldplug_free(c);
	snprintf(path, sizeof(path), "%s/etc/modprobe.d/z.conf", dir);
	remove(path);
}

static void sections_and_symbols_are_listed(void **state)
{
	const struct coldplug_module none = { .name = "x" };
	const struct coldplug_section *sections;
	const struct coldplug_symbol *symbols;
	const struct coldplug_module *list;
	struct coldplug *c = open_it();

	put("sys/module/x_y/sections/.text", "0xffffffffc0001000\n");
	put("sys/module/x_y/sections/.bss", "0x0\n");
	assert_int_equal(coldplug_sections(c, "x-y", &sections), 2);
	assert_string_equal(sections[0].name, ".bss");
	assert_string_equal(sections[1].name, ".text");
	assert_true(sections[1].address == UINT64_C(0xffffffffc0001000));
	assert_int_equal(coldplug_sections(c, "nobody", &sections), 0);
	assert_int_equal(coldplug_sections(c, "", &sections), 0);
	/* Of symbols reference/library.c knows more. */
	put("etc/x-y.ko", "no module");
	assert_int_equal(coldplug_modules(c, "etc/x-y.ko", COLDPLUG_BY_FILE, &list), 1);
	assert_int_equal(coldplug_symbols(c, list, COLDPLUG_SYMBOLS_UNDEFINED, &symbols), -ENOEXEC);
	assert_int_equal(coldplug_symbols(c, list, (enum coldplug_symbols)77, &symbols), -EINVAL);
	assert_int_equal(coldplug_symbols(c, &none, COLDPLUG_SYMBOLS_NEEDED, &symbols), -ENOENT);
	coldplug_free(c);
}

static void device_nodes_are_listed(void **state)
{
	struct coldplug *c = open_it();
	const struct coldplug_node *nodes;
	char path[512];

	assert_int_equal(coldplug_nodes(c, &nodes), -ENOENT);
	put("lib/modules/1.0/modules.devname", "# nodes\nfuse fuse c10:229\nbroken\n");
	assert_int_equal(coldplug_nodes(c, &nodes), 1);
	assert_string_equal(nodes[0].module, "fuse");
	assert_string_equal(nodes[0].name, "fuse");
	assert_int_equal(nodes[0].type, 'c');
	assert_int_equal(nodes[0].major, 10);
	assert_int_equal(nodes[0].minor, 229);
	assert_int_equal(coldplug_exit_code(c), 2);
	snprintf(path, sizeof(path), "%s/lib/modules/1.0/modules.devname", dir);
	remove(path);
	coldplug_free(c);
}

static void a_module_can_be_asked_about_and_changed_alone(void **state)
{
	struct coldplug *c = open_it();
	struct coldplug_loaded m;

	put("sys/module/live/initstate", "live\n");
	put("sys/module/live/refcnt", "0\n");
	assert_int_equal(coldplug_initstate(c, "live", &m), 0);
	assert_int_equal(m.initstate, COLDPLUG_INIT_LIVE);
	assert_int_equal(m.refcount, 0);
	assert_int_equal(coldplug_initstate(c, "nobody", &m), 0);
	assert_int_equal(m.initstate, COLDPLUG_INIT_ABSENT);
	/* It is a dry run. */
	assert_int_equal(coldplug_remove_module(c, "live", 0), 0);
	assert_int_equal(coldplug_insert_fd(c, 0, NULL), 0);
	coldplug_free(c);
}

static void json_and_reports_are_whole(void **state)
{
	struct coldplug *c = open_it();
	char path[64], *text, first[2];
	FILE *f;

	snprintf(path, sizeof(path), "%s/report", dir);
	assert_int_equal(coldplug_set_report(c, path), 0);
	assert_int_equal(coldplug_run(c), 0);
	assert_int_equal(coldplug_json(c, COLDPLUG_JSON_PLAN, &text), 0);
	assert_int_equal(text[0], '{');
	assert_int_equal(text[strlen(text) - 1], '}');
	free(text);
	assert_int_equal(coldplug_json(c, COLDPLUG_JSON_LOADED, &text), 0);
	assert_non_null(strstr(text, "\"b\""));
	free(text);
	assert_int_equal(coldplug_finish(c), 0);
	f = fopen(path, "re");
	assert_non_null(f);
	assert_int_equal(fread(first, 1, 1, f), 1);
	assert_int_equal(first[0], '{');
	fclose(f);
	coldplug_free(c);
}

static int take_act(void *userdata, const struct coldplug_act *act)
{
	size_t n = strlen(messages);

	assert_ptr_equal(userdata, messages);
	snprintf(messages + n, sizeof(messages) - n, "%d %s %s; ", (int)act->kind, act->module,
		 act->params ? act->params : "-");
	return 0;
}

static void one_name_at_a_time(void **state)
{
	struct coldplug *c = open_it();
	char *text, want[256];

	coldplug_set_act(c, take_act, messages);
	assert_int_equal(coldplug_match(c, "pci:v1d2"), 0);
	assert_int_equal(coldplug_insert(c, "pci:v1d2", "y=2"), 0);
	assert_int_equal(coldplug_insert(c, "nobody", NULL), -ENOENT);
	/* Nothing of it is loaded here, and black only when it is asked for by its name. */
	snprintf(want, sizeof(want), "%d a -; %d black -; %d b ; %d s ; %d a x=1 y=2; ", COLDPLUG_ACT_MATCH,
		 COLDPLUG_ACT_MATCH, COLDPLUG_ACT_INSMOD, COLDPLUG_ACT_INSMOD, COLDPLUG_ACT_INSMOD);
	assert_string_equal(messages, want);
	assert_int_equal(coldplug_remove(c, "a", 0), 0);
	assert_int_equal(coldplug_remove(c, "]", 0), -EINVAL);
	assert_int_equal(coldplug_set_module_root(c, "/"), -EBUSY);
	assert_string_equal(coldplug_module_directory(c) + strlen(dir), "/lib/modules/1.0");
	assert_int_equal(coldplug_config_text(c, &text), 0);
	assert_non_null(strstr(text, "softdep a pre: s\n"));
	assert_non_null(strstr(text, "alias usb:* b\n"));
	free(text);
	coldplug_free(c);
}

/* Its modules are no ELF files here: told as lost, and listed all the same. */
static void an_image_needs_files(void **state)
{
	const struct coldplug_file *files;
	struct coldplug *c = open_it();

	assert_int_equal(coldplug_want(c, "a", NULL), 1);
	assert_int_equal(coldplug_closure(c, NULL, &files), -EINVAL);
	coldplug_free(c);

	c = open_it();
	assert_int_equal(coldplug_set_flag(c, COLDPLUG_IGNORE_LOADED, true), 0);
	assert_int_equal(coldplug_set_flag(c, COLDPLUG_FIRMWARE, false), 0);
	assert_int_equal(coldplug_set_flag(c, COLDPLUG_COMPANIONS, false), 0);
	assert_int_equal(coldplug_closure(c, NULL, &files), 0);
	assert_int_equal(coldplug_want(c, "black", NULL), 1);
	assert_int_equal(coldplug_want_loaded(c), 0);
	assert_int_equal(coldplug_closure(c, NULL, &files), 2); /* b is loaded */
	assert_string_equal(files[0].name, "b");
	assert_int_equal(coldplug_want(c, "a", NULL), 1);
	assert_int_equal(coldplug_closure(c, NULL, &files), 4);
	assert_int_equal(files[3].kind, COLDPLUG_FILE_MODULE);
	assert_string_equal(files[3].name, "s");
	assert_non_null(strstr(files[3].path, "/lib/modules/1.0/kernel/s.ko"));
	assert_null(files[3].by);
	assert_int_equal(coldplug_closure(c, "/nowhere", &files), -ENOENT);
	assert_int_equal(coldplug_exit_code(c), 2);
	assert_non_null(strstr(messages, "kernel/s.ko: No such file"));
	coldplug_free(c);
}

static void why_there_is_no_image_is_told(void **state)
{
#ifdef HAVE_TOOLS
	static const char *const none[] = { "none", NULL }, *const nosuch[] = { "nosuch", NULL };
	static const struct {
		struct coldplug_image image;
		int r;
		const char *told;
	} rows[] = {
		{ { .types = none, .compression = "bzip2" },
		  -EINVAL,
		  "-c bzip2: not supported; this coldplug supports none" },
		{ { .types = none, .output = "/" }, -EINVAL, "-o /: is a directory" },
		{ { .types = none, .output = "/no/where" }, -ENOENT, "there is no directory" },
		{ { .types = none }, -EINVAL, "name modules with -m" },
		{ { .types = none, .names = nosuch }, -ENOENT, "module 'nosuch': not found" },
		{ { .types = none, .machine = true }, -EIO, "the image would not be complete" },
	};
	struct coldplug_image image = {};
	struct coldplug *c;

	for (size_t i = 0; i < SIZE(rows); i++) {
		c = open_it();
		image = rows[i].image;
		assert_int_equal(coldplug_image(c, &image), rows[i].r);
		assert_non_null(strstr(messages, rows[i].told));
		assert_int_equal(image.size, 0);
		coldplug_free(c);
	}
	c = open_it();
	assert_int_equal(coldplug_want(c, "a", NULL), 1);
	assert_int_equal(coldplug_image(c, &image), -EBUSY);
	coldplug_free(c);
#else
	struct coldplug *c = open_it();

	assert_int_equal(coldplug_image(c, &(struct coldplug_image){}), -EOPNOTSUPP);
	coldplug_free(c);
#endif
}

/* The root of these tests has no devices, but a file is looked into as well. */
static void what_is_on_a_device_is_told(void **state)
{
	struct coldplug *c = open_it();
	const char *types = "untouched";
	int r = coldplug_signatures(c, "/proc/cmdline", &types);

	assert_true(r == 0 || r == -EOPNOTSUPP);
	assert_string_equal(types, r == 0 ? "" : "untouched");
	types = "untouched";
	r = coldplug_signatures(c, "/dev/none", &types);
	assert_true(r == -ENOENT || r == -EOPNOTSUPP);
	assert_string_equal(types, "untouched");
	coldplug_free(c);
}

static void contexts_are_independent(void **state)
{
	struct coldplug *a = open_it(), *b = open_it();
	const char *const *x, *const *y;

	assert_int_equal(coldplug_resolve(a, "usb:1", &x), 1);
	assert_int_equal(coldplug_resolve(b, "pci:v1d2", &y), 2);
	assert_string_equal(x[0], "b");
	coldplug_free(a);
	assert_string_equal(y[1], "black");
	coldplug_free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_context_can_be_made_and_freed_unused),
		cmocka_unit_test(another_root_means_a_dry_run_unless_said_otherwise),
		cmocka_unit_test(settings_come_first),
		cmocka_unit_test(what_loads_alone_is_a_name),
		cmocka_unit_test(a_release_is_a_name),
		cmocka_unit_test(a_root_that_is_not_there_is_an_error),
		cmocka_unit_test(an_alias_means_modules),
		cmocka_unit_test(ten_lines_do_the_job),
		cmocka_unit_test(every_reason_is_told),
		cmocka_unit_test(what_is_withheld_counts_once),
		cmocka_unit_test(config_paths_are_the_callers),
		cmocka_unit_test(a_list_needs_no_modules_directory),
		cmocka_unit_test(what_nothing_has_counts_as_failed),
		cmocka_unit_test(parameters_have_a_limit),
		cmocka_unit_test(loaded_modules_are_listed),
		cmocka_unit_test(modules_have_paths),
		cmocka_unit_test(modules_say_what_they_are),
		cmocka_unit_test(relations_firmware_and_values_are_listed),
		cmocka_unit_test(the_configuration_is_listed),
		cmocka_unit_test(indexes_are_listed),
		cmocka_unit_test(what_is_said_of_a_module_is_listed),
		cmocka_unit_test(a_change_is_noticed),
		cmocka_unit_test(sections_and_symbols_are_listed),
		cmocka_unit_test(device_nodes_are_listed),
		cmocka_unit_test(a_module_can_be_asked_about_and_changed_alone),
		cmocka_unit_test(json_and_reports_are_whole),
		cmocka_unit_test(one_name_at_a_time),
		cmocka_unit_test(an_image_needs_files),
		cmocka_unit_test(why_there_is_no_image_is_told),
		cmocka_unit_test(what_is_on_a_device_is_told),
		cmocka_unit_test(contexts_are_independent),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
