/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "programs/descriptors.h"

#include <fcntl.h>
#include <unistd.h>

/* Without /dev this is an O_PATH descriptor, which refuses reads and writes as a closed one does. */
static int open_placeholder(void)
{
	int fd = open("/dev/null", O_RDWR);

	return fd >= 0 ? fd : open("/", O_PATH);
}

bool standard_descriptors(void)
{
	bool had_stderr = fcntl(2, F_GETFD) >= 0;
	int fd;

	if (had_stderr && fcntl(0, F_GETFD) >= 0 && fcntl(1, F_GETFD) >= 0)
		return true;
	do
		fd = open_placeholder();
	while (fd >= 0 && fd <= 2);
	if (fd > 2)
		close(fd);
	return had_stderr;
}
