/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the calls of entries.c and parts.c have returned pointers to. It is made by the first of them. */
#pragma once

#include "base/arena.h"
#include "base/array.h"
#include "engine/lookup.h"
#include "engine/modinfo.h"
#include "libcoldplug/coldplug.h"

struct entries {
	struct arena words; /* of config */
	ARRAY(struct coldplug_entry) config;
	struct arena keys; /* of index */
	ARRAY(struct coldplug_entry) index;
	struct arena options; /* of rules */
	ARRAY(const char *) lists[3];
	struct lookup_matches matches;
	struct modinfo file; /* whose symbols these are */
	ARRAY(struct coldplug_symbol) symbols;
	struct arena section_names;
	ARRAY(struct coldplug_section) sections;
	bool watched; /* coldplug_changed() was called */
	uint64_t fingerprint;
};

struct coldplug;

/* Of the context; NULL when out of memory. */
struct entries *context_entries(struct coldplug *c);
