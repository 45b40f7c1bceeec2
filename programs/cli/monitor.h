/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What both ways of `coldplug monitor` share: as a daemon (command-monitor.c), and in an initramfs (monitor-wait.c). */
#pragma once

#include <signal.h>
#include <stdbool.h>

#include "programs/cli/cli.h"

struct timespec;

/* Blocks the signals that a monitor takes; *waiting is the mask with which monitor_wait_for_news() waits. */
void monitor_set_signals(struct cli *cli, sigset_t *waiting);
/* Whether SIGTERM or SIGINT has come. */
bool monitor_is_stopped(void);
/* Sleeps until something happens or the time is over (NULL: without limit), and handles the signals that come.
 * 0 or -errno. */
int monitor_wait_for_news(struct cli *cli, const struct timespec *timeout, const sigset_t *waiting);
/* Tells the service manager, as sd_notify(3) does. */
void monitor_notify(const char *text);
/* Tells the service manager and --notify-fd. To be called once. */
void monitor_report_ready(struct cli *cli);
/* Names the modules that keep the machine from settling. */
void monitor_explain_late(struct cli *cli);
