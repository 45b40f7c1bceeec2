/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One step, carried out. */
#pragma once

#include "engine/plan.h"
#include "loader/image.h"
#include "loader/kernel.h"
#include "loader/loader.h"

/* A step's image, opened before its turn or at it. */
struct work_image {
	struct image image;
	int error; /* negative errno: it could not be opened */
};

#define WORK_IMAGE_NONE ((struct work_image){ .image.fd = -1 })

void work_open(const struct kernel *k, const struct step *step, struct work_image *ret);
void work_close(struct work_image *image);

/* Blocks as long as the kernel or the command does. Writes outcome, error and message of result. */
void work_on(const struct kernel *k, const struct step *step, const struct work_image *image,
	     struct load_result *result);
/* The three in turn, for who opens nothing ahead. */
void work_on_step(const struct kernel *k, const struct step *step, struct load_result *result);
