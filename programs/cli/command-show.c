/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* show: what is known about a module, as text or as JSON. Each put_...() writes one entry of either. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "programs/cli/cli.h"
#include "programs/cli/json-write.h"

struct show {
	struct cli *cli;
	bool json;
	struct json_writer out;
	const struct coldplug_module *module;
	const struct coldplug_field *fields;
	int64_t n_fields;
	bool failed; /* a module was not found */
	bool lost;   /* a file could not be read */
};

/* A line of the text begins with the key, whose '_' is a blank there. */
static void put_label(const char *key)
{
	int n = 0;

	fputs("  ", stdout);
	for (; key[n]; n++)
		putchar(key[n] == '_' ? ' ' : key[n]);
	printf("%*s", n < 12 ? 13 - n : 1, "");
}

static void put_text(struct show *s, const char *key, const char *value)
{
	if (s->json) {
		json_write_string(&s->out, key, value);
	} else if (value) {
		put_label(key);
		output_printf("%s\n", value);
	}
}

static void put_number(struct show *s, const char *key, int64_t value, const char *unit)
{
	if (s->json) {
		json_write_number(&s->out, key, value);
	} else {
		put_label(key);
		printf("%" PRId64 "%s\n", value, unit);
	}
}

/* An empty list is no line of the text. */
static void put_names(struct show *s, const char *key, const char *const *names, int64_t n)
{
	if (s->json) {
		json_write_open(&s->out, key, '[');
		for (int64_t i = 0; i < n; i++)
			json_write_string(&s->out, NULL, names[i]);
		json_write_close(&s->out, ']');
		return;
	}
	if (n > 0)
		put_label(key);
	for (int64_t i = 0; i < n; i++)
		output_printf("%s%s", i ? ", " : "", names[i]);
	if (n > 0)
		putchar('\n');
}

/* Begins or ends a list whose entries are objects, or lines below a heading. */
static void open_list(struct show *s, const char *key, bool empty)
{
	if (s->json)
		json_write_open(&s->out, key, '[');
	else if (!empty)
		printf("  %s\n", key);
}

static void close_list(struct show *s)
{
	if (s->json)
		json_write_close(&s->out, ']');
}

static const char *field(const struct show *s, const char *key)
{
	for (int64_t i = 0; i < s->n_fields; i++)
		if (!strcmp(s->fields[i].key, key))
			return s->fields[i].value;
	return NULL;
}

static const char *state_of(const struct show *s, const struct coldplug_loaded *m)
{
	static const char *const words[] = {
		[COLDPLUG_INIT_ABSENT] = "not loaded", [COLDPLUG_INIT_COMING] = "loading",
		[COLDPLUG_INIT_LIVE] = "loaded",       [COLDPLUG_INIT_GOING] = "unloading",
		[COLDPLUG_INIT_BUILTIN] = "built in",
	};

	return words[s->module->builtin ? COLDPLUG_INIT_BUILTIN : m->initstate];
}

static int put_holders(struct show *s, const struct coldplug_loaded *m)
{
	char *copy, *save = NULL;

	if (!s->json && *m->holders)
		put_text(s, "holders", m->holders);
	if (!s->json)
		return 0;
	copy = strdup(m->holders);
	if (!copy)
		return -ENOMEM;
	json_write_open(&s->out, "holders", '[');
	for (char *p = strtok_r(copy, ",", &save); p; p = strtok_r(NULL, ",", &save))
		json_write_string(&s->out, NULL, p);
	json_write_close(&s->out, ']');
	free(copy);
	return 0;
}

static int put_state(struct show *s)
{
	struct coldplug_loaded m;
	int r = coldplug_initstate(s->cli->c, s->module->name, &m);

	if (r < 0)
		return r;
	put_text(s, "state", state_of(s, &m));
	if (m.size)
		put_number(s, "size", (int64_t)m.size, " bytes");
	if (m.refcount >= 0)
		put_number(s, "refcount", m.refcount, "");
	return put_holders(s, &m);
}

static void put_file(struct show *s)
{
	struct stat st;

	put_text(s, "path", s->module->path);
	if (!s->module->path)
		return;
	if (!stat(s->module->path, &st)) {
		put_number(s, "file_size", (int64_t)st.st_size, " bytes");
	} else if (errno != ENOENT) {
		/* That a file is not there is said when it is read. */
		output_message("coldplug show: %s: the size is not known: %s\n", s->module->path,
			       strerror(errno));
		s->lost = true;
	}
}

static void put_fields(struct show *s)
{
	static const char *const keys[] = { "description", "version",  "license",
					    "srcversion",  "vermagic", "signer" };

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		put_text(s, keys[i], field(s, keys[i]));
}

static int put_related(struct show *s, const char *key, enum coldplug_relation relation)
{
	const char *const *names;
	int64_t n = coldplug_related(s->cli->c, s->module->name, relation, &names);

	if (n >= 0)
		put_names(s, key, names, n);
	return n < 0 ? (int)n : 0;
}

static const char *value_of(const struct coldplug_value *values, int64_t n, const char *name, size_t len)
{
	for (int64_t i = 0; i < n; i++)
		if (!strncmp(values[i].name, name, len) && !values[i].name[len])
			return values[i].value;
	return NULL;
}

/* What stands behind "NAME:" in a field of this key, or NULL. */
static const char *about(const struct show *s, const char *key, const char *name, size_t len)
{
	for (int64_t i = 0; i < s->n_fields; i++)
		if (!strcmp(s->fields[i].key, key) && !strncmp(s->fields[i].value, name, len) &&
		    s->fields[i].value[len] == ':')
			return s->fields[i].value + len + 1;
	return NULL;
}

static int put_parameter(struct show *s, const char *name, size_t len, const char *value)
{
	const char *type = about(s, "parmtype", name, len), *text = about(s, "parm", name, len);
	char *copy = strndup(name, len);

	if (!copy)
		return -ENOMEM;
	if (s->json) {
		json_write_open(&s->out, NULL, '{');
		json_write_string(&s->out, "name", copy);
		json_write_string(&s->out, "type", type);
		json_write_string(&s->out, "value", value);
		json_write_string(&s->out, "description", text);
		json_write_close(&s->out, '}');
	} else {
		output_printf("    %s%s%s%s%s%s\n", copy, value ? "=" : "", value ? value : "",
			      type ? " (" : "", type ? type : "", type ? ")" : "");
		if (text)
			output_printf("        %s\n", text);
	}
	free(copy);
	return 0;
}

/* Whether the field is the first that is about this parameter. */
static bool is_first(const struct show *s, int64_t i, size_t len)
{
	const char *name = s->fields[i].value;

	for (int64_t k = 0; k < i; k++)
		if ((!strcmp(s->fields[k].key, "parm") || !strcmp(s->fields[k].key, "parmtype")) &&
		    !strncmp(s->fields[k].value, name, len + 1))
			return false;
	return true;
}

static bool is_parameter(const struct coldplug_field *f)
{
	return (!strcmp(f->key, "parm") || !strcmp(f->key, "parmtype")) && strchr(f->value, ':');
}

static bool has_parameter(const struct show *s)
{
	for (int64_t i = 0; i < s->n_fields; i++)
		if (is_parameter(&s->fields[i]))
			return true;
	return false;
}

static int put_described(struct show *s, const struct coldplug_value *values, int64_t n)
{
	int r = 0;

	for (int64_t i = 0; i < s->n_fields && !r; i++) {
		const char *name = s->fields[i].value;
		size_t len = strcspn(name, ":");

		if (is_parameter(&s->fields[i]) && is_first(s, i, len))
			r = put_parameter(s, name, len, value_of(values, n, name, len));
	}
	return r;
}

/* The kernel has some parameters that no field is about. */
static int put_others(struct show *s, const struct coldplug_value *values, int64_t n)
{
	int r = 0;

	for (int64_t i = 0; i < n && !r; i++) {
		const char *name = values[i].name;
		size_t len = strlen(name);

		if (!about(s, "parm", name, len) && !about(s, "parmtype", name, len))
			r = put_parameter(s, name, len, values[i].value);
	}
	return r;
}

static int put_parameters(struct show *s)
{
	const struct coldplug_value *values;
	int64_t n = coldplug_values(s->cli->c, s->module->name, &values);
	int r;

	if (n < 0)
		return (int)n;
	open_list(s, "parameters", n == 0 && !has_parameter(s));
	r = put_described(s, values, n);
	if (!r)
		r = put_others(s, values, n);
	close_list(s);
	return r;
}

static int put_one_firmware(struct show *s, const char *name)
{
	const char *const *paths;
	int64_t n = coldplug_firmware(s->cli->c, name, &paths);

	if (n < 0)
		return (int)n;
	if (s->json) {
		json_write_open(&s->out, NULL, '{');
		json_write_string(&s->out, "name", name);
		put_names(s, "files", paths, n);
		json_write_close(&s->out, '}');
	} else {
		output_printf("    %s%s\n", name, n ? "" : " (missing)");
		for (int64_t i = 0; i < n; i++)
			output_printf("        %s\n", paths[i]);
	}
	return 0;
}

static int put_firmware(struct show *s)
{
	int r = 0;

	open_list(s, "firmware", !field(s, "firmware"));
	for (int64_t i = 0; i < s->n_fields && !r; i++)
		if (!strcmp(s->fields[i].key, "firmware"))
			r = put_one_firmware(s, s->fields[i].value);
	close_list(s);
	return r;
}

static void put_device(struct show *s, const struct coldplug_reason *r)
{
	bool withheld = r->why != COLDPLUG_WHY_DEVICE;

	if (s->json) {
		json_write_open(&s->out, NULL, '{');
		json_write_string(&s->out, "device", r->device);
		json_write_string(&s->out, "alias", r->alias);
		json_write_string(&s->out, "pattern", r->pattern);
		json_write_bool(&s->out, "withheld", withheld);
		json_write_close(&s->out, '}');
	} else {
		output_printf("    %s%s\n        %s\n", r->device,
			      withheld ? " (withheld, see coldplug why)" : "", r->alias);
	}
}

static bool is_of_device(const struct coldplug_reason *r)
{
	return r->device && r->alias;
}

static int put_devices(struct show *s)
{
	const struct coldplug_reason *list;
	int64_t n = coldplug_why(s->cli->c, s->module->name, &list);
	bool any = false;

	if (n < 0)
		return (int)n;
	for (int64_t i = 0; i < n; i++)
		any |= is_of_device(&list[i]);
	open_list(s, "devices", !any);
	for (int64_t i = 0; i < n; i++)
		if (is_of_device(&list[i]))
			put_device(s, &list[i]);
	close_list(s);
	return 0;
}

/* What a file cannot say is left out. Kernels before 5.2 say nothing of what is built in. */
static int read_fields(struct show *s)
{
	int64_t n = coldplug_modinfo(s->cli->c, s->module, &s->fields);

	s->n_fields = n < 0 ? 0 : n;
	if (n >= 0 || n == -ENOMEM || (n == -ENOENT && !s->module->path))
		return n == -ENOMEM ? -ENOMEM : 0;
	output_message("coldplug show: %s cannot be read: %s\n",
		       s->module->path ? s->module->path : s->module->name, strerror((int)-n));
	s->lost = true;
	return 0;
}

static int put_module(struct show *s)
{
	int r = read_fields(s);

	if (r < 0)
		return r;
	if (s->json) {
		json_write_open(&s->out, NULL, '{');
		json_write_string(&s->out, "module", s->module->name);
	} else {
		output_printf("%s\n", s->module->name);
	}
	put_file(s);
	put_fields(s);
	r = put_state(s);
	if (!r)
		r = put_related(s, "needs", COLDPLUG_NEEDS);
	if (!r)
		r = put_related(s, "needed_by", COLDPLUG_NEEDED_BY);
	if (!r)
		r = put_parameters(s);
	if (!r)
		r = put_firmware(s);
	if (!r)
		r = put_devices(s);
	if (s->json)
		json_write_close(&s->out, '}');
	return r;
}

static bool is_path(const char *word)
{
	return word[0] == '/' || !strncmp(word, "./", 2) || !strncmp(word, "../", 3);
}

static int put_word(struct show *s, const char *word)
{
	enum coldplug_by by = is_path(word) ? COLDPLUG_BY_FILE : COLDPLUG_BY_ALIAS;
	const struct coldplug_module *list;
	int64_t n = coldplug_modules(s->cli->c, word, by, &list);
	int r = 0;

	if (n == -ENOMEM)
		return -ENOMEM;
	if (n <= 0) {
		output_message("coldplug show: there is no module '%s'\n", word);
		s->failed = true;
	}
	for (int64_t i = 0; i < n && !r; i++) {
		s->module = &list[i];
		r = put_module(s);
	}
	return r;
}

/* Requests the modules of the devices, so that their reasons are known. A tree need not have any. */
static int walk(struct cli *cli)
{
	char *path = NULL;
	int64_t r;

	if (asprintf(&path, "%s/sys/devices", cli->image.root ? cli->image.root : "") < 0)
		return -ENOMEM;
	r = access(path, F_OK) < 0 && errno == ENOENT ? 0 : coldplug_walk(cli->c);
	free(path);
	if (r >= 0)
		r = coldplug_plan(cli->c);
	return r < 0 ? (int)r : 0;
}

int command_show(struct cli *cli)
{
	struct show s = { .cli = cli, .json = cli->json };
	int code, r;

	if (!cli->n_args) {
		fprintf(stderr, "coldplug show: no module was named\n");
		return EXIT_USAGE;
	}
	coldplug_set_flag(cli->c, COLDPLUG_DRY_RUN, true);
	/* The modules that are loaded have devices too. */
	coldplug_set_flag(cli->c, COLDPLUG_IGNORE_LOADED, true);
	r = walk(cli);
	if (r < 0)
		return cli_fail(cli, r, "cannot look at the devices");
	if (s.json)
		json_write_open(&s.out, NULL, '[');
	for (int i = 0; !r && i < cli->n_args; i++)
		r = put_word(&s, cli->args[i]);
	if (s.json)
		puts("]");
	if (r < 0)
		return cli_fail(cli, r, "cannot show the module");
	code = cli_exit_code_of_plan(cli);
	if (s.lost && code < EXIT_INPUT)
		code = EXIT_INPUT;
	return code || !s.failed ? code : 1;
}
