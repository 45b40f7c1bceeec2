/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "libcoldplug/context.h"

/* Forgets everything that was read, wanted and done, but not what comes from the source of events: the next call reads
 * anew. With keep_aliases it remembers which aliases have been seen, and which are to become requests. What is in
 * flight must have been set aside. */
void context_reset(struct coldplug *c, bool keep_aliases);
