/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* modules.devname, and what sysfs says of one module. */
#include "tests/unit/test.h"

#include "engine/loaded.h"
#include "engine/nodes.h"

static const char *text_of(const struct nodes *n)
{
	static char text[1024];
	size_t used = 0;

	text[0] = '\0';
	for (size_t i = 0; i < n->items.n; i++) {
		const struct node *node = &n->items.items[i];

		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s %s %c %u %u;", node->module,
					 node->name, node->type, node->major, node->minor);
	}
	return text;
}

static void a_line_is_a_module_a_name_and_two_numbers(void **state)
{
	static const struct {
		const char *text, *nodes;
		unsigned int lost;
	} rows[] = {
		{ "# a comment\nfuse fuse c10:229\nloop loop-control c10:237\n",
		  "fuse fuse c 10 229;loop loop-control c 10 237;", 0 },
		{ "snd_seq snd/seq c116:1\nx y b4294967295:0", "snd_seq snd/seq c 116 1;x y b 4294967295 0;",
		  0 },
		{ "x  y\tc1:2 more\r\n\n", "x y c 1 2;", 0 },
		{ "", "", 0 },
		{ "x\nx y\nx y z1:2\nx y c\nx y c1\nx y c1:\nx y c:1\nx y c1:2:3\nx y c-1:2\nx y c 1:2\n", "",
		  10 },
		{ "x y c4294967296:1\nx y c1:99999999999999999999\nok ok b1:2\n", "ok ok b 1 2;", 2 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_messages_ struct messages m;
		_cleanup_tree_ struct tree t = tree_new();
		struct nodes n = {};

		messages_init(&m);
		tree_write(&t, "d/modules.devname", rows[i].text);
		assert_row(i, nodes_read(&n, &t.root, "d", &m.log) == 0);
		assert_row_string(i, text_of(&n), rows[i].nodes);
		assert_row(i, m.log.lost == rows[i].lost);
		if (i == 4)
			assert_contains(messages_text(&m),
					"/d/modules.devname:10: not a device node: 'x y c 1:2'");
		nodes_free(&n);
	}
}

static void without_a_file_there_are_none(void **state)
{
	_cleanup_messages_ struct messages m;
	_cleanup_tree_ struct tree t = tree_new();
	struct nodes n = {};

	messages_init(&m);
	tree_write(&t, "d/modules.devname", "x y c1:2\n");
	assert_int_equal(nodes_read(&n, &t.root, "d", &m.log), 0);
	assert_int_equal(nodes_read(&n, &t.root, "e", &m.log), -ENOENT);
	assert_int_equal(n.items.n, 0);
	assert_string_equal(messages_text(&m), "");
	nodes_free(&n);
}

static void one_module_is_asked_about_without_the_others(void **state)
{
	_cleanup_messages_ struct messages m;
	_cleanup_tree_ struct tree t = tree_new();
	struct loaded_list list = {};
	struct loaded_module one;

	messages_init(&m);
	tree_write(&t, "sys/module/a/refcnt", "3\n");
	tree_write(&t, "sys/module/a/coresize", "4096\n");
	tree_mkdir(&t, "sys/module/a/holders/b/");
	assert_int_equal(loaded_read_one(&list, &t.root, &m.log, "a", &one), 0);
	assert_string_equal(one.name, "a");
	assert_string_equal(one.holders, "b");
	assert_int_equal(one.refcount, 3);
	assert_int_equal(one.size, 4096);
	assert_int_equal(loaded_read_one(&list, &t.root, &m.log, "none", &one), 0);
	assert_string_equal(one.holders, "");
	assert_int_equal(one.refcount, -1);
	assert_int_equal(one.size, 0);
	assert_string_equal(messages_text(&m), "");
	loaded_free(&list);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_is_a_module_a_name_and_two_numbers),
		cmocka_unit_test(without_a_file_there_are_none),
		cmocka_unit_test(one_module_is_asked_about_without_the_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
