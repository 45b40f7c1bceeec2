/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* XXH64 with seed 0, the checksum of zstd's frames (RFC 8878). It finds damage; it is no signature. */
#pragma once

#include <stddef.h>
#include <stdint.h>

uint64_t xxh64(const void *data, size_t size);
