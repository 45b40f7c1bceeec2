/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "uevent/devicetree.h"

#include <stdio.h>

#define SIZE (LIMIT_ALIAS + 1)

bool devicetree_alias(const char *(*get)(void *userdata, const char *key, size_t *len), void *userdata,
		      char alias[LIMIT_ALIAS + 1])
{
	size_t name_len = 0, type_len = 6, len;
	const char *name = get(userdata, "OF_NAME", &name_len);
	const char *type = get(userdata, "OF_TYPE", &type_len);
	int n;

	if (!name)
		return false;
	n = snprintf(alias, SIZE, "of:N%.*sT%.*s", (int)name_len, name, (int)type_len,
		     type ? type : "(null)");
	for (unsigned int i = 0; (size_t)n < SIZE; i++) {
		char key[32];
		const char *compatible;

		snprintf(key, sizeof(key), "OF_COMPATIBLE_%u", i);
		compatible = get(userdata, key, &len);
		if (!compatible)
			break;
		n += snprintf(alias + n, SIZE - (size_t)n, "C%.*s", (int)len, compatible);
	}
	for (char *p = alias; *p; p++)
		if (*p == ' ')
			*p = '_';
	return true;
}
