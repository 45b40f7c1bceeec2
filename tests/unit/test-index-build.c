/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/unit/test.h"

#include <dirent.h>

#include "base/limits.h"
#include "engine/index-build.h"
#include "engine/index.h"

struct pair {
	char *key, *value;
	uint32_t priority;
};

struct pairs {
	ARRAY(struct pair) items;
};

static int collect(void *userdata, const char *key, const char *value, uint32_t priority)
{
	struct pairs *pairs = userdata;

	return array_push(&pairs->items, { strdup(key), strdup(value), priority });
}

/* The entries of an index, built anew in the order depmod met them: the file has the last first. */
static void build_anew(struct index *index, uint8_t **data, size_t *size)
{
	struct index_builder b = {};
	struct pairs pairs = {};

	assert_int_equal(index_each(index, collect, &pairs), 0);
	for (size_t i = pairs.items.n; i-- > 0;) {
		struct pair *p = &pairs.items.items[i];

		assert_int_equal(index_builder_add(&b, p->key, strlen(p->key), p->value, strlen(p->value),
						   p->priority),
				 0);
		free(p->key);
		free(p->value);
	}
	assert_int_equal(index_builder_finish(&b, data, size), 0);
	index_builder_free(&b);
	array_free(&pairs.items);
}

static bool compare_with_depmods(const char *path)
{
	_cleanup_blocks_ struct blocks file = {};
	_cleanup_free_ uint8_t *data = NULL;
	struct rootfs root;
	struct index index;
	size_t size;
	int r;

	assert_int_equal(rootfs_open(&root, NULL), 0);
	r = blocks_open(&file, &root, path, LIMIT_INDEX);
	rootfs_close(&root);
	if (r < 0)
		return false;
	assert_int_equal(index_open_file(&index, &file), 0);
	build_anew(&index, &data, &size);
	assert_int_equal(blocks_read(&file, 0, file.size), 0);
	if (size != file.size || memcmp(data, file.data, size) != 0)
		fail_msg("%s: built anew it differs", path);
	return true;
}

static void built_of_its_entries_an_index_of_debians_is_the_same(void **state)
{
	static const char *const names[] = { "dep", "alias", "symbols", "builtin", "builtin.alias" };
	_cleanup_closedir_ DIR *dir = opendir("/lib/modules");
	struct dirent *de;
	size_t n = 0;

	while (dir && (de = readdir(dir)))
		for (size_t i = 0; de->d_name[0] != '.' && i < ARRAY_SIZE(names); i++) {
			char path[512];

			snprintf(path, sizeof(path), "/lib/modules/%s/modules.%s.bin", de->d_name, names[i]);
			n += compare_with_depmods(path);
		}
	if (!n)
		skip();
}

/* What depmod writes when there is nothing. */
static void an_empty_index_is_twelve_bytes(void **state)
{
	static const uint8_t bytes[] = { 0xb0, 0x07, 0xf4, 0x57, 0, 2, 0, 1, 0, 0, 0, 12 };
	struct index_builder b = {};
	_cleanup_free_ uint8_t *data = NULL;
	struct index_hits hits = {};
	struct index index;
	const char *value;
	size_t size, n = 0;

	assert_int_equal(index_builder_finish(&b, &data, &size), 0);
	assert_int_equal(size, sizeof(bytes));
	assert_memory_equal(data, bytes, size);
	assert_int_equal(index_open(&index, data, size), 0);
	assert_int_equal(index_find(&index, "a", &value), 0);
	assert_int_equal(index_match(&index, "", &hits), 0);
	assert_int_equal(hits.hits.n, 0);
	assert_int_equal(index_each(&index, collect, &n), 0);
	index_builder_free(&b);
}

static void a_key_may_have_4095_bytes_and_no_more(void **state)
{
	struct index_builder b = {};
	_cleanup_free_ uint8_t *data = NULL;
	char key[LIMIT_ALIAS + 2];
	struct index index;
	const char *value;
	size_t size;

	memset(key, 'k', sizeof(key));
	key[sizeof(key) - 1] = '\0';
	assert_int_equal(index_builder_add(&b, key, LIMIT_ALIAS + 1, "v", 1, 0), -E2BIG);
	assert_int_equal(index_builder_add(&b, key, LIMIT_ALIAS, "v", 1, 0), 0);
	assert_int_equal(index_builder_finish(&b, &data, &size), 0);
	assert_int_equal(index_open(&index, data, size), 0);
	key[LIMIT_ALIAS] = '\0';
	assert_int_equal(index_find(&index, key, &value), 1);
	index_builder_free(&b);
}

/* A file may have a node for each of 4,095 characters: as deep as a trie gets. */
static void the_deepest_trie_is_built_and_read(void **state)
{
	struct index_builder b = {};
	_cleanup_free_ uint8_t *data = NULL;
	struct index_hits hits = {};
	char key[LIMIT_ALIAS + 1];
	struct index index;
	size_t size;

	memset(key, 'k', sizeof(key));
	key[LIMIT_ALIAS] = '\0';
	for (size_t n = 1; n <= LIMIT_ALIAS; n++)
		assert_int_equal(index_builder_add(&b, key, n, "v", 1, 0), 0);
	assert_int_equal(index_builder_finish(&b, &data, &size), 0);
	assert_int_equal(index_open(&index, data, size), 0);
	assert_int_equal(index_match(&index, key, &hits), 0);
	assert_int_equal(hits.hits.n, 1);
	index_hits_free(&hits);
	index_builder_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(built_of_its_entries_an_index_of_debians_is_the_same),
		cmocka_unit_test(an_empty_index_is_twelve_bytes),
		cmocka_unit_test(a_key_may_have_4095_bytes_and_no_more),
		cmocka_unit_test(the_deepest_trie_is_built_and_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
