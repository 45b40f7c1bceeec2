/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The loader's own process. */
#pragma once

#include "loader/loader.h"

/* For a process that has just been forked: keeps only sock, the other end of the front's socket, and
 * options->rootfd open, and serves until everything is loaded and the front is gone or has its last
 * message. Returns the exit status. */
int child_main(int sock, const struct loader_options *options);

/* The same in the calling process, whose signals and descriptors stay as they are. Closes sock. */
int child_serve(int sock, const struct loader_options *options);
