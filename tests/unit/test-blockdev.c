/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* In what process libblkid interprets a device: here that of libblkid is replaced by one that tries what it
 * can do. */
#include "tests/unit/test.h"

#include <sys/resource.h>
#include <sys/socket.h>

#include "base/confine.h"
#include "uevent/blockdev.h"

#ifdef HAVE_BLKID
#include <blkid/blkid.h>

static const char *seen; /* by the last blkid_do_safeprobe() */

static const char *what_is_possible(void)
{
	struct rlimit limit;

	if (open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC) >= 0)
		return "open";
	if (socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0) >= 0)
		return "socket";
	if (fork() >= 0)
		return "fork";
	if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_max)
		return "write";
	return "nothing";
}

int blkid_do_safeprobe(blkid_probe probe)
{
	seen = what_is_possible();
	return 0;
}

int blkid_probe_lookup_value(blkid_probe probe, const char *name, const char **data, size_t *len)
{
	*data = !strcmp(name, "TYPE") ? seen : "";
	return 0;
}

#endif

static void what_interprets_a_device_can_do_nothing_else(void **state)
{
	_cleanup_tree_ struct tree t = tree_new();
	struct blockdev dev = {};

	if (!blockdev_available() || !confine_has_filter())
		skip();
	tree_write(&t, "disk", "libblkid wants a file that has some bytes");
	assert_int_equal(blockdev_probe(tree_path(&t, "disk"), &dev), 0);
	assert_string_equal(dev.type, "nothing");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_interprets_a_device_can_do_nothing_else),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
