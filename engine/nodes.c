/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "engine/nodes.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"

static bool read_number(const char *s, char end, uint32_t *ret, const char **rest)
{
	unsigned long long n;
	char *p;

	if (!isdigit((unsigned char)*s))
		return false;
	errno = 0;
	n = strtoull(s, &p, 10);
	if (errno || n > UINT32_MAX || *p != end)
		return false;
	*ret = (uint32_t)n;
	*rest = p + 1;
	return true;
}

/* Splits "MODULE NAME c10:234". */
static bool parse_line(char *line, struct node *ret)
{
	static const char blanks[] = " \t\r";
	char *save = NULL;
	const char *number;

	ret->module = strtok_r(line, blanks, &save);
	ret->name = strtok_r(NULL, blanks, &save);
	number = strtok_r(NULL, blanks, &save);
	if (!ret->module || !ret->name || !number || (*number != 'c' && *number != 'b'))
		return false;
	ret->type = *number++;
	return read_number(number, ':', &ret->major, &number) &&
		read_number(number, '\0', &ret->minor, &number);
}

static int parse(struct nodes *n, const char *path, struct log *log)
{
	char *rest = n->file.data;
	unsigned int number = 0;
	int r = 0;

	for (char *line; !r && (line = strsep(&rest, "\n"));) {
		struct node node;
		char shown[65];

		number++;
		if (!*line || *line == '#')
			continue;
		snprintf(shown, sizeof(shown), "%s", line);
		if (parse_line(line, &node))
			r = array_push(&n->items, node);
		else
			log_lost(log, "/%s:%u: not a device node: '%s'", path, number, shown);
	}
	return r;
}

int nodes_take(struct nodes *n, struct file_bytes *text, const char *path, struct log *log)
{
	n->items.n = 0;
	file_release(&n->file);
	n->file = *text;
	*text = (struct file_bytes){};
	return parse(n, path, log);
}

int nodes_read(struct nodes *n, const struct rootfs *root, const char *directory, struct log *log)
{
	_cleanup_file_ struct file_bytes file = {};
	char path[512];
	int r;

	n->items.n = 0;
	if ((size_t)snprintf(path, sizeof(path), "%s/modules.devname", directory) >= sizeof(path))
		return -ENAMETOOLONG;
	r = rootfs_read(root, path, LIMIT_CONFIG_FILE, &file);
	return r < 0 ? r : nodes_take(n, &file, path, log);
}

void nodes_free(struct nodes *n)
{
	file_release(&n->file);
	array_free(&n->items);
}
