/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The time since boot (CLOCK_MONOTONIC): what timeouts are measured with and reports are dated by. */
#pragma once

#include <stdint.h>

uint64_t clock_now_us(void);
uint64_t clock_now_ms(void);
