/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The device nodes of modules.devname. systemd makes them early (kmod-static-nodes.service), so that a
 * program that opens one gets its module loaded. */
#include "programs/kmod/static-nodes.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <coldplug.h>

#include "programs/kmod/front.h"
#include "programs/kmod/log.h"
#include "programs/output.h"

static const struct option options[] = {
	{ "output", required_argument, NULL, 'o' },
	{ "format", required_argument, NULL, 'f' },
	{ "help", no_argument, NULL, 'h' },
	{},
};

static void print_human(const struct coldplug_node *n)
{
	output_printf(
		"Module: %s\n\tDevice node: /dev/%s\n\t\tType: %s device\n\t\tMajor: %u\n\t\tMinor: %u\n",
		n->module, n->name, n->type == 'c' ? "character" : "block", n->major, n->minor);
}

/* tmpfiles.d(5). '!': only while the system boots. */
static void print_tmpfiles(const struct coldplug_node *n)
{
	const char *slash = strrchr(n->name, '/');

	if (slash)
		output_printf("d /dev/%.*s 0755 - - -\n", (int)(slash - n->name), n->name);
	output_printf("%c! /dev/%s 0600 - - - %u:%u\n", n->type, n->name, n->major, n->minor);
}

static void print_devname(const struct coldplug_node *n)
{
	output_printf("%s %s %c%u:%u\n", n->module, n->name, n->type, n->major, n->minor);
}

static const struct format {
	const char *name;
	void (*print)(const struct coldplug_node *n);
	const char *help;
} formats[] = {
	{ "human", print_human, "for people to read (default)" },
	{ "tmpfiles", print_tmpfiles, "for systemd-tmpfiles, see tmpfiles.d(5)" },
	{ "devname", print_devname, "as modules.devname" },
};

#define N_FORMATS (sizeof(formats) / sizeof(formats[0]))

static void help(void)
{
	fputs("Usage: kmod static-nodes [OPTION...]\n\n"
	      "Prints the device nodes of modules that need not be loaded yet.\n\n"
	      "  -f, --format FORMAT  one of the formats below\n"
	      "  -o, --output FILE    write to this file\n"
	      "  -h, --help           print this help\n\n"
	      "Formats:\n",
	      stdout);
	for (size_t i = 0; i < N_FORMATS; i++)
		printf("  %-9s %s\n", formats[i].name, formats[i].help);
}

static const struct format *find_format(const char *name)
{
	for (size_t i = 0; i < N_FORMATS; i++)
		if (!strcmp(formats[i].name, name))
			return &formats[i];
	output_message("Unknown format: '%s'.\n", name);
	help();
	return NULL;
}

static int make_directory(const char *path)
{
	struct stat st;

	if (!mkdir(path, 0755))
		return 0;
	if (errno != EEXIST || stat(path, &st) < 0)
		return -errno;
	return S_ISDIR(st.st_mode) ? 0 : -ENOTDIR;
}

/* Makes the directories above a file; path is changed meanwhile. */
static int make_parents(char *path)
{
	int r = 0;

	for (char *p = path; !r && (p = strchr(p + 1, '/'));) {
		*p = '\0';
		r = make_directory(path);
		*p = '/';
	}
	return r;
}

/* Makes the file the standard output. Returns false after a message. */
static bool open_output(char *path)
{
	int r = make_parents(path);

	if (r < 0) {
		output_message("Error: could not create parent directory for %s - %s.\n", path, strerror(-r));
		return false;
	}
	if (!freopen(path, "we", stdout)) {
		output_message("Error: could not create %s - %s\n", path, strerror(errno));
		return false;
	}
	return true;
}

static int print(const struct format *format, const struct coldplug_node *nodes, int64_t n, char *output)
{
	if (output && !open_output(output))
		return 1;
	for (int64_t i = 0; i < n; i++)
		format->print(&nodes[i]);
	return kmod_end(false);
}

static int print_nodes(const struct format *format, char *output)
{
	struct coldplug *c = kmod_context(LOG_ERR);
	const struct coldplug_node *nodes;
	int64_t n;
	int r;

	if (!c)
		return 1;
	n = coldplug_nodes(c, &nodes);
	if (n == -ENOENT)
		output_message("Warning: %s/modules.devname not found - ignoring\n",
			       coldplug_module_directory(c) ?: "");
	else if (n < 0)
		output_message("Error: could not open %s/modules.devname - %s\n",
			       coldplug_module_directory(c) ?: "", strerror((int)-n));
	r = n < 0 ? n != -ENOENT : print(format, nodes, n, output);
	/* A bad line has been reported. */
	r |= coldplug_exit_code(c) != 0;
	coldplug_free(c);
	return r;
}

struct static_nodes {
	const struct format *format;
	char *output; /* a file, or NULL */
};

static int take_option(void *userdata, int option)
{
	struct static_nodes *s = userdata;

	if (option == 'o')
		s->output = optarg;
	else
		s->format = find_format(optarg);
	return s->format ? 0 : 2;
}

static const struct kmod_program program = { "kmod static-nodes", "o:f:h", options, help };

int static_nodes_main(int argc, char **argv)
{
	struct static_nodes s = { .format = &formats[0] };
	int r = kmod_options(&program, argc, argv, take_option, &s);

	return r ? r - 1 : print_nodes(s.format, s.output);
}
