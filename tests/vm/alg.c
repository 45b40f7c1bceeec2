/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* In the guest: asks the kernel for algorithms, as a user of AF_ALG. What is missing the kernel requests
 * of modprobe: the protocol family (net-pf-38), the type (algif-TYPE), and the algorithm with its
 * templates (crypto-NAME).
 *
 *	alg TYPE NAME...
 */
#include <errno.h>
#include <linux/if_alg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int ask(const char *type, const char *name)
{
	struct sockaddr_alg address = { .salg_family = AF_ALG };
	int fd = socket(AF_ALG, SOCK_SEQPACKET, 0), r = 0;

	snprintf((char *)address.salg_type, sizeof(address.salg_type), "%s", type);
	snprintf((char *)address.salg_name, sizeof(address.salg_name), "%s", name);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		r = errno;
	printf("%s %s: %s\n", type, name, r ? strerror(r) : "there");
	if (fd >= 0)
		close(fd);
	return r;
}

int main(int argc, char **argv)
{
	int r = 0;

	for (int i = 2; i < argc; i++)
		r |= ask(argv[1], argv[i]);
	return r != 0;
}
