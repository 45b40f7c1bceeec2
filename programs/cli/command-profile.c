/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Makes a profile (coldplug-profile(8)) of the report of a boot, for the next one.
 *
 * What a module asks the kernel for is only seen as long as nothing is known about it: the next boot loads that before, and
 * the kernel is not asked. So the requests of the profile that is replaced are kept. All else is as it was in this boot.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "programs/cli/cli.h"
#include "programs/cli/report-read.h"

#define REQUEST "request "
#define FILE_MAX ((size_t)16 * 1024 * 1024)

/* A module and one thing that it asks for. */
struct asked {
	const char *module, *name;
};

struct asked_list {
	struct asked *items;
	size_t n;
};

static int add_asked(struct asked_list *l, const char *module, const char *name)
{
	struct asked *items = reallocarray(l->items, l->n + 1, sizeof(*items));

	if (!items)
		return -ENOMEM;
	l->items = items;
	l->items[l->n++] = (struct asked){ module, name };
	return 0;
}

static int compare_asked(const void *a, const void *b)
{
	const struct asked *x = a, *y = b;

	return strcmp(x->module, y->module) ?: strcmp(x->name, y->name);
}

/* The lines of the profile are read again by coldplug: only what is a word there can be in one. */
static bool is_word(const char *s)
{
	const char *p = s;

	for (; *p; p++)
		if ((unsigned char)*p <= ' ' || *p == 127 || strchr("\\#\"", *p))
			return false;
	return p > s;
}

static int add_line(struct asked_list *l, char *line)
{
	char *module, *rest = line + strlen(REQUEST);
	int r = 0;

	module = strsep(&rest, " ");
	for (char *name; !r && (name = strsep(&rest, " "));)
		if (is_word(module) && is_word(name))
			r = add_asked(l, module, name);
	return r;
}

/* The requests of the profile that text is. */
static int add_old(struct asked_list *l, char *text)
{
	int r = 0;

	for (char *line; !r && (line = strsep(&text, "\n"));)
		if (!strncmp(line, REQUEST, strlen(REQUEST)))
			r = add_line(l, line);
	return r;
}

static int add_new(struct asked_list *l, const struct run_report *report)
{
	int r = 0;

	for (uint32_t i = 0; !r && i < report->n_requests; i++) {
		const struct report_request *q = &report->requests[i];

		if (q->module && is_word(q->module) && is_word(q->name))
			r = add_asked(l, q->module, q->name);
	}
	return r;
}

static void put_requests(FILE *f, struct asked_list *l)
{
	if (l->n)
		qsort(l->items, l->n, sizeof(*l->items), compare_asked);
	for (size_t i = 0; i < l->n; i++) {
		bool same_module = i && !strcmp(l->items[i].module, l->items[i - 1].module);

		if (same_module && !strcmp(l->items[i].name, l->items[i - 1].name))
			continue;
		if (!same_module)
			fprintf(f, "%s" REQUEST "%s", i ? "\n" : "", l->items[i].module);
		fprintf(f, " %s", l->items[i].name);
	}
	if (l->n)
		fputc('\n', f);
}

static void put_profile(FILE *f, const struct run_report *r, struct asked_list *asked)
{
	fprintf(f, "coldplug-profile 1\n");
	if (is_word(r->release))
		fprintf(f, "release %s\n", r->release);
	for (uint32_t i = 0; i < r->n_awaited; i++)
		if (r->awaited[i].node && !r->awaited[i].spec[strcspn(r->awaited[i].spec, "\n")])
			fprintf(f, "awaited %s\n", r->awaited[i].spec);
	for (uint32_t i = 0; i < r->n_way; i++)
		if (is_word(r->way[i].path) && !r->way[i].alias[strcspn(r->way[i].alias, "\n")])
			fprintf(f, "device %s %s\n", r->way[i].path, r->way[i].alias);
	for (uint32_t i = 0; i < r->n_filesystems; i++)
		if (is_word(r->filesystems[i]) && !strchr(r->filesystems[i], '/'))
			fprintf(f, "filesystem %s\n", r->filesystems[i]);
	for (uint32_t i = 0; i < r->n_loads; i++)
		if (r->loads[i].outcome == OUTCOME_DECLINED && is_word(r->loads[i].module))
			fprintf(f, "declined %s\n", r->loads[i].module);
	put_requests(f, asked);
	fputs("end\n", f);
}

/* NULL without one; an error is warned of: then the new profile knows less. */
static char *read_old(const char *path)
{
	FILE *f = path ? fopen(path, "re") : NULL;
	char *text = NULL;
	size_t size = 0;
	ssize_t n = f ? getdelim(&text, &size, 0, f) : -1;

	if (f ? ferror(f) : path && errno != ENOENT)
		output_message("coldplug: warning: %s: cannot be read: %s\n", path, strerror(errno));
	if (f)
		fclose(f);
	if (n >= 0 && (size_t)n <= FILE_MAX)
		return text;
	free(text);
	return NULL;
}

/* Takes fd. */
static int write_all(int fd, const struct run_report *report, struct asked_list *asked)
{
	FILE *f = fdopen(fd, "w");
	int r = 0;

	if (!f) {
		close(fd);
		return -ENOMEM;
	}
	put_profile(f, report, asked);
	if (fflush(f) == EOF || ferror(f) || fsync(fd) < 0)
		r = -errno;
	return fclose(f) == EOF && !r ? -errno : r;
}

/* Beside the file, which it then replaces. Only its owner may read it. */
static int write_file(const char *path, const struct run_report *report, struct asked_list *asked)
{
	char *temporary;
	int fd, r;

	if (asprintf(&temporary, "%s.XXXXXX", path) < 0)
		return -ENOMEM;
	fd = mkostemp(temporary, O_CLOEXEC);
	r = fd < 0 ? -errno : write_all(fd, report, asked);
	if (!r && rename(temporary, path) < 0)
		r = -errno;
	if (r && fd >= 0)
		unlink(temporary);
	free(temporary);
	return r;
}

static int make(struct cli *cli, const struct run_report *report)
{
	const char *output = cli->image.image.output;
	char *text = read_old(output);
	struct asked_list asked = {};
	int r = (text ? add_old(&asked, text) : 0) ?: add_new(&asked, report);

	if (!r && output)
		r = write_file(output, report, &asked);
	else if (!r)
		put_profile(stdout, report, &asked);
	free(asked.items);
	free(text);
	return r;
}

int command_profile(struct cli *cli)
{
	struct run_report report;
	int r;

	if (cli->n_args != 1) {
		fprintf(stderr, "coldplug profile: one report must be named\n");
		return EXIT_USAGE;
	}
	r = run_report_read(&report, cli->args[0]);
	if (r < 0)
		return r == -ENOMEM ? EXIT_SYSTEM : EXIT_INPUT;
	r = make(cli, &report);
	run_report_free(&report);
	return r < 0 ? cli_fail(cli, r, cli->image.image.output ? cli->image.image.output : "the profile")
		     : 0;
}
