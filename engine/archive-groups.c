/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The groups of an archive that is being made. Threads compress them, in any order; the one that has
 * started them writes them as they stand in the table, so that the number of threads makes no difference. A
 * thread may be ahead of what is written by a few groups only: what waits is in memory.
 *
 * Modules are read a second time here, since all of them unpacked do not fit into the memory of a small
 * machine. One that has changed meanwhile is an error.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/group-codec.h"
#include "base/limits.h"
#include "base/module-filter.h"
#include "base/thread.h"
#include "base/xxh64.h"
#include "engine/archive-pack.h"

#define MAX_THREADS 64U
#define AHEAD 2U				/* groups for each thread */
#define SAMPLE ((size_t)24 << 20)		/* bytes of modules that a dictionary is made of */
#define WORTH_A_DICTIONARY ((uint64_t)16 << 20) /* bytes of all modules */

/* What a group has in memory. */
struct parts {
	ARRAY(struct group_member) members;
	ARRAY(uint8_t *) filtered; /* by member; NULL: it is images that has it */
	ARRAY(struct blob) images;
};

static void parts_free(struct parts *parts)
{
	for (size_t i = 0; i < parts->filtered.n; i++)
		free(parts->filtered.items[i]);
	for (size_t i = 0; i < parts->images.n; i++)
		blob_release(&parts->images.items[i]);
	array_free(&parts->members);
	array_free(&parts->filtered);
	array_free(&parts->images);
}

/* Reads an entry again, and filters it. Its place and group are the caller's. */
static int add_part(const struct rootfs *root, struct log *log, struct pack_entry *e, struct parts *parts)
{
	_cleanup_blob_ struct blob image = {};
	uint8_t compression, *filtered = NULL;
	size_t size;
	int r = pack_read(root, log, e, &image, &compression);

	if (!r && (image.size != e->size || xxh64(image.data, image.size) != e->sum)) {
		log_error(log, "%s/%s: was changed while it was packed", root->path, e->file);
		return -EBADMSG;
	}
	if (!r)
		r = array_make_room(&parts->members, 1) ?: array_make_room(&parts->filtered, 1) ?:
		    array_make_room(&parts->images, 1);
	if (!r && e->kind == ARCHIVE_MODULE)
		r = module_filter_apply(image.data, image.size, &filtered, &size);
	if (r < 0)
		return r;
	e->filter = r ? MODULE_FILTER_ELF : MODULE_FILTER_NONE;
	e->stored = r ? (uint32_t)size : e->size;
	parts->filtered.items[parts->filtered.n++] = filtered;
	if (!filtered)
		parts->images.items[parts->images.n++] = image;
	parts->members.items[parts->members.n++] =
		(struct group_member){ filtered ? (void *)filtered : image.data, e->stored, e->filter };
	if (!filtered)
		image = (struct blob){};
	return 0;
}

/* ---- which entries ---- */

/* Neighbours are what is loaded together. */
static int compare_paths(const void *a, const void *b, void *entries)
{
	const struct pack_entry *e = entries;

	return strcmp(e[*(const uint32_t *)a].path, e[*(const uint32_t *)b].path);
}

/* Divides order[first..n) into groups. */
static int divide(struct pack *p, uint32_t first, uint32_t n)
{
	_cleanup_free_ size_t *sizes = calloc(n + 1, sizeof(*sizes));
	int r = sizes ? 0 : -ENOMEM;

	for (uint32_t i = first; !r && i < n; i++)
		sizes[i] = p->entries.items[p->order.items[i]].size;
	for (uint32_t i = first, k; !r && i < n; i += k) {
		k = (uint32_t)group_fill(sizes + i, n - i);
		r = array_push(&p->groups, { .first = i, .n = k });
	}
	return r;
}

int pack_divide(struct pack *p)
{
	int r = 0;

	for (uint32_t i = 0; !r && i < p->entries.n; i++)
		r = array_push(&p->order, i);
	if (r < 0)
		return r;
	qsort_r(p->order.items, p->n_modules, sizeof(*p->order.items), compare_paths, p->entries.items);
	return divide(p, 0, p->n_modules) ?: divide(p, p->n_modules, (uint32_t)p->entries.n);
}

int pack_make_dictionary(struct pack *p)
{
	_cleanup_(parts_free) struct parts parts = {};
	uint64_t all = 0, seen = 0, taken = 0;
	uint8_t *dictionary = NULL;
	size_t size;
	int r = 0;

	for (uint32_t i = 0; i < p->n_modules; i++)
		all += p->entries.items[i].size;
	if (all < WORTH_A_DICTIONARY)
		return 0;
	/* Modules from everywhere, as evenly as their sizes allow. */
	for (uint32_t i = 0; !r && i < p->n_modules; i++) {
		struct pack_entry *e = &p->entries.items[p->order.items[i]];

		seen += e->size;
		if (taken * all > seen * SAMPLE)
			continue;
		taken += e->size;
		r = add_part(p->wish->root, p->log, e, &parts);
	}
	if (!r)
		r = group_dictionary_train(parts.members.items, parts.members.n, GROUP_DICTIONARY_SIZE,
					   &dictionary, &size);
	if (r > 0)
		r = array_append(&p->sections[ARCHIVE_DICTIONARY].items, dictionary, size);
	free(dictionary);
	return r;
}

/* ---- compressing them ---- */

struct result {
	uint8_t *frame; /* NULL: not yet, or written */
	size_t size;
};

struct work {
	struct pack *p;
	struct log log; /* of the threads */
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct result *results;
	uint32_t next;	  /* group to be compressed */
	uint32_t written; /* groups */
	uint32_t ahead;
	int error;
};

static void log_locked(void *userdata, int level, const char *message)
{
	struct work *w = userdata;

	pthread_mutex_lock(&w->lock);
	log_print(w->p->log, level, "%s", message);
	pthread_mutex_unlock(&w->lock);
}

static int compress_group(struct work *w, uint32_t i, struct result *ret)
{
	_cleanup_(parts_free) struct parts parts = {};
	const struct bytes *dictionary = &w->p->sections[ARCHIVE_DICTIONARY];
	struct pack_group *g = &w->p->groups.items[i];
	bool modules = g->first < w->p->n_modules;
	int r = 0;

	for (uint32_t k = 0; !r && k < g->n; k++) {
		struct pack_entry *e = &w->p->entries.items[w->p->order.items[g->first + k]];

		r = add_part(w->p->wish->root, &w->log, e, &parts);
		e->group = i;
		e->place = g->unpacked;
		g->unpacked += e->stored;
	}
	if (r < 0)
		return r;
	g->flags = modules && dictionary->items.n ? ARCHIVE_GROUP_DICTIONARY : 0;
	r = group_compress(parts.members.items, parts.members.n, g->flags ? dictionary->items.items : NULL,
			   g->flags ? dictionary->items.n : 0, GROUP_LEVEL, &ret->frame, &ret->size);
	if (!r && ret->size > UINT32_MAX)
		r = -EFBIG;
	g->size = (uint32_t)ret->size;
	return r;
}

/* The next group that a thread is to compress, or all groups: there is none. Takes the lock. */
static uint32_t next_group(struct work *w)
{
	uint32_t n = (uint32_t)w->p->groups.n, i;

	pthread_mutex_lock(&w->lock);
	while (!w->error && w->next < n && w->next >= w->written + w->ahead)
		pthread_cond_wait(&w->changed, &w->lock);
	i = w->error || w->next >= n ? n : w->next++;
	pthread_mutex_unlock(&w->lock);
	return i;
}

static void *compress_groups(void *arg)
{
	struct work *w = arg;
	uint32_t i;

	while ((i = next_group(w)) < w->p->groups.n) {
		struct result result = {};
		int r = compress_group(w, i, &result);

		pthread_mutex_lock(&w->lock);
		if (!w->error)
			w->error = r;
		w->results[i] = result;
		pthread_cond_broadcast(&w->changed);
		pthread_mutex_unlock(&w->lock);
	}
	return NULL;
}

/* Waits for a group. 0 or what the threads have met. */
static int take_result(struct work *w, uint32_t i, struct result *ret)
{
	int r;

	pthread_mutex_lock(&w->lock);
	while (!w->error && !w->results[i].frame)
		pthread_cond_wait(&w->changed, &w->lock);
	r = w->error;
	if (!r) {
		*ret = w->results[i];
		w->results[i].frame = NULL;
		w->written = i + 1;
		pthread_cond_broadcast(&w->changed);
	}
	pthread_mutex_unlock(&w->lock);
	return r;
}

static int write_group(struct pack *p, const struct result *result)
{
	errno = 0;
	if (fwrite(result->frame, 1, result->size, p->f) == result->size)
		return 0;
	return errno ? -errno : -EIO;
}

static int write_results(struct work *w, uint64_t *place)
{
	struct pack *p = w->p;
	uint64_t done = 0;
	int r = 0;

	for (uint32_t i = 0; !r && i < p->groups.n; i++) {
		struct pack_group *g = &p->groups.items[i];
		struct result result = {};

		r = take_result(w, i, &result);
		if (r < 0)
			return r;
		g->place = *place;
		*place += g->size;
		r = write_group(p, &result);
		free(result.frame);
		if (r < 0)
			log_error(p->log, "%s: %s", p->wish->output, strerror(-r));
		for (uint32_t k = 0; k < g->n; k++)
			done += p->entries.items[p->order.items[g->first + k]].size;
		if (!r && p->wish->progress)
			p->wish->progress(p->wish->userdata, done, p->wish->unpacked);
	}
	return r;
}

static unsigned int number_of_threads(const struct pack *p)
{
	long n = p->wish->threads ? (long)p->wish->threads : sysconf(_SC_NPROCESSORS_ONLN);

	if (n < 1)
		n = 1;
	if ((size_t)n > p->groups.n)
		n = (long)p->groups.n;
	return n > (long)MAX_THREADS ? MAX_THREADS : (unsigned int)n;
}

int pack_write_groups(struct pack *p, uint64_t place, uint64_t *end)
{
	struct work w = { .p = p, .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER };
	unsigned int n = number_of_threads(p), started = 0;
	pthread_t threads[MAX_THREADS];
	int r = 0;

	w.log = (struct log){ .fn = log_locked, .userdata = &w, .level = p->log->level };
	w.ahead = AHEAD * n;
	w.results = calloc(p->groups.n, sizeof(*w.results));
	if (!w.results)
		return -ENOMEM;
	while (!r && started < n) {
		r = thread_start(&threads[started], compress_groups, &w);
		started += !r;
	}
	if (!r)
		r = write_results(&w, &place);
	pthread_mutex_lock(&w.lock);
	w.error = w.error ?: r;
	pthread_cond_broadcast(&w.changed);
	pthread_mutex_unlock(&w.lock);
	for (unsigned int i = 0; i < started; i++)
		pthread_join(threads[i], NULL);
	for (size_t i = 0; i < p->groups.n; i++)
		free(w.results[i].frame);
	free(w.results);
	*end = place;
	return r;
}
