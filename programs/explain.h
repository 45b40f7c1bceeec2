/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <coldplug.h>

/* What a tired administrator wants to know when the root does not come, a line at a time: devices without a driver,
 * modules withheld (and by which rule), absent, failed, skipped, still loading. */
void explain_missing(struct coldplug *c, void (*say)(void *userdata, const char *line), void *userdata);
