/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What several ways cost to find the modules of this machine. All are dry runs.
 *
 * "coldplug run" looks for the devices itself, modprobe is given their aliases, as "coldplug load" is.
 * Each round runs all ways, and begins with another one than the last, so that whatever else the machine
 * does meets all of them. udevd has no dry run: "udevadm test-builtin kmod" loads modules. The part that
 * can be compared is to find the devices ("udevadm trigger -n").
 */
#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "programs/cli/cli.h"
#include "programs/cli/json-read.h"
#include "programs/cli/json-write.h"
#include "programs/cli/measure.h"

#define ROUNDS 11U
#define N(array) (sizeof(array) / sizeof((array)[0]))

/* Those of the root's configuration that modprobe would read itself in a root of its own. */
static const char *const config_directories[] = {
	"/etc/modprobe.d",     "/run/modprobe.d", "/usr/local/lib/modprobe.d",
	"/usr/lib/modprobe.d", "/lib/modprobe.d",
};

struct way {
	const char *name;
	const char *command[64];
	size_t n_command;
	size_t n_each; /* aliases at once; 0: it is given none */
	bool absent;
	int64_t processes;
	struct measurement *rounds, median;
	double ratio; /* of its time to coldplug's, the median of the rounds */
};

enum { COLDPLUG, COLDPLUG_ALIASES, ALL_AT_ONCE, ONE_BY_ONE, UDEVADM, WAYS };

struct bench {
	struct cli *cli;
	const char *modprobe;
	char release[256];
	int exit_code;
	char *plan; /* the text that the aliases are in */
	const char **aliases;
	size_t n_devices, n_aliases;
	unsigned int n_rounds;
	char config[N(config_directories)][4096];
	struct way ways[WAYS];
};

static int read_alias(struct json_reader *r, void *data)
{
	struct bench *b = data;
	const char **items;
	int error;

	/* The room doubles. */
	if (!(b->n_aliases & (b->n_aliases + 1)) || !b->aliases) {
		items = reallocarray(b->aliases, 2 * b->n_aliases + 2, sizeof(*items));
		if (!items)
			return -ENOMEM;
		b->aliases = items;
	}
	error = json_read_text(r, &b->aliases[b->n_aliases]);
	b->n_aliases += !error;
	return error;
}

static int read_aliases(struct json_reader *r, void *data)
{
	return json_read_array(r, read_alias, data);
}

static int read_device(struct json_reader *r, void *data)
{
	static const struct json_member members[] = {
		{ "aliases", JSON_OTHER, 0, read_aliases, true },
	};
	struct bench *b = data;

	b->n_devices++;
	return json_read_object(r, members, N(members), b);
}

static int read_devices(struct json_reader *r, void *data)
{
	return json_read_array(r, read_device, data);
}

static int compare_texts(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void drop_repeated(struct bench *b)
{
	size_t n = 0;

	if (b->n_aliases)
		qsort(b->aliases, b->n_aliases, sizeof(*b->aliases), compare_texts);
	for (size_t i = 0; i < b->n_aliases; i++)
		if (!n || strcmp(b->aliases[n - 1], b->aliases[i]) != 0)
			b->aliases[n++] = b->aliases[i];
	b->n_aliases = n;
}

static int find_aliases(struct bench *b)
{
	static const struct json_member members[] = {
		{ "devices", JSON_OTHER, 0, read_devices, true },
	};
	struct coldplug *c = b->cli->c;
	struct json_reader reader;
	int64_t n = coldplug_walk(c);
	int r;

	if (n >= 0)
		n = coldplug_plan(c);
	if (n < 0)
		return (int)n;
	r = coldplug_json(c, COLDPLUG_JSON_PLAN, &b->plan);
	if (r < 0)
		return r;
	json_reader_init(&reader, "the plan", b->plan, strlen(b->plan));
	r = json_read_object(&reader, members, N(members), b);
	drop_repeated(b);
	return r;
}

/* Whether modprobe can work with the modules. */
static bool has_index(const char *directory)
{
	char path[4200];

	snprintf(path, sizeof(path), "%s/modules.dep.bin", directory);
	return access(path, R_OK) == 0;
}

/* Returns 0 or an exit code. */
static int check(struct bench *b)
{
	const char *directory = coldplug_module_directory(b->cli->c);

	if (!directory || !has_index(directory)) {
		output_message("coldplug bench: %s has no modules.dep.bin: there is nothing to compare\n",
			       directory ? directory : "lib/modules");
		return EXIT_INPUT;
	}
	if (!b->n_aliases) {
		output_message("coldplug bench: no device has an alias: there is nothing to compare\n");
		return EXIT_INPUT;
	}
	if (access(b->modprobe, X_OK) < 0) {
		output_message("coldplug bench: %s: %s; another one can be named by --modprobe\n",
			       b->modprobe, strerror(errno));
		return EXIT_SYSTEM;
	}
	snprintf(b->release, sizeof(b->release), "%s", strrchr(directory, '/') + 1);
	return 0;
}

/* Keeps the aliases only: what this process has counts in the peak of each that it forks. */
static int forget_all_else(struct bench *b)
{
	size_t size = 0;
	char *texts, *to;

	for (size_t i = 0; i < b->n_aliases; i++)
		size += strlen(b->aliases[i]) + 1;
	texts = to = malloc(size + 1);
	if (!texts)
		return -ENOMEM;
	for (size_t i = 0; i < b->n_aliases; i++) {
		const char *from = b->aliases[i];

		b->aliases[i] = to;
		to = stpcpy(to, from) + 1;
	}
	free(b->plan);
	b->plan = texts;
	b->exit_code = coldplug_exit_code(b->cli->c);
	b->cli->c = coldplug_free(b->cli->c);
#ifdef __GLIBC__
	malloc_trim(0);
#endif
	return 0;
}

/* The last place stays NULL. */
static void add(struct way *w, const char *word)
{
	if (w->n_command < N(w->command) - 1)
		w->command[w->n_command++] = word;
}

static void add_words(struct way *w, const char *const *words)
{
	for (; *words; words++)
		add(w, *words);
}

/* The same modules and configuration for all. */
static void add_place(struct bench *b, struct way *w, const char *root_option)
{
	struct cli *cli = b->cli;

	if (cli->image.root)
		add_words(w, (const char *const[]){ root_option, cli->image.root, NULL });
	add_words(w, (const char *const[]){ "-S", b->release, NULL });
	for (size_t i = 0; i < cli->n_config_paths; i++)
		add_words(w, (const char *const[]){ "-C", cli->config_paths[i], NULL });
}

static void make_ways_of_coldplug(struct bench *b)
{
	struct way *run = &b->ways[COLDPLUG], *load = &b->ways[COLDPLUG_ALIASES];

	run->name = "coldplug run -n";
	add_words(run, (const char *const[]){ "/proc/self/exe", "run", "-n", "-q", NULL });
	add_place(b, run, "--root");
	load->name = "coldplug load -n -b, all aliases";
	load->n_each = SIZE_MAX;
	add_words(load, (const char *const[]){ "/proc/self/exe", "load", "-n", "-q", "-b", NULL });
	add_place(b, load, "--root");
	add(load, "--");
}

/* Its -d is only the place of the modules. */
static void make_way_of_modprobe(struct bench *b, struct way *w, const char *name, size_t n_each)
{
	struct cli *cli = b->cli;

	w->name = name;
	w->n_each = n_each;
	add_words(w, (const char *const[]){ b->modprobe, "-n", "-q", "-b", NULL });
	add_place(b, w, "-d");
	for (size_t i = 0; cli->image.root && !cli->n_config_paths && i < N(config_directories); i++) {
		snprintf(b->config[i], sizeof(b->config[i]), "%s%s", cli->image.root, config_directories[i]);
		if (!access(b->config[i], F_OK))
			add_words(w, (const char *const[]){ "-C", b->config[i], NULL });
	}
	if (n_each > 1)
		add(w, "-a");
	add(w, "--");
}

static void make_way_of_udevadm(struct bench *b)
{
	static const char *const places[] = { "/usr/bin/udevadm", "/bin/udevadm", "/sbin/udevadm" };
	struct way *w = &b->ways[UDEVADM];

	w->name = "udevadm trigger -n (devices only)";
	w->absent = true;
	for (size_t i = 0; w->absent && i < N(places); i++) {
		if (b->cli->image.root || access(places[i], X_OK) < 0)
			continue;
		w->absent = false;
		add_words(w, (const char *const[]){ places[i], "trigger", "-n", NULL });
	}
}

static struct measured measured_by(const struct bench *b, const struct way *w)
{
	return (struct measured){
		.command = w->command,
		.words = w->n_each ? b->aliases : NULL,
		.n_words = b->n_aliases,
		.n_each = w->n_each,
	};
}

/* The run that counts the processes reads all files first. */
static int prepare(struct bench *b)
{
	int r = 0;

	make_ways_of_coldplug(b);
	make_way_of_modprobe(b, &b->ways[ALL_AT_ONCE], "modprobe -n -b -a, all aliases", SIZE_MAX);
	make_way_of_modprobe(b, &b->ways[ONE_BY_ONE], "modprobe -n -b, for each alias", 1);
	make_way_of_udevadm(b);
	for (size_t i = 0; !r && i < WAYS; i++) {
		struct way *w = &b->ways[i];
		struct measured m = measured_by(b, w);

		if (w->absent)
			continue;
		w->rounds = calloc(b->n_rounds, sizeof(*w->rounds));
		r = w->rounds ? measure_processes(&m, &w->processes) : -ENOMEM;
		if (r < 0 && r != -ENOMEM)
			output_message("coldplug bench: %s: %s\n", w->command[0], strerror(-r));
	}
	return r;
}

static int measure_round(struct bench *b, unsigned int round)
{
	int r = 0;

	for (size_t i = 0; !r && i < WAYS; i++) {
		struct way *w = &b->ways[(round + i) % WAYS];
		struct measured m = measured_by(b, w);

		if (!w->absent)
			r = measure(&m, &w->rounds[round]);
	}
	return r;
}

static int compare_doubles(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *values, size_t n)
{
	qsort(values, n, sizeof(*values), compare_doubles);
	return n % 2 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

/* values: room for one of each round. */
static void find_medians(struct bench *b, struct way *w, double *values)
{
	const struct measurement *own = b->ways[COLDPLUG].rounds;

	for (unsigned int i = 0; i < b->n_rounds; i++)
		values[i] = (double)w->rounds[i].wall_us;
	w->median.wall_us = (uint64_t)median(values, b->n_rounds);
	for (unsigned int i = 0; i < b->n_rounds; i++)
		values[i] = (double)w->rounds[i].cpu_us;
	w->median.cpu_us = (uint64_t)median(values, b->n_rounds);
	for (unsigned int i = 0; i < b->n_rounds; i++)
		values[i] = (double)w->rounds[i].peak_kib;
	w->median.peak_kib = (uint64_t)median(values, b->n_rounds);
	for (unsigned int i = 0; i < b->n_rounds; i++)
		values[i] = (double)w->rounds[i].wall_us / (double)(own[i].wall_us ? own[i].wall_us : 1);
	w->ratio = median(values, b->n_rounds);
}

static int find_all_medians(struct bench *b)
{
	double *values = calloc(b->n_rounds, sizeof(*values));

	for (size_t i = 0; values && i < WAYS; i++)
		if (!b->ways[i].absent)
			find_medians(b, &b->ways[i], values);
	free(values);
	return values ? 0 : -ENOMEM;
}

static void print_table(const struct bench *b)
{
	output_printf("Linux %s: %zu devices, %zu aliases, %u round%s (medians)\n", b->release, b->n_devices,
		      b->n_aliases, b->n_rounds, b->n_rounds == 1 ? "" : "s");
	printf("%-34s %11s %11s %9s %9s %7s\n", "", "time", "processors", "processes", "memory", "ratio");
	for (size_t i = 0; i < WAYS; i++) {
		const struct way *w = &b->ways[i];
		char processes[24] = "?";

		if (w->absent)
			continue;
		if (w->processes >= 0)
			snprintf(processes, sizeof(processes), "%lld", (long long)w->processes);
		printf("%-34s %8.2f ms %8.2f ms %9s %5.1f MiB %7.2f\n", w->name,
		       (double)w->median.wall_us / 1e3, (double)w->median.cpu_us / 1e3, processes,
		       (double)w->median.peak_kib / 1024, w->ratio);
	}
}

static void write_way(struct json_writer *j, const struct way *w)
{
	json_write_open(j, NULL, '{');
	json_write_string(j, "name", w->name);
	json_write_number(j, "wall_us", (int64_t)w->median.wall_us);
	json_write_number(j, "cpu_us", (int64_t)w->median.cpu_us);
	json_write_number(j, "peak_kib", (int64_t)w->median.peak_kib);
	/* -1: they could not be counted. */
	json_write_number(j, "processes", w->processes);
	json_write_decimal(j, "ratio", w->ratio);
	json_write_close(j, '}');
}

static void print_json(const struct bench *b)
{
	struct json_writer j = {};

	json_write_open(&j, NULL, '{');
	json_write_string(&j, "program", "coldplug " COLDPLUG_VERSION);
	json_write_string(&j, "release", b->release);
	json_write_string(&j, "root", b->cli->image.root ? b->cli->image.root : "/");
	json_write_string(&j, "modprobe", b->modprobe);
	json_write_number(&j, "devices", (int64_t)b->n_devices);
	json_write_number(&j, "aliases", (int64_t)b->n_aliases);
	json_write_number(&j, "rounds", b->n_rounds);
	json_write_open(&j, "ways", '[');
	for (size_t i = 0; i < WAYS; i++)
		if (!b->ways[i].absent)
			write_way(&j, &b->ways[i]);
	json_write_close(&j, ']');
	json_write_close(&j, '}');
	putchar('\n');
}

/* Returns an exit code, or a negative errno. */
static int bench(struct bench *b)
{
	int r = find_aliases(b);

	/* Without /sys/devices there are no aliases. */
	if (r < 0 && r != -ENOENT)
		return r;
	r = check(b) ?: forget_all_else(b) ?: prepare(b);
	for (unsigned int i = 0; !r && i < b->n_rounds; i++)
		r = measure_round(b, i);
	r = r ?: find_all_medians(b);
	if (r)
		return r;
	if (b->cli->json)
		print_json(b);
	else
		print_table(b);
	return b->exit_code;
}

int command_bench(struct cli *cli)
{
	struct bench b = {
		.cli = cli,
		.modprobe = cli->bench.modprobe ? cli->bench.modprobe : "/sbin/modprobe",
		.n_rounds = cli->bench.rounds ? cli->bench.rounds : ROUNDS,
	};
	int r;

	if (cli->n_args) {
		fprintf(stderr, "coldplug bench: it takes no arguments\n");
		return EXIT_USAGE;
	}
	coldplug_set_flag(cli->c, COLDPLUG_DRY_RUN, true);
	r = bench(&b);
	for (size_t i = 0; i < WAYS; i++)
		free(b.ways[i].rounds);
	free(b.aliases);
	free(b.plan);
	return r < 0 ? cli_fail(cli, r, "measuring") : r;
}
