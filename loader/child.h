/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The loader's own process. */
#pragma once

#include "loader/loader.h"

/* Makes a process of its own out of the caller, who has just been forked and keeps nothing but sock,
 * the front's other end, and options->rootfd; serves until everything is loaded and the front is
 * gone or satisfied. Its exit status. */
int child_main(int sock, const struct loader_options *options);

/* Serves without becoming a process first: for tests. Closes sock. */
int child_serve(int sock, const struct loader_options *options);
