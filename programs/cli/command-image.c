/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "programs/cli/cli.h"

static void print_entry(void *userdata, const char *name, uint64_t size)
{
	output_printf("%s\n", name);
}

static void print_summary(const struct coldplug_image *image)
{
	output_printf("%s: %zu modules, %zu firmware files, %" PRIu64 " bytes, %s: %" PRIu64 " bytes\n",
		      image->output, image->n_modules, image->n_firmware, image->unpacked,
		      image->compression ?: "zstd", image->size);
}

static int usage(const char *what)
{
	fprintf(stderr, "coldplug image: %s\nSee 'coldplug image --help'.\n", what);
	return EXIT_USAGE;
}

/* Chooses the machine that the image is for: the recorded one, that of --root, none with -r alone, else this
 * one. */
static int choose_machine(struct cli *cli)
{
	struct image_options *o = &cli->image;

	o->image.machine = o->recording || !o->image.root;
	return o->recording ? coldplug_set_recording(cli->c, o->recording) : 0;
}

static bool is_terminal(const struct cli *cli)
{
	const char *output = cli->image.image.output;

	return output && !strcmp(output, "-") && !cli->dry_run && isatty(STDOUT_FILENO);
}

static int check(struct cli *cli)
{
	const struct image_options *o = &cli->image;

	if (cli->n_args)
		return usage("this command takes no arguments; name modules with -m");
	if (!o->image.output && !cli->dry_run)
		return usage("no output file was named (-o)");
	if (is_terminal(cli))
		return usage("an image is not written to a terminal");
	if (o->root && (o->recording || o->image.root))
		return usage("--root cannot be combined with -R or -r");
	return 0;
}

int command_image(struct cli *cli)
{
	struct coldplug_image *image = &cli->image.image;
	int r = check(cli);

	if (r)
		return r;
	if (cli->dry_run) {
		image->output = NULL;
		image->entry = print_entry;
	}
	image->names = cli->image.names.items;
	image->types = cli->image.types.items;
	image->add = cli->image.add.items;
	r = image->output && !strcmp(image->output, "-") ? cli_take_stdout(cli) : 0;
	if (!r)
		r = choose_machine(cli);
	if (!r)
		r = coldplug_image(cli->c, image);
	if (r < 0) {
		cli_fail(cli, r, "cannot make the image");
		return coldplug_exit_code(cli->c) ?: EXIT_SYSTEM;
	}
	if (image->output && cli->verbosity >= 0)
		print_summary(image);
	return 0;
}
