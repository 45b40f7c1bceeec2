/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * modprobe -r. In kmod 34's order: the module's post softdeps, last one first; its holders, when they are to
 * go too; the module itself, or the remove command it has; the hard dependencies that nobody uses any more,
 * each of them once, with neither softdeps nor commands of their own; its pre softdeps, last one first.
 *
 * A negative errno from a function here ends the whole call: this process has no memory, or the callback has
 * asked for the end, or softdeps form a circle. A module that stays is a positive answer instead, because the
 * kernel's errno may be any, also ENOMEM or ECANCELED.
 *
 * Nothing is planned ahead: whether a module is in use is known only when those in front of it have gone.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/directory.h"
#include "base/limits.h"
#include "libcoldplug/act.h"

#define API __attribute__((visibility("default")))

struct removal {
	struct coldplug *c; /* for flags and reports */
	struct machine *m;
	struct kernel kernel;
	unsigned int wait_ms;
	unsigned int depth, visits; /* softdeps may name each other */
	int error;		    /* positive errno, with NOT_REMOVED */
};

#define NOT_REMOVED 1

static int not_removed(struct removal *rm, int error)
{
	rm->error = error;
	return NOT_REMOVED;
}

static const char *name_of(const struct removal *rm, uint32_t module)
{
	return modules_name(&rm->m->modules, module);
}

static int report(struct removal *rm, enum coldplug_act_kind kind, uint32_t module, int error)
{
	struct coldplug_act act = { .kind = kind, .module = name_of(rm, module), .error = error };

	return context_report(rm->c, &act);
}

static enum initstate state_of(struct removal *rm, uint32_t module)
{
	return rm->kernel.ops->initstate(rm->kernel.data, &rm->kernel.root, name_of(rm, module));
}

/* -errno: -ENOENT when it is not in the kernel, or the kernel cannot unload. */
static int refcount(struct removal *rm, uint32_t module)
{
	char path[LIMIT_NAME + 32], text[24];
	int r;

	snprintf(path, sizeof(path), "sys/module/%.255s/refcnt", name_of(rm, module));
	r = rm->kernel.ops->read(rm->kernel.data, &rm->kernel.root, path, text, sizeof(text));
	return r < 0 ? r : (int)strtol(text, NULL, 10);
}

/* Waits while it is in use, not longer than wait_ms in all. */
static int delete_module(struct removal *rm, const char *name)
{
	const struct kernel *k = &rm->kernel;
	unsigned int flags = O_NONBLOCK, waited = 0, ms = 1;
	int r;

	if (has_flag(rm->c, COLDPLUG_FORCE_REMOVE))
		flags |= O_TRUNC;
	while ((r = k->ops->delete_module(k->data, name, flags)) == -EAGAIN && waited < rm->wait_ms) {
		if (ms > rm->wait_ms - waited)
			ms = rm->wait_ms - waited;
		k->ops->sleep(k->data, ms);
		waited += ms;
		ms = ms < 512 ? 2 * ms : 512;
	}
	return r;
}

static int remove_itself(struct removal *rm, uint32_t module)
{
	int r = report(rm, COLDPLUG_ACT_RMMOD, module, 0);

	if (r < 0 || has_flag(rm->c, COLDPLUG_DRY_RUN))
		return r;
	r = delete_module(rm, name_of(rm, module));
	return r < 0 ? report(rm, COLDPLUG_ACT_KEPT, module, -r) ?: not_removed(rm, -r) : 0;
}

static int run_command(struct removal *rm, uint32_t module, const struct rule *rule)
{
	const char *name = name_of(rm, module);
	struct coldplug_act act = { .kind = COLDPLUG_ACT_REMOVE, .module = name };
	struct kernel_command command = { .module = name, .foreground = true };
	struct kernel_output output = {};
	int r = expander_fill_command(&rm->m->expander, rule->value, "", &command.command);

	if (r < 0)
		return r;
	act.command = command.command;
	r = context_report(rm->c, &act);
	if (r < 0 || has_flag(rm->c, COLDPLUG_DRY_RUN))
		return r;
	r = kernel_run_command(&rm->kernel, &command, &output);
	if (!r && !output.status)
		return 0;
	act.kind = COLDPLUG_ACT_COMMAND_FAILED;
	act.error = output.status;
	if (r < 0)
		act.error = r == -ENOENT ? 127 : 126; /* as a shell has it */
	return context_report(rm->c, &act) ?: not_removed(rm, ECHILD);
}

static int remove_object(struct removal *rm, uint32_t object, bool holders, bool asked);

/* A module that stays ends it only when the modules are in the way of what comes next. */
static int remove_list(struct removal *rm, const uint32_t *objects, uint32_t n, bool in_the_way)
{
	while (n-- > 0) {
		int r = remove_object(rm, objects[n], false, false);

		if (r < 0 || (r == NOT_REMOVED && in_the_way))
			return r;
	}
	return 0;
}

struct object_list {
	ARRAY(uint32_t) items;
};

static int list_holders(struct removal *rm, uint32_t module, struct object_list *list)
{
	_cleanup_directory_ struct directory dir = {};
	const char *holder;
	char path[LIMIT_NAME + 32];
	int64_t id = 0;
	int r;

	snprintf(path, sizeof(path), "sys/module/%.255s/holders", name_of(rm, module));
	r = directory_open(&dir, &rm->kernel.root, path);
	if (r == -ENOENT)
		return 0;
	while (r >= 0 && id >= 0 && (r = directory_next(&dir, &holder)) > 0) {
		struct lookup_match match = { .source = LOOKUP_NAME };

		match.module = modules_id(&rm->m->modules, holder, strlen(holder));
		id = match.module == MODULE_NONE ? -ENOMEM : expander_object(&rm->m->expander, &match);
		if (id >= 0 && array_push(&list->items, (uint32_t)id) < 0)
			id = -ENOMEM;
	}
	/* The kernel refuses to remove what the others use. */
	if (r < 0 && r != -ENOMEM)
		log_lost(&rm->c->log, "/%s: cannot be read: %s", path, strerror(-r));
	if (r == -ENOMEM)
		return r;
	return id < 0 ? (int)id : 0;
}

static int remove_holders(struct removal *rm, uint32_t module)
{
	struct object_list list = {};
	int r = list_holders(rm, module, &list)
		?: remove_list(rm, list.items.items, (uint32_t)list.items.n, true);

	array_free(&list.items);
	return r;
}

/* That one of them stays is no error of the removal: the module that was named is gone. */
static int remove_unused(struct removal *rm, uint32_t module)
{
	const struct module *m = modules_get(&rm->m->modules, module);
	const uint32_t *deps = m ? m->deps : NULL;
	uint32_t n = m ? m->n_deps : 0;
	int r = m ? 0 : -ENOMEM;

	for (uint32_t i = 0; r >= 0 && i < n; i++)
		r = refcount(rm, deps[i]) == 0 ? remove_itself(rm, deps[i]) : 0;
	return r < 0 ? r : 0;
}

#define MAY_GO 2

/* MAY_GO: it is there; 0: there is nothing to do; NOT_REMOVED; -errno. */
static int check_presence(struct removal *rm, uint32_t module, bool asked)
{
	enum initstate state;
	int r = modules_is_builtin(&rm->m->modules, module);

	if (r < 0 || (r > 0 && !asked))
		return r < 0 ? r : 0;
	if (r > 0)
		return report(rm, COLDPLUG_ACT_NOT_REMOVABLE, module, 0) ?: not_removed(rm, ENOENT);
	state = state_of(rm, module);
	if (state != INITSTATE_ABSENT && state != INITSTATE_UNKNOWN)
		return MAY_GO;
	if (!has_flag(rm->c, COLDPLUG_FIRST_TIME))
		return 0;
	return report(rm, COLDPLUG_ACT_NOT_THERE, module, 0) ?: not_removed(rm, ENOENT);
}

/* Removes the module itself, and the dependencies that are unused then. */
static int remove_module(struct removal *rm, uint32_t module)
{
	int r;

	if (!has_flag(rm->c, COLDPLUG_IGNORE_LOADED) && !rm->wait_ms && refcount(rm, module) > 0)
		return report(rm, COLDPLUG_ACT_IN_USE, module, 0) ?: not_removed(rm, EBUSY);
	/* It may have gone with its holders. */
	r = refcount(rm, module) == -ENOENT ? 0 : remove_itself(rm, module);
	return r ?: remove_unused(rm, module);
}

static int remove_with_softdeps(struct removal *rm, uint32_t module, const struct rule *command, bool holders,
				bool asked)
{
	struct softdeps s = {};
	int r = has_flag(rm->c, COLDPLUG_IGNORE_INSTALL) ? 0
							 : expander_softdeps(&rm->m->expander, module, &s);

	if (r < 0)
		return r;
	if (!command && !has_flag(rm->c, COLDPLUG_IGNORE_LOADED)) {
		r = check_presence(rm, module, asked);
		if (r != MAY_GO)
			return r;
	}
	r = remove_list(rm, s.post, s.n_post, false);
	if (!r && holders)
		r = remove_holders(rm, module);
	if (!r)
		r = command ? run_command(rm, module, command) : remove_module(rm, module);
	return r ?: remove_list(rm, s.pre, s.n_pre, false);
}

/* A module that is not removed at once (a dry run, a command, one in use) can come up again and again. */
static int check_depth(struct removal *rm, uint32_t module)
{
	if (rm->depth < LIMIT_SOFTDEP_DEPTH && rm->visits++ < LIMIT_STEPS)
		return 0;
	log_error(&rm->c->log, "%s: its softdeps are nested too deeply, or form a cycle",
		  name_of(rm, module));
	return -ELOOP;
}

static int remove_object(struct removal *rm, uint32_t object, bool holders, bool asked)
{
	const struct object *o = &rm->m->expander.objects.items[object];
	uint32_t module = o->module;
	const struct rule *command = NULL;
	int r = check_depth(rm, module);

	if (r < 0)
		return r;
	if (!has_flag(rm->c, COLDPLUG_IGNORE_INSTALL))
		command = o->remove;
	if (!has_flag(rm->c, COLDPLUG_IGNORE_INSTALL) && !command)
		command = config_match(&rm->m->config, RULE_REMOVE, name_of(rm, module));
	rm->depth++;
	r = remove_with_softdeps(rm, module, command, holders, asked);
	rm->depth--;
	return r;
}

API int coldplug_remove(struct coldplug *c, const char *name, unsigned int wait_ms)
{
	struct removal rm = { .c = c, .m = &c->machine, .wait_ms = wait_ms };
	int64_t id;
	int r = machine_open_for_one(rm.m);

	if (r < 0)
		return r;
	context_kernel(c, &rm.kernel);
	id = expander_look_up(&rm.m->expander, name, NULL, 0);
	if (id < 0)
		return (int)id;
	if (rm.m->expander.requests.items[id].result == REQUEST_INVALID)
		return -EINVAL;
	r = rm.m->expander.matches.items.n ? 0 : -ENOENT;
	for (size_t i = 0; !r && i < rm.m->expander.matches.items.n; i++) {
		id = expander_object(&rm.m->expander, &rm.m->expander.matches.items.items[i]);
		r = id < 0 ? (int)id
			   : remove_object(&rm, (uint32_t)id, has_flag(c, COLDPLUG_REMOVE_HOLDERS), true);
	}
	return r == NOT_REMOVED ? -rm.error : r;
}

API int coldplug_remove_module(struct coldplug *c, const char *name, unsigned int wait_ms)
{
	struct removal rm = { .c = c, .m = &c->machine, .wait_ms = wait_ms };
	char module[LIMIT_NAME + 1];
	int r = machine_open_root(rm.m);

	if (r < 0 || has_flag(c, COLDPLUG_DRY_RUN))
		return r;
	context_kernel(c, &rm.kernel);
	normalise_name(name, module, sizeof(module));
	r = delete_module(&rm, module);
	if (r < 0)
		log_error(&c->log, "could not remove '%s': %s", module, strerror(-r));
	return r;
}
