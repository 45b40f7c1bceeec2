/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Makes a profile (coldplug-profile(8)) of the report of a boot, for the next one.
 *
 * What a module asks the kernel for is only seen as long as nothing is known about it: the next boot loads that before, and
 * the kernel is not asked. So the requests of the profile that is replaced are kept. All else is as it was in this boot.
 *
 * Most loads wait at their end for all asynchronous probes in the kernel, so many end together with the
 * adapter whose disks were looked for. Of such a group, the one that began first is taken for that adapter,
 * and the others to have taken as long as their init, which only tracefs tells. On a busy machine loads
 * also wait for a processor, so the times are too long, for all alike.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "programs/cli/cli.h"
#include "programs/cli/report-read.h"

#define REQUEST "request "
#define FILE_MAX ((size_t)16 * 1024 * 1024)
/* As coldplug reads it, see docs/LIMITS.md. */
#define DEVICES_MAX 256
#define TYPE_MAX 50
#define REQUESTS_MAX (32 * 1024)
/* Shorter loads do not matter to an order. */
#define TOOK_MIN_US 1000
/* Loads of at least this time */
#define GROUP_MIN_US 100000
/* that end so close to each other have waited for the same. */
#define GROUP_US 2000

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

/* The lines of the profile are read again by coldplug (base/profile.c): only what it takes there is written. */
static bool has_none_of(const char *s, const char *characters)
{
	const char *p = s;

	while ((unsigned char)*p > ' ' && *p != 127 && !strchr(characters, *p))
		p++;
	return p > s && !*p;
}

static bool is_name(const char *s)
{
	return has_none_of(s, "\\#\"[]") && strlen(s) <= NAME_MAX;
}

static bool is_line(const char *s)
{
	return *s && !s[strcspn(s, "\n")];
}

static bool is_device(const struct report_device *d)
{
	return has_none_of(d->path, "\\#\"") && !strncmp(d->path, "/devices/", 9) &&
		!strstr(d->path, "/..") && is_line(d->alias);
}

static bool is_type(const char *s)
{
	return is_name(s) && !strchr(s, '/') && strlen(s) <= TYPE_MAX;
}

static int add_line(struct asked_list *l, char *line)
{
	char *module, *rest = line + strlen(REQUEST);
	int r = 0;

	module = strsep(&rest, " ");
	for (char *name; !r && (name = strsep(&rest, " "));)
		if (is_name(module) && is_name(name))
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

		if (q->module && is_name(q->module) && is_name(q->name))
			r = add_asked(l, q->module, q->name);
	}
	return r;
}

static void put_requests(FILE *f, struct asked_list *l)
{
	size_t length = 0;

	if (l->n)
		qsort(l->items, l->n, sizeof(*l->items), compare_asked);
	for (size_t i = 0; i < l->n; i++) {
		bool same_module = i && !strcmp(l->items[i].module, l->items[i - 1].module);

		if (same_module && !strcmp(l->items[i].name, l->items[i - 1].name))
			continue;
		if (!same_module) {
			fprintf(f, "%s" REQUEST "%s", i ? "\n" : "", l->items[i].module);
			length = 0;
		}
		length += strlen(l->items[i].name) + 1;
		if (length <= REQUESTS_MAX)
			fprintf(f, " %s", l->items[i].name);
	}
	if (l->n)
		fputc('\n', f);
}

static void put_devices(FILE *f, const struct run_report *r)
{
	unsigned int n = 0;

	for (uint32_t i = 0; i < r->n_awaited; i++)
		if (r->awaited[i].node && is_line(r->awaited[i].spec))
			fprintf(f, "awaited %s\n", r->awaited[i].spec);
	for (uint32_t i = 0; i < r->n_way && n < DEVICES_MAX; i++) {
		if (!is_device(&r->way[i]))
			continue;
		fprintf(f, "device %s %s\n", r->way[i].path, r->way[i].alias);
		n++;
	}
}

static bool has_ended(const struct report_load *l)
{
	return l->outcome == OUTCOME_LOADED || l->outcome == OUTCOME_DECLINED;
}

/* Whether one that began earlier ended together with it. */
static bool waits_for_another(const struct run_report *r, const struct report_load *l)
{
	for (const struct report_load *k = r->loads; k < r->loads + r->n_loads; k++)
		if (has_ended(k) && k->start_us < l->start_us && k->end_us + GROUP_US >= l->end_us &&
		    k->end_us <= l->end_us + GROUP_US)
			return true;
	return false;
}

static void put_took(FILE *f, const struct run_report *r, const struct report_load *l)
{
	uint64_t us = l->end_us - l->start_us;

	if (us >= GROUP_MIN_US && waits_for_another(r, l))
		us = l->inited_us > l->start_us ? l->inited_us - l->start_us : 0;
	if (us >= TOOK_MIN_US)
		fprintf(f, "took %s %" PRIu64 "\n", l->module, us);
}

static void put_profile(FILE *f, const struct run_report *r, struct asked_list *asked)
{
	fprintf(f, "coldplug-profile 1\n");
	if (is_name(r->release))
		fprintf(f, "release %s\n", r->release);
	put_devices(f, r);
	for (uint32_t i = 0; i < r->n_filesystems; i++)
		if (is_type(r->filesystems[i]) &&
		    (!i || strcmp(r->filesystems[i], r->filesystems[i - 1]) != 0))
			fprintf(f, "filesystem %s\n", r->filesystems[i]);
	for (uint32_t i = 0; i < r->n_loads; i++)
		if (r->loads[i].outcome == OUTCOME_DECLINED && is_name(r->loads[i].module))
			fprintf(f, "declined %s\n", r->loads[i].module);
	for (uint32_t i = 0; i < r->n_loads; i++)
		if (has_ended(&r->loads[i]) && is_name(r->loads[i].module))
			put_took(f, r, &r->loads[i]);
	put_requests(f, asked);
	fputs("end\n", f);
}

/* Opens a profile that is to be replaced. -ENOENT; -EINVAL: it is no regular file; another -errno. */
static int open_old(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;

	if (fd < 0)
		return -errno;
	if (!fstat(fd, &st) && S_ISREG(st.st_mode))
		return fd;
	close(fd);
	return -EINVAL;
}

/* *text is NULL if there is none; 0 or -errno. */
static int read_old(const char *path, char **text)
{
	int fd = open_old(path);
	FILE *f = fd < 0 ? NULL : fdopen(fd, "r");
	size_t size = 0;
	ssize_t n;
	int r = 0;

	*text = NULL;
	if (!f) {
		if (fd >= 0)
			close(fd);
		return fd >= 0 ? -ENOMEM : fd == -ENOENT ? 0 : fd;
	}
	n = getdelim(text, &size, 0, f);
	if (ferror(f))
		r = -errno;
	fclose(f);
	if (r || n < 0 || (size_t)n > FILE_MAX) {
		free(*text);
		*text = NULL;
	}
	return r;
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
	struct asked_list asked = {};
	char *text = NULL;
	int r = output ? read_old(output, &text) : 0;

	if (!r && text)
		r = add_old(&asked, text);
	if (!r)
		r = add_new(&asked, report);
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
	if (cli->image.image.output && !strcmp(cli->image.image.output, "-"))
		cli->image.image.output = NULL;
	r = run_report_read(&report, cli->args[0]);
	if (r < 0)
		return r == -ENOMEM ? EXIT_SYSTEM : EXIT_INPUT;
	r = make(cli, &report);
	run_report_free(&report);
	return r < 0 ? cli_fail(cli, r, cli->image.image.output ? cli->image.image.output : "the profile")
		     : 0;
}
