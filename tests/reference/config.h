/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A random modprobe.d. */
#pragma once

#include "tests/reference/aliases.h"

/* Writes several files into directory, full of lines about what k has and about some of asked. */
void config_write(const char *directory, const struct kernel *k, const struct strings *asked,
		  struct random *r);
