/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Input: a key up to a newline, then the index file. */
#include "engine/index.h"

#include <string.h>

#include "tests/fuzz/fuzz.h"

static int take(void *userdata, const char *key, const char *value, uint32_t priority)
{
	size_t *n = userdata;

	*n += strlen(key) + strlen(value);
	return *n > 1 << 20 ? -E2BIG : 0;
}

static void check_hits(const struct index *index, const struct index_hits *hits)
{
	const char *first = (const char *)index->data;

	for (size_t i = 0; i < hits->hits.n; i++) {
		const struct index_hit *hit = &hits->hits.items[i];

		MUST(hit->value >= first && hit->value + strlen(hit->value) < first + index->size);
		MUST(hit->pattern < hits->patterns.n);
		MUST(!i || hit[-1].priority <= hit->priority);
		MUST(!i || hit[-1].entry != hit->entry || hit[-1].node != hit->node ||
		     hit[-1].position != hit->position);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	char *key = input_part(&in, '\n', NULL);
	struct index_hits hits = {};
	struct index index;
	const char *value;
	size_t n = 0;
	int r;

	if (index_open(&index, in.p, in.n) == 0) {
		r = index_find(&index, key, &value);
		MUST(r == 0 || r == -EBADMSG || (r == 1 && strlen(value) < in.n));
		r = index_match(&index, key, &hits);
		MUST(r == 0 || r == -EBADMSG);
		if (!r)
			check_hits(&index, &hits);
		r = index_each(&index, take, &n);
		MUST(r == 0 || r == -EBADMSG || r == -E2BIG);
		MUST(r != -EBADMSG || index.bad);
	}
	index_hits_free(&hits);
	free(key);
	return 0;
}
