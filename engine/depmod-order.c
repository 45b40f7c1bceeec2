/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "engine/depmod-order.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

static uint32_t pair(const char *p)
{
	uint16_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static uint32_t mix_rest(uint32_t hash, const char *p, size_t n)
{
	switch (n) {
	case 3:
		hash += pair(p);
		hash ^= hash << 16;
		hash ^= (uint32_t)p[2] << 18;
		return hash + (hash >> 11);
	case 2:
		hash += pair(p);
		hash ^= hash << 11;
		return hash + (hash >> 17);
	case 1:
		hash += (uint32_t)*p;
		hash ^= hash << 10;
		return hash + (hash >> 1);
	default:
		return hash;
	}
}

static uint32_t hash_of(const char *p)
{
	size_t n = strlen(p);
	uint32_t hash = (uint32_t)n;

	for (; n >= 4; n -= 4, p += 4) {
		uint32_t second;

		hash += pair(p);
		second = (pair(p + 2) << 11) ^ hash;
		hash = (hash << 16) ^ second;
		hash += hash >> 11;
	}
	hash = mix_rest(hash, p, n);
	hash ^= hash << 3;
	hash += hash >> 5;
	hash ^= hash << 4;
	hash += hash >> 17;
	hash ^= hash << 25;
	return hash + (hash >> 6);
}

struct place {
	uint32_t bucket, id;
	const char *name;
};

static int compare_places(const void *a, const void *b)
{
	const struct place *x = a, *y = b;

	return x->bucket != y->bucket ? (x->bucket > y->bucket) - (x->bucket < y->bucket)
				      : strcmp(x->name, y->name);
}

int depmod_order(const struct intern *names, uint32_t n_buckets, uint32_t **ret)
{
	_cleanup_free_ struct place *places = calloc((size_t)names->n + 1, sizeof(*places));
	uint32_t *order = calloc((size_t)names->n + 1, sizeof(*order));

	if (!places || !order) {
		free(order);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < names->n; i++) {
		const char *name = intern_string(names, i);

		places[i] = (struct place){ hash_of(name) & (n_buckets - 1), i, name };
	}
	qsort(places, names->n, sizeof(*places), compare_places);
	for (uint32_t i = 0; i < names->n; i++)
		order[i] = places[i].id;
	*ret = order;
	return 0;
}
