/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A shell on the console: for coldplug.break, and when PID 1 can do nothing more. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "programs/init/init.h"

/* A shell without a usable console ends at once, each time it is started. */
#define SHELL_SHORT_MS 1000
#define SHORT_SHELLS_MAX 5

static bool has_console(void)
{
	int fd = open("/dev/console", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		say(3, "cannot open /dev/console (%s): no shell", strerror(errno));
	else
		close(fd);
	return fd >= 0;
}

/* Whether it was usable, as far as one can tell. */
static bool run_shell(char *const argv[])
{
	static int short_shells;
	uint64_t start = process_now_ms();
	int status = process_run(argv, true);

	if (status < 0 || (WIFEXITED(status) && (WEXITSTATUS(status) == 126 || WEXITSTATUS(status) == 127)))
		return false;
	if (process_now_ms() - start >= SHELL_SHORT_MS) {
		short_shells = 0;
		return true;
	}
	process_sleep(SHELL_SHORT_MS);
	return ++short_shells < SHORT_SHELLS_MAX;
}

bool shell_run(const char *why)
{
	static char sh[] = "/bin/sh", bash[] = "/bin/bash", busybox[] = "/bin/busybox", i_[] = "-i",
		    sh_[] = "sh";
	char *const shells[][3] = { { sh, i_, NULL }, { bash, i_, NULL }, { busybox, sh_, NULL } };

	for (size_t i = 0; i < sizeof(shells) / sizeof(shells[0]); i++) {
		if (access(shells[i][0], X_OK) < 0)
			continue;
		if (!has_console())
			return false;
		say(3, "%s: starting a shell on the console; 'exit' continues the boot", why);
		if (run_shell(shells[i]))
			return true;
		say(3, "%s is not usable", shells[i][0]);
	}
	return false;
}

void shell_stop_at(const struct init_options *o, enum init_stage stage)
{
	if (o->stop_at == stage && !shell_run("coldplug.break"))
		say(3, "coldplug.break: this initramfs has no usable shell");
}

void shell_rescue(const struct init_options *o)
{
	if (o->has_panic)
		say(2, "no root file system could be mounted");
	else if (shell_run("no root file system could be mounted"))
		return;
	else
		say(2,
		    "no root file system could be mounted, and there is no shell to look into it: boot with another "
		    "root=, or with an initramfs that has a shell (see above)");
	process_give_up(o);
}
