/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* insmod(8): one file, as it is. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <coldplug.h>

#include "programs/applets.h"
#include "programs/kmod/front.h"
#include "programs/kmod/log.h"
#include "programs/kmod/modprobe.h"

enum long_only { MODVERSION = 1, VERMAGIC };

static const struct option options[] = {
	{ "force", no_argument, NULL, 'f' },
	{ "force-modversion", no_argument, NULL, MODVERSION },
	{ "force-vermagic", no_argument, NULL, VERMAGIC },
	{ "syslog", no_argument, NULL, 's' },
	{ "verbose", no_argument, NULL, 'v' },
	{ "version", no_argument, NULL, 'V' },
	{ "help", no_argument, NULL, 'h' },
	{},
};

struct insmod {
	int level;
	bool force_modversion;
	bool force_vermagic;
};

static void help(void)
{
	fputs("Usage: insmod [OPTION...] FILE|- [PARAM=VALUE...]\n\n"
	      "Loads the module in a file, or on standard input, and nothing that it needs:\n"
	      "modprobe does that.\n\n"
	      "  -f, --force             the same as --force-modversion --force-vermagic\n"
	      "      --force-modversion  ignore the symbol versions of the module\n"
	      "      --force-vermagic    ignore the version magic of the module\n"
	      "  -s, --syslog            send messages to syslog\n"
	      "  -v, --verbose           print more messages\n"
	      "  -V, --version           print the version\n"
	      "  -h, --help              print this help\n",
	      stdout);
}

/* kmod's words for what the kernel answers. */
static const char *strerror_of_kernel(int error)
{
	switch (error) {
	case ENOEXEC:
		return "Invalid module format";
	case ENOENT:
		return "Unknown symbol in module";
	case ESRCH:
		return "Module has wrong symbol version";
	case EINVAL:
		return "Invalid parameters";
	default:
		return strerror(error);
	}
}

static int insert(const struct insmod *m, const char *path, int fd, const char *params)
{
	struct coldplug *c = kmod_context(m->level);
	int r = c ? coldplug_set_flag(c, COLDPLUG_FORCE_MODVERSION, m->force_modversion) : -ENOMEM;

	if (!r)
		r = coldplug_set_flag(c, COLDPLUG_FORCE_VERMAGIC, m->force_vermagic);
	if (!r)
		r = coldplug_insert_fd(c, fd, params);
	if (r < 0)
		kmod_log(LOG_ERR, "could not insert module %s: %s", path, strerror_of_kernel(-r));
	coldplug_free(c);
	return r < 0;
}

static int insert_file(const struct insmod *m, const char *path, char **words, int n_words)
{
	int fd = strcmp(path, "-") != 0 ? open(path, O_RDONLY | O_CLOEXEC) : STDIN_FILENO, r = 1;
	char *params = modprobe_params(words, n_words);

	if (fd < 0)
		kmod_log(LOG_ERR, "could not load module %s: %s", path, strerror(errno));
	else if (!params)
		kmod_log(LOG_ERR, "%s", strerror(ENOMEM));
	else
		r = insert(m, path, fd, params);
	free(params);
	if (fd > STDERR_FILENO)
		close(fd);
	return r;
}

/* Returns 0, or 1 + the exit code. */
static int take_option(void *userdata, int option)
{
	struct insmod *m = userdata;

	switch (option) {
	case 'f':
		m->force_modversion = m->force_vermagic = true;
		return 0;
	case MODVERSION:
		m->force_modversion = true;
		return 0;
	case VERMAGIC:
		m->force_vermagic = true;
		return 0;
	case 'v':
		m->level++;
		return 0;
	default:
		return 2;
	}
}

static const struct kmod_program program = { "insmod", "fsvVh", options, help };

int insmod_main(int argc, char **argv)
{
	struct insmod m = { .level = LOG_ERR };
	int r;

	kmod_begin();
	r = kmod_options(&program, argc, argv, take_option, &m);
	if (r)
		return r - 1;
	if (optind >= argc) {
		kmod_log(LOG_ERR, "missing filename.");
		return 1;
	}
	return insert_file(&m, argv[optind], argv + optind + 1, argc - optind - 1);
}
