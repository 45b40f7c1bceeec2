/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Carries out one step. */
#pragma once

#include "engine/plan.h"
#include "loader/image.h"
#include "loader/kernel.h"
#include "loader/loader.h"

/* A step's image, opened when the step starts or earlier (pool_open_ahead()). */
struct work_image {
	struct image image;
	int error;	 /* negative errno: it could not be opened, */
	const char *why; /* in words, or NULL */
};

#define WORK_IMAGE_NONE ((struct work_image){ .image.fd = -1 })

void work_open(const struct kernel *k, const struct step *step, struct work_image *ret);
void work_close(struct work_image *image);

/* Blocks as long as the kernel or the command does. Writes outcome, error, own and message of result. */
void work_on(const struct kernel *k, const struct step *step, const struct work_image *image,
	     struct load_result *result);
/* The three calls in turn, for callers that open nothing ahead. */
void work_on_step(const struct kernel *k, const struct step *step, struct load_result *result);
