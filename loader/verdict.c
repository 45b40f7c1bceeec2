/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * An errno of finit_module has several causes, and some come from the module's own init. What tells
 * them apart is /sys/module/NAME/initstate at the time of the answer:
 *
 *     EEXIST   live or built in: somebody else had loaded it; without sysfs that is assumed. coming:
 *              somebody else is at it; wait for what comes of it. Otherwise the module's own init
 *              said so, and it is not loaded.
 *     EBUSY    coming or going: wait, then load again unless it is live. Otherwise a module it needs did not
 *              get ready in the kernel's 30 s, the other loader failed, or its own init said so.
 *
 * Waiting is bounded (VERDICT_PATIENCE_MS): it is done in a worker and holds up the module's
 * dependents only, but an answer must come.
 */
#include "loader/verdict.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/limits.h"

void result_set(struct load_result *result, enum load_outcome outcome, int error, const char *fmt, ...)
{
	va_list ap;

	result->outcome = outcome;
	result->error = error;
	va_start(ap, fmt);
	vsnprintf(result->message, sizeof(result->message), fmt, ap);
	va_end(ap);
	/* Names and outputs come from files and commands. */
	for (char *p = result->message; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			*p = '?';
}

static enum initstate state_of(const struct verdict *v)
{
	return v->kernel->ops->initstate(v->kernel->data, &v->kernel->root, v->name);
}

/* Waits while the module is coming or going; the state it ends in. */
static enum initstate wait_while_changing(struct verdict *v)
{
	enum initstate state = state_of(v);
	unsigned int ms = 1;

	while ((state == INITSTATE_COMING || state == INITSTATE_GOING) &&
	       v->waited_ms < VERDICT_PATIENCE_MS) {
		v->kernel->ops->sleep(v->kernel->data, ms);
		v->waited_ms += ms;
		ms = ms < 128 ? 2 * ms : 128;
		state = state_of(v);
	}
	return state;
}

static int judge_exists(struct verdict *v, struct load_result *result)
{
	switch (wait_while_changing(v)) {
	case INITSTATE_LIVE:
	case INITSTATE_BUILTIN:
	case INITSTATE_UNKNOWN:
		result_set(result, LOAD_ALREADY, 0, "%s", "");
		break;
	case INITSTATE_COMING:
	case INITSTATE_GOING:
		result_set(result, LOAD_FAILED, EEXIST,
			   "%s: another process has been loading or removing %s for %u s", v->path, v->name,
			   VERDICT_PATIENCE_MS / 1000);
		break;
	case INITSTATE_ABSENT:
		result_set(result, LOAD_FAILED, EEXIST,
			   "%s: its init returned EEXIST: what it registers exists already", v->path);
		break;
	}
	return VERDICT_GIVEN;
}

static int judge_busy(struct verdict *v, struct load_result *result)
{
	enum initstate state = state_of(v);
	bool changing = state == INITSTATE_COMING || state == INITSTATE_GOING;

	switch (wait_while_changing(v)) {
	case INITSTATE_LIVE:
		result_set(result, LOAD_ALREADY, 0, "%s", "");
		return VERDICT_GIVEN;
	case INITSTATE_COMING:
	case INITSTATE_GOING:
		result_set(result, LOAD_FAILED, EBUSY,
			   "%s: another process has been loading or removing %s for %u s", v->path, v->name,
			   VERDICT_PATIENCE_MS / 1000);
		return VERDICT_GIVEN;
	default:
		break;
	}
	if (changing)
		return VERDICT_RETRY;
	result_set(result, LOAD_FAILED, EBUSY,
		   "%s: busy: a module it needs was not ready after 30 s, or its own init said so", v->path);
	return VERDICT_GIVEN;
}

static int judge_text_busy(struct verdict *v, struct load_result *result)
{
	if (v->tries++ < VERDICT_BUSY_TRIES) {
		v->kernel->ops->sleep(v->kernel->data, 20U << v->tries);
		return VERDICT_RETRY;
	}
	result_set(result, LOAD_FAILED, ETXTBSY, "%s: the file is open for writing", v->path);
	return VERDICT_GIVEN;
}

/* The kernel's words: a blank between quotes ends none. */
static size_t word_length(const char *p)
{
	bool quoted = false;
	size_t n = 0;

	for (; p[n] && (quoted || !strchr(" \t\n\v\f\r", p[n])); n++)
		if (p[n] == '"')
			quoted = !quoted;
	return n;
}

/* Whether the comma-separated list of n bytes has the name; compared as the kernel does, byte for byte. */
static bool list_has(const char *list, size_t n, const char *name)
{
	size_t n_name = strlen(name), piece;

	for (size_t at = 0; at < n; at += piece + 1) {
		for (piece = 0; at + piece < n && !strchr(",\"", list[at + piece]);)
			piece++;
		if (piece == n_name && !memcmp(list + at, name, piece))
			return true;
	}
	return false;
}

/* Whether module_blacklist= of the kernel command line names the module. What follows "--" is init's. */
static bool blacklisted(const struct verdict *v)
{
	static const char key[] = "module_blacklist=";
	_cleanup_free_ char *line = malloc(LIMIT_CMDLINE + 1);
	size_t n_key = sizeof(key) - 1, n;

	if (!line ||
	    v->kernel->ops->read(v->kernel->data, &v->kernel->root, "proc/cmdline", line, LIMIT_CMDLINE + 1) <
		    0)
		return false;
	for (const char *p = line; *p; p += n) {
		size_t quote = *p == '"';

		n = word_length(p);
		if ((n == 2 && !memcmp(p, "--", n)) || (n == 4 && !memcmp(p, "\"--\"", n)))
			return false;
		if (n > quote + n_key && !memcmp(p + quote, key, n_key) &&
		    list_has(p + quote + n_key, n - quote - n_key, v->name))
			return true;
		n += !n;
	}
	return false;
}

static bool attribute_has(const struct verdict *v, const char *path, const char *word)
{
	char buf[128];

	return v->kernel->ops->read(v->kernel->data, &v->kernel->root, path, buf, sizeof(buf)) > 0 &&
		strstr(buf, word);
}

static const char *why_not_permitted(const struct verdict *v)
{
	static const char lockdown[] = "sys/kernel/security/lockdown";

	if (!v->kernel->ops->capable(v->kernel->data))
		return "this process may not load modules (no CAP_SYS_MODULE; are you root?)";
	if (attribute_has(v, "proc/sys/kernel/modules_disabled", "1"))
		return "loading modules has been switched off until reboot (kernel.modules_disabled=1)";
	if (blacklisted(v))
		return "module_blacklist= of the kernel command line names it";
	if (attribute_has(v, lockdown, "[integrity]"))
		return "the kernel is locked down (integrity): only signed modules are taken";
	if (attribute_has(v, lockdown, "[confidentiality]"))
		return "the kernel is locked down (confidentiality): only signed modules are taken";
	return "refused by a security module (LoadPin, IMA, SELinux and the like) or a seccomp filter";
}

static const char *sentence(int error)
{
	static const struct {
		int error;
		const char *text;
	} table[] = {
		{ ENOENT,
		  "unknown symbol: a module it needs is not loaded, or it was built for another "
		  "kernel (dmesg names the symbol)" },
		{ ENOEXEC,
		  "not a module for this kernel: bad format, other architecture or other "
		  "version (dmesg says which)" },
		{ EKEYREJECTED, "its signature is not accepted by this kernel" },
		{ ENOKEY, "this kernel takes signed modules only, and it is not signed by a known key" },
		{ EBADMSG, "its signature is damaged" },
		{ ENOPKG, "its signature uses an algorithm this kernel lacks" },
		{ EINVAL,
		  "refused as invalid: a parameter's value, or its own init said so (dmesg may "
		  "say more)" },
		{ ENOMEM, "the kernel has no memory for it" },
		{ EFAULT, "the kernel could not read it" },
		{ EIO, "reading it failed, or its hardware does not answer" },
		{ ENOSYS, "this kernel cannot load modules, or its own init found something missing" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		if (table[i].error == error)
			return table[i].text;
	return NULL;
}

static int judge_other(const struct verdict *v, int error, struct load_result *result)
{
	const char *text = error == EPERM ? why_not_permitted(v) : sentence(error);

	if (text)
		result_set(result, LOAD_FAILED, error, "%s: %s", v->path, text);
	else
		result_set(result, LOAD_FAILED, error, "%s: its init failed: %s", v->path, strerror(error));
	return VERDICT_GIVEN;
}

int verdict_judge(struct verdict *v, int error, struct load_result *result)
{
	switch (-error) {
	case 0:
		result_set(result, LOAD_DONE, 0, "%s", "");
		return VERDICT_GIVEN;
	case ENODEV:
		result_set(result, LOAD_DECLINED, ENODEV, "%s: found nothing to drive", v->path);
		return VERDICT_GIVEN;
	case EEXIST:
		return judge_exists(v, result);
	case EBUSY:
		return judge_busy(v, result);
	case ETXTBSY:
		return judge_text_busy(v, result);
	default:
		return judge_other(v, -error, result);
	}
}
