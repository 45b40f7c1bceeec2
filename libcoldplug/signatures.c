/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "libcoldplug/context.h"
#include "uevent/blockdev.h"
#include "uevent/prober.h"

#define API __attribute__((visibility("default")))

#ifdef HAVE_BLKID

/* A probe_fn. */
static ssize_t answer(const struct rootfs *root, const char *question, char *buf, size_t size)
{
	struct blockdev dev = {};
	char path[PATH_MAX];
	int r;

	if (snprintf(path, sizeof(path), "%s%s", root->path, probe_name(question)) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	r = blockdev_probe(path, &dev);
	if (r < 0)
		return r;
	memcpy(buf, &dev, sizeof(dev));
	return sizeof(dev);
}

struct taking {
	struct blockdev *dev;
	int r;
};

static int take(void *userdata, const struct probe_answer *x)
{
	struct taking *t = userdata;

	t->r = x->error ?: blockdev_take(x->data, x->size, t->dev);
	return 0;
}

API int coldplug_signatures(struct coldplug *c, const char *node, const char **types)
{
	struct taking t = { &(struct blockdev){}, -EIO };
	char question[PATH_MAX + 1];
	struct prober prober;
	int r = machine_open_root(&c->machine);

	if (r < 0)
		return r;
	if (snprintf(question, sizeof(question), "s%s", node) >= (int)sizeof(question))
		return -ENAMETOOLONG;
	prober_init(&prober, answer, &c->machine.root, &c->log);
	r = prober_add(&prober, question) ?: prober_wait(&prober, take, &t);
	prober_free(&prober);
	r = r ?: t.r;
	if (r < 0)
		return r;
	snprintf(c->answers.signatures, sizeof(c->answers.signatures), "%s",
		 t.dev->signatures[0] ? t.dev->signatures : t.dev->type);
	*types = c->answers.signatures;
	return t.dev->signatures[0] ? 1 : 0;
}

#else

API int coldplug_signatures(struct coldplug *c, const char *node, const char **types)
{
	return -EOPNOTSUPP;
}

#endif
