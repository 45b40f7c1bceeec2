/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The options of modprobe(8): those of kmod 34, and those of kmod 30 that have another name since. */
#include "programs/kmod/modprobe.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <coldplug.h>

#include "programs/kmod/log.h"
#include "programs/output.h"

#define ALL_FORCE \
	(1u << COLDPLUG_FORCE_MODVERSION | 1u << COLDPLUG_FORCE_VERMAGIC | 1u << COLDPLUG_FORCE_REMOVE)

enum long_only { MODVERSION = 1, VERMAGIC, FIRST_TIME, HOLDERS, MODVERSIONS, EXPORTS };

static const char short_options[] = "arw:RibfDcnC:d:S:sqvVh";

static const struct option long_options[] = {
	{ "all", no_argument, NULL, 'a' },
	{ "remove", no_argument, NULL, 'r' },
	{ "remove-dependencies", no_argument, NULL, HOLDERS },
	{ "remove-holders", no_argument, NULL, HOLDERS },
	{ "wait", required_argument, NULL, 'w' },
	{ "resolve-alias", no_argument, NULL, 'R' },
	{ "show-alias", no_argument, NULL, 'R' },
	{ "first-time", no_argument, NULL, FIRST_TIME },
	{ "ignore-install", no_argument, NULL, 'i' },
	{ "ignore-remove", no_argument, NULL, 'i' },
	{ "use-blacklist", no_argument, NULL, 'b' },
	{ "force", no_argument, NULL, 'f' },
	{ "force-modversion", no_argument, NULL, MODVERSION },
	{ "force-vermagic", no_argument, NULL, VERMAGIC },
	{ "show-depends", no_argument, NULL, 'D' },
	{ "showconfig", no_argument, NULL, 'c' },
	{ "show-config", no_argument, NULL, 'c' },
	{ "show-modversions", no_argument, NULL, MODVERSIONS },
	{ "dump-modversions", no_argument, NULL, MODVERSIONS },
	{ "show-exports", no_argument, NULL, EXPORTS },
	{ "dry-run", no_argument, NULL, 'n' },
	{ "show", no_argument, NULL, 'n' },
	{ "config", required_argument, NULL, 'C' },
	{ "dirname", required_argument, NULL, 'd' },
	{ "set-version", required_argument, NULL, 'S' },
	{ "syslog", no_argument, NULL, 's' },
	{ "quiet", no_argument, NULL, 'q' },
	{ "verbose", no_argument, NULL, 'v' },
	{ "version", no_argument, NULL, 'V' },
	{ "help", no_argument, NULL, 'h' },
	{},
};

static void help(void)
{
	fputs("Usage: modprobe [OPTION...] [-i] [-b] MODULE [PARAM=VALUE...]\n"
	      "       modprobe [OPTION...] -a [-i] [-b] MODULE...\n"
	      "       modprobe [OPTION...] -r [-a] [-i] MODULE...\n"
	      "       modprobe [OPTION...] -c\n\n"
	      "  -a, --all             load each MODULE, instead of taking the words after the first as parameters\n"
	      "  -r, --remove          remove modules\n"
	      "      --remove-holders  with -r, remove the modules that use them too\n"
	      "  -w, --wait MSEC       with -r, wait at most so long for a module that is in use\n"
	      "      --first-time      fail if the module is already loaded, or with -r if it is not loaded\n"
	      "  -i, --ignore-install, --ignore-remove\n"
	      "                        ignore install and remove commands and softdeps of the modules named\n"
	      "  -b, --use-blacklist   apply blacklists to module names too, not only to aliases\n"
	      "  -f, --force           the same as --force-modversion --force-vermagic;\n"
	      "                        with -r, remove a module that is in use\n"
	      "      --force-modversion, --force-vermagic\n"
	      "                        ignore the symbol versions, or the version magic, of the module\n"
	      "  -R, --show-alias      print the modules that match a name or alias\n"
	      "  -D, --show-depends    print what would be loaded if no module were loaded\n"
	      "  -c, --show-config     print the configuration and the indexes of aliases\n"
	      "      --show-modversions FILE, --dump-modversions FILE\n"
	      "                        print the symbols that a module needs, with their versions\n"
	      "      --show-exports FILE\n"
	      "                        print the symbols that a module exports, with their versions\n"
	      "  -n, --dry-run         load or remove nothing; with -v print what would be done\n"
	      "  -C, --config FILE     read this file or directory instead of modprobe.d; may be repeated\n"
	      "  -d, --dirname DIR     use lib/modules of DIR\n"
	      "  -S, --set-version KVER\n"
	      "                        use the modules of this kernel release\n"
	      "  -s, --syslog          send messages to syslog\n"
	      "  -q, --quiet           print no messages\n"
	      "  -v, --verbose         print what is done\n"
	      "  -V, --version         print the version\n"
	      "  -h, --help            print this help\n\n"
	      "This modprobe is coldplug. coldplug-modprobe(8) lists its differences from kmod's.\n",
	      stdout);
}

/* A modprobe that an install or remove command starts must see these options too. */
static void pass_on(struct modprobe *m, const char *word)
{
	const char *old = getenv("MODPROBE_OPTIONS");
	char *all;

	if (asprintf(&all, "%s%s%s", old ? old : "", old ? " " : "", word) < 0) {
		m->no_memory = true;
		return;
	}
	m->no_memory |= setenv("MODPROBE_OPTIONS", all, 1) < 0;
	free(all);
}

static int add_config_path(struct modprobe *m, const char *path)
{
	size_t n = 0;
	const char **list;

	while (m->config_paths && m->config_paths[n])
		n++;
	list = realloc(m->config_paths, (n + 2) * sizeof(*list));
	if (!list) {
		m->no_memory = true;
		return -ENOMEM;
	}
	list[n] = path;
	list[n + 1] = NULL;
	m->config_paths = list;
	pass_on(m, "-C");
	pass_on(m, path);
	return 0;
}

static int set_wait(struct modprobe *m, const char *text)
{
	char *end;
	unsigned long n = strtoul(text, &end, 0);

	if (!*text || *end) {
		kmod_log(LOG_ERR, "unexpected wait value '%s'.", text);
		return -EINVAL;
	}
	m->wait_ms = n > UINT_MAX ? UINT_MAX : (unsigned int)n;
	return 0;
}

static void add_flag(struct modprobe *m, enum coldplug_flag flag)
{
	m->flags |= 1u << flag;
}

/* Applies an option that has no argument. Returns false if it is not one of them. */
/* Options that are flags of the context. */
static bool take_context_flag(struct modprobe *m, int option)
{
	static const struct {
		int option;
		enum coldplug_flag flag;
	} flags[] = {
		{ 'i', COLDPLUG_IGNORE_INSTALL },
		{ 'b', COLDPLUG_BLACKLIST },
		{ 'n', COLDPLUG_DRY_RUN },
		{ MODVERSION, COLDPLUG_FORCE_MODVERSION },
		{ VERMAGIC, COLDPLUG_FORCE_VERMAGIC },
		{ FIRST_TIME, COLDPLUG_FIRST_TIME },
		{ HOLDERS, COLDPLUG_REMOVE_HOLDERS },
	};

	for (size_t i = 0; i < sizeof(flags) / sizeof(*flags); i++) {
		if (flags[i].option != option)
			continue;
		add_flag(m, flags[i].flag);
		return true;
	}
	return false;
}

static bool take_flag(struct modprobe *m, int option)
{
	switch (option) {
	case 'a':
		m->all = true;
		break;
	case 'r':
		m->remove = true;
		break;
	case 'R':
		m->match_only = true;
		break;
	case 'c':
		m->show_config = true;
		break;
	case MODVERSIONS:
		m->show_modversions = true;
		break;
	case EXPORTS:
		m->show_exports = true;
		break;
	case 'f':
		m->flags |= ALL_FORCE;
		break;
	case 'D':
		add_flag(m, COLDPLUG_DRY_RUN);
		add_flag(m, COLDPLUG_IGNORE_LOADED);
		m->show = true;
		break;
	case 's':
		pass_on(m, "-s");
		m->to_syslog = true;
		break;
	case 'q':
		pass_on(m, "-q");
		m->verbosity = LOG_EMERG;
		break;
	case 'v':
		pass_on(m, "-v");
		m->verbosity++;
		break;
	default:
		return take_context_flag(m, option);
	}
	return true;
}

/* Returns 0, or 1 + the exit code. */
static int take_option(struct modprobe *m, int option)
{
	if (take_flag(m, option))
		return 0;
	switch (option) {
	case 'w':
		return set_wait(m, optarg) < 0 ? 2 : 0;
	case 'C':
		return add_config_path(m, optarg) < 0 ? 2 : 0;
	case 'd':
		m->module_root = optarg;
		return 0;
	case 'S':
		m->release = optarg;
		return 0;
	case 'V':
		puts("coldplug " COLDPLUG_VERSION COLDPLUG_FEATURES ", as modprobe");
		return 1;
	case 'h':
		help();
		return 1;
	default:
		return 2; /* getopt_long() has printed a message */
	}
}

/* Ends the word at p with a NUL and removes its quotes. The last quote, when nothing closes it, is a
 * character like others, and what follows it belongs to the word. Returns where the next word may begin. */
static char *end_word(char *p)
{
	char *to = p;

	while (*p && *p != ' ') {
		char *close = *p == '"' || *p == '\'' ? strchr(p + 1, *p) : NULL;
		size_t n = 1;

		if (close)
			n = (size_t)(close - ++p);
		else if (*p == '"' || *p == '\'')
			n = strlen(p);
		memmove(to, p, n);
		to += n;
		p += n + (close != NULL);
	}
	p += *p != '\0';
	*to = '\0';
	return p;
}

/* Splits the text at blanks. Quotes enclose a word with blanks. */
static int split(char *text, char **words)
{
	int n = 0;

	for (char *p = text; *p;) {
		if (*p == ' ') {
			p++;
			continue;
		}
		words[n++] = p;
		p = end_word(p);
	}
	return n;
}

/* Puts the words of MODPROBE_OPTIONS before the arguments. Returns how many words there are, or -ENOMEM. */
static int join_environment(struct modprobe *m, int argc, char **argv)
{
	const char *env = getenv("MODPROBE_OPTIONS");
	int n = 1;

	m->environment = strdup(env ? env : "");
	if (!m->environment)
		return -ENOMEM;
	m->words = calloc((size_t)argc + strlen(m->environment) + 2, sizeof(*m->words));
	if (!m->words)
		return -ENOMEM;
	m->words[0] = argv[0];
	n += split(m->environment, m->words + 1);
	for (int i = 1; i < argc; i++)
		m->words[n++] = argv[i];
	return n;
}

int modprobe_options(struct modprobe *m, int argc, char **argv)
{
	int option, r = 0;

	m->verbosity = LOG_WARNING;
	argc = join_environment(m, argc, argv);
	if (argc < 0) {
		kmod_log(LOG_ERR, "out of memory");
		return 2;
	}
	output_check_options(argc, m->words, short_options, long_options);
	while (!r && (option = getopt_long(argc, m->words, short_options, long_options, NULL)) != -1)
		r = take_option(m, option);
	if (m->no_memory) {
		kmod_log(LOG_ERR, "out of memory");
		return 2;
	}
	m->args = m->words + optind;
	m->n_args = argc - optind;
	return r;
}

void modprobe_options_free(struct modprobe *m)
{
	free(m->config_paths);
	free(m->words);
	free(m->environment);
}

char *modprobe_params(char **words, int n)
{
	const char *blank = "";
	size_t size = 1;
	char *text, *p;

	/* A blank and two quotation marks are all that is added to a word. */
	for (int i = 0; i < n; i++)
		size += strlen(words[i]) + 3;
	text = p = malloc(size);
	if (text)
		*text = '\0';
	for (int i = 0; text && i < n; i++) {
		const char *value = strchr(words[i], '=');
		bool quote = value && value[1] != '"' && value[1] != '\'' && strchr(value, ' ');

		if (quote)
			p += sprintf(p, "%s%.*s\"%s\"", blank, (int)(value + 1 - words[i]), words[i],
				     value + 1);
		else
			p += sprintf(p, "%s%s", blank, words[i]);
		if (*words[i])
			blank = " ";
	}
	return text;
}
