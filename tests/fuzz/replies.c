/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Input: what a compromised child of a prober writes: how far it says it is (a byte), and datagrams, each
 * with its length in two bytes in front. */
#include "uevent/prober.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/limits.h"
#include "tests/fuzz/fuzz.h"
#include "uevent/blockdev.h"
#include "uevent/wait-for.h"
#include "uevent/walk.h"
/* For a child without a process. */
#include "uevent/prober.c"

static const char *const questions[] = { "b/dev/sda", "3/sys/devices/a/uevent", "b/dev/sdb",
					 "1/sys/devices/b/uevent", "b/dev/sdc" };

struct state {
	struct wait_list waits;
	size_t n_answers;
};

static int found_alias(void *userdata, const char *devpath, const char *alias)
{
	MUST(strlen(devpath) < 64 && strlen(alias) <= LIMIT_ALIAS);
	return 0;
}

static int take(void *userdata, const struct probe_answer *x)
{
	struct state *s = userdata;

	/* A question can be answered once, and lost once more. */
	MUST(++s->n_answers <= 2 * ARRAY_SIZE(questions));
	MUST(x->error <= 0 && (x->error || x->data[x->size] == '\0'));
	if (x->question[0] != 'b')
		return walk_take_answer(x->question, x->error, x->data, &fuzz_log, found_alias, NULL);
	return wait_list_take_answer(&s->waits, scratch_root(), NULL, &fuzz_log, x);
}

static ssize_t answer_nothing(const struct rootfs *root, const char *question, char *buf, size_t size)
{
	return 0;
}

static struct probe_child *make_child(struct input *in, int *theirs)
{
	struct probe_child *c = calloc(1, sizeof(*c));
	int ends[2];

	MUST(c && !socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends));
	c->fd = ends[0];
	c->seen = c->stuck = NONE;
	c->shared = mmap(NULL, sizeof(*c->shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	MUST(c->shared != MAP_FAILED);
	c->shared->at = input_byte(in);
	for (size_t i = 0; i < ARRAY_SIZE(questions); i++)
		MUST(intern_add(&c->list, questions[i], strlen(questions[i])) == i);
	*theirs = ends[1];
	return c;
}

static void send_datagrams(struct input *in, int fd)
{
	for (int i = 0; i < 16 && in->n; i++) {
		size_t n = input_byte(in) | (size_t)input_byte(in) << 8;

		n = n < in->n ? n : in->n;
		(void)!send(fd, in->p, n, MSG_DONTWAIT | MSG_NOSIGNAL);
		in->p += n;
		in->n -= n;
	}
	close(fd);
}

/* What has been lost is asked again, of nobody: no child is forked for it. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	struct state s = { .waits = { .types = true } };
	struct prober p;
	int theirs;

	prober_init(&p, answer_nothing, scratch_root(), &fuzz_log);
	p.max_children = 0;
	MUST(prober_fd(&p) >= 0);
	MUST(wait_list_add(&s.waits, "LABEL=root") == 0 || !blockdev_available());
	MUST(!array_push(&p.children, make_child(&in, &theirs)));
	send_datagrams(&in, theirs);
	MUST(!prober_take(&p, take, &s));
	prober_free(&p);
	wait_list_free(&s.waits);
	return 0;
}
