/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Modules that belong together although no index says so: an image that has one needs the others. */
#pragma once

/* weakdep lines as in modprobe.d(5), NUL-terminated. */
extern const char companions_text[];

/* Where they come from, as origin of a rule. */
#define COMPANIONS_FILE "coldplug's companions"
