/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* All options are in one table: which commands have them, what they do, and their help. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "programs/cli/cli.h"

#define FILESYSTEM_CHARACTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-,"
#define LOADING (COMMAND_RUN | COMMAND_LOAD | COMMAND_MONITOR)
#define PLANNING (LOADING | COMMAND_PLAN | COMMAND_WHY)
#define ALL                                                                                              \
	(PLANNING | COMMAND_RESOLVE | COMMAND_LIST | COMMAND_RECORD | COMMAND_REPLAY | COMMAND_CLOSURE | \
	 COMMAND_IMAGE | COMMAND_INSERT | COMMAND_REMOVE | COMMAND_SHOW | COMMAND_PACK | COMMAND_BENCH)
#define WITH_ARCHIVE \
	(PLANNING | COMMAND_RESOLVE | COMMAND_RECORD | COMMAND_CLOSURE | COMMAND_INSERT | COMMAND_SHOW)
#define OF_REPORTS \
	(COMMAND_PLOT | COMMAND_BLAME | COMMAND_PROFILE | COMMAND_ARCHIVE) /* they look at no machine */

struct setup {
	struct cli *cli;
};

static int set_root(struct setup *s, const char *value)
{
	s->cli->image.root = value;
	return coldplug_set_root(s->cli->c, value);
}

static int set_release(struct setup *s, const char *value)
{
	return coldplug_set_release(s->cli->c, value);
}

static int set_archive(struct setup *s, const char *value)
{
	return coldplug_set_archive(s->cli->c, value);
}

static int set_config(struct setup *s, const char *value)
{
	struct cli *cli = s->cli;

	if (cli->n_config_paths == sizeof(cli->config_paths) / sizeof(cli->config_paths[0]) - 1)
		return -E2BIG;
	cli->config_paths[cli->n_config_paths++] = value;
	return coldplug_set_config_paths(cli->c, cli->config_paths);
}

static int set_jobs(struct setup *s, const char *value)
{
	char *end;
	unsigned long n = strtoul(value, &end, 10);

	if (*value < '0' || *value > '9' || *end || n == 0 || n > 4096)
		return -EINVAL;
	return coldplug_set_jobs(s->cli->c, (unsigned int)n);
}

static int set_receive_buffer(struct setup *s, const char *value)
{
	char *end;
	unsigned long n = strtoul(value, &end, 10);

	if (*value < '0' || *value > '9' || *end || n > INT_MAX)
		return -EINVAL;
	return coldplug_set_receive_buffer(s->cli->c, (unsigned int)n);
}

int cli_take_stdout(struct cli *cli)
{
	if (cli->stream >= 0)
		return -E2BIG;
	cli->stream = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	if (cli->stream < 0 || dup2(STDERR_FILENO, STDOUT_FILENO) < 0)
		return -errno;
	return coldplug_set_stream(cli->c, cli->stream);
}

static int set_report(struct setup *s, const char *value)
{
	int r = strcmp(value, "-") != 0 ? 0 : cli_take_stdout(s->cli);

	return r ?: coldplug_set_report(s->cli->c, value);
}

static int set_profile(struct setup *s, const char *value)
{
	return coldplug_set_profile(s->cli->c, value);
}

static int set_alone(struct setup *s, const char *value)
{
	return coldplug_add_alone(s->cli->c, value);
}

static int set_wait_for(struct setup *s, const char *value)
{
	int r;

	if (s->cli->waits == sizeof(s->cli->wait_specs) / sizeof(s->cli->wait_specs[0]))
		return -E2BIG;
	r = coldplug_wait_for(s->cli->c, value);
	if (!r)
		s->cli->wait_specs[s->cli->waits++] = (char *)value;
	return r;
}

static int set_prepare_mount(struct setup *s, const char *value)
{
	int r = coldplug_prepare_mount(s->cli->c, value);

	/* Without libblkid the mount only takes longer, and a warning has been logged. */
	return r == -EOPNOTSUPP ? 0 : r;
}

static int set_filesystem(struct setup *s, const char *value)
{
	if (!*value || value[strspn(value, FILESYSTEM_CHARACTERS)] || strlen(value) > 128)
		return -EINVAL;
	s->cli->filesystem = value;
	return 0;
}

/* The value is in seconds and has at most three decimals. */
static int set_background(struct setup *s, const char *value)
{
	s->cli->background = true;
	return 0;
}

static int set_timeout(struct setup *s, const char *value)
{
	unsigned long seconds, ms = 0, digit = 100;
	char *end;

	if (*value < '0' || *value > '9')
		return -EINVAL;
	seconds = strtoul(value, &end, 10);
	if (*end == '.')
		for (end++; *end >= '0' && *end <= '9' && digit; end++, digit /= 10)
			ms += digit * (unsigned long)(*end - '0');
	if (*end || seconds > 4000000 || !(seconds || ms))
		return -EINVAL;
	s->cli->timeout_ms = (unsigned int)(seconds * 1000 + ms);
	return coldplug_set_timeout(s->cli->c, s->cli->timeout_ms);
}

static int set_notify_fd(struct setup *s, const char *value)
{
	char *end;
	unsigned long fd = strtoul(value, &end, 10);

	if (*value < '0' || *value > '9' || *end || fd < 3 || fd > 65535)
		return -EINVAL;
	/* The check is made now, because later the number may be one of coldplug's own descriptors. Programs
	 * that coldplug starts must not inherit it. */
	if (fcntl((int)fd, F_SETFD, FD_CLOEXEC) < 0)
		return -errno;
	s->cli->notify_fd = (int)fd;
	return 0;
}

static int set_record(struct setup *s, const char *value)
{
	int r = strcmp(value, "-") != 0 ? 0 : cli_take_stdout(s->cli);

	return r ?: coldplug_set_record(s->cli->c, value);
}

static int set_modules(struct setup *s, const char *value)
{
	if (s->cli->modules)
		return -E2BIG;
	if (!strcmp(value, "-")) {
		s->cli->modules_name = "standard input";
		s->cli->modules = stdin;
		return 0;
	}
	s->cli->modules_name = value;
	s->cli->modules = fopen(value, "re");
	return s->cli->modules ? 0 : -errno;
}

static int set_dry_run(struct setup *s, const char *value)
{
	s->cli->dry_run = true;
	return coldplug_set_flag(s->cli->c, COLDPLUG_DRY_RUN, true);
}

static int set_no_async(struct setup *s, const char *value)
{
	return coldplug_set_flag(s->cli->c, COLDPLUG_ASYNC_PROBE, false);
}

static int set_ordered(struct setup *s, const char *value)
{
	return coldplug_set_flag(s->cli->c, COLDPLUG_ORDERED, true);
}

static int set_devicetree(struct setup *s, const char *value)
{
	return coldplug_set_flag(s->cli->c, COLDPLUG_DEVICETREE, true);
}

static int set_udev(struct setup *s, const char *value)
{
	return coldplug_set_flag(s->cli->c, COLDPLUG_UDEV, true);
}

static int set_blacklist(struct setup *s, const char *value)
{
	return coldplug_set_flag(s->cli->c, COLDPLUG_BLACKLIST, true);
}

static int set_ignore_install(struct setup *s, const char *value)
{
	return coldplug_set_flag(s->cli->c, COLDPLUG_IGNORE_INSTALL, true);
}

static int set_machine(struct setup *s, const char *value)
{
	s->cli->machine = true;
	return 0;
}

static int set_files(struct setup *s, const char *value)
{
	s->cli->files_root = (char *)value;
	return 0;
}

#ifdef HAVE_TOOLS
static int set_extract(struct setup *s, const char *value)
{
	s->cli->extract = value;
	return 0;
}
#endif

static int set_no_firmware(struct setup *s, const char *value)
{
	return coldplug_set_flag(s->cli->c, COLDPLUG_FIRMWARE, false);
}

static int set_no_companions(struct setup *s, const char *value)
{
	return coldplug_set_flag(s->cli->c, COLDPLUG_COMPANIONS, false);
}

#ifdef HAVE_TOOLS
static int add_word(struct word_list *list, const char *word)
{
	const char **items = reallocarray(list->items, list->n + 2, sizeof(*items));

	if (!items)
		return -ENOMEM;
	list->items = items;
	items[list->n++] = word;
	items[list->n] = NULL;
	return 0;
}

static int add_name(struct setup *s, const char *value)
{
	return add_word(&s->cli->image.names, value);
}

static int add_type(struct setup *s, const char *value)
{
	return add_word(&s->cli->image.types, value);
}

static int add_file(struct setup *s, const char *value)
{
	return add_word(&s->cli->image.add, value);
}

static int set_output(struct setup *s, const char *value)
{
	s->cli->image.image.output = value;
	return 0;
}

static int set_program(struct setup *s, const char *value)
{
	s->cli->image.image.program = value;
	return 0;
}

static int set_recording(struct setup *s, const char *value)
{
	s->cli->image.recording = value;
	return 0;
}

static int set_pack_firmware(struct setup *s, const char *value)
{
	s->cli->pack.firmware = true;
	return 0;
}

static int set_pack_configuration(struct setup *s, const char *value)
{
	s->cli->pack.configuration = true;
	return 0;
}

static int set_pack_update(struct setup *s, const char *value)
{
	s->cli->pack.update = true;
	return 0;
}

static int set_pack_profile(struct setup *s, const char *value)
{
	s->cli->pack.profile = value;
	return 0;
}

static int set_list_paths(struct setup *s, const char *value)
{
	s->cli->list_paths = true;
	return 0;
}

static int set_list_firmware(struct setup *s, const char *value)
{
	s->cli->list_firmware = true;
	return 0;
}

static int set_count(struct setup *s, const char *value)
{
	char *end;
	unsigned long n = strtoul(value, &end, 10);

	if (*value < '0' || *value > '9' || *end || n == 0 || n > 1000)
		return -EINVAL;
	s->cli->bench.rounds = (unsigned int)n;
	return 0;
}

static int set_modprobe(struct setup *s, const char *value)
{
	s->cli->bench.modprobe = value;
	return access(value, X_OK) < 0 ? -errno : 0;
}

static int set_holders(struct setup *s, const char *value)
{
	return coldplug_set_flag(s->cli->c, COLDPLUG_REMOVE_HOLDERS, true);
}

static int set_tree(struct setup *s, const char *value)
{
	s->cli->image.image.root = value;
	return 0;
}

static int set_image_archive(struct setup *s, const char *value)
{
	s->cli->image.image.pack = !value;
	s->cli->image.image.archive = value;
	return 0;
}

static int set_image_profile(struct setup *s, const char *value)
{
	s->cli->image.image.profile = value;
	return 0;
}

static int set_busybox(struct setup *s, const char *value)
{
	s->cli->image.image.busybox = value;
	return 0;
}

static int set_compression(struct setup *s, const char *value)
{
	s->cli->image.image.compression = value;
	return 0;
}

static int set_module_compression(struct setup *s, const char *value)
{
	s->cli->image.image.module_compression = value;
	return 0;
}
#endif

static int set_json(struct setup *s, const char *value)
{
	s->cli->json = true;
	return 0;
}

static int set_verbose(struct setup *s, const char *value)
{
	s->cli->verbosity++;
	return 0;
}

static int set_quiet(struct setup *s, const char *value)
{
	s->cli->verbosity = -1;
	return 0;
}

static const struct option_row {
	const char *name;
	char letter; /* 0 if there is none */
	int commands;
	int (*set)(struct setup *s, const char *value);
	const char *value; /* the name of its argument, or NULL; "[=NAME]" if it may be left out */
	const char *help;
	const char *wants;   /* the message for a value that is invalid (-EINVAL) */
	const char *at_most; /* the message for an option that was given too often (-E2BIG) */
} rows[] = {
	{ "root", 0, ALL & ~(COMMAND_REPLAY | COMMAND_MONITOR), set_root, "DIR",
	  "use sys/, proc/, lib/modules/ and etc/ of DIR; load nothing" },
	{ "root", 0, COMMAND_MONITOR, set_root, "DIR", NULL }, /* command_monitor() refuses it and says why */
	{ "release", 'S', ALL, set_release, "KVER", "use the modules of this kernel release",
	  "it is not a kernel release" },
	{ "set-version", 0, ALL, set_release, "KVER", NULL },
	{ "archive", 0, WITH_ARCHIVE, set_archive, "FILE", "take modules from this archive too" },
	{ "config", 'C', ALL & ~COMMAND_IMAGE, set_config, "PATH",
	  "read this file or directory instead of modprobe.d; may be repeated", NULL,
	  "it may be given at most 15 times" },
#ifdef HAVE_TOOLS
	{ "output", 'o', COMMAND_IMAGE, set_output, "FILE", "write the image to FILE (-: standard output)" },
	{ "output", 'o', COMMAND_PACK, set_output, "FILE", "write the archive to FILE" },
	{ "output", 'o', COMMAND_PROFILE, set_output, "FILE",
	  "write the profile to FILE (-: standard output), and keep the requests that it has" },
	{ "for-machine", 'R', COMMAND_PACK, set_recording, "FILE",
	  "pack what the machine of this recording needs (-: this machine)" },
	{ "tree", 'r', COMMAND_PACK, set_tree, "DIR", "with -R: take the modules from DIR" },
	{ "firmware", 0, COMMAND_PACK, set_pack_firmware, NULL,
	  "pack the firmware that the modules name too" },
	{ "configuration", 0, COMMAND_PACK, set_pack_configuration, NULL,
	  "pack modprobe.d and modules-load.d too" },
	{ "profile", 0, COMMAND_PACK, set_pack_profile, "FILE", "pack FILE as the profile of this kernel" },
	{ "update", 'u', COMMAND_PACK, set_pack_update, NULL,
	  "do not write FILE if it is an archive of the same files already" },
	{ "jobs", 'j', COMMAND_PACK, set_jobs, "N",
	  "compress with N threads (default: one for each processor)", "it must be a number from 1 to 4096" },
	{ "paths", 0, COMMAND_ARCHIVE, set_list_paths, NULL, "list: print the paths of the modules only" },
	{ "firmware", 0, COMMAND_ARCHIVE, set_list_firmware, NULL,
	  "list: print the firmware that the modules name, each with the module's path" },
	{ "program", 'p', COMMAND_IMAGE, set_program, "PROGRAM",
	  "use this static coldplug as init (default: the one that runs)" },
	{ "recording", 'R', COMMAND_IMAGE, set_recording, "FILE",
	  "make it for the machine of this recording" },
	{ "tree", 'r', COMMAND_IMAGE, set_tree, "DIR",
	  "take modules, firmware and configuration from DIR; without -R only for -m" },
	{ "kernel", 'k', COMMAND_IMAGE, set_release, "KVER", "the same as --release",
	  "it is not a kernel release" },
	{ "type", 'f', COMMAND_IMAGE, add_type, "TYPE",
	  "the root's file system, or \"none\" (default: that of /); may be repeated" },
	{ "module", 'm', COMMAND_IMAGE, add_name, "NAME", "add a module or alias; may be repeated" },
	{ "no-firmware", 'F', COMMAND_IMAGE, set_no_firmware, NULL, "add no firmware" },
	{ "module-compression", 'M', COMMAND_IMAGE, set_module_compression, "METHOD",
	  "compress modules by none (default), keep, gzip, xz, zstd" },
	{ "compression", 'c', COMMAND_IMAGE, set_compression, "METHOD",
	  "compress the image by zstd (default), none, gzip, xz, lz4" },
	{ "archive", 0, COMMAND_IMAGE, set_image_archive, "[=FILE]",
	  "put the modules into one archive in the image, or take them all from this archive" },
	{ "profile", 0, COMMAND_IMAGE, set_image_profile, "FILE",
	  "let the image go by this profile of an earlier boot, see coldplug-profile(8)" },
	{ "busybox", 'b', COMMAND_IMAGE, set_busybox, "BUSYBOX", "add a static busybox" },
	{ "add", 'a', COMMAND_IMAGE, add_file, "SRC:DEST", "add a file; may be repeated" },
	{ "dry-run", 'n', COMMAND_IMAGE, set_dry_run, NULL, "write nothing; list the files of the image" },
	{ "dry-run", 'n', COMMAND_INSERT | COMMAND_REMOVE, set_dry_run, NULL,
	  "change nothing; print what would be done" },
	{ "extract", 0, COMMAND_CLOSURE, set_extract, "DIR", "unpack below DIR what is in an archive" },
	{ "holders", 0, COMMAND_REMOVE, set_holders, NULL, "remove the modules that use it too" },
	{ "count", 'c', COMMAND_BENCH, set_count, "N", "measure N times, and print the medians (11)",
	  "it must be a number from 1 to 1000" },
	{ "modprobe", 'm', COMMAND_BENCH, set_modprobe, "PROGRAM",
	  "compare with this modprobe (/sbin/modprobe)" },
	{ "timeout", 0, COMMAND_REMOVE, set_timeout, "SECONDS",
	  "wait at most so long until the module is no longer in use (0)",
	  "it must be a number of seconds from 0.001 to 4000000.999" },
#endif
	{ "dry-run", 'n', COMMAND_RUN | COMMAND_LOAD, set_dry_run, NULL,
	  "load nothing; with -v print what would be loaded" },
	{ "jobs", 'j', LOADING, set_jobs, "N", "load at most N modules at the same time",
	  "it must be a number from 1 to 4096" },
	{ "alone", 0, PLANNING, set_alone, "NAME",
	  "load this module while no other is being loaded; may be repeated",
	  "it must be the name of a module" },
	{ "ordered", 0, COMMAND_RUN, set_ordered, NULL,
	  "load one module after the other, in the order of modules.order" },
	{ "wait-for", 0, COMMAND_RUN, set_wait_for, "SPEC",
	  "end when /dev/..., MAJOR:MINOR, UUID=, LABEL=, PARTUUID= or PARTLABEL= appears",
	  "it must be /dev/..., MAJOR:MINOR, UUID=, LABEL=, PARTUUID= or PARTLABEL=",
	  "it may be given at most 16 times" },
	{ "wait-for", 0, COMMAND_MONITOR, set_wait_for, "SPEC",
	  "report readiness when this device (as for run) appears, for an initramfs",
	  "it must be /dev/..., MAJOR:MINOR, UUID=, LABEL=, PARTUUID= or PARTLABEL=",
	  "it may be given at most 16 times" },
	{ "background", 0, COMMAND_RUN, set_background, NULL,
	  "with --wait-for: end before the other devices have been looked at" },
	{ "prepare-mount", 0, COMMAND_RUN | COMMAND_MONITOR, set_prepare_mount, "SPEC",
	  "when this device appears, load the module of its file system too",
	  "it must be /dev/..., MAJOR:MINOR, UUID=, LABEL=, PARTUUID= or PARTLABEL=" },
	{ "filesystem", 0, COMMAND_RUN | COMMAND_MONITOR, set_filesystem, "TYPE",
	  "the file system that --wait-for's device most likely has",
	  "it must be one or more types with commas between them, at most 128 bytes" },
	{ "timeout", 0, COMMAND_RUN, set_timeout, "SECONDS",
	  "wait at most so long for the devices of --wait-for",
	  "it must be a number of seconds from 0.001 to 4000000.999" },
	{ "timeout", 0, COMMAND_MONITOR, set_timeout, "SECONDS",
	  "report readiness after so long in any case (60)",
	  "it must be a number of seconds from 0.001 to 4000000.999" },
	{ "report", 0, LOADING, set_report, "FILE",
	  "write a report to FILE (-: standard output), see coldplug-report(5)", NULL,
	  "only one thing can be written to standard output" },
	{ "profile", 0, COMMAND_RUN | COMMAND_MONITOR, set_profile, "FILE",
	  "load first what an earlier boot needed, see coldplug-profile(8)" },
	{ "record", 0, COMMAND_RUN, set_record, "FILE",
	  "record the machine and the events of this run in FILE (-: standard output)", NULL,
	  "only one thing can be written to standard output" },
	{ "modules", 0, COMMAND_RUN | COMMAND_MONITOR, set_modules, "FILE",
	  "load the modules of FILE (-: standard input): lines of a name and parameters", NULL,
	  "it may be given once" },
	{ "no-async-probe", 0, LOADING, set_no_async, NULL,
	  "do not add async_probe to modules without drivers" },
	{ "devicetree", 0,
	  COMMAND_RUN | COMMAND_MONITOR | COMMAND_PLAN | COMMAND_WHY | COMMAND_REPLAY | COMMAND_CLOSURE,
	  set_devicetree, NULL, "use OF_NAME, OF_TYPE and OF_COMPATIBLE_n of uevents as aliases too" },
	{ "udev", 0, COMMAND_RUN | COMMAND_MONITOR, set_udev, NULL,
	  "take events from udevd, after its rules, not from the kernel" },
	{ "use-blacklist", 'b', LOADING | COMMAND_PLAN | COMMAND_RESOLVE | COMMAND_INSERT, set_blacklist,
	  NULL, "apply blacklists to module names too, not only to aliases" },
	{ "receive-buffer", 0, COMMAND_RUN | COMMAND_MONITOR, set_receive_buffer, "BYTES",
	  "size of the socket buffer for events (16777216)", "it must be a number from 1 to 1073741823" },
	{ "ignore-install", 'i', COMMAND_LOAD | COMMAND_PLAN | COMMAND_INSERT, set_ignore_install, NULL,
	  "ignore install commands and softdeps of the modules named" },
	{ "machine", 'm', COMMAND_CLOSURE, set_machine, NULL,
	  "list the files for this machine too when names are given" },
	{ "files", 0, COMMAND_CLOSURE, set_files, "DIR",
	  "take modules and firmware from DIR, not from the root" },
	{ "no-firmware", 0, COMMAND_CLOSURE, set_no_firmware, NULL, "list no firmware" },
	{ "no-companions", 0, COMMAND_CLOSURE, set_no_companions, NULL,
	  "leave out modules that only the table of companions names" },
	{ "json", 0,
	  COMMAND_PLAN | COMMAND_LIST | COMMAND_MONITOR | COMMAND_REPLAY | COMMAND_SHOW | COMMAND_ARCHIVE |
		  COMMAND_BENCH,
	  set_json, NULL, "print JSON" },
	{ "notify-fd", 0, COMMAND_MONITOR, set_notify_fd, "FD", "write a newline to FD when ready (s6)",
	  "it must be a descriptor from 3 to 65535" },
	{ "verbose", 'v', ALL | OF_REPORTS, set_verbose, NULL,
	  "print more; given twice, print debugging messages too" },
	{ "quiet", 'q', ALL | OF_REPORTS, set_quiet, NULL, "print errors only" },
};

#define N_ROWS (sizeof(rows) / sizeof(rows[0]))
#define LONG_ONLY 256 /* getopt_long() returns LONG_ONLY + i for row i */

void cli_help(const struct command *command)
{
	printf("coldplug %s: %s.\n\nUsage: coldplug %s [OPTION...]%s%s\n\n", command->name, command->help,
	       command->name, *command->arguments ? " " : "", command->arguments);
	for (size_t i = 0; i < N_ROWS; i++) {
		char left[48];

		if (!(rows[i].commands & command->id) || !rows[i].help)
			continue;
		snprintf(left, sizeof(left), "%c%c%s --%s%s%s", rows[i].letter ? '-' : ' ',
			 rows[i].letter ? rows[i].letter : ' ', rows[i].letter ? "," : " ", rows[i].name,
			 rows[i].value && *rows[i].value != '[' ? " " : "",
			 rows[i].value ? rows[i].value : "");
		printf("  %-28s %s\n", left, rows[i].help);
	}
	printf("  %-28s %s\n", "-h, --help", "print this help");
}

static void print_log(void *userdata, int level, const char *message)
{
	struct cli *cli = userdata;

	if (cli->progress_shown) {
		output_clear_line();
		cli->progress_shown = false;
	}
	cli->n_errors += level <= 3;
	fprintf(stderr, "coldplug: %s%s\n", level <= 3 ? "error: " : level == 4 ? "warning: " : "", message);
}

int cli_fail(struct cli *cli, int error, const char *what)
{
	/* The library has logged every error but -ENOMEM. */
	if (!cli->n_errors || error == -ENOMEM)
		output_message("coldplug %s: %s: %s\n", cli->command->name, what, strerror(-error));
	return EXIT_SYSTEM;
}

static int find_row(int answer, const struct command *command)
{
	for (size_t i = 0; i < N_ROWS; i++)
		if (rows[i].commands & command->id &&
		    (answer == LONG_ONLY + (int)i || (rows[i].letter && answer == rows[i].letter)))
			return (int)i;
	return -1;
}

static int argument_of(const struct option_row *row)
{
	if (!row->value)
		return no_argument;
	return *row->value == '[' ? optional_argument : required_argument;
}

static void make_getopt_tables(const struct command *command, struct option *longs, char *letters)
{
	*letters++ = 'h';
	for (size_t i = 0; i < N_ROWS; i++) {
		if (!(rows[i].commands & command->id))
			continue;
		*longs++ = (struct option){ rows[i].name, argument_of(&rows[i]), NULL, LONG_ONLY + (int)i };
		if (!rows[i].letter)
			continue;
		*letters++ = rows[i].letter;
		if (rows[i].value)
			*letters++ = ':';
	}
	*longs++ = (struct option){ "help", no_argument, NULL, 'h' };
	*longs = (struct option){};
	*letters = '\0';
}

static int usage(const struct command *command)
{
	fprintf(stderr, "See 'coldplug %s --help'.\n", command->name);
	return EXIT_USAGE + 1;
}

/* The level of syslog(3) up to which messages are printed. */
static int log_level(int verbosity)
{
	if (verbosity < 0)
		return 3;
	if (verbosity > 1)
		return 7;
	return 4 + 2 * verbosity;
}

/* -v and -q are applied first, because they decide which messages the other options may cause, wherever they
 * stand. */
static void set_log(struct setup *s, int argc, char **argv, const char *letters, const struct option *longs)
{
	struct cli *cli = s->cli;
	int answer;

	opterr = 0;
	while ((answer = getopt_long(argc, argv, letters, longs, NULL)) != -1) {
		int row = find_row(answer, cli->command);

		if (row >= 0 && (rows[row].set == set_verbose || rows[row].set == set_quiet))
			rows[row].set(s, NULL);
	}
	coldplug_set_log(cli->c, print_log, cli, log_level(cli->verbosity));
	cli->verbosity = 0;
	opterr = 1;
	optind = 0; /* the next getopt_long() starts again */
	output_check_options(argc, argv, letters, longs);
}

static const char *why_not(const struct option_row *row, int error)
{
	if (error == -EINVAL && row->wants)
		return row->wants;
	if (error == -E2BIG && row->at_most)
		return row->at_most;
	return strerror(-error);
}

int cli_setup(struct cli *cli, const struct command *command, int argc, char **argv)
{
	static char program[64];
	struct setup s = { .cli = cli };
	struct option longs[N_ROWS + 2];
	char letters[3 * N_ROWS];
	int answer, r = coldplug_new(&cli->c);

	cli->command = command;
	cli->notify_fd = cli->stream = -1;
	if (r < 0)
		return cli_fail(cli, r, "starting") + 1;
	snprintf(program, sizeof(program), "coldplug %s", command->name);
	argv[0] = program; /* getopt's messages begin with it */
	make_getopt_tables(command, longs, letters);
	set_log(&s, argc, argv, letters, longs);
	while ((answer = getopt_long(argc, argv, letters, longs, NULL)) != -1) {
		int row = find_row(answer, command);

		if (answer == 'h') {
			cli_help(command);
			return 1;
		}
		if (row < 0)
			return usage(command);
		r = rows[row].set(&s, optarg);
		if (r < 0) {
			output_message("coldplug %s: --%s '%s' cannot be used: %s\n", command->name,
				       rows[row].name, optarg ? optarg : "", why_not(&rows[row], r));
			return usage(command);
		}
	}
	if (cli->json && cli->stream >= 0) {
		fprintf(stderr, "coldplug %s: --json and a report on standard output cannot be combined\n",
			command->name);
		return usage(command);
	}
	cli->args = argv + optind;
	cli->n_args = argc - optind;
	return 0;
}

void cli_free(struct cli *cli)
{
	coldplug_free(cli->c);
	if (cli->modules && cli->modules != stdin)
		fclose(cli->modules);
	if (cli->stream >= 0)
		close(cli->stream);
	free(cli->image.names.items);
	free(cli->image.types.items);
	free(cli->image.add.items);
}
