/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "libcoldplug/mkimage.h"

#include <string.h>

int mkimage_fail(struct mkimage *im, const char *what, int r)
{
	log_error(&im->c->log, "%s: %s", what, strerror(-r));
	return r;
}
