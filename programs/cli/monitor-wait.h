/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "programs/cli/monitor.h"

/* With --wait-for: serves devices until it may end. 0 or more, or -errno. */
int monitor_stay_behind(struct cli *cli, const sigset_t *waiting);
