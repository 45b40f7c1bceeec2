/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which modules of an archive have an alias. */
#pragma once

#include "base/archive-read.h"
#include "engine/index.h"

/* What index_match() answers for the modules.alias.bin of these modules, in the same order: replaces *hits,
 * whose values are valid until archive_close(). A smaller priority is the earlier module; it is not the
 * number that modules.alias.bin has. 0, -EBADMSG (which was logged), -ENOMEM. */
int archive_match(struct archive *a, const char *key, struct index_hits *hits);
