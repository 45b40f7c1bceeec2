/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* modinfo(8): what modules say of themselves. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <coldplug.h>

#include "programs/applets.h"
#include "programs/kmod/front.h"
#include "programs/kmod/log.h"
#include "programs/output.h"

static const struct option options[] = {
	{ "author", no_argument, NULL, 'a' },
	{ "description", no_argument, NULL, 'd' },
	{ "license", no_argument, NULL, 'l' },
	{ "parameters", no_argument, NULL, 'p' },
	{ "filename", no_argument, NULL, 'n' },
	{ "null", no_argument, NULL, '0' },
	{ "modname", no_argument, NULL, 'm' },
	{ "field", required_argument, NULL, 'F' },
	{ "set-version", required_argument, NULL, 'k' },
	{ "basedir", required_argument, NULL, 'b' },
	{ "version", no_argument, NULL, 'V' },
	{ "help", no_argument, NULL, 'h' },
	{},
};

/* A parameter of a module: "parm" has its text, "parmtype" its type; one of them may be missing. */
struct parameter {
	const char *name;
	int n_name;
	const char *text;
	const char *type;
};

struct modinfo {
	struct coldplug *c;
	const char *field; /* the only one that is printed, or NULL */
	char end;	   /* of each line */
	bool by_name;
	const char *release;
	const char *base;
	struct parameter *parameters;
	size_t n_parameters;
};

static void help(void)
{
	fputs("Usage: modinfo [OPTION...] MODULE|ALIAS|FILE...\n\n"
	      "Prints what modules say of themselves.\n\n"
	      "  -F, --field FIELD         print only the values of this field\n"
	      "  -a, --author              print only the field author\n"
	      "  -d, --description         print only the field description\n"
	      "  -l, --license             print only the field license\n"
	      "  -p, --parameters          print only the parameters\n"
	      "  -n, --filename            print only the path of the file\n"
	      "  -0, --null                end lines with a NUL, not with a newline\n"
	      "  -m, --modname             take the words as names, not as aliases or files\n"
	      "  -k, --set-version KVER    use the modules of this kernel release\n"
	      "  -b, --basedir DIR         use lib/modules of DIR\n"
	      "  -V, --version             print the version\n"
	      "  -h, --help                print this help\n\n"
	      "-F build-id prints the build id of a file.\n",
	      stdout);
}

static bool is_field(const struct modinfo *m, const char *name)
{
	return m->field && !strcmp(m->field, name);
}

static struct parameter *find_parameter(struct modinfo *m, const char *name, size_t n)
{
	for (size_t i = 0; i < m->n_parameters; i++)
		if ((size_t)m->parameters[i].n_name == n && !memcmp(m->parameters[i].name, name, n))
			return &m->parameters[i];
	m->parameters[m->n_parameters] = (struct parameter){ .name = name, .n_name = (int)n };
	return &m->parameters[m->n_parameters++];
}

static void add_parameter(struct modinfo *m, const struct coldplug_field *f)
{
	const char *colon = strchr(f->value, ':');
	struct parameter *p;

	if (!colon) {
		kmod_log(LOG_ERR, "Found invalid \"%s=%s\": missing ':'", f->key, f->value);
		return;
	}
	p = find_parameter(m, f->value, (size_t)(colon - f->value));
	if (!strcmp(f->key, "parm"))
		p->text = colon + 1;
	else
		p->type = colon + 1;
}

/* Prints the parameters, the last one first, as kmod does; a line of all fields begins with a word, and
 * has the type of a parameter without text right behind its name. */
static void print_parameters(struct modinfo *m)
{
	while (m->n_parameters) {
		const struct parameter *p = &m->parameters[--m->n_parameters];

		output_printf("%s%.*s:", m->field ? "" : "parm:           ", p->n_name, p->name);
		if (p->text)
			output_text(stdout, p->text);
		if (p->type && !p->text && !m->field)
			output_text(stdout, p->type);
		else if (p->type)
			output_printf(" (%s)", p->type);
		putchar(m->end);
	}
}

static void print_field(const struct modinfo *m, const struct coldplug_field *f)
{
	if (!m->field) {
		output_text(stdout, f->key);
		if (m->end)
			printf(":%*s", (int)strlen(f->key) - 15, "");
		else
			putchar('=');
	}
	output_text(stdout, f->value);
	putchar(m->end);
}

static bool is_parameter(const struct coldplug_field *f)
{
	return !strcmp(f->key, "parm") || !strcmp(f->key, "parmtype");
}

/* kmod 34 does not know build ids: one is printed only if it is asked for. */
static bool is_shown(const struct modinfo *m, const struct coldplug_field *f)
{
	return m->field ? !strcmp(m->field, f->key) : f->source != COLDPLUG_FIELD_NOTE;
}

static int print_fields(struct modinfo *m, const struct coldplug_field *fields, int64_t n)
{
	bool only_parameters = is_field(m, "parm");

	m->parameters = calloc((size_t)n + 1, sizeof(*m->parameters));
	if (!m->parameters) {
		kmod_log(LOG_ERR, "Out of memory!");
		return -ENOMEM;
	}
	for (int64_t i = 0; i < n; i++)
		if ((!m->field || only_parameters) && is_parameter(&fields[i]))
			add_parameter(m, &fields[i]);
		else if (!only_parameters && is_shown(m, &fields[i]))
			print_field(m, &fields[i]);
	print_parameters(m);
	free(m->parameters);
	m->parameters = NULL;
	return 0;
}

static void print_line(const struct modinfo *m, const char *word, const char *value)
{
	printf("%s", m->field ? "" : word);
	output_text(stdout, value);
	putchar(m->end);
}

/* Prints the name, if there is no file, and the file. */
static void print_place(const struct modinfo *m, const struct coldplug_module *module)
{
	if (!module->path && (!m->field || is_field(m, "name")))
		print_line(m, "name:           ", module->name);
	if (!m->field || is_field(m, "filename"))
		print_line(m, "filename:       ", module->path ?: "(builtin)");
}

static int print_module(struct modinfo *m, const struct coldplug_module *module)
{
	const struct coldplug_field *fields;
	int64_t n;

	print_place(m, module);
	if (is_field(m, "filename"))
		return 0;
	n = coldplug_modinfo(m->c, module, &fields);
	/* Kernels before 5.2 have no file about what is built in. */
	if (n == -ENOENT && !module->path)
		return 0;
	if (n >= 0)
		return print_fields(m, fields, n);
	kmod_log(LOG_ERR, "could not get modinfo from '%s': %s", module->name, strerror((int)-n));
	return (int)n;
}

static bool is_file(const char *word)
{
	static const char *const suffixes[] = { ".ko", ".ko.gz", ".ko.xz", ".ko.zst" };
	size_t n = strlen(word);
	struct stat st;

	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		size_t n_suffix = strlen(suffixes[i]);

		if (n > n_suffix && !strcmp(word + n - n_suffix, suffixes[i]))
			return !stat(word, &st) && S_ISREG(st.st_mode);
	}
	return false;
}

static void log_not_found(const struct modinfo *m, enum coldplug_by by, const char *word, int64_t n)
{
	if (by == COLDPLUG_BY_NAME)
		kmod_log(LOG_ERR, "Module name %s not found.", word);
	else if (by == COLDPLUG_BY_FILE)
		kmod_log(LOG_ERR, "Module file %s not found.", word);
	else if (n < 0)
		kmod_log(LOG_ERR, "Module alias %s not found.", word);
	else
		kmod_log(LOG_ERR, "Module %s not found.", word);
}

/* Whether all that the word means could be printed. */
static bool print_word(struct modinfo *m, const char *word)
{
	enum coldplug_by by = is_file(word) ? COLDPLUG_BY_FILE : COLDPLUG_BY_ALIAS;
	const struct coldplug_module *modules;
	bool all = true;
	int64_t n;

	if (m->by_name)
		by = COLDPLUG_BY_NAME;
	n = coldplug_modules(m->c, word, by, &modules);
	if (n <= 0) {
		log_not_found(m, by, word, n);
		return false;
	}
	for (int64_t i = 0; i < n; i++)
		all &= !print_module(m, &modules[i]);
	return all;
}

static int print_words(struct modinfo *m, char **words, int n)
{
	static char buffer[64 * 1024];
	int failed = 0, r = 0;

	/* Thousands of modules are asked about in one call. */
	setvbuf(stdout, buffer, _IOFBF, sizeof(buffer));
	m->c = kmod_context(LOG_WARNING);
	if (!m->c)
		return 1;
	if (m->base && *m->base)
		r = coldplug_set_module_root(m->c, m->base);
	if (!r && m->release)
		r = coldplug_set_release(m->c, m->release);
	if (r < 0)
		kmod_log(LOG_ERR, "'%s' is not a kernel release", m->release ?: "");
	for (int i = 0; !r && i < n; i++)
		failed += !print_word(m, words[i]);
	coldplug_free(m->c);
	return kmod_end(r < 0 || failed);
}

/* The field that an option asks for, or NULL. */
static const char *field_of(int option)
{
	switch (option) {
	case 'a':
		return "author";
	case 'd':
		return "description";
	case 'l':
		return "license";
	case 'p':
		return "parm";
	case 'n':
		return "filename";
	case 'F':
		return optarg;
	default:
		return NULL;
	}
}

/* Returns 0, or 1 + the exit code. */
static int take_option(void *userdata, int option)
{
	struct modinfo *m = userdata;
	const char *field = field_of(option);

	if (field) {
		m->field = field;
		return 0;
	}
	switch (option) {
	case '0':
		m->end = '\0';
		return 0;
	case 'm':
		m->by_name = true;
		return 0;
	case 'k':
		m->release = optarg;
		return 0;
	case 'b':
		m->base = optarg;
		return 0;
	default:
		return 2;
	}
}

static const struct kmod_program program = { "modinfo", "adlpn0mF:k:b:Vh", options, help };

int modinfo_main(int argc, char **argv)
{
	struct modinfo m = { .end = '\n' };
	int r;

	kmod_begin();
	r = kmod_options(&program, argc, argv, take_option, &m);
	if (r)
		return r - 1;
	if (optind >= argc) {
		kmod_log(LOG_ERR, "missing module or filename.");
		return 1;
	}
	return print_words(&m, argv + optind, argc - optind);
}
