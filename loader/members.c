/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A slot has one unpacked group. Whoever finds none with the group that it wants takes the one that was
 * used longest ago, and unpacks the group into it without the lock; all others that want this group wait
 * for that. A slot is not taken while somebody copies from it.
 *
 * Refused: a group for each worker alone. Modules that need each other are neighbours, and each worker
 * would unpack the same group.
 *
 * Invariant: all of a slot is accessed under the lock, but for data, error and why: those are written by
 * the one that has taken the slot, until it is ready, and not changed while it has users.
 */
#include "loader/members.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/cleanup.h"

#define SLOTS 12U
#define SCRATCHES 2U /* that are kept: seldom do more workers unpack at once */
/* A group that is larger than those of coldplug pack is not kept. */
#define KEPT_MAX ((size_t)1 << 20)

struct slot {
	uint64_t group;
	uint32_t packed, unpacked, flags;
	bool used, ready;
	unsigned int n_users;
	unsigned int time; /* of the last use */
	int error;
	const char *why;
	struct blob data;
};

struct scratch {
	struct group_scratch scratch;
	bool used;
};

struct members {
	int fd;
	struct blob dictionary;
	int error; /* of reading that */
	const char *why;
	pthread_mutex_t lock;
	pthread_cond_t change; /* a group is ready, or a slot has no users any more */
	unsigned int clock;
	struct slot slots[SLOTS];
	struct scratch scratches[SCRATCHES];
};

struct members *members_new(void)
{
	struct members *m = calloc(1, sizeof(*m));

	if (!m)
		return NULL;
	m->fd = -1;
	if (pthread_mutex_init(&m->lock, NULL) || pthread_cond_init(&m->change, NULL)) {
		free(m);
		return NULL;
	}
	return m;
}

int members_open(struct members *m, int fd, const struct archive_dictionary *dictionary)
{
	int r = 0;

	pthread_mutex_lock(&m->lock);
	if (m->fd >= 0)
		r = -EBUSY;
	else if ((m->fd = fcntl(fd, F_DUPFD_CLOEXEC, 3)) < 0)
		r = -errno;
	else
		m->error = archive_read_dictionary(m->fd, dictionary, &m->dictionary, &m->why);
	pthread_mutex_unlock(&m->lock);
	return r;
}

static bool has_group(const struct slot *s, const struct archive_member *member)
{
	return s->used && s->group == member->group && s->packed == member->packed &&
		s->unpacked == member->unpacked && s->flags == member->flags;
}

/* The slot with the member's group, else the one to unpack it into; NULL: all are in use. */
static struct slot *find_slot(struct members *m, const struct archive_member *member)
{
	struct slot *oldest = NULL;

	for (struct slot *s = m->slots; s < m->slots + SLOTS; s++) {
		if (has_group(s, member))
			return s;
		if (!s->n_users && (!oldest || !s->used || (oldest->used && s->time < oldest->time)))
			oldest = s;
	}
	return oldest;
}

/* NULL: all are in use, and the caller takes one of its own. With the lock. */
static struct scratch *take_scratch(struct members *m)
{
	for (struct scratch *s = m->scratches; s < m->scratches + SCRATCHES; s++)
		if (!s->used) {
			s->used = true;
			return s;
		}
	return NULL;
}

static void put_scratch(struct scratch *s)
{
	if (!s)
		return;
	if (s->scratch.data.capacity > 2 * KEPT_MAX || s->scratch.packed.capacity > KEPT_MAX)
		group_scratch_release(&s->scratch);
	s->used = false;
}

/* Called with the lock, and returns with it. */
static void fill(struct members *m, struct slot *s, const struct archive_member *member)
{
	_cleanup_(group_scratch_release) struct group_scratch own = {};
	struct scratch *kept = take_scratch(m);

	s->used = true;
	s->ready = false;
	s->group = member->group;
	s->packed = member->packed;
	s->unpacked = member->unpacked;
	s->flags = member->flags;
	pthread_mutex_unlock(&m->lock);
	s->error = member->flags & ARCHIVE_GROUP_DICTIONARY ? m->error : 0;
	s->why = m->why;
	if (m->fd < 0) {
		s->error = -EBADF;
		s->why = "its archive is not open";
	}
	if (!s->error)
		s->error = archive_read_group(m->fd, member, &m->dictionary, kept ? &kept->scratch : &own,
					      &s->data, &s->why);
	pthread_mutex_lock(&m->lock);
	put_scratch(kept);
	s->ready = true;
	pthread_cond_broadcast(&m->change);
}

static struct slot *take_slot(struct members *m, const struct archive_member *member)
{
	struct slot *s;

	pthread_mutex_lock(&m->lock);
	while (!(s = find_slot(m, member)))
		pthread_cond_wait(&m->change, &m->lock);
	s->n_users++;
	s->time = ++m->clock;
	if (!has_group(s, member))
		fill(m, s, member);
	while (!s->ready)
		pthread_cond_wait(&m->change, &m->lock);
	pthread_mutex_unlock(&m->lock);
	return s;
}

static void empty(struct slot *s)
{
	blob_release(&s->data);
	s->used = false;
}

static void put_slot(struct members *m, struct slot *s)
{
	pthread_mutex_lock(&m->lock);
	/* What may be better the next time is not kept either. */
	if (!--s->n_users && (s->data.capacity > KEPT_MAX || s->error == -ENOMEM))
		empty(s);
	pthread_cond_broadcast(&m->change);
	pthread_mutex_unlock(&m->lock);
}

int members_unpack(struct members *m, const struct archive_member *member, struct blob *ret, const char **why)
{
	struct slot *s = take_slot(m, member);
	int r = s->error;

	*why = s->why;
	if (!r)
		r = archive_take_member(member, &s->data, ret, why);
	put_slot(m, s);
	return r;
}

void members_trim(struct members *m)
{
	if (!m)
		return;
	pthread_mutex_lock(&m->lock);
	for (struct slot *s = m->slots; s < m->slots + SLOTS; s++)
		if (!s->n_users)
			empty(s);
	for (struct scratch *s = m->scratches; s < m->scratches + SCRATCHES; s++)
		if (!s->used)
			group_scratch_release(&s->scratch);
	pthread_mutex_unlock(&m->lock);
}

void members_free(struct members *m)
{
	if (!m)
		return;
	for (size_t i = 0; i < SLOTS; i++)
		blob_release(&m->slots[i].data);
	for (size_t i = 0; i < SCRATCHES; i++)
		group_scratch_release(&m->scratches[i].scratch);
	blob_release(&m->dictionary);
	if (m->fd >= 0)
		close(m->fd);
	pthread_cond_destroy(&m->change);
	pthread_mutex_destroy(&m->lock);
	free(m);
}
