/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The signature at a module's end: what modinfo(8) shows of it, and bytes that nobody should trust. */
#include "tests/unit/test.h"

#include "base/signature.h"

struct bytes {
	unsigned char data[2048];
	size_t n;
};

static void put(struct bytes *b, const void *data, size_t n)
{
	assert_true(b->n + n <= sizeof(b->data));
	memcpy(b->data + b->n, data, n);
	b->n += n;
}

#define put_text(b, text) put((b), (text), sizeof(text) - 1)

/* Appends an element with these contents. Lengths of 128 and more take two bytes behind their count. */
static void wrap(struct bytes *b, unsigned char tag, const struct bytes *contents)
{
	unsigned char head[4] = { tag, (unsigned char)contents->n };
	size_t n = 2;

	if (contents->n >= 128) {
		head[1] = 0x82;
		head[2] = (unsigned char)(contents->n >> 8);
		head[3] = (unsigned char)contents->n;
		n = 4;
	}
	put(b, head, n);
	put(b, contents->data, contents->n);
}

static void wrap_text(struct bytes *b, unsigned char tag, const char *text, size_t n)
{
	struct bytes contents = {};

	put(&contents, text, n);
	wrap(b, tag, &contents);
}

struct example {
	const char *name; /* DER of the issuer's name */
	size_t n_name;
	const char *serial;
	size_t n_serial;
	const char *hash; /* object identifier */
	size_t n_hash;
	bool certificates; /* and attributes: what is optional is there */
};

static void put_signer(struct bytes *to, const struct example *e)
{
	struct bytes info = {}, issuer = {}, hash = {}, empty = {};

	wrap_text(&info, 0x02, "\1", 1);
	wrap_text(&issuer, 0x30, e->name, e->n_name);
	wrap_text(&issuer, 0x02, e->serial, e->n_serial);
	wrap(&info, 0x30, &issuer);
	wrap_text(&hash, 0x06, e->hash, e->n_hash);
	wrap(&info, 0x30, &hash);
	if (e->certificates)
		wrap_text(&info, 0xa0, "attributes", 10);
	wrap(&info, 0x30, &empty);
	wrap_text(&info, 0x04, "signature", 9);
	wrap(to, 0x30, &info);
}

static void put_pkcs7(struct bytes *to, const struct example *e)
{
	struct bytes data = {}, explicit = {}, all = {}, signers = {}, empty = {};

	wrap_text(&data, 0x02, "\1", 1);
	wrap(&data, 0x31, &empty);
	wrap(&data, 0x30, &empty);
	if (e->certificates)
		wrap_text(&data, 0xa0, "certificates", 12);
	put_signer(&signers, e);
	wrap(&data, 0x31, &signers);
	wrap_text(&all, 0x06, "\x2a\x86\x48\x86\xf7\x0d\1\7\2", 9);
	wrap(&explicit, 0x30, &data);
	wrap(&all, 0xa0, &explicit);
	wrap(to, 0x30, &all);
}

/* The block and the magic: algorithm, hash, type, lengths of name, key and signature. */
static void put_tail(struct bytes *b, const char block[5], uint32_t n)
{
	const unsigned char rest[7] = { 0,
					0,
					0,
					(unsigned char)(n >> 24),
					(unsigned char)(n >> 16),
					(unsigned char)(n >> 8),
					(unsigned char)n };

	put(b, block, 5);
	put(b, rest, 7);
	put_text(b, "~Module signature appended~\n");
}

/* As fields.c does it: the tail first, then all that it says. */
static bool read_signed(const struct bytes *b, struct signature *s)
{
	size_t n;

	if (b->n < SIGNATURE_TAIL)
		return false;
	n = signature_size(b->data + b->n - SIGNATURE_TAIL, b->n);
	return n && signature_read(b->data + b->n - n, n, s);
}

static const char common_name[] = "\x31\x0c\x30\x0a\x06\x03\x55\x04\x0a\x0c\x03Org"
				  "\x31\x0c\x30\x0a\x06\x03\x55\x04\x03\x0c\x03Key";
static const char no_common_name[] = "\x31\x0c\x30\x0a\x06\x03\x55\x04\x0a\x0c\x03Org"
				     "\x31\x0b\x30\x09\x06\x03\x55\x04\x0b\x0c\x02OU";

static void a_pkcs7_message_says_who_signed(void **state)
{
#define SHA256 "\x60\x86\x48\1\x65\3\4\2\1"
	static const struct {
		struct example e;
		const char *signer, *key, *hash;
	} rows[] = {
		{ { common_name, 28, "\x12\x34", 2, SHA256, 9, false }, "Key", "\x12\x34", "sha256" },
		{ { common_name, 28, "\0\xf1\x34", 3, SHA256, 9, true }, "Key", "\xf1\x34", "sha256" },
		{ { no_common_name, 27, "\1", 1, "\x2b\x24\3\2\1", 5, false }, "OU", "\1", "ripemd160" },
		{ { "", 0, "\0", 1, "\x2a\x86\x48\x86\xf7\x0d\2\5", 8, false }, "", "", "md5" },
		{ { common_name, 28, "\1", 1, "\x2a\x86\x48\x86\xf7\x0d\2\x63", 8, false },
		  "Key",
		  "\1",
		  "1.2.840.113549.2.99" },
		{ { common_name, 28, "\1", 1, "\x88\x37\3", 3, false }, "Key", "\1", "2.999.3" },
		{ { common_name, 28, "\1", 1, "", 0, false }, "Key", "\1", "" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct bytes b = {}, message = {};
		struct signature s;

		put_text(&b, "a module");
		put_pkcs7(&message, &rows[i].e);
		put(&b, message.data, message.n);
		put_tail(&b, "\0\0\2\0\0", (uint32_t)message.n);
		assert_row(i, read_signed(&b, &s));
		assert_row_string(i, s.id_type, "PKCS#7");
		assert_row_string(i, s.hash, rows[i].hash);
		assert_row(i, s.signer.n == strlen(rows[i].signer));
		assert_row(i, !memcmp(s.signer.data ?: (void *)"", rows[i].signer, s.signer.n));
		assert_row(i, s.key.n == strlen(rows[i].key));
		assert_row(i, !memcmp(s.key.data, rows[i].key, s.key.n));
		assert_row(i, s.value.n == 9 && !memcmp(s.value.data, "signature", 9));
	}
}

static void older_signatures_have_name_and_key_in_front(void **state)
{
	static const struct {
		const char *tail; /* algorithm, hash, type, name, key */
		uint32_t n;
		const char *id_type, *hash;
	} rows[] = {
		{ "\1\4\1\6\2", 3, "X509", "sha256" },	  { "\0\0\0\6\2", 3, "PGP", "md4" },
		{ "\1\x8\1\6\2", 3, "X509", "sm3" },	  { "\2\4\1\6\2", 3, NULL, NULL }, /* no algorithm */
		{ "\1\x9\1\6\2", 3, NULL, NULL },					   /* no hash */
		{ "\1\4\3\6\2", 3, NULL, NULL },					   /* no type */
		{ "\1\4\1\6\2", 0, NULL, NULL },					   /* no signature */
		{ "\1\4\1\6\2", 4, NULL, NULL }, /* one byte more than there is */
		{ "\1\4\1\6\2", UINT32_MAX, NULL, NULL }, { "\1\4\1\xff\xff", 3, NULL, NULL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct bytes b = {};
		struct signature s;

		put_text(&b, "signerkysig");
		put_tail(&b, rows[i].tail, rows[i].n);
		assert_row(i, read_signed(&b, &s) == (rows[i].id_type != NULL));
		if (!rows[i].id_type)
			continue;
		assert_row_string(i, s.id_type, rows[i].id_type);
		assert_row_string(i, s.hash, rows[i].hash);
		assert_row(i, s.signer.n == 6 && !memcmp(s.signer.data, "signer", 6));
		assert_row(i, s.key.n == 2 && !memcmp(s.key.data, "ky", 2));
		assert_row(i, s.value.n == 3 && !memcmp(s.value.data, "sig", 3));
	}
}

/* What is returned is inside the bytes that were given: the address sanitizer looks at each of them. */
static void touch(const struct signature *s)
{
	const struct signature_bytes all[] = { s->signer, s->key, s->value };
	volatile unsigned char sum = 0;

	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		for (size_t k = 0; k < all[i].n; k++)
			sum = (unsigned char)(sum + all[i].data[k]);
}

static void read_exactly(const struct bytes *message)
{
	_cleanup_free_ unsigned char *exact = NULL;
	struct bytes b = *message;
	struct signature s;

	put_tail(&b, "\0\0\2\0\0", (uint32_t)message->n);
	exact = malloc(b.n);
	assert_non_null(exact);
	memcpy(exact, b.data, b.n);
	if (signature_read(exact, b.n, &s))
		touch(&s);
}

static void any_byte_of_a_message_may_be_wrong(void **state)
{
	static const unsigned char values[] = { 0, 1, 0x7f, 0x80, 0x81, 0x84, 0x85, 0xa0, 0xff };
	const struct example e = { common_name, 28, "\x12", 1, SHA256, 9, true };
	struct bytes message = {};

	put_pkcs7(&message, &e);
	for (size_t n = 1; n <= message.n; n++) {
		struct bytes cut = message;

		cut.n = n;
		read_exactly(&cut);
	}
	for (size_t i = 0; i < message.n * ARRAY_SIZE(values); i++) {
		struct bytes bad = message;

		bad.data[i / ARRAY_SIZE(values)] = values[i % ARRAY_SIZE(values)];
		read_exactly(&bad);
	}
}

static void what_is_no_message_is_no_signature(void **state)
{
	static const char *const messages[] = {
		"x",
		"\x30\x80\0\0",
		"\x30\x84\xff\xff\xff\xff",
		"\x30\x85\1\1\1\1\1",
		"\x30",
		"\x30\x81",
		"\x30\x0b\x06\x09\x2a\x86\x48\x86\xf7\x0d\1\7\3",
	};

	for (size_t i = 0; i < ARRAY_SIZE(messages); i++) {
		struct bytes b = {};
		struct signature s;

		put(&b, messages[i], strlen(messages[i]) + 1);
		put_tail(&b, "\0\0\2\0\0", (uint32_t)b.n);
		assert_row(i, !read_signed(&b, &s));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_pkcs7_message_says_who_signed),
		cmocka_unit_test(older_signatures_have_name_and_key_in_front),
		cmocka_unit_test(any_byte_of_a_message_may_be_wrong),
		cmocka_unit_test(what_is_no_message_is_no_signature),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
