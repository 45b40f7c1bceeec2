/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "programs/descriptors.h"

#include <fcntl.h>
#include <unistd.h>

/* An O_PATH descriptor refuses reads and writes as a closed one does. It is all there is without /dev. */
static void open_placeholder(bool refuse)
{
	if (refuse || open("/dev/null", O_RDWR) < 0)
		(void)!open("/", O_PATH);
}

bool standard_descriptors(bool refuse)
{
	bool had_stderr = fcntl(STDERR_FILENO, F_GETFD) >= 0;

	/* Each gets its number, because it is the lowest that is free. */
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0)
			open_placeholder(fd == STDOUT_FILENO && (refuse || had_stderr));
	return had_stderr;
}
