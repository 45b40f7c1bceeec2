/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A line is a keyword and a value, or is empty, or begins with '#':
 *
 *	expect TYPE[,TYPE...]		the file system that the root most likely has
 *	resume DEVICE			as resume= on the kernel command line
 *	run-size SIZE			of /run, as tmpfs(5) has it
 *	fallback PATH			another init, for what this one cannot do
 *	fallback-if PATTERN...		parameters of the command line for which it is run at once
 */
#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "programs/init/init.h"

#define BLANKS " \t\r\n"

int init_set_string(char **place, const char *value)
{
	char *copy = strdup(value ? value : "");

	if (!copy)
		return -ENOMEM;
	free(*place);
	*place = copy;
	return 0;
}

/* The lines of one keyword are one list. */
static int append(char **place, const char *value)
{
	char *list;

	if (!*place)
		return init_set_string(place, value);
	if (asprintf(&list, "%s %s", *place, value) < 0)
		return -ENOMEM;
	free(*place);
	*place = list;
	return 0;
}

static int take(struct init_options *o, const char *keyword, const char *value)
{
	if (!strcmp(keyword, "expect"))
		return init_set_string(&o->expected_types, value);
	if (!strcmp(keyword, "resume"))
		return init_set_string(&o->resume, value);
	if (!strcmp(keyword, "run-size"))
		return init_set_string(&o->run_size, value);
	if (!strcmp(keyword, "fallback") && *value == '/')
		return init_set_string(&o->fallback, value);
	if (!strcmp(keyword, "fallback-if"))
		return append(&o->fallback_if, value);
	return -EINVAL;
}

static char *skip_blanks(char *s)
{
	return s + strspn(s, BLANKS);
}

static void cut_blanks(char *s)
{
	size_t n = strlen(s);

	while (n && strchr(BLANKS, s[n - 1]))
		s[--n] = '\0';
}

static int take_line(struct init_options *o, char *line)
{
	char *keyword = skip_blanks(line), *value;

	cut_blanks(keyword);
	if (!*keyword || *keyword == '#')
		return 0;
	value = keyword + strcspn(keyword, BLANKS);
	if (*value)
		*value++ = '\0';
	value = skip_blanks(value);
	return *value ? take(o, keyword, value) : -EINVAL;
}

static int read_lines(struct init_options *o, const char *path, FILE *f)
{
	char *line = NULL;
	size_t size = 0;
	int r = 0;

	errno = 0;
	for (unsigned int n = 1; r >= 0 && getline(&line, &size, f) >= 0; n++) {
		r = take_line(o, line);
		if (r != -EINVAL)
			continue;
		say(4,
		    "%s:%u: neither expect, resume, run-size, fallback nor fallback-if with a value: ignored",
		    path, n);
		o->unknown++;
		r = 0;
	}
	if (!r && ferror(f))
		r = -errno ?: -EIO;
	free(line);
	return r;
}

int init_conf_read(struct init_options *o, const char *path)
{
	FILE *f = fopen(path, "re");
	int r;

	if (!f && errno == ENOENT)
		return 0;
	r = f ? read_lines(o, path, f) : -errno;
	if (r < 0)
		say(3, "cannot read %s: %s", path, strerror(-r));
	if (f)
		fclose(f);
	return r;
}

/* 1, 0 or -ENOMEM. */
static int matches_one_of(const char *patterns, const char *text)
{
	char *copy = strdup(patterns), *rest = copy, *pattern;
	int r = copy ? 0 : -ENOMEM;

	while (!r && (pattern = strsep(&rest, BLANKS)))
		r = *pattern && !fnmatch(pattern, text, 0);
	free(copy);
	return r;
}

int init_conf_note(struct init_options *o, const char *name, const char *value)
{
	char *text;
	int r;

	if (!o->fallback || !o->fallback_if || o->fallback_why)
		return 0;
	if (asprintf(&text, "%s%s%s", name, value ? "=" : "", value ? value : "") < 0)
		return -ENOMEM;
	r = matches_one_of(o->fallback_if, text);
	if (r > 0)
		o->fallback_why = text;
	else
		free(text);
	return r < 0 ? r : 0;
}
