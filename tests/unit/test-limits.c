/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* docs/LIMITS.md and base/limits.h are one table. */
#include "tests/unit/test.h"

#include "base/limits.h"

#define LIMIT(name)         \
	{                   \
#name, name \
	}

static const struct {
	const char *name;
	unsigned long value;
} limits[] = {
	LIMIT(LIMIT_ALIAS),	      LIMIT(LIMIT_LINE),
	LIMIT(LIMIT_CONFIG_FILE),     LIMIT(LIMIT_INDEX),
	LIMIT(LIMIT_IMAGE),	      LIMIT(LIMIT_CMDLINE),
	LIMIT(LIMIT_ATTRIBUTE),	      LIMIT(LIMIT_PROC_MODULES),
	LIMIT(LIMIT_WALK_DEPTH),      LIMIT(LIMIT_STEPS),
	LIMIT(LIMIT_PARAMS),	      LIMIT(LIMIT_NAME),
	LIMIT(LIMIT_SOFTDEP_DEPTH),   LIMIT(LIMIT_COMMAND),
	LIMIT(LIMIT_WARNINGS),	      LIMIT(LIMIT_RECORDING),
	LIMIT(LIMIT_ARCHIVE_ENTRIES), LIMIT(LIMIT_RECORDING_FILES),
	LIMIT(LIMIT_MODINFO),	      LIMIT(LIMIT_PROFILE_DEVICES),
	LIMIT(LIMIT_PROFILE_TOOK),
};

static char *read_source(const char *name, struct file_bytes *file)
{
	struct rootfs root;
	int r;

	assert_int_equal(rootfs_open(&root, getenv("COLDPLUG_SOURCE")), 0);
	r = rootfs_read(&root, name, 1 << 20, file);
	rootfs_close(&root);
	return r < 0 ? NULL : file->data;
}

/* Digits grouped by commas or blanks are one number: "1,048,576". */
static bool has_number(const char *line, unsigned long value)
{
	for (const char *p = line; *p;) {
		unsigned long n = 0;
		const char *q = p;

		if (*p < '0' || *p > '9') {
			p++;
			continue;
		}
		for (; (*q >= '0' && *q <= '9') || (*q == ',' && q[1] >= '0' && q[1] <= '9'); q++)
			if (*q != ',')
				n = n * 10 + (unsigned long)(*q - '0');
		if (n == value || (!strncmp(q, " KiB", 4) && n * 1024 == value) ||
		    (!strncmp(q, " MiB", 4) && n * 1024 * 1024 == value))
			return true;
		p = q;
	}
	return false;
}

static void every_limit_of_the_header_is_in_this_test(void **state)
{
	_cleanup_file_ struct file_bytes file = {};
	char *text = read_source("base/limits.h", &file);
	size_t n = 0;

	assert_non_null(text);
	for (const char *p = text; (p = strstr(p, "#define LIMIT_")); p++, n++) {
		char name[64];
		bool known = false;

		snprintf(name, sizeof(name), "%.*s", (int)strcspn(p + 8, " \t"), p + 8);
		for (size_t i = 0; i < ARRAY_SIZE(limits); i++)
			known |= !strcmp(limits[i].name, name);
		if (!known)
			fail_msg("%s is not in test-limits.c", name);
	}
	assert_int_equal(n, ARRAY_SIZE(limits));
}

static void the_document_names_every_limit_with_its_value(void **state)
{
	_cleanup_file_ struct file_bytes file = {};
	char *text = read_source("docs/LIMITS.md", &file);

	if (!text)
		skip();
	for (size_t i = 0; i < ARRAY_SIZE(limits); i++) {
		bool found = false;
		size_t n = strlen(limits[i].name);

		for (char *p = text; !found && (p = strstr(p, limits[i].name)); p += n) {
			char line[1024], *start = p;

			if (p[n] == '_' || (p[n] >= 'A' && p[n] <= 'Z'))
				continue;
			while (start > text && start[-1] != '\n')
				start--;
			snprintf(line, sizeof(line), "%.*s", (int)strcspn(start, "\n"), start);
			found = has_number(line, limits[i].value);
		}
		if (!found)
			fail_msg("docs/LIMITS.md has no line with %s and %lu", limits[i].name,
				 limits[i].value);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_limit_of_the_header_is_in_this_test),
		cmocka_unit_test(the_document_names_every_limit_with_its_value),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
