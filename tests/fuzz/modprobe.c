/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Input: MODPROBE_OPTIONS, and after a NUL the arguments, each with a NUL. */
#include "programs/kmod/modprobe.h"

#include <getopt.h>
#include <stdarg.h>
#include <string.h>

#include "programs/kmod/log.h"
#include "tests/fuzz/fuzz.h"

void kmod_log_open(bool to_syslog)
{
}

void kmod_log_level(int level)
{
}

bool kmod_log(int level, const char *fmt, ...)
{
	char line[256];
	va_list args;

	va_start(args, fmt);
	MUST(vsnprintf(line, sizeof(line), fmt, args) > 0);
	va_end(args);
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	char *argv[18] = { (char *)"modprobe" }, *environment = input_part(&in, '\0', NULL), *params;
	struct modprobe m = {};
	int argc = 1, r;

	/* Thousands of times its help. */
	MUST(freopen("/dev/null", "w", stdout));
	while (argc < 17 && in.n)
		argv[argc++] = input_part(&in, '\0', NULL);
	MUST(!setenv("MODPROBE_OPTIONS", environment, 1));
	optind = 0;
	opterr = 0;
	r = modprobe_options(&m, argc, argv);
	MUST(r >= 0 && r <= 2 && !m.no_memory);
	MUST(m.n_args >= 0 && !m.args[m.n_args]);
	params = modprobe_params(m.args, m.n_args);
	MUST(params);
	free(params);
	modprobe_options_free(&m);
	for (int i = 1; i < argc; i++)
		free(argv[i]);
	free(environment);
	return 0;
}
