/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The alias of a device-tree node, as drivers/of/module.c of_modalias() writes it. */
#include "tests/unit/test.h"

#include "uevent/devicetree.h"

/* "KEY=VALUE;KEY=VALUE;": values are no strings of their own here either. */
static const char *get(void *userdata, const char *key, size_t *len)
{
	size_t n = strlen(key);

	for (const char *p = userdata; *p; p += strcspn(p, ";") + 1)
		if (!strncmp(p, key, n) && p[n] == '=') {
			*len = strcspn(p + n + 1, ";");
			return p + n + 1;
		}
	return NULL;
}

static void a_nodes_alias_is_the_kernels(void **state)
{
	static const struct {
		const char *variables;
		const char *alias; /* NULL: no node */
	} rows[] = {
		{ "", NULL },
		{ "OF_TYPE=t;OF_COMPATIBLE_0=a,b;", NULL },
		{ "OF_NAMEX=n;", NULL },
		{ "OF_NAME=n;", "of:NnT(null)" },
		{ "OF_NAME=;", "of:NT(null)" },
		{ "OF_NAME=serial;OF_TYPE=serial;OF_COMPATIBLE_0=ns16550;", "of:NserialTserialCns16550" },
		{ "OF_NAME=n;OF_TYPE=;OF_COMPATIBLE_0=a;", "of:NnTCa" },
		{ "OF_COMPATIBLE_1=c,d;OF_NAME=n;OF_COMPATIBLE_0=a,b;OF_COMPATIBLE_N=2;",
		  "of:NnT(null)Ca,bCc,d" },
		/* numbered from 0 without a gap */
		{ "OF_NAME=n;OF_COMPATIBLE_1=b;", "of:NnT(null)" },
		{ "OF_NAME=n;OF_COMPATIBLE_0=a;OF_COMPATIBLE_2=c;", "of:NnT(null)Ca" },
		{ "OF_NAME=n;OF_COMPATIBLE_0=;OF_COMPATIBLE_1=b;", "of:NnT(null)CCb" },
		{ "OF_NAME=n;OF_COMPATIBLE_00=a;", "of:NnT(null)" },
		/* a blank is '_', as in the kernel */
		{ "OF_NAME=a b;OF_TYPE=c d;OF_COMPATIBLE_0=e f  g;", "of:Na_bTc_dCe_f__g" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char alias[LIMIT_ALIAS + 1];

		assert_row(i,
			   devicetree_alias(get, (void *)(uintptr_t)rows[i].variables, alias) ==
				   !!rows[i].alias);
		if (rows[i].alias)
			assert_row_string(i, alias, rows[i].alias);
	}
}

static const char *many(void *userdata, const char *key, size_t *len)
{
	char **value = userdata;

	*len = strlen(*value);
	return strcmp(key, "OF_TYPE") ? *value : NULL;
}

/* A compatible without end, and values that just fit, just do not, and never would. */
static void an_alias_is_cut_at_4095_bytes(void **state)
{
	for (size_t n = 1; n < 6000; n = n < 50 ? n + 1 : n * 2 + 1) {
		_cleanup_free_ char *value = malloc(n + 1);
		char *alias = malloc(LIMIT_ALIAS + 1); /* the sanitizers watch its end */

		memset(value, 'v', n);
		value[n] = '\0';
		assert_true(devicetree_alias(many, &value, alias));
		assert_int_equal(strlen(alias), LIMIT_ALIAS);
		assert_memory_equal(alias, "of:Nv", 5);
		free(alias);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_nodes_alias_is_the_kernels),
		cmocka_unit_test(an_alias_is_cut_at_4095_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
