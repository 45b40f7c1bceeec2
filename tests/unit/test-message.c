/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The kernel's uevent messages: bytes in, pointers into them out. */
#include "tests/unit/test.h"

#include "uevent/message.h"

/* In a buffer of its very size, so that the sanitizers see a step too far. */
static int parse(char **copy, const char *text, size_t size, struct uevent *e, const char **why)
{
	*copy = malloc(size ? size : 1);
	assert_non_null(*copy);
	memcpy(*copy, text, size);
	*why = NULL;
	return uevent_parse(*copy, size, e, why);
}

#define MESSAGE(s) s, sizeof(s) /* with the NUL at its end */
#define BYTES(s) s, sizeof(s) - 1

static void a_good_message_is_taken_apart(void **state)
{
	static const struct {
		const char *text;
		size_t size;
		struct uevent e;
	} rows[] = {
		{ MESSAGE("add@/devices/a\0ACTION=add\0DEVPATH=/devices/a"),
		  { .action = "add", .devpath = "/devices/a" } },
		{ MESSAGE("add@/devices/pci0/0000:00:01.0\0ACTION=add\0DEVPATH=/devices/pci0/0000:00:01.0\0SUBSYSTEM=pci\0"
			  "PCI_CLASS=10000\0MODALIAS=pci:v00008086d\0SEQNUM=1234"),
		  { .action = "add",
		    .devpath = "/devices/pci0/0000:00:01.0",
		    .subsystem = "pci",
		    .modalias = "pci:v00008086d",
		    .seqnum = 1234 } },
		{ MESSAGE("change@/devices/x/block/sda/sda1\0ACTION=change\0DEVPATH=/devices/x/block/sda/sda1\0"
			  "SUBSYSTEM=block\0SYNTH_UUID=0\0MAJOR=8\0DEVNAME=sda1\0DEVTYPE=partition\0PARTN=1\0"
			  "PARTNAME=EFI system\0PARTUUID=1-2\0SEQNUM=18446744073709551615"),
		  { .action = "change",
		    .devpath = "/devices/x/block/sda/sda1",
		    .subsystem = "block",
		    .devname = "sda1",
		    .synth_uuid = "0",
		    .seqnum = UINT64_MAX } },
		/* any order; what is not known, has no '=' or is empty is passed over */
		{ MESSAGE("remove@/a\0MODALIAS=x\0\0what\0=\0XMODALIAS=y\0MODALIASX=z\0DEVPATH=/a\0ACTION=remove"),
		  { .action = "remove", .devpath = "/a", .modalias = "x" } },
		{ MESSAGE("add@/a\0ACTION=add\0DEVPATH=/a\0MODALIAS="),
		  { .action = "add", .devpath = "/a", .modalias = "" } },
		/* a '@' in the path is the path's */
		{ MESSAGE("add@/devices/platform/soc@0/x@1\0ACTION=add\0DEVPATH=/devices/platform/soc@0/x@1"),
		  { .action = "add", .devpath = "/devices/platform/soc@0/x@1" } },
		/* more than ASCII is text */
		{ MESSAGE("add@/a\0ACTION=add\0DEVPATH=/a\0MODALIAS=caf\303\251 \377"),
		  { .action = "add", .devpath = "/a", .modalias = "caf\303\251 \377" } },
		{ MESSAGE("add@/a\0ACTION=add\0DEVPATH=/a\0SEQNUM=x"), { .action = "add", .devpath = "/a" } },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct uevent *want = &rows[i].e;
		_cleanup_free_ char *copy = NULL;
		struct uevent e;
		const char *why;

		assert_row(i, parse(&copy, rows[i].text, rows[i].size, &e, &why) == 0 && !why);
		assert_row_string(i, e.action, want->action);
		assert_row_string(i, e.devpath, want->devpath);
		assert_row_string(i, e.subsystem, want->subsystem);
		assert_row_string(i, e.modalias, want->modalias);
		assert_row_string(i, e.devname, want->devname);
		assert_row_string(i, e.synth_uuid, want->synth_uuid);
		assert_row(i, e.seqnum == want->seqnum);
		assert_row(i, e.variables > copy && e.variables + e.size == copy + rows[i].size);
		assert_row(i, !memcmp(copy, rows[i].text, rows[i].size));
	}
}

static void what_is_no_message_is_refused_and_says_why(void **state)
{
	static const struct {
		const char *text;
		size_t size;
		const char *why;
	} rows[] = {
		{ BYTES(""), "no NUL" },
		{ BYTES("add@/a\0ACTION=add\0DEVPATH=/a"), "no NUL" },
		{ BYTES("a"), "no NUL" },
		{ MESSAGE(""), "no ACTION@DEVPATH" },
		{ MESSAGE("add\0ACTION=add\0DEVPATH=/a"), "no ACTION@DEVPATH" },
		/* udevd's own messages come to another group; they look so */
		{ MESSAGE("libudev\0\xfe\xed\xca\xfe@/x"), "no ACTION@DEVPATH" },
		{ MESSAGE("@/a\0ACTION=\0DEVPATH=/a"), "no ACTION@DEVPATH" },
		{ MESSAGE("add@a\0ACTION=add\0DEVPATH=a"), "no ACTION@DEVPATH" },
		{ MESSAGE("add@\0ACTION=add\0DEVPATH="), "no ACTION@DEVPATH" },
		{ MESSAGE("add@/a"), "no ACTION or DEVPATH" },
		{ MESSAGE("add@/a\0ACTION=add"), "no ACTION or DEVPATH" },
		{ MESSAGE("add@/a\0DEVPATH=/a"), "no ACTION or DEVPATH" },
		{ MESSAGE("add@/a\0action=add\0DEVPATH=/a"), "no ACTION or DEVPATH" },
		{ MESSAGE("add@/a\0ACTION=remove\0DEVPATH=/a"), "header" },
		{ MESSAGE("add@/a\0ACTION=ad\0DEVPATH=/a"), "header" },
		{ MESSAGE("add@/a\0ACTION=addx\0DEVPATH=/a"), "header" },
		{ MESSAGE("add@/a\0ACTION=add\0DEVPATH=/b"), "header" },
		{ MESSAGE("add@/a\0ACTION=add\0DEVPATH=/a/b"), "header" },
		{ MESSAGE("add@/a/b\0ACTION=add\0DEVPATH=/a"), "header" },
		{ MESSAGE("add@/a\0ACTION=add\0DEVPATH=/a\0ACTION=remove"), "header" },
		{ MESSAGE("add@/a\0ACTION=add\0DEVPATH=/a\0MODALIAS=a\nb"), "not text" },
		{ MESSAGE("add@/a\0ACTION=add\0DEVPATH=/a\0MODALIAS=\033[2J"), "not text" },
		{ MESSAGE("add@/a\0ACTION=add\0DEVPATH=/a\0MODALIAS=a\x7f"), "not text" },
		{ MESSAGE("add@/a\0ACTION=add\0DEVPATH=/a\0MODALIAS=\t"), "not text" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct uevent e = { .seqnum = 77 };
		_cleanup_free_ char *copy = NULL;
		const char *why;

		assert_row(i, parse(&copy, rows[i].text, rows[i].size, &e, &why) == -EBADMSG);
		if (!why || !strstr(why, rows[i].why))
			fail_msg("row %zu: '%s' instead of '%s'", i, why ? why : "(null)", rows[i].why);
		/* Outputs are written only on success. */
		assert_row(i, e.seqnum == 77 && !e.action);
	}
}

static void a_variable_is_found_by_its_whole_name(void **state)
{
	static const char text[] = "add@/a\0ACTION=add\0DEVPATH=/a\0XY=1\0X=2\0X=3\0EMPTY=\0NONE";
	struct uevent e;
	const char *why;

	assert_int_equal(uevent_parse(text, sizeof(text), &e, &why), 0);
	assert_string_equal(uevent_find(&e, "X"), "2");
	assert_string_equal(uevent_find(&e, "XY"), "1");
	assert_string_equal(uevent_find(&e, "EMPTY"), "");
	assert_string_equal(uevent_find(&e, "DEVPATH"), "/a");
	assert_null(uevent_find(&e, "NONE"));
	assert_null(uevent_find(&e, "Y"));
	assert_null(uevent_find(&e, "add@/a"));
}

static void as_many_variables_as_fit_are_read(void **state)
{
	static const char head[] = "add@/a\0ACTION=add\0DEVPATH=/a";
	char text[UEVENT_MESSAGE_MAX];
	size_t n = sizeof(head), count = 0;
	struct uevent e;
	const char *why;

	memcpy(text, head, sizeof(head));
	for (; count < 1000; count++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%zu=x", count) + 1;
	n += (size_t)snprintf(text + n, sizeof(text) - n, "MODALIAS=last") + 1;
	assert_true(n <= sizeof(text));
	assert_int_equal(uevent_parse(text, n, &e, &why), 0);
	assert_string_equal(e.modalias, "last");
	assert_string_equal(uevent_find(&e, "0"), "x");
	assert_string_equal(uevent_find(&e, "999"), "x");
	assert_null(uevent_find(&e, "1000"));
}

static void eight_KiB_are_a_message_too(void **state)
{
	static const char head[] = "add@/a\0ACTION=add\0DEVPATH=/a\0MODALIAS=";
	char text[UEVENT_MESSAGE_MAX];
	struct uevent e;
	const char *why;

	memset(text, 'x', sizeof(text));
	memcpy(text, head, sizeof(head) - 1);
	text[sizeof(text) - 1] = '\0';
	assert_int_equal(uevent_parse(text, sizeof(text), &e, &why), 0);
	assert_int_equal(strlen(e.modalias), sizeof(text) - sizeof(head));
	text[sizeof(text) - 1] = 'x';
	assert_int_equal(uevent_parse(text, sizeof(text), &e, &why), -EBADMSG);
	/* A header that fills all of it. */
	memset(text, 'x', sizeof(text));
	memcpy(text, "add@/", 5);
	text[sizeof(text) - 1] = '\0';
	assert_int_equal(uevent_parse(text, sizeof(text), &e, &why), -EBADMSG);
	memset(text, '\0', sizeof(text));
	assert_int_equal(uevent_parse(text, sizeof(text), &e, &why), -EBADMSG);
}

static void a_message_cut_anywhere_is_refused_or_whole(void **state)
{
	static const char text[] = "add@/a\0ACTION=add\0DEVPATH=/a\0MODALIAS=m\0SEQNUM=12";

	for (size_t size = 0; size < sizeof(text); size++) {
		_cleanup_free_ char *copy = NULL;
		struct uevent e;
		const char *why;
		int r = parse(&copy, text, size, &e, &why);

		assert_row(size, (r == 0) == (size && !text[size - 1] && size >= 29));
		assert_row(size, r == 0 || (r == -EBADMSG && why));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_good_message_is_taken_apart),
		cmocka_unit_test(what_is_no_message_is_refused_and_says_why),
		cmocka_unit_test(a_variable_is_found_by_its_whole_name),
		cmocka_unit_test(as_many_variables_as_fit_are_read),
		cmocka_unit_test(eight_KiB_are_a_message_too),
		cmocka_unit_test(a_message_cut_anywhere_is_refused_or_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
