/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What an alias says about its device: how soon a boot needs it, how long its probe may take. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Higher first: what the root file system may be on, then what leads to more devices, then the rest.
 * Where only the end of all counts, what takes longest comes before them. */
uint32_t alias_priority(const char *alias, bool only_end_counts);

/* A SCSI, SAS or RAID adapter: its scan can take seconds, and for so long every load that waits for
 * asynchronous probes waits for it (loader/image.c). */
bool alias_scans(const char *alias);
