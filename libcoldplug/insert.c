/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One name at a time, as modprobe(8) does it: in this process, one load after the other.
 *
 * The loads of coldplug_run() are made by a process of their own, because a thread inside
 * finit_module(2) cannot be killed and a boot must not wait for it. A caller of modprobe does wait, and
 * learns from the exit code how it went: the kernel's request_module() runs modprobe in the middle of
 * another module's init. So nothing is forked here and no thread is started: that would cost more than
 * the rest of such a call and gain nothing, since the modules that one name needs are a chain, in which
 * each load waits for the one before.
 *
 * Nothing is shared with a loading process, no lock, no file and no socket, so an insertion makes
 * progress while the module that requested it is still in its init there. If both want the same module,
 * the kernel has one of them wait for the result of the other (add_unformed_module()), as it does for
 * two calls of kmod's modprobe.
 *
 * Whether a module is in the kernel is read from /sys/module/NAME/initstate when its turn comes: other
 * processes load modules too, and so may an install command.
 *
 * A negative errno from a function here ends the whole call: this process has no memory, or the callback has
 * asked for the end. How a load has ended is a positive answer instead, because its errno may be any, also
 * ENOMEM or ECANCELED, and must not keep what does not depend on the module from being loaded.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/limits.h"
#include "libcoldplug/act.h"
#include "loader/work.h"

#define API __attribute__((visibility("default")))

API const char *coldplug_module_directory(struct coldplug *c)
{
	return machine_open_for_one(&c->machine) < 0 ? NULL : machine_directory(&c->machine);
}

struct insertion {
	struct coldplug *c; /* for flags and reports */
	struct machine *m;
	struct kernel kernel;
	uint32_t request;
	int error;     /* positive errno, with NOT_INSERTED */
	bool withheld; /* the last match is blacklisted */
};

#define WAS_THERE 1
#define NOT_INSERTED 2

static int not_inserted(struct insertion *in, int error)
{
	in->error = error;
	return NOT_INSERTED;
}

static bool in_kernel(struct insertion *in, uint32_t module)
{
	const char *name = modules_name(&in->m->modules, module);

	if (modules_is_builtin(&in->m->modules, module) > 0)
		return true;
	return in->kernel.ops->initstate(in->kernel.data, &in->kernel.root, name) == INITSTATE_LIVE;
}

/* 0, WAS_THERE or NOT_INSERTED. */
static int answer_of(struct insertion *in, const struct load_result *result)
{
	switch (result->outcome) {
	case LOAD_DONE:
		return 0;
	case LOAD_ALREADY:
		return WAS_THERE;
	default:
		return not_inserted(in, result->error ? result->error : EIO);
	}
}

static int report_failed_command(struct insertion *in, const struct step *step,
				 const struct load_result *result)
{
	struct coldplug_act act = { .kind = COLDPLUG_ACT_COMMAND_FAILED,
				    .module = step->name,
				    .command = step->command,
				    .error = result->error,
				    .message = result->message };

	return context_report(in->c, &act) ?: not_inserted(in, EINVAL);
}

static int report_no_file(struct insertion *in, const char *module)
{
	struct coldplug_act act = { .kind = COLDPLUG_ACT_NO_FILE, .module = module };

	return context_report(in->c, &act) ?: not_inserted(in, ENOENT);
}

/* What the step is loaded from. */
static int open_archive(struct insertion *in, const struct step *step)
{
	struct loading *l = &in->c->loading;
	struct archive *a = &in->m->dir.archive.archive;
	struct archive_dictionary dictionary;
	int r = 0;

	if (step->member && !l->members) {
		dictionary = archive_dictionary(a);
		l->members = members_new();
		r = l->members ? members_open(l->members, a->fd, &dictionary) : -ENOMEM;
	}
	in->kernel.members = l->members;
	return r;
}

static int do_step(struct insertion *in, const struct action *a, struct load_result *result)
{
	struct step step;
	int r = expander_fill_step_with(&in->m->expander, a, expander_params(&in->m->expander, a), &step);

	if (r < 0)
		return r;
	r = open_archive(in, &step);
	if (r < 0)
		return r;
	*result = (struct load_result){};
	work_on_step(&in->kernel, &step, result);
	if (step.kind == STEP_COMMAND && result->outcome != LOAD_DONE)
		return report_failed_command(in, &step, result);
	if (step.kind == STEP_ABSENT)
		return report_no_file(in, step.name);
	return answer_of(in, result);
}

/* Reports an action as modprobe prints it: not at all when it has neither a file nor a command. */
static int report_action(struct insertion *in, const struct action *a)
{
	struct coldplug *c = in->c;
	_cleanup_arena_ struct arena arena = {};
	uint32_t id = in->m->expander.objects.items[a->object].module;
	const struct module *m = modules_get(&in->m->modules, id);
	struct coldplug_act act = { .kind = COLDPLUG_ACT_INSMOD,
				    .module = modules_name(&in->m->modules, id) };

	act.params = expander_params(&in->m->expander, a);
	if (!m || !act.params)
		return -ENOMEM;
	if (a->command) {
		act.kind = COLDPLUG_ACT_INSTALL;
		act.command = a->command->value;
	} else if (m->path) {
		act.path = moddir_file(&in->m->dir, &arena, in->m->root.path, m->path);
		if (!act.path)
			return -ENOMEM;
	} else if (a->builtin) {
		act.kind = COLDPLUG_ACT_BUILTIN;
	} else {
		return 0;
	}
	return context_report(c, &act);
}

/* 0, or the answer that ends this match. A module that is only a softdep may fail, unless it is this process
 * that cannot load modules. */
static int carry_out(struct insertion *in, const struct action *a, struct load_result *result)
{
	struct coldplug *c = in->c;
	uint32_t module = in->m->expander.objects.items[a->object].module;
	int r;

	if (!has_flag(c, COLDPLUG_IGNORE_LOADED) && in_kernel(in, module)) {
		r = WAS_THERE;
	} else {
		r = report_action(in, a);
		if (!r && !has_flag(c, COLDPLUG_DRY_RUN))
			r = do_step(in, a, result);
	}
	if (r == WAS_THERE)
		return a->top && has_flag(c, COLDPLUG_FIRST_TIME) ? WAS_THERE : 0;
	if (r == NOT_INSERTED && !a->required && !result->own) {
		in->error = 0;
		return 0;
	}
	return r;
}

/* The answer for a match that gave no action: a blacklisted module is none, "off" and module_blacklist=
 * are. */
static int why_withheld(struct insertion *in, const struct lookup_match *match)
{
	const struct expander *x = &in->m->expander;

	for (size_t i = x->withheld.n; i-- > 0;) {
		const struct withheld *w = &x->withheld.items[i];

		if (w->request == in->request && w->kind == WITHHELD_OFF)
			return has_flag(in->c, COLDPLUG_DRY_RUN) ? 0 : report_no_file(in, "off");
		if (w->request != in->request || w->module != match->module)
			continue;
		in->withheld = w->kind == WITHHELD_BLACKLIST;
		return w->kind == WITHHELD_FORBIDDEN ? not_inserted(in, EPERM) : 0;
	}
	return 0;
}

static int insert_match(struct insertion *in, const struct lookup_match *match, struct load_result *result)
{
	struct coldplug *c = in->c;
	enum request_result decision = REQUEST_PRESENT;
	size_t first = in->m->expander.actions.n;
	int r;

	if (!has_flag(c, COLDPLUG_IGNORE_LOADED) && in_kernel(in, match->module))
		return has_flag(c, COLDPLUG_FIRST_TIME) ? WAS_THERE : 0;
	r = expander_expand(&in->m->expander, in->request, match, &decision);
	if (!r && decision == REQUEST_WITHHELD)
		return why_withheld(in, match);
	for (size_t i = first; !r && i < in->m->expander.actions.n; i++) {
		/* A copy: carrying it out may look up options, but adds no action. */
		struct action a = in->m->expander.actions.items[i];

		r = carry_out(in, &a, result);
	}
	return r;
}

static int report_end(struct insertion *in, const struct lookup_match *match,
		      const struct load_result *result)
{
	struct coldplug_act act = { .kind = COLDPLUG_ACT_FAILED,
				    .module = modules_name(&in->m->modules, match->module),
				    .error = in->error,
				    .message = result->message[0] ? result->message : NULL };

	return context_report(in->c, &act);
}

static int report_there(struct insertion *in, const struct lookup_match *match)
{
	struct coldplug_act act = { .kind = COLDPLUG_ACT_THERE,
				    .module = modules_name(&in->m->modules, match->module),
				    .error = EEXIST };

	in->error = EEXIST;
	return context_report(in->c, &act);
}

/* 1 when there are matches. */
static int look_up(struct insertion *in, const char *name, const char *params)
{
	struct coldplug *c = in->c;
	uint32_t flags = REQUEST_SHOW | REQUEST_IGNORE_LOADED;
	char of_path[LIMIT_NAME + 1];
	int64_t id;
	int r = 1;

	if (has_flag(c, COLDPLUG_BLACKLIST))
		flags |= REQUEST_BLACKLIST;
	if (has_flag(c, COLDPLUG_IGNORE_INSTALL))
		flags |= REQUEST_IGNORE_COMMAND;
	if (name[0] == '/' || !strncmp(name, "./", 2)) {
		flags |= REQUEST_EXACT;
		r = machine_name_of_path(in->m, name, of_path);
		name = of_path;
	}
	if (r <= 0)
		return r == -ENOMEM ? r : -ENOENT;
	id = expander_look_up(&in->m->expander, name, params, flags);
	if (id < 0)
		return (int)id;
	in->request = (uint32_t)id;
	return in->m->expander.matches.items.n ? 1 : -ENOENT;
}

/* Opens what an insertion needs and looks the name up; 1 when it has matches. */
static int begin(struct insertion *in, const char *name, const char *params)
{
	int r = machine_open_for_one(in->m);

	if (r < 0)
		return r;
	if (params && strlen(params) > LIMIT_PARAMS) {
		log_error(&in->c->log, "parameters of %s are longer than %u bytes", name, LIMIT_PARAMS);
		return -E2BIG;
	}
	context_kernel(in->c, &in->kernel);
	return look_up(in, name, params);
}

API int coldplug_insert(struct coldplug *c, const char *name, const char *params)
{
	struct insertion in = { .c = c, .m = &c->machine };
	bool withheld = true;
	int r = begin(&in, name, params);

	if (r < 0)
		return r;
	for (size_t i = 0; i < in.m->expander.matches.items.n; i++) {
		struct lookup_match match = in.m->expander.matches.items.items[i];
		struct load_result result = {};

		in.error = 0;
		in.withheld = false;
		r = insert_match(&in, &match, &result);
		if (r == WAS_THERE)
			r = report_there(&in, &match);
		else if (r == NOT_INSERTED)
			r = report_end(&in, &match, &result);
		if (r < 0)
			return r;
		withheld = withheld && in.withheld;
		if (result.own)
			break;
	}
	/* The last match decides, as in kmod. */
	return withheld ? 1 : -in.error;
}

static int report_match(struct insertion *in, uint32_t module)
{
	_cleanup_arena_ struct arena arena = {};
	const struct module *m = modules_get(&in->m->modules, module);
	struct coldplug_act act = { .kind = COLDPLUG_ACT_MATCH,
				    .module = modules_name(&in->m->modules, module) };

	if (!m)
		return -ENOMEM;
	if (m->path) {
		act.path = moddir_file(&in->m->dir, &arena, in->m->root.path, m->path);
		if (!act.path)
			return -ENOMEM;
	}
	return context_report(in->c, &act);
}

API int coldplug_match(struct coldplug *c, const char *name)
{
	struct insertion in = { .c = c, .m = &c->machine };
	int r = begin(&in, name, NULL);

	for (size_t i = 0; r >= 0 && i < in.m->expander.matches.items.n; i++)
		r = report_match(&in, in.m->expander.matches.items.items[i].module);
	return r < 0 ? r : 0;
}

/* What comes through a pipe is read first: the kernel takes only files. */
static int load_fd(const struct kernel *k, int fd, const char *params, struct image_load *how)
{
	_cleanup_file_ struct file_bytes file = {};
	struct image image = { .path = "", .fd = fd };
	struct stat st;
	int r;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (S_ISREG(st.st_mode) && st.st_size > LIMIT_IMAGE)
		return -EFBIG;
	if (S_ISREG(st.st_mode)) {
		image.size = (size_t)st.st_size;
		return image_load(k, &image, params, how);
	}
	r = file_or_pipe_read(fd, LIMIT_IMAGE, &file);
	if (r < 0)
		return r;
	image = (struct image){ .path = "", .fd = -1, .bytes = file.data, .size = file.size };
	return image_load(k, &image, params, how);
}

API int coldplug_insert_fd(struct coldplug *c, int fd, const char *params)
{
	struct image_load how = {};
	struct kernel kernel;
	int r = machine_open_root(&c->machine);

	if (r < 0 || has_flag(c, COLDPLUG_DRY_RUN))
		return r;
	context_kernel(c, &kernel);
	r = load_fd(&kernel, fd, params ?: "", &how);
	if (r < 0 && how.complaint[0])
		log_info(&c->log, "the module %s", how.complaint);
	return r;
}
