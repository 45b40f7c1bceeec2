/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Input: a byte that says which file (and 8: there is a .bin too); a key up to a newline; with 8 the .bin
 * up to "\xff\xff"; the text file: modules.dep, .alias, .symbols, .builtin, .builtin.modinfo. */
#include "engine/moddir.h"

#include <string.h>

#include "engine/modules.h"
#include "tests/fuzz/fuzz.h"

static const char *const names[] = { "modules.dep", "modules.alias", "modules.symbols", "modules.builtin",
				     "modules.builtin.modinfo" };
static const char *const bins[] = { "modules.dep.bin", "modules.alias.bin", "modules.symbols.bin",
				    "modules.builtin.bin", "modules.builtin.alias.bin" };

static void write_files(unsigned int which, struct input *in, bool bin)
{
	char path[64];
	const uint8_t *end = bin ? memmem(in->p, in->n, "\xff\xff", 2) : NULL;
	size_t n = end ? (size_t)(end - in->p) : 0;

	snprintf(path, sizeof(path), "lib/modules/m/%s", bins[which]);
	scratch_write(path, end ? in->p : NULL, n);
	if (end)
		n += 2;
	snprintf(path, sizeof(path), "lib/modules/m/%s", names[which]);
	scratch_write(path, in->n - n ? (const void *)(in->p + n) : "", in->n - n);
}

static void remove_files(unsigned int which)
{
	write_files(which, &(struct input){}, false);
}

static int take(void *userdata, const char *key, const char *value, uint32_t priority)
{
	size_t *n = userdata;

	*n += strlen(key) + strlen(value);
	return *n > 1 << 20 ? -E2BIG : 0;
}

static void ask(struct moddir *d, enum moddir_index which, const char *key)
{
	struct modules modules = { .dir = d };
	struct index_hits hits = {};
	const char *value;
	size_t n = 0;
	uint32_t id;

	MUST(moddir_find(d, which, key, &value) >= 0);
	MUST(moddir_match(d, which, key, &hits) >= 0);
	moddir_each(d, which, take, &n);
	id = modules_id(&modules, key, strlen(key));
	MUST(id != MODULE_NONE);
	if (which == MODDIR_DEP) {
		const struct module *m = modules_get(&modules, id);

		MUST(m);
		for (uint32_t i = 0; i < m->n_deps; i++)
			MUST(modules_name(&modules, m->deps[i]));
	}
	index_hits_free(&hits);
	modules_free(&modules);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	uint8_t flags = input_byte(&in);
	unsigned int which = (flags & 7) % 5;
	char *key = input_part(&in, '\n', NULL);
	struct moddir dir;

	write_files(which, &in, flags & 8);
	MUST(moddir_open(&dir, scratch_root(), "m", &fuzz_log) == 1);
	ask(&dir, (enum moddir_index)which, key);
	moddir_close(&dir);
	remove_files(which);
	free(key);
	return 0;
}
