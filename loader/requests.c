/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Idea: an instance of tracefs of our own (Documentation/trace/ftrace.rst, "Instances") with the event module_request
 * alone (include/trace/events/module.h). It needs no buffer to be read in time, and disturbs no other tracing.
 *
 * A line of it, where the comm may have any characters:
 *
 *	  cryptomgr_test-139     [000] .....     6.188954: module_request: crypto-cryptd(x) wait=1 call_site=crypto_alg_mod_lookup
 */
#include "loader/requests.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

#define EVENT ": module_request: "

/* "6.188954", the word in front of the end of text, which is cut off there. */
static bool take_time(char *text, uint64_t *ret)
{
	char *word = strrchr(text, ' '), *end;
	unsigned long long s, us;

	if (!word || word[1] < '0' || word[1] > '9')
		return false;
	s = strtoull(word + 1, &end, 10);
	if (*end != '.' || s > UINT32_MAX)
		return false;
	us = strtoull(end + 1, &end, 10);
	if (*end || us > 999999)
		return false;
	*word = '\0';
	*ret = s * 1000000 + us;
	return true;
}

/* "  COMM-PID     [000] ....." */
static char *take_comm(char *text)
{
	char *cpu = strrchr(text, '['), *dash;

	if (!cpu)
		return NULL;
	*cpu = '\0';
	dash = strrchr(text, '-');
	if (!dash)
		return NULL;
	*dash = '\0';
	return text + strspn(text, " ");
}

/* Ends text where the last key in it is, and returns what is behind that; a name may have anything in it. */
static char *cut_last(char *text, const char *key)
{
	char *last = NULL;

	for (char *p = text; (p = strstr(p, key)); p++)
		last = p;
	if (!last)
		return NULL;
	*last = '\0';
	return last + strlen(key);
}

bool kernel_request_parse(char *line, struct kernel_request *ret)
{
	char *event = strstr(line, EVENT);

	line[strcspn(line, "\n")] = '\0';
	if (!event)
		return false;
	*event = '\0';
	ret->name = event + strlen(EVENT);
	ret->call_site = cut_last(ret->name, " call_site=");
	if (!ret->call_site || !cut_last(ret->name, " wait=") || !take_time(line, &ret->time_us))
		return false;
	ret->by = take_comm(line);
	return ret->by;
}

static int write_word(int dir, const char *path, const char *word)
{
	_cleanup_close_ int fd = openat(dir, path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0 || write(fd, word, strlen(word)) < 0)
		return -errno;
	return 0;
}

static int start_tracing(struct requests *r)
{
	_cleanup_close_ int dir = openat(r->instances, r->name, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int fd, e;

	if (dir < 0)
		return -errno;
	/* A request is some 100 bytes. */
	(void)write_word(dir, "buffer_size_kb", "64");
	e = write_word(dir, "trace_clock", "mono");
	if (!e)
		e = write_word(dir, "events/module/module_request/enable", "1");
	if (e < 0)
		return e;
	fd = openat(dir, "trace", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	r->trace = fdopen(fd, "r");
	if (r->trace)
		return 0;
	close(fd);
	return -ENOMEM;
}

int requests_open(struct requests *r, const struct rootfs *root)
{
	int e;

	*r = REQUESTS_NONE;
	r->instances = rootfs_openat(root, "sys/kernel/tracing/instances", O_PATH | O_DIRECTORY);
	if (r->instances < 0)
		return r->instances;
	snprintf(r->name, sizeof(r->name), "coldplug-%d", (int)getpid());
	e = mkdirat(r->instances, r->name, 0700) < 0 ? -errno : 0;
	if (e < 0) {
		close(r->instances);
		*r = REQUESTS_NONE;
		return e;
	}
	e = start_tracing(r);
	if (e < 0)
		requests_close(r);
	return e;
}

int requests_each(struct requests *r, int (*fn)(void *userdata, const struct kernel_request *request),
		  void *userdata)
{
	_cleanup_free_ char *line = NULL;
	struct kernel_request request;
	size_t size = 0;
	int e = 0;

	if (!r->trace)
		return 0;
	rewind(r->trace);
	while (!e && getline(&line, &size, r->trace) > 0)
		if (kernel_request_parse(line, &request))
			e = fn(userdata, &request);
	return e;
}

void requests_close(struct requests *r)
{
	if (r->trace)
		fclose(r->trace);
	if (r->instances >= 0) {
		unlinkat(r->instances, r->name, AT_REMOVEDIR);
		close(r->instances);
	}
	*r = REQUESTS_NONE;
}
