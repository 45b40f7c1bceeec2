/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The modules of an archive that is used beside a directory, as far as the directory's modules need them. */
#pragma once

#include "engine/archive-index.h"
#include "engine/depmod.h"

/* To be called before depmod_solve(): appends those of the archive's modules that export what none of d's
 * does, and all that these need. No index has an entry of theirs, but lines of modules.dep name them, by
 * their paths in the archive. 0 or -ENOMEM: of what is damaged in an archive, which is logged, nothing is
 * known to be needed. */
int depmod_add_beside(struct depmod *d, struct archive_index *archive);
