/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* depmod(8): makes the index files of a kernel release. */
#include <errno.h>
#include <getopt.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <coldplug.h>

#include "programs/applets.h"
#include "programs/kmod/front.h"
#include "programs/kmod/log.h"
#include "programs/output.h"

#define MODULES "lib/modules"

static const struct option options[] = {
	{ "all", no_argument, NULL, 'a' },
	{ "quick", no_argument, NULL, 'A' },
	{ "basedir", required_argument, NULL, 'b' },
	{ "moduledir", required_argument, NULL, 'm' },
	{ "outdir", required_argument, NULL, 'o' },
	{ "config", required_argument, NULL, 'C' },
	{ "symvers", required_argument, NULL, 'E' },
	{ "filesyms", required_argument, NULL, 'F' },
	{ "errsyms", no_argument, NULL, 'e' },
	{ "verbose", no_argument, NULL, 'v' },
	{ "show", no_argument, NULL, 'n' },
	{ "dry-run", no_argument, NULL, 'n' },
	{ "symbol-prefix", required_argument, NULL, 'P' },
	{ "warn", no_argument, NULL, 'w' },
	{ "version", no_argument, NULL, 'V' },
	{ "help", no_argument, NULL, 'h' },
	{},
};

struct depmod {
	struct coldplug_depmod how;
	bool all;
	int level;
	const char *base, *modules, *output_base;
	const char **config_paths; /* one for each argument */
	size_t n_config_paths;
	char *directory, *output;
};

static void help(void)
{
	fputs("Usage: depmod [OPTION...] [KVER [FILE...]]\n\n"
	      "Makes the index files of a kernel release, which modprobe reads, of its modules.\n\n"
	      "  -a, --all                 look at all modules of the release; the default without files\n"
	      "  -A, --quick               do nothing if no module is newer than modules.dep\n"
	      "  -b, --basedir DIR         use the modules below DIR\n"
	      "  -m, --moduledir DIR       use DIR below it instead of lib/modules\n"
	      "  -o, --outdir DIR          write the files below DIR\n"
	      "  -C, --config PATH         read this file or directory instead of depmod.d\n"
	      "  -e, --errsyms             report symbols that neither the kernel nor a module has\n"
	      "  -E, --symvers FILE        take the kernel's symbols from Module.symvers, and check versions\n"
	      "  -F, --filesyms FILE       take the kernel's symbols from System.map\n"
	      "  -n, --show, --dry-run     print the texts and write nothing\n"
	      "  -P, --symbol-prefix CHAR  symbols begin with this character\n"
	      "  -v, --verbose             print which module needs which\n"
	      "  -w, --warn                report aliases that a module has twice\n"
	      "  -V, --version             print the version\n"
	      "  -h, --help                print this help\n",
	      stdout);
}

/* What -v adds is an answer, and goes to standard output. */
static void take_message(void *userdata, int level, const char *message)
{
	if (level == LOG_NOTICE)
		output_printf("%s\n", message);
	else
		kmod_log(level, "%s", message);
}

static void print_text(void *userdata, const char *name, const char *text, size_t size)
{
	fwrite(text, 1, size, stdout);
}

/* The path from the root, to be freed; NULL: a message has said why. */
static char *absolute(const char *path)
{
	char *cwd = path[0] == '/' ? NULL : getcwd(NULL, 0), *whole = NULL;

	if (path[0] == '/')
		whole = strdup(path);
	else if (cwd && asprintf(&whole, "%s/%s", cwd, path) < 0)
		whole = NULL;
	if (!whole)
		kmod_log(LOG_ERR, "%s: %s", path, strerror(errno));
	free(cwd);
	return whole;
}

/* Returns 0, or 1 + the exit code. */
static int take_prefix(struct depmod *d)
{
	if (strlen(optarg) != 1) {
		kmod_log(LOG_CRIT, "-P only takes a single char");
		return 2;
	}
	d->how.symbol_prefix = optarg[0];
	return 0;
}

static bool take_flag(struct depmod *d, int option)
{
	switch (option) {
	case 'a':
		d->all = true;
		return true;
	case 'A':
		d->how.quick = true;
		return true;
	case 'e':
		d->how.unknown_symbols = true;
		return true;
	case 'n':
		d->how.text = print_text;
		return true;
	case 'v':
		d->level++;
		return true;
	case 'w':
		d->how.duplicates = true;
		return true;
	default:
		return false;
	}
}

/* Returns 0, or 1 + the exit code. */
static int take_option(struct depmod *d, int option)
{
	if (take_flag(d, option))
		return 0;
	switch (option) {
	case 'b':
		d->base = optarg;
		return 0;
	case 'm':
		d->modules = optarg;
		return 0;
	case 'o':
		d->output_base = optarg;
		return 0;
	case 'C':
		d->config_paths[d->n_config_paths++] = optarg;
		return 0;
	case 'E':
		d->how.symvers = optarg;
		return 0;
	case 'F':
		d->how.system_map = optarg;
		return 0;
	case 'P':
		return take_prefix(d);
	case 'V':
		kmod_version("depmod");
		return 1 + kmod_end(false);
	case 'h':
		help();
		return 1 + kmod_end(false);
	default:
		return 2;
	}
}

static bool is_release(const char *word)
{
	unsigned int first, second;

	return sscanf(word, "%u.%u", &first, &second) == 2;
}

static int no_memory(void)
{
	kmod_log(LOG_ERR, "Out of memory!");
	return 1;
}

/* NULL: a message has said why. */
static char *directory_below(const struct depmod *d, const char *base, const char *modules)
{
	char *root = base ? absolute(base) : NULL, *directory;

	if (base && !root)
		return NULL;
	if (asprintf(&directory, "%s/%s/%s", root ?: "", modules + strspn(modules, "/"), d->how.release) <
	    0) {
		no_memory();
		directory = NULL;
	}
	free(root);
	return directory;
}

/* Finds lib/modules/RELEASE, else usr/lib/modules/RELEASE. */
static bool find_directories(struct depmod *d)
{
	const char *modules = d->modules ?: MODULES;

	d->directory = directory_below(d, d->base, modules);
	if (d->directory && !d->modules && access(d->directory, F_OK) < 0) {
		char *other = directory_below(d, d->base, "usr/" MODULES);

		if (other && !access(other, F_OK)) {
			free(d->directory);
			d->directory = other;
			modules = "usr/" MODULES;
		} else {
			free(other);
		}
	}
	if (d->output_base)
		d->output = directory_below(d, d->output_base, modules);
	d->how.directory = d->directory;
	d->how.output = d->output;
	return d->directory && (!d->output_base || d->output);
}

/* The arguments of -C may be relative. */
static bool find_config(struct depmod *d)
{
	bool found = true;

	for (size_t i = 0; i < d->n_config_paths; i++) {
		d->config_paths[i] = absolute(d->config_paths[i]);
		found &= d->config_paths[i] != NULL;
	}
	d->how.config_paths = d->n_config_paths ? d->config_paths : NULL;
	return found;
}

static int make(struct depmod *d)
{
	struct coldplug *c = kmod_context(d->level);
	int r;

	if (!c)
		return 1;
	coldplug_set_log(c, take_message, NULL, d->level);
	r = coldplug_depmod(c, &d->how);
	if (r == -ENOMEM)
		no_memory();
	coldplug_free(c);
	return kmod_end(r < 0);
}

/* words: a release and files, both or the latter of which may be missing. */
static int run(struct depmod *d, char **words)
{
	struct utsname un;

	if (*words && !is_release(*words)) {
		kmod_log(LOG_ERR, "Bad version passed %s", *words);
		return 1;
	}
	uname(&un);
	d->how.release = *words ? *words++ : un.release;
	d->how.files = *words && !d->all && !d->how.quick ? (const char *const *)words : NULL;
	if (!find_directories(d) || !find_config(d))
		return 1;
	return make(d);
}

int depmod_main(int argc, char **argv)
{
	struct depmod d = { .level = LOG_WARNING, .config_paths = calloc((size_t)argc + 1, sizeof(char *)) };
	int option, r = 0;

	kmod_begin();
	if (!d.config_paths)
		return no_memory();
	while (!r && (option = getopt_long(argc, argv, "aAb:m:o:C:E:F:evnP:wVh", options, NULL)) != -1)
		r = take_option(&d, option);
	r = r ? r - 1 : run(&d, argv + optind);
	for (size_t i = 0; d.how.config_paths && i < d.n_config_paths; i++)
		free((void *)(uintptr_t)d.config_paths[i]);
	free(d.config_paths);
	free(d.directory);
	free(d.output);
	return r;
}
