/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The front's half of the report: coldplug-report(5). */
#pragma once

#include "libcoldplug/context.h"

/* Opens the report, in the loading process. That it cannot be written is reported, and no error: a machine is to boot
 * without its report too. */
void report_open(struct coldplug *c);
/* Sends the loading process the plan, which stands in front of the results. 0 or -errno. */
int report_send_head(struct coldplug *c);
/* Writes the report of a dry run, which has no loading process. 0 or -errno. */
int report_write_dry(struct coldplug *c);
