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
#include "base/cmdline.h"
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

/* Whether the comma-separated list has the name; compared as the kernel does, byte for byte. */
static bool list_has(const char *list, const char *name)
{
	size_t n_name = strlen(name);

	for (;; list++) {
		size_t n = strcspn(list, ",");

		if (n == n_name && !memcmp(list, name, n))
			return true;
		list += n;
		if (!*list)
			return false;
	}
}

/* Whether module_blacklist= of the kernel command line names the module. */
static bool blacklisted(const struct verdict *v)
{
	_cleanup_free_ char *line = malloc(LIMIT_CMDLINE + 1);
	struct cmdline_arg arg;
	char *rest = line;

	if (!line ||
	    v->kernel->ops->read(v->kernel->data, &v->kernel->root, "proc/cmdline", line, LIMIT_CMDLINE + 1) <
		    0)
		return false;
	while (cmdline_next(&rest, &arg))
		if (arg.value && !strcmp(arg.param, "module_blacklist") && list_has(arg.value, v->name))
			return true;
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
