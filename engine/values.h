/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the parameters of a module are now: sys/module/NAME/parameters. */
#pragma once

#include "base/arena.h"
#include "base/array.h"
#include "base/rootfs.h"

struct value {
	const char *name;
	const char *text; /* NULL: it cannot be read */
};

struct values {
	struct arena arena;
	ARRAY(struct value) items;
};

/* Replaces *v by the parameters of a module, sorted by name: none if it is not in the kernel. 0 or -errno. */
int values_read(struct values *v, const struct rootfs *root, const char *module);
void values_free(struct values *v);
