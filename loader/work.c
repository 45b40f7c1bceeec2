/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "loader/work.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/limits.h"
#include "loader/image.h"
#include "loader/verdict.h"

static void cannot_open(const struct step *step, int error, const char *why, struct load_result *result)
{
	result->own = image_error_is_own(error);
	if (why)
		result_set(result, LOAD_FAILED, error, "%s: %s", step->path, why);
	else if (error == EFBIG)
		result_set(result, LOAD_FAILED, error,
			   "%s: larger than the limit of a module (LIMIT_IMAGE, %u MiB)", step->path,
			   LIMIT_IMAGE >> 20);
	else if (error == EINVAL)
		result_set(result, LOAD_FAILED, error, "%s: not a regular file", step->path);
	else
		result_set(result, LOAD_FAILED, error, "%s: %s", step->path, strerror(error));
}

static void load_until_judged(const struct kernel *k, const struct image *image, const struct step *step,
			      const char *params, struct load_result *result)
{
	struct verdict v = { .kernel = k, .name = step->name, .path = step->path };
	struct image_load how;
	int r;

	do {
		r = image_load(k, image, params, &how);
		result->own = how.own;
		if (how.complaint[0]) {
			result_set(result, LOAD_FAILED, -r, "%s: %s", step->path, how.complaint);
			return;
		}
	} while (verdict_judge(&v, r, result) == VERDICT_RETRY);
	if (result->outcome == LOAD_DONE && how.refused)
		result_set(result, LOAD_DONE, 0, "%s: decompressed in user space: the kernel refused it (%s)",
			   step->path, strerror(how.refused));
}

/* In front, because the kernel ignores what follows "--". NULL: no memory; the load then waits for all
 * asynchronous probes. */
static char *with_async_probe(const char *params)
{
	char *s;

	return asprintf(&s, "async_probe%s%s", *params ? " " : "", params) < 0 ? NULL : s;
}

static void unpack(const struct kernel *k, const struct step *step, struct work_image *ret)
{
	struct image *image = &ret->image;

	/* What is packed is a small part of the time that is spent here. */
	image->read_us = clock_now_us();
	ret->error = members_unpack(k->members, step->member, &image->plain, &ret->why);
	image->path = step->path;
	image->bytes = image->plain.data;
	image->size = image->plain.size;
}

void work_open(const struct kernel *k, const struct step *step, struct work_image *ret)
{
	*ret = WORK_IMAGE_NONE;
	if (step->kind == STEP_MODULE && step->member)
		unpack(k, step, ret);
	else if (step->kind == STEP_MODULE)
		ret->error = image_open(&ret->image, &k->root, step->path);
}

void work_close(struct work_image *image)
{
	image_close(&image->image);
}

static void load_module(const struct kernel *k, const struct step *step, const struct work_image *image,
			struct load_result *result)
{
	_cleanup_free_ char *with_async = NULL, *path = NULL;
	const char *params = step->params ? step->params : "";
	struct image plain = { .fd = -1 };
	const struct image *used = &image->image;
	struct step shown = *step;

	/* Messages show the path with the root in front. That of a member has it. */
	if (!step->member && asprintf(&path, "%s/%s", k->root.path ? k->root.path : "", step->path) < 0)
		path = NULL;
	shown.path = path ?: step->path;
	if (image->error < 0) {
		cannot_open(&shown, -image->error, image->why, result);
		return;
	}
	/* The symbols of the decompressed image can be read. */
	if (image_decompress(k, used, &plain) > 0)
		used = &plain;
	if (k->async_probe && !image_probes(used))
		with_async = with_async_probe(params);
	result->read_us = used->read_us;
	result->given_us = clock_now_us();
	load_until_judged(k, used, &shown, with_async ? with_async : params, result);
	image_close(&plain);
}

static void judge_status(const struct step *step, const char *origin, struct kernel_output *output,
			 struct load_result *result)
{
	if (!output->status) {
		result_set(result, LOAD_DONE, 0, "%s", "");
		return;
	}
	output->text[strcspn(output->text, "\r\n")] = '\0';
	result_set(result, LOAD_FAILED, output->status, "%s: install command for %s: %s %d%s%s", origin,
		   step->name, output->status > 128 ? "killed by signal" : "exit status",
		   output->status > 128 ? output->status - 128 : output->status, *output->text ? ": " : "",
		   output->text);
}

static void run_command(const struct kernel *k, const struct step *step, struct load_result *result)
{
	struct kernel_command command = { .command = step->command,
					  .module = step->name,
					  .foreground = k->foreground };
	const char *origin = step->origin ? step->origin : "?";
	const char *root = k->root.path && *k->root.path ? k->root.path : "/";
	struct kernel_output output = {};
	int r;

	r = kernel_run_command(k, &command, &output);
	if (r == -ENOENT)
		result_set(result, LOAD_FAILED, 127, "%s: install command for %s: no /bin/sh under %s",
			   origin, step->name, root);
	else if (r < 0)
		result_set(result, LOAD_FAILED, 126, "%s: install command for %s: cannot be run: %s", origin,
			   step->name, strerror(-r));
	else
		judge_status(step, origin, &output, result);
}

void work_on(const struct kernel *k, const struct step *step, const struct work_image *image,
	     struct load_result *result)
{
	switch (step->kind) {
	case STEP_MODULE:
		load_module(k, step, image, result);
		break;
	case STEP_COMMAND:
		run_command(k, step, result);
		break;
	default:
		result_set(result, LOAD_FAILED, ENOENT, "module %s: no such file", step->name);
		break;
	}
}

void work_on_step(const struct kernel *k, const struct step *step, struct load_result *result)
{
	struct work_image image;

	work_open(k, step, &image);
	work_on(k, step, &image, result);
	work_close(&image);
}
