/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "uevent/message.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

const char *uevent_find(const struct uevent *e, const char *key)
{
	size_t n = strlen(key);

	for (const char *p = e->variables; p < e->variables + e->size; p += strlen(p) + 1)
		if (!strncmp(p, key, n) && p[n] == '=')
			return p + n + 1;
	return NULL;
}

/* A processor's alias ends in a newline (drivers/base/cpu.c cpu_uevent()). */
static bool is_text(const char *s)
{
	for (; *s; s++)
		if (((unsigned char)*s < ' ' || *s == 0x7f) && (*s != '\n' || s[1]))
			return false;
	return true;
}

static int refuse(const char **why, const char *reason)
{
	*why = reason;
	return -EBADMSG;
}

/* The keys that coldplug uses. */
static void take_variable(struct uevent *e, const char *p)
{
	const struct {
		const char *key;
		const char **place;
	} keys[] = {
		{ "ACTION=", &e->action },     { "DEVPATH=", &e->devpath }, { "SUBSYSTEM=", &e->subsystem },
		{ "MODALIAS=", &e->modalias }, { "DEVNAME=", &e->devname }, { "SYNTH_UUID=", &e->synth_uuid },
	};

	if (!strncmp(p, "SEQNUM=", 7)) {
		e->seqnum = strtoull(p + 7, NULL, 10);
		return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		size_t n = strlen(keys[i].key);

		if (!strncmp(p, keys[i].key, n)) {
			*keys[i].place = p + n;
			return;
		}
	}
}

int uevent_parse(const char *text, size_t size, struct uevent *ret, const char **why)
{
	struct uevent e = {};
	const char *at, *end = text + size;

	if (!size || text[size - 1] != '\0')
		return refuse(why, "no NUL at its end");
	at = strchr(text, '@');
	if (!at || at == text || at[1] != '/')
		return refuse(why, "no ACTION@DEVPATH in front");
	e.variables = text + strlen(text) + 1;
	e.size = (size_t)(end - e.variables);
	for (const char *p = e.variables; p < end; p += strlen(p) + 1)
		take_variable(&e, p);
	if (!e.action || !e.devpath)
		return refuse(why, "no ACTION or DEVPATH");
	if (strlen(e.action) != (size_t)(at - text) || strncmp(text, e.action, (size_t)(at - text)) != 0 ||
	    strcmp(at + 1, e.devpath) != 0)
		return refuse(why, "its header and its variables disagree");
	if (e.modalias && !is_text(e.modalias))
		return refuse(why, "a MODALIAS that is not text");
	*ret = e;
	return 0;
}
