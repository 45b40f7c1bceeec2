/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Input: a byte, and what one of the two processes of the loader receives of the other: 0: a plan, 1: all
 * that a front sends, 2: all that the loader's process sends. The other one may be compromised, or its socket
 * another's. */
#include "loader/wire.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "loader/child.h"
#include "loader/kernel.h"
#include "tests/fuzz/fuzz.h"
/* For a struct loader without a process. */
#include "loader/loader.c"

/* ---- a kernel that does nothing ---- */

static int no_finit_module(void *data, int fd, const char *params, unsigned int flags)
{
	return 0;
}

static int no_init_module(void *data, const void *image, size_t size, const char *params)
{
	return 0;
}

static int no_delete_module(void *data, const char *name, unsigned int flags)
{
	return 0;
}

static enum initstate no_initstate(void *data, const struct rootfs *root, const char *name)
{
	return INITSTATE_ABSENT;
}

static int no_read(void *data, const struct rootfs *root, const char *path, char *buf, size_t size)
{
	return -ENOENT;
}

static bool is_capable(void *data)
{
	return true;
}

static int no_command(void *data, const struct rootfs *root, const struct kernel_command *command,
		      struct kernel_output *output)
{
	*output = (struct kernel_output){};
	return 0;
}

static void no_sleep(void *data, unsigned int ms)
{
}

static const struct kernel_ops no_kernel = {
	no_finit_module, no_init_module, no_delete_module, no_initstate,
	no_read,	 is_capable,	 no_command,	   no_sleep,
};

/* ---- the directions ---- */

static void check_strings(const struct plan *plan)
{
	for (size_t i = 0; i < plan->n_steps; i++) {
		const struct step *s = &plan->steps[i];

		MUST(s->name);
		MUST(strlen(s->name) + (s->path ? strlen(s->path) : 0) + (s->params ? strlen(s->params) : 0) +
			     (s->command ? strlen(s->command) : 0) + (s->origin ? strlen(s->origin) : 0) <
		     WIRE_MAX);
	}
}

static void decode(const uint8_t *data, size_t size)
{
	_cleanup_arena_ struct arena arena = {};
	_cleanup_free_ void *again = NULL;
	struct plan plan, same;
	size_t n_edges, n;

	if (wire_decode_plan(&arena, data, size, &plan) < 0 || wire_check_plan(&plan, 0, &n_edges) < 0)
		return;
	check_strings(&plan);
	MUST(!wire_encode_plan(&plan, &again, &n));
	MUST(!wire_decode_plan(&arena, (char *)again + sizeof(struct wire_header),
			       n - sizeof(struct wire_header), &same));
	MUST(same.n_steps == plan.n_steps && same.n_edges == plan.n_edges);
	MUST(!wire_check_plan(&same, 0, &n_edges));
}

/* A socket of which data can be read, and its other end. */
static void feed(int ends[2], const uint8_t *data, size_t size)
{
	MUST(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends));
	MUST(!size || write(ends[0], data, size) == (ssize_t)size);
	MUST(!shutdown(ends[0], SHUT_WR));
}

static void serve(const uint8_t *data, size_t size)
{
	const struct rootfs *root = scratch_root();
	struct loader_options options = { .root = root->path,
					  .rootfd = root->fd,
					  .jobs = 1,
					  .ops = &no_kernel };
	int ends[2];

	feed(ends, data, size);
	MUST(child_serve(ends[1], &options) == 0);
	close(ends[0]);
}

static void receive_results(const uint8_t *data, size_t size)
{
	struct load_result result;
	struct loader l = { .n_submitted = 1000 };
	int ends[2], r;
	size_t n = 0;

	feed(ends, data, size);
	l.sock = ends[1];
	while ((r = loader_next(&l, &result)) == 1)
		MUST(n++ <= size && memchr(result.message, '\0', sizeof(result.message)));
	MUST(r == 0 || r == -EPIPE);
	close(ends[0]);
	close(ends[1]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };

	switch (input_byte(&in) % 3) {
	case 0:
		decode(in.p, in.n);
		break;
	case 1:
		serve(in.p, in.n);
		break;
	default:
		receive_results(in.p, in.n);
	}
	return 0;
}
