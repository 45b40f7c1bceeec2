/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Unpacks all of an archive, into files or to see whether it is sound. */
#pragma once

#include "base/archive-read.h"

/* Writes all entries below a root: lib/modules/RELEASE/... for modules. No file is replaced, no link
 * followed out of the root; one that is there with the same contents is right. Goes on after an entry that
 * is damaged, or in whose place is something else. 0, or a negative errno, which has been logged. */
int archive_extract(struct archive *a, const char *directory);
/* Whether an entry of firmware or configuration is where such files are looked for. */
bool archive_is_in_place(const struct archive_entry *e);
/* Reads and checks everything. 0 or -errno as above. */
int archive_verify(struct archive *a);
