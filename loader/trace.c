/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Idea: an instance of tracefs of our own (Documentation/trace/ftrace.rst, "Instances") with three events
 * alone (include/trace/events/module.h, initcall.h). It needs no buffer to be read in time, and disturbs
 * no other tracing.
 *
 * A line of it, where the comm may have any characters:
 *
 *	  cryptomgr_test-139     [000] .....     6.188954: module_request: crypto-cryptd(x) wait=1 call_site=crypto_alg_mod_lookup
 *	 coldplug-loader-86      [000] .....     6.201344: module_load: crc64_rocksoft
 *	 coldplug-loader-86      [000] .....     6.202519: initcall_finish: func=crc64_rocksoft_mod_init+0x0/0xe3f ret=0
 */
#include "loader/trace.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

static const struct {
	const char *word;
	const char *enable;
} kinds[] = {
	[TRACE_REQUEST] = { ": module_request: ", "events/module/module_request/enable" },
	[TRACE_INIT] = { ": module_load: ", "events/module/module_load/enable" },
	[TRACE_INITED] = { ": initcall_finish: ", "events/initcall/initcall_finish/enable" },
};

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
static bool take_thread(char *text, struct trace_event *ret)
{
	char *cpu = strrchr(text, '['), *dash, *end;
	unsigned long long thread;

	if (!cpu)
		return false;
	*cpu = '\0';
	dash = strrchr(text, '-');
	if (!dash || dash[1] < '0' || dash[1] > '9')
		return false;
	thread = strtoull(dash + 1, &end, 10);
	if (end[strspn(end, " ")] || thread > UINT32_MAX)
		return false;
	*dash = '\0';
	ret->thread = (uint32_t)thread;
	ret->by = text + strspn(text, " ");
	return true;
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

static bool take_request(char *text, struct trace_event *ret)
{
	ret->name = text;
	ret->call_site = cut_last(text, " call_site=");
	return ret->call_site && cut_last(text, " wait=");
}

bool trace_parse(char *line, struct trace_event *ret)
{
	char *text = NULL;

	*ret = (struct trace_event){};
	line[strcspn(line, "\n")] = '\0';
	/* What follows the first of these words may have another one in it. */
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		char *at = strstr(line, kinds[i].word);

		if (!at || (text && at > text))
			continue;
		text = at;
		ret->kind = (enum trace_kind)i;
	}
	if (!text)
		return false;
	*text = '\0';
	if (!take_time(line, &ret->time_us) || !take_thread(line, ret))
		return false;
	if (ret->kind == TRACE_REQUEST)
		return take_request(text + strlen(kinds[TRACE_REQUEST].word), ret);
	ret->by = NULL;
	return true;
}

static int write_word(int dir, const char *path, const char *word)
{
	_cleanup_close_ int fd = openat(dir, path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0 || write(fd, word, strlen(word)) < 0)
		return -errno;
	return 0;
}

/* A kernel may lack an event. */
static int enable_events(int dir)
{
	int r = -ENOENT;

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (!write_word(dir, kinds[i].enable, "1"))
			r = 0;
	return r;
}

static int start_tracing(struct trace *t)
{
	_cleanup_close_ int dir = openat(t->instances, t->name, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int fd, r;

	if (dir < 0)
		return -errno;
	/* An event is at most some 100 bytes, and a load has two. */
	(void)write_word(dir, "buffer_size_kb", "128");
	r = write_word(dir, "trace_clock", "mono") ?: enable_events(dir);
	if (r < 0)
		return r;
	fd = openat(dir, "trace", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	t->file = fdopen(fd, "r");
	if (t->file)
		return 0;
	close(fd);
	return -ENOMEM;
}

int trace_open(struct trace *t, const struct rootfs *root)
{
	int r;

	*t = TRACE_NONE;
	t->instances = rootfs_openat(root, "sys/kernel/tracing/instances", O_PATH | O_DIRECTORY);
	if (t->instances < 0)
		return t->instances;
	snprintf(t->name, sizeof(t->name), "coldplug-%d", (int)getpid());
	r = mkdirat(t->instances, t->name, 0700) < 0 ? -errno : 0;
	if (r < 0) {
		close(t->instances);
		*t = TRACE_NONE;
		return r;
	}
	r = start_tracing(t);
	if (r < 0)
		trace_close(t);
	return r;
}

/* NULL stays NULL. */
static int copy_string(struct arena *arena, const char **s)
{
	if (*s)
		*s = arena_strdup(arena, *s);
	return *s ? 0 : -ENOMEM;
}

static int add_event(struct trace_events *events, struct trace_event event)
{
	int r = 0;

	if (event.kind == TRACE_REQUEST)
		r = copy_string(&events->arena, &event.name) ?: copy_string(&events->arena, &event.by)
			?: copy_string(&events->arena, &event.call_site);
	return r ?: array_push(&events->items, event);
}

int trace_read(struct trace *t, struct trace_events *ret)
{
	_cleanup_free_ char *line = NULL;
	struct trace_event event;
	size_t size = 0;
	int r = 0;

	*ret = (struct trace_events){};
	if (!t->file)
		return 0;
	rewind(t->file);
	while (!r && getline(&line, &size, t->file) > 0)
		if (trace_parse(line, &event))
			r = add_event(ret, event);
	if (r < 0)
		trace_events_free(ret);
	return r;
}

void trace_events_free(struct trace_events *events)
{
	array_free(&events->items);
	arena_free(&events->arena);
}

/* The first event at or after that time. */
static size_t find_time(const struct trace_events *events, uint64_t time_us)
{
	size_t low = 0, high = events->items.n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (events->items.items[middle].time_us < time_us)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

void trace_find_init(const struct trace_events *events, uint32_t thread, uint64_t start_us, uint64_t end_us,
		     uint64_t *init_us, uint64_t *inited_us)
{
	*init_us = *inited_us = 0;
	for (size_t i = find_time(events, start_us); i < events->items.n; i++) {
		const struct trace_event *e = &events->items.items[i];

		if (e->time_us > end_us)
			break;
		if (e->thread != thread)
			continue;
		if (e->kind == TRACE_INIT)
			*init_us = e->time_us;
		else if (e->kind == TRACE_INITED && *init_us)
			*inited_us = e->time_us;
	}
}

void trace_close(struct trace *t)
{
	if (t->file)
		fclose(t->file);
	if (t->instances >= 0) {
		unlinkat(t->instances, t->name, AT_REMOVEDIR);
		close(t->instances);
	}
	*t = TRACE_NONE;
}
