/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Runs a target over files, or over all files of directories: what libFuzzer does with a corpus. */
#include <dirent.h>
#include <fcntl.h>
#include <string.h>

#include "base/cleanup.h"
#include "tests/fuzz/fuzz.h"

static size_t replayed;

/* The bytes are handed over without anything behind them, so that a sanitizer sees an overrun. */
static void replay_file(const char *path)
{
	_cleanup_file_ struct file_bytes file = {};
	_cleanup_free_ uint8_t *exact = NULL;
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || file_read(fd, 16 << 20, &file) < 0) {
		fprintf(stderr, "%s: cannot be read\n", path);
		exit(111);
	}
	exact = malloc(file.size);
	MUST(exact || !file.size);
	if (file.size)
		memcpy(exact, file.data, file.size);
	LLVMFuzzerTestOneInput(exact, file.size);
	replayed++;
}

static void replay(const char *path)
{
	_cleanup_closedir_ DIR *dir = opendir(path);
	struct dirent *de;

	if (!dir) {
		replay_file(path);
		return;
	}
	while ((de = readdir(dir))) {
		_cleanup_free_ char *child = NULL;

		if (de->d_name[0] == '.')
			continue;
		MUST(asprintf(&child, "%s/%s", path, de->d_name) > 0);
		replay_file(child);
	}
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		replay(argv[i]);
	printf("%zu inputs\n", replayed);
	return replayed ? 0 : 77;
}
