/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>

/* Without /dev, as in an initramfs before it is mounted, whoever started us has left 0, 1 or 2 open; so does the
 * kernel with its modprobe. A descriptor of our own must not become one of them: messages go there. Whether
 * standard error was there. */
bool standard_descriptors(void);
