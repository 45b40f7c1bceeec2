/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A reversible transform of a kernel module, after which a compressor finds more: tables stand in
 * columns, offsets as differences, contents of one kind side by side. 32 and 64 bits, either byte
 * order; the result is the same on every host. What comes out of module_filter_undo() is the module
 * byte for byte, so that its signature stays valid. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* What a container notes about a member. */
#define MODULE_FILTER_NONE 0 /* it is stored as it is */
#define MODULE_FILTER_ELF 1  /* it is what module_filter_apply() made of it */

/* The data begins with the lengths of so many streams, each a number of 7-bit digits, the lowest first
 * and all but the last with the bit 0x80; the streams follow. */
#define MODULE_FILTER_STREAMS 41U

/* 1: *out, which the caller frees, is the transformed module, and undoing it has been tried; 0: the
 * filter does not take this module, which is to be stored without; -ENOMEM. Never larger than twice the
 * module. */
int module_filter_apply(const void *module, size_t size, uint8_t **out, size_t *out_size);

/* Writes the out_size bytes of the module to out, which are zero before. 0; -EBADMSG: the data is damaged, or makes another
 * number of bytes; out has any contents then. The data may come from anywhere: nothing outside of it is
 * read, nothing outside of out is written, no memory is allocated, and the time is linear in size +
 * out_size. */
int module_filter_undo(const void *data, size_t size, void *out, size_t out_size);
