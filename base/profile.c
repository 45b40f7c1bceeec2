/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/profile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/limits.h"
#include "base/memstream.h"

#define FIRST "coldplug-profile 1"
#define FILESYSTEM_MAX 50
/* With the module it must be a line of modprobe.d (LIMIT_LINE). */
#define REQUESTS_MAX (LIMIT_LINE / 2)

struct reading {
	struct profile *profile;
	FILE *softdeps;
	const char *release;
	bool ended;
	const char *what; /* is wrong */
};

/* The first word of *rest, which then begins behind it; "" without one. */
static char *next_word(char **rest)
{
	char *word = *rest;

	*rest += strcspn(word, " ");
	if (**rest)
		*(*rest)++ = '\0';
	return word;
}

static int wrong(struct reading *r, const char *what)
{
	r->what = what;
	return -EBADMSG;
}

static int take_release(struct reading *r, char *rest)
{
	if (r->release && strcmp(rest, r->release) != 0)
		return wrong(r, "it is of another release of the kernel");
	return 0;
}

static int take_awaited(struct reading *r, char *rest)
{
	return *rest ? array_push(&r->profile->awaited, rest) : wrong(r, "no device is named");
}

static int take_device(struct reading *r, char *rest)
{
	const char *path = next_word(&rest);

	if (strncmp(path, "/devices/", 9) != 0 || strstr(path, "/..") || !*rest)
		return wrong(r, "not a device below /devices and its alias");
	if (r->profile->devices.n == LIMIT_PROFILE_DEVICES)
		return wrong(r, "there are too many devices");
	return array_push(&r->profile->devices, { path, rest });
}

static int take_filesystem(struct reading *r, char *rest)
{
	if (!*rest || strpbrk(rest, " /") || strlen(rest) > FILESYSTEM_MAX)
		return wrong(r, "not a type of file system");
	return array_push(&r->profile->filesystems, rest);
}

/* Names with a blank between them. No other line for modprobe.d can be made of these. */
static bool are_names(const char *s)
{
	return *s && *s != ' ' && !strstr(s, "  ") && !s[strcspn(s, "\t\r\\#\"[]")];
}

static bool is_name(const char *s)
{
	return are_names(s) && !strchr(s, ' ') && strlen(s) <= LIMIT_NAME;
}

/* A module's name as coldplug has it. */
static char *normalise(char *module)
{
	for (char *c = module; (c = strchr(c, '-'));)
		*c = '_';
	return module;
}

static int take_request(struct reading *r, char *rest)
{
	const char *module = next_word(&rest);

	if (!is_name(module) || !are_names(rest) || strlen(rest) > REQUESTS_MAX)
		return wrong(r, "not a module and what it asks for");
	return fprintf(r->softdeps, "softdep %s pre: %s\n", module, rest) < 0 ? -ENOMEM : 0;
}

static int take_declined(struct reading *r, char *rest)
{
	if (!is_name(rest))
		return wrong(r, "not a module");
	normalise(rest);
	return intern_add(&r->profile->declined, rest, strlen(rest)) == INTERN_NONE ? -ENOMEM : 0;
}

/* A number of decimal digits, but not more than most. */
static uint32_t number(const char *digits, uint32_t most)
{
	uint64_t n = 0;

	for (; *digits; digits++) {
		n = n * 10 + (uint64_t)(*digits - '0');
		if (n > most)
			n = most;
	}
	return (uint32_t)n;
}

/* The last line for a module counts. */
static int take_took(struct reading *r, char *rest)
{
	const char *module = normalise(next_word(&rest));
	struct profile *p = r->profile;
	uint32_t id, us;

	if (!is_name(module) || !*rest || rest[strspn(rest, "0123456789")])
		return wrong(r, "not a module and the microseconds that it took");
	us = number(rest, LIMIT_PROFILE_TOOK);
	id = intern_add(&p->timed, module, strlen(module));
	if (id == INTERN_NONE)
		return -ENOMEM;
	if (id < p->took_us.n) {
		p->took_us.items[id] = us;
		return 0;
	}
	return array_push(&p->took_us, us);
}

static int take_end(struct reading *r, char *rest)
{
	r->ended = true;
	return *rest ? wrong(r, "something follows 'end'") : 0;
}

static int take_line(struct reading *r, char *line)
{
	static const struct {
		const char *word;
		int (*take)(struct reading *r, char *rest);
	} words[] = {
		{ "release", take_release }, { "awaited", take_awaited },
		{ "device", take_device },   { "filesystem", take_filesystem },
		{ "request", take_request }, { "declined", take_declined },
		{ "took", take_took },	     { "end", take_end },
	};
	const char *word = next_word(&line);

	if (r->ended)
		return wrong(r, "something follows 'end'");
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (!strcmp(words[i].word, word))
			return words[i].take(r, line);
	return wrong(r, "it begins with no word of a profile");
}

static int take_lines(struct reading *r, char *text, unsigned int *line)
{
	int e = 0;

	for (char *p; !e && (p = strsep(&text, "\n"));) {
		++*line;
		if (*line == 1)
			e = strcmp(p, FIRST) != 0 ? wrong(r, "it does not begin as a profile of this format")
						  : 0;
		else if (*p && *p != '#')
			e = take_line(r, p);
	}
	return e ?: r->ended ? e : wrong(r, "it ends without 'end'");
}

int profile_read(const struct rootfs *root, const char *path, struct file_bytes *ret)
{
	_cleanup_close_ int fd = root ? rootfs_openat(root, path, O_RDONLY | O_NONBLOCK)
				      : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

	if (fd < 0)
		return root ? fd : -errno;
	return file_read(fd, LIMIT_CONFIG_FILE, ret);
}

/* Takes text. */
static int parse(struct profile *ret, char *text, const char *release, struct profile_fault *fault)
{
	struct profile p = { .text = text };
	struct reading r = { .profile = &p, .release = release };
	int e;

	r.softdeps = memstream_open(&p.softdeps, &p.n_softdeps);
	if (!r.softdeps) {
		profile_free(&p);
		return -ENOMEM;
	}
	e = take_lines(&r, text, &fault->line);
	fault->what = r.what;
	if (memstream_close(r.softdeps) < 0 && !e)
		e = -ENOMEM;
	if (e < 0)
		profile_free(&p);
	else
		*ret = p;
	return e;
}

static unsigned int line_at(const char *data, const char *at)
{
	unsigned int line = 1;

	for (; data < at; data++)
		line += *data == '\n';
	return line;
}

int profile_parse(struct profile *ret, const char *data, size_t size, const char *release,
		  struct profile_fault *fault)
{
	const char *zero = size ? memchr(data, '\0', size) : NULL;
	char *text;

	*ret = (struct profile){};
	*fault = (struct profile_fault){};
	if (zero) {
		*fault = (struct profile_fault){ line_at(data, zero), "it has a byte of zero" };
		return -EBADMSG;
	}
	text = strndup(size ? data : "", size);
	return text ? parse(ret, text, release, fault) : -ENOMEM;
}

void profile_free(struct profile *p)
{
	array_free(&p->awaited);
	array_free(&p->devices);
	array_free(&p->filesystems);
	intern_free(&p->declined);
	intern_free(&p->timed);
	array_free(&p->took_us);
	free(p->softdeps);
	free(p->text);
	*p = (struct profile){};
}

bool profile_declined(const struct profile *p, const char *module)
{
	return intern_find(&p->declined, module, strlen(module)) != INTERN_NONE;
}

uint32_t profile_took_us(const struct profile *p, const char *module)
{
	uint32_t id = intern_find(&p->timed, module, strlen(module));

	return id == INTERN_NONE ? 0 : p->took_us.items[id];
}
