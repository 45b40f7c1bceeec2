/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libblkid knows some seventy formats, and whoever prepares a disk chooses which of its parsers runs on what
 * bytes. So it runs in a process that has nothing but descriptors of the disk and of a socket
 * (base/confine.h).
 *
 * That process opens the device before it is confined. For the name of a partition libblkid would then
 * look for its disk in /sys, open that, interpret the table of partitions, and look into /sys again for the
 * place of the partition. Here what needs /sys comes first.
 */
#include "uevent/blockdev.h"

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#ifdef HAVE_BLKID
#include <blkid/blkid.h>
#include <fcntl.h>
#include <linux/major.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/confine.h"
#include "base/control.h"
#include "base/detach.h"
#include "base/rootfs.h"

/*
 * Where libblkid reads on a disk that has a file system, observed with strace(1) of 2.38: in some sixty places
 * one after the other, each of which costs a seek or a command. They are asked for together instead. For ZFS it
 * reads all of the first and the last 512 KiB, where most kinds of RAID have their labels; the rest is a sector
 * each.
 */
#define PIECE_BYTES (128 << 10)
#define EDGE_BYTES (512 << 10)
#define FRONT_BYTES (EDGE_BYTES + 4096)
static const uint64_t sectors_from_start[] = { 1 << 20, 2 << 20, 4 << 20 };
#define PROMISE_RAID_FROM_END (3087 * 512)
/* Below this, reading more than is needed takes longer: floppy disks. */
#define DISK_BYTES (16 << 20)

/* What blkid_do_safeprobe() answers to more than one signature. */
#define AMBIVALENT (-2)

/* An opened device. */
struct subject {
	blkid_probe probe;
	blkid_probe disk;     /* a partition's; NULL: it is none */
	uint64_t start, size; /* in 512 bytes */
	long number;	      /* 0: start and size identify it */
};

/* What is sent. */
struct message {
	int32_t error;
	struct blockdev dev;
};

bool blockdev_available(void)
{
	return true;
}

/* An attribute of /sys/dev/block; false: there is none. */
static bool read_block_attribute(dev_t dev, const char *name, char *buf, size_t size)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/%s", major(dev), minor(dev), name);
	return read_attribute(AT_FDCWD, path, buf, size) > 0;
}

/* A partition that device mapper has made has no start, but its uuid begins with "part2-". */
static void find_place(struct subject *s, dev_t dev)
{
	char text[256];

	if (!read_block_attribute(dev, "size", text, sizeof(text)))
		return;
	s->size = strtoull(text, NULL, 10);
	if (read_block_attribute(dev, "start", text, sizeof(text)))
		s->start = strtoull(text, NULL, 10);
	else if (read_block_attribute(dev, "dm/uuid", text, sizeof(text)) && !strncasecmp(text, "part", 4))
		s->number = strtol(text + 4, NULL, 10);
}

/* In pieces that the kernel takes in one call for any disk: it cuts larger ones off (force_page_cache_ra()). */
static void will_need(int fd, uint64_t at, uint64_t n)
{
	for (uint64_t end = at + n; at < end; at += PIECE_BYTES)
		(void)posix_fadvise(fd, (off_t)at, (off_t)(end - at < PIECE_BYTES ? end - at : PIECE_BYTES),
				    POSIX_FADV_WILLNEED);
}

/* An error shows when it is read. A CD is slow, and has its signatures where no disk has. A map of device
 * mapper may be suspended, and libblkid does not read each. */
static void read_ahead(blkid_probe probe)
{
	dev_t dev = blkid_probe_get_devno(probe);
	blkid_loff_t size = blkid_probe_get_size(probe);
	int fd = blkid_probe_get_fd(probe);
	char name[256];

	if (size < DISK_BYTES || major(dev) == SCSI_CDROM_MAJOR ||
	    read_block_attribute(dev, "dm/name", name, sizeof(name)))
		return;
	will_need(fd, 0, FRONT_BYTES);
	will_need(fd, (uint64_t)size - EDGE_BYTES, EDGE_BYTES);
	will_need(fd, (uint64_t)size - PROMISE_RAID_FROM_END, 512);
	for (size_t i = 0; i < sizeof(sectors_from_start) / sizeof(sectors_from_start[0]); i++)
		will_need(fd, sectors_from_start[i], 512);
}

/* 0 or -errno. A disk that cannot be opened leaves only the partition's name unknown. */
static int open_subject(const char *node, struct subject *s)
{
	_cleanup_free_ char *disk = NULL;
	dev_t dev, disk_dev;

	errno = 0;
	s->probe = blkid_new_probe_from_filename(node);
	if (!s->probe)
		return errno ? -errno : -EIO;
	read_ahead(s->probe);
	dev = blkid_probe_get_devno(s->probe);
	if (!dev || blkid_probe_is_wholedisk(s->probe) ||
	    blkid_devno_to_wholedisk(dev, NULL, 0, &disk_dev) < 0)
		return 0;
	find_place(s, dev);
	disk = blkid_devno_to_devname(disk_dev);
	s->disk = disk ? blkid_new_probe_from_filename(disk) : NULL;
	return 0;
}

/* As blkid_partlist_devno_to_partition() finds it. An extended partition seems to have two sectors. */
static bool is_entry_of(const struct subject *s, blkid_partition entry)
{
	bool sized = (uint64_t)blkid_partition_get_size(entry) == s->size;

	if (s->number ? s->number != blkid_partition_get_partno(entry)
		      : (uint64_t)blkid_partition_get_start(entry) != s->start)
		return false;
	return sized || (blkid_partition_is_extended(entry) && s->size <= 1024);
}

static void read_entry(const struct subject *s, struct blockdev *dev)
{
	blkid_partlist list = s->disk && s->size ? blkid_probe_get_partitions(s->disk) : NULL;
	int n = list ? blkid_partlist_numof_partitions(list) : 0;

	for (int i = 0; i < n; i++) {
		blkid_partition entry = blkid_partlist_get_partition(list, i);
		const char *name, *uuid;

		if (!entry || !is_entry_of(s, entry))
			continue;
		name = blkid_partition_get_name(entry);
		uuid = blkid_partition_get_uuid(entry);
		snprintf(dev->partlabel, sizeof(dev->partlabel), "%s", name ? name : "");
		snprintf(dev->partuuid, sizeof(dev->partuuid), "%s", uuid ? uuid : "");
		return;
	}
}

static void take(blkid_probe probe, const char *name, char *place, size_t size)
{
	const char *value;

	if (!blkid_probe_lookup_value(probe, name, &value, NULL))
		snprintf(place, size, "%s", value);
}

static bool is_listed(const char *list, const char *type)
{
	for (const char *p = list; *p; p += *p == ',') {
		size_t n = strcspn(p, ",");

		if (strlen(type) == n && !strncmp(p, type, n))
			return true;
		p += n;
	}
	return false;
}

/* All that could be on it. */
static void list_signatures(blkid_probe probe, struct blockdev *dev)
{
	const char *type;

	blkid_reset_probe(probe);
	while (!blkid_do_probe(probe)) {
		size_t n = strlen(dev->signatures);

		if (!blkid_probe_lookup_value(probe, "TYPE", &type, NULL) &&
		    !is_listed(dev->signatures, type))
			snprintf(dev->signatures + n, sizeof(dev->signatures) - n, "%s%s", n ? "," : "",
				 type);
	}
	if (!dev->signatures[0])
		snprintf(dev->signatures, sizeof(dev->signatures), "unknown");
}

/* An ambivalent device has no name: better none than the wrong one. */
static void interpret(const struct subject *s, struct blockdev *dev)
{
	int r;

	blkid_probe_enable_superblocks(s->probe, 1);
	blkid_probe_set_superblocks_flags(s->probe,
					  BLKID_SUBLKS_UUID | BLKID_SUBLKS_LABEL | BLKID_SUBLKS_TYPE);
	r = blkid_do_safeprobe(s->probe);
	if (r == AMBIVALENT)
		list_signatures(s->probe, dev);
	if (r < 0)
		return;
	take(s->probe, "TYPE", dev->type, sizeof(dev->type));
	take(s->probe, "UUID", dev->uuid, sizeof(dev->uuid));
	take(s->probe, "LABEL", dev->label, sizeof(dev->label));
	read_entry(s, dev);
}

/* In the process that looks; its exit status. */
static int look(const char *node, int fd)
{
	struct subject s = {};
	struct message m = {};
	int *fds[] = { &fd };

	/* Nobody waits for it when the process that does has gone. */
	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	if (detach_settle("coldplug-blkid", fds, 1) < 0)
		return 1;
	m.error = open_subject(node, &s) ?: confine_to_descriptors();
	if (!m.error)
		interpret(&s, &m.dev);
	return send(fd, &m, sizeof(m), MSG_NOSIGNAL) != sizeof(m);
}

/* What is sent at once is received at once. */
static bool receive(int fd, struct message *m)
{
	ssize_t n;

	do
		n = read(fd, m, sizeof(*m));
	while (n < 0 && errno == EINTR);
	return n == sizeof(*m);
}

static void reap(pid_t pid)
{
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}

int blockdev_probe(const char *node, struct blockdev *ret)
{
	_cleanup_close_ int reading = -1;
	struct message m;
	int ends[2];
	bool answered;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return -errno;
	reading = ends[0];
	pid = fork();
	if (pid == 0)
		_exit(look(node, ends[1]));
	close(ends[1]);
	if (pid < 0)
		return -EAGAIN;
	answered = receive(reading, &m);
	reap(pid);
	if (!answered)
		return -ECHILD;
	if (m.error)
		return (m.error < 0 && m.error > -4096) || confine_is_error(m.error) ? m.error : -EBADMSG;
	*ret = m.dev;
	return 0;
}

/* Whether a type, or a list of types with commas, has only the characters that these have. */
static bool is_type(const char *s)
{
	for (; *s; s++)
		if (!strchr(",_-.+", *s) && !(*s >= '0' && *s <= '9') &&
		    !((*s | 0x20) >= 'a' && (*s | 0x20) <= 'z'))
			return false;
	return true;
}

#define FIELD(name)                                                                   \
	{                                                                             \
		offsetof(struct blockdev, name), sizeof(((struct blockdev *)0)->name) \
	}

int blockdev_take(const void *data, size_t size, struct blockdev *ret)
{
	static const struct {
		size_t at, size;
	} fields[] = { FIELD(type),  FIELD(signatures), FIELD(uuid),
		       FIELD(label), FIELD(partuuid),	FIELD(partlabel) };
	struct blockdev dev;

	if (size != sizeof(dev))
		return -EBADMSG;
	memcpy(&dev, data, size);
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		char *field = (char *)&dev + fields[i].at;

		if (!memchr(field, '\0', fields[i].size))
			return -EBADMSG;
		if (i > 1 && control_in(field))
			*field = '\0';
	}
	if (!is_type(dev.type) || strchr(dev.type, ',') || !is_type(dev.signatures))
		return -EBADMSG;
	*ret = dev;
	return 0;
}

#else

bool blockdev_available(void)
{
	return false;
}

int blockdev_probe(const char *node, struct blockdev *ret)
{
	return -EOPNOTSUPP;
}

int blockdev_take(const void *data, size_t size, struct blockdev *ret)
{
	return -EBADMSG;
}

#endif
