/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The signature that the kernel's scripts/sign-file.c appends to a module, in the words of modinfo(8). It
 * is read, not checked. Pure; no byte is trusted. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes at the end of a signed file that say how large the rest of the signature is. */
#define SIGNATURE_TAIL 40U

struct signature_bytes {
	const unsigned char *data;
	size_t n;
};

struct signature {
	const char *id_type;	       /* "PKCS#7" */
	char hash[64];		       /* "sha256"; the numbers of an algorithm that has no name here */
	struct signature_bytes signer; /* text */
	struct signature_bytes key;
	struct signature_bytes value;
};

/* How many bytes at the end of a file of this size belong to its signature, SIGNATURE_TAIL included; 0: it
 * has none that can be read. tail: its last SIGNATURE_TAIL bytes. */
size_t signature_size(const void *tail, uint64_t file_size);
/* Reads it out of these bytes, the last signature_size() of a file, into which *ret then points. False: it
 * is none that can be read. */
bool signature_read(const void *data, size_t n, struct signature *ret);
