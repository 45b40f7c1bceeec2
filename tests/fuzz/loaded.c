/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Input: /proc/modules. */
#include "engine/loaded.h"

#include <string.h>

#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct loaded_list list = {};
	int r;

	scratch_write("proc/modules", data, size);
	r = loaded_read(&list, scratch_root(), &fuzz_log);
	MUST(r == 0);
	MUST(list.items.n <= size);
	for (size_t i = 0; i < list.items.n; i++) {
		const struct loaded_module *m = &list.items.items[i];

		MUST(*m->name && strlen(m->name) + strlen(m->state) + strlen(m->holders) <= size);
		MUST(m->refcount >= -1);
	}
	MUST(!loaded_read_details(&list, scratch_root(), &fuzz_log));
	loaded_free(&list);
	return 0;
}
