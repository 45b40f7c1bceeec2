/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>

/* Makes sure that the descriptors 0, 1 and 2 are open. They are not when the kernel starts its modprobe, or
 * where there is no /dev, as in an initramfs before it is mounted. A file that is opened later would take
 * their number, and messages would be written into it. They become /dev/null; but what is written to a
 * standard output that somebody has closed, as opposed to all three, or with refuse to any that was not open,
 * fails. Returns whether standard error was open. */
bool standard_descriptors(bool refuse);
