/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/depmod.h"

/* Reads each of the modules once, in threads, and then logs what could not be read. 0 or -ENOMEM. */
int depmod_read_modules(struct depmod *d);
