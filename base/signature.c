/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A signed module (include/linux/module_signature.h):
 *
 *	module, signer's name, key identifier, signature,
 *	12 bytes of struct module_signature, 28 bytes of magic
 *
 * Since Linux 4.3 name and identifier are empty, and the signature is a PKCS#7 message in DER (RFC 2315):
 * who signed and with which key is in the message. kmod has libcrypto read it. Only five fields of one
 * fixed shape are wanted, so they are read here: otherwise each call of modprobe would load a library of 5
 * MB for the sake of modinfo.
 *
 * The reader goes forward only. Each element is cut out of the one around it (der_take()), so that no
 * length leads out of the file and nothing is read twice.
 */
#include "base/signature.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"

static const char magic[] = "~Module signature appended~\n";

#define MAGIC_SIZE (sizeof(magic) - 1)
#define BLOCK_SIZE 12U

_Static_assert(SIGNATURE_TAIL == BLOCK_SIZE + MAGIC_SIZE, "the tail is the block and the magic");

enum { ID_PGP, ID_X509, ID_PKCS7 };

/* struct module_signature */
struct block {
	unsigned int algo, hash, id_type;
	size_t n_signer, n_key, n_value;
};

static const char *const id_types[] = { [ID_PGP] = "PGP", [ID_X509] = "X509", [ID_PKCS7] = "PKCS#7" };

/* enum pkey_hash_algo of Linux 3.7 to 4.2 */
static const char *const hashes[] = { "md4",	"md5",	  "sha1",   "rmd160", "sha256",
				      "sha384", "sha512", "sha224", "sm3" };

static bool read_block(const unsigned char *tail, struct block *ret)
{
	if (memcmp(tail + BLOCK_SIZE, magic, MAGIC_SIZE) != 0)
		return false;
	*ret = (struct block){ .algo = tail[0],
			       .hash = tail[1],
			       .id_type = tail[2],
			       .n_signer = tail[3],
			       .n_key = tail[4],
			       .n_value = (size_t)tail[8] << 24 | (size_t)tail[9] << 16 |
				       (size_t)tail[10] << 8 | tail[11] };
	return ret->algo < 2 && ret->hash < ARRAY_SIZE(hashes) && ret->id_type < ARRAY_SIZE(id_types) &&
		ret->n_value > 0;
}

size_t signature_size(const void *tail, uint64_t file_size)
{
	struct block b;
	uint64_t n;

	if (file_size < SIGNATURE_TAIL || !read_block(tail, &b))
		return 0;
	n = (uint64_t)b.n_value + b.n_key + b.n_signer + SIGNATURE_TAIL;
	return n <= file_size ? (size_t)n : 0;
}

enum der_tag {
	DER_INTEGER = 0x02,
	DER_OCTETS = 0x04,
	DER_OID = 0x06,
	DER_SEQUENCE = 0x30,
	DER_SET = 0x31,
	DER_CONTEXT_0 = 0xa0,
	DER_CONTEXT_1 = 0xa1,
	DER_ANY = -1,
};

/* The length at p, of n bytes that are there; how many bytes it takes, 0 when it is none. */
static size_t der_length(const unsigned char *p, size_t n, size_t *ret)
{
	size_t length = 0, more;

	if (!n)
		return 0;
	if (p[0] < 0x80) {
		*ret = p[0];
		return 1;
	}
	more = p[0] & 0x7f;
	if (more < 1 || more > 4 || more >= n)
		return 0;
	for (size_t i = 1; i <= more; i++)
		length = length << 8 | p[i];
	*ret = length;
	return 1 + more;
}

/* Takes the first element off *from, if it has this tag; its contents. */
static bool der_take(struct signature_bytes *from, enum der_tag tag, struct signature_bytes *ret)
{
	size_t n_length, length = 0;

	if (!from->n || (tag != DER_ANY && from->data[0] != tag))
		return false;
	n_length = der_length(from->data + 1, from->n - 1, &length);
	if (!n_length || length > from->n - 1 - n_length)
		return false;
	*ret = (struct signature_bytes){ from->data + 1 + n_length, length };
	from->data = ret->data + length;
	from->n -= 1 + n_length + length;
	return true;
}

static void der_skip_optional(struct signature_bytes *from, enum der_tag tag)
{
	struct signature_bytes contents;

	(void)der_take(from, tag, &contents);
}

static bool equals(const struct signature_bytes *b, const void *data, size_t n)
{
	return b->n == n && !memcmp(b->data, data, n);
}

/* "1.2.840.113549": the numbers of an object identifier, seven bits a byte. */
static void print_oid(const struct signature_bytes *oid, char *to, size_t size)
{
	uint64_t number = 0;
	size_t used = 0;

	for (size_t i = 0; i < oid->n && used < size; i++) {
		number = number << 7 | (oid->data[i] & 0x7f);
		if (oid->data[i] & 0x80)
			continue;
		if (used)
			used += (size_t)snprintf(to + used, size - used, ".%llu", (unsigned long long)number);
		else if (number < 80)
			used = (size_t)snprintf(to, size, "%u.%u", (unsigned int)number / 40,
						(unsigned int)number % 40);
		else
			used = (size_t)snprintf(to, size, "2.%llu", (unsigned long long)number - 80);
		number = 0;
	}
}

static void name_hash(const struct signature_bytes *oid, char *to, size_t size)
{
	static const struct {
		unsigned char n, oid[9];
		const char *name;
	} names[] = {
		{ 9, { 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1 }, "sha256" },
		{ 9, { 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 2 }, "sha384" },
		{ 9, { 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 3 }, "sha512" },
		{ 9, { 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 4 }, "sha224" },
		{ 9, { 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 8 }, "sha3-256" },
		{ 9, { 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 9 }, "sha3-384" },
		{ 9, { 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 10 }, "sha3-512" },
		{ 5, { 0x2b, 0x0e, 3, 2, 0x1a }, "sha1" },
		{ 5, { 0x2b, 0x24, 3, 2, 1 }, "ripemd160" },
		{ 8, { 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 2, 4 }, "md4" },
		{ 8, { 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 2, 5 }, "md5" },
		{ 8, { 0x2a, 0x81, 0x1c, 0xcf, 0x55, 1, 0x83, 0x11 }, "sm3" },
	};

	to[0] = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (equals(oid, names[i].oid, names[i].n)) {
			snprintf(to, size, "%s", names[i].name);
			return;
		}
	print_oid(oid, to, size);
}

/* The common name of an X.501 name; where there is none its last part, as kmod has it. */
static bool read_name(struct signature_bytes name, struct signature_bytes *ret)
{
	static const unsigned char common_name[] = { 0x55, 4, 3 };
	struct signature_bytes set, pair, oid;

	*ret = (struct signature_bytes){};
	while (name.n) {
		if (!der_take(&name, DER_SET, &set))
			return false;
		while (set.n) {
			if (!der_take(&set, DER_SEQUENCE, &pair) || !der_take(&pair, DER_OID, &oid) ||
			    !der_take(&pair, DER_ANY, ret))
				return false;
			if (equals(&oid, common_name, sizeof(common_name)))
				return true;
		}
	}
	return true;
}

/* A serial number's bytes without the zeros in front. */
static struct signature_bytes digits(struct signature_bytes b)
{
	while (b.n && !b.data[0]) {
		b.data++;
		b.n--;
	}
	return b;
}

static bool read_signer(struct signature_bytes info, struct signature *ret)
{
	struct signature_bytes version, issuer, name, hash, oid, algorithm;

	if (!der_take(&info, DER_INTEGER, &version) || !der_take(&info, DER_SEQUENCE, &issuer) ||
	    !der_take(&issuer, DER_SEQUENCE, &name) || !der_take(&issuer, DER_INTEGER, &ret->key) ||
	    !der_take(&info, DER_SEQUENCE, &hash) || !der_take(&hash, DER_OID, &oid))
		return false;
	der_skip_optional(&info, DER_CONTEXT_0); /* attributes */
	if (!der_take(&info, DER_SEQUENCE, &algorithm) || !der_take(&info, DER_OCTETS, &ret->value))
		return false;
	ret->key = digits(ret->key);
	name_hash(&oid, ret->hash, sizeof(ret->hash));
	return read_name(name, &ret->signer);
}

static bool read_pkcs7(struct signature_bytes message, struct signature *ret)
{
	static const unsigned char signed_data[] = { 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 2 };
	struct signature_bytes outer, oid, explicit, data, version, hashes_used, content, signers, info;

	if (!der_take(&message, DER_SEQUENCE, &outer) || !der_take(&outer, DER_OID, &oid) ||
	    !equals(&oid, signed_data, sizeof(signed_data)) || !der_take(&outer, DER_CONTEXT_0, &explicit) ||
	    !der_take(&explicit, DER_SEQUENCE, &data) || !der_take(&data, DER_INTEGER, &version) ||
	    !der_take(&data, DER_SET, &hashes_used) || !der_take(&data, DER_SEQUENCE, &content))
		return false;
	der_skip_optional(&data, DER_CONTEXT_0); /* certificates */
	der_skip_optional(&data, DER_CONTEXT_1); /* revocations */
	return der_take(&data, DER_SET, &signers) && der_take(&signers, DER_SEQUENCE, &info) &&
		read_signer(info, ret);
}

bool signature_read(const void *data, size_t n, struct signature *ret)
{
	const unsigned char *p = data;
	struct block b;

	if (n < SIGNATURE_TAIL || signature_size(p + n - SIGNATURE_TAIL, n) != n ||
	    !read_block(p + n - SIGNATURE_TAIL, &b))
		return false;
	*ret = (struct signature){ .id_type = id_types[b.id_type],
				   .signer = { p, b.n_signer },
				   .key = { p + b.n_signer, b.n_key },
				   .value = { p + b.n_signer + b.n_key, b.n_value } };
	if (b.id_type == ID_PKCS7)
		return read_pkcs7(ret->value, ret);
	snprintf(ret->hash, sizeof(ret->hash), "%s", hashes[b.hash]);
	return true;
}
