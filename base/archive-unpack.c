/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/archive-unpack.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "base/group-codec.h"
#include "base/limits.h"
#include "base/module-filter.h"
#include "base/rootfs.h"
#include "base/xxh64.h"

#define MAX_GROUP ((uint64_t)2 * LIMIT_IMAGE)

static int fail(int r, const char *what, const char **why)
{
	*why = what;
	return r;
}

/* An error that has words of its own, or none. */
static int explain(int r, const char *damage, const char **why)
{
	if (r == -EBADMSG)
		*why = damage;
	else if (r == -EOPNOTSUPP)
		*why = "cannot be unpacked: this coldplug was built without zstd";
	else if (r < 0)
		*why = strerror(-r);
	return r;
}

static int read_bytes(int fd, struct blob *ret, uint64_t place, size_t n, const char **why)
{
	int r = blob_reserve(ret, n + 1) ?: file_read_at(fd, ret->data, n, place);

	ret->size = r < 0 ? 0 : n;
	return explain(r, "its archive was cut while it was in use", why);
}

int archive_read_dictionary(int fd, const struct archive_dictionary *d, struct blob *ret, const char **why)
{
	int r = 0;

	ret->size = 0;
	if (d->size > LIMIT_INDEX)
		return fail(-EBADMSG, "the dictionary of its archive is too large", why);
	if (d->size)
		r = read_bytes(fd, ret, d->place, d->size, why);
	if (r < 0 || !d->size || xxh64(ret->data, ret->size) == d->sum)
		return r;
	ret->size = 0;
	return fail(-EBADMSG, "the dictionary of its archive is damaged", why);
}

int archive_read_group(int fd, const struct archive_member *m, const struct blob *dictionary,
		       struct group_scratch *scratch, struct blob *ret, const char **why)
{
	struct blob *packed = &scratch->packed;
	bool wants = m->flags & ARCHIVE_GROUP_DICTIONARY;
	int r;

	ret->size = 0;
	if (m->packed > MAX_GROUP || m->unpacked > MAX_GROUP || m->flags & ~ARCHIVE_GROUP_DICTIONARY)
		return fail(-EBADMSG, "is in a group that cannot be", why);
	if (wants && !dictionary->size)
		return fail(-EBADMSG, "its group wants a dictionary that is not there", why);
	r = read_bytes(fd, packed, m->group, m->packed, why);
	if (r < 0)
		return r;
	r = blob_reserve(ret, (size_t)m->unpacked + 1);
	if (!r)
		r = group_decompress_with(scratch, packed->data, packed->size,
					  wants ? dictionary->data : NULL, wants ? dictionary->size : 0,
					  ret->data, m->unpacked);
	if (!r)
		ret->size = m->unpacked;
	return explain(r, "is lost: its group cannot be unpacked", why);
}

static int undo(const struct archive_member *m, const char *data, struct blob *ret)
{
	if (m->filter == MODULE_FILTER_ELF)
		return module_filter_undo(data, m->stored, ret->data, m->size);
	if (m->stored != m->size)
		return -EBADMSG;
	memcpy(ret->data, data, m->size);
	return 0;
}

/* Pages that are zero, as undoing the filter wants them; all at once, so that each does not cost a page fault.
 * Where this cannot be (ENOMEM, or EINVAL before Linux 5.14) they come one by one. */
static int reserve_fresh(struct blob *ret, size_t n)
{
	int r;

	blob_release(ret);
	r = blob_reserve(ret, n);
#ifdef MADV_POPULATE_WRITE
	if (!r)
		(void)madvise(ret->data, n, MADV_POPULATE_WRITE);
#endif
	return r;
}

int archive_take_member(const struct archive_member *m, const struct blob *group, struct blob *ret,
			const char **why)
{
	int r;

	if (m->filter != MODULE_FILTER_NONE && m->filter != MODULE_FILTER_ELF)
		return fail(-EOPNOTSUPP, "needs a newer coldplug: it has another filter", why);
	if (m->size > LIMIT_IMAGE)
		return fail(-EFBIG, "is larger than the limit of a module (LIMIT_IMAGE)", why);
	if (m->place > group->size || m->stored > group->size - m->place)
		return fail(-EBADMSG, "is outside of its group", why);
	r = reserve_fresh(ret, (size_t)m->size + 1);
	if (!r)
		r = undo(m, group->data + m->place, ret);
	ret->size = r < 0 ? 0 : m->size;
	if (!r && xxh64(ret->data, ret->size) != m->sum)
		r = -EBADMSG;
	return explain(r, "is damaged: what is unpacked has another checksum", why);
}
