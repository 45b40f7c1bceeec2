/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What an alias tells about its device: how soon a boot wants it, how long its probe may take. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Higher first: what the root file system may be on, then what leads to more devices, then the rest. */
uint32_t alias_priority(const char *alias);

/* A SCSI, SAS or RAID adapter: its probe may sleep for seconds, and it is known to be safe with the
 * module parameter async_probe (the SCSI layer scans such hosts from async_schedule() anyway). */
bool alias_probes_slowly(const char *alias);
