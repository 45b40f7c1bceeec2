/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/unit/test.h"

#include "base/limits.h"
#include "base/profile.h"

#define HEAD "coldplug-profile 1\n"
#define DEVICE "device /devices/pci0000:00/0000:00:01.0 pci:v1d2\n"

static int parse(struct profile *ret, const char *text, const char *release, struct profile_fault *fault)
{
	return profile_parse(ret, text, strlen(text), release, fault);
}

static void what_is_no_profile_is_refused_with_its_line(void **state)
{
	static const struct {
		const char *text, *what;
		unsigned int line;
	} rows[] = {
		{ "", "it does not begin as a profile of this format", 1 },
		{ "coldplug-profile 2\nend\n", "it does not begin as a profile of this format", 1 },
		{ HEAD, "it ends without 'end'", 2 },
		{ HEAD DEVICE, "it ends without 'end'", 3 },
		{ HEAD "release 2.0\nend\n", "it is of another release of the kernel", 2 },
		{ HEAD "release\nend\n", "it is of another release of the kernel", 2 },
		{ HEAD "devices\nend\n", "it begins with no word of a profile", 2 },
		{ HEAD "device /devices/p\nend\n", "not a device below /devices and its alias", 2 },
		{ HEAD "device /etc/passwd x\nend\n", "not a device below /devices and its alias", 2 },
		{ HEAD "device /devices/../x y\nend\n", "not a device below /devices and its alias", 2 },
		{ HEAD "awaited \nend\n", "no device is named", 2 },
		{ HEAD "filesystem \nend\n", "not a type of file system", 2 },
		{ HEAD "filesystem a b\nend\n", "not a type of file system", 2 },
		{ HEAD "request a\nend\n", "not a module and what it asks for", 2 },
		{ HEAD "request a  b\nend\n", "not a module and what it asks for", 2 },
		{ HEAD "\n\nrequest a b#c\nend\n", "not a module and what it asks for", 4 },
		{ HEAD "request a b\\\nend\n", "not a module and what it asks for", 2 },
		{ HEAD "request m[ x\nend\n", "not a module and what it asks for", 2 },
		{ HEAD "filesystem 123456789012345678901234567890123456789012345678901\nend\n",
		  "not a type of file system", 2 },
		{ HEAD "declined a b\nend\n", "not a module", 2 },
		{ HEAD "declined\nend\n", "not a module", 2 },
		{ HEAD "took a\nend\n", "not a module and the microseconds that it took", 2 },
		{ HEAD "took a \nend\n", "not a module and the microseconds that it took", 2 },
		{ HEAD "took a -1\nend\n", "not a module and the microseconds that it took", 2 },
		{ HEAD "took a 1 2\nend\n", "not a module and the microseconds that it took", 2 },
		{ HEAD "took  1\nend\n", "not a module and the microseconds that it took", 2 },
		{ HEAD "took a 1:\nend\n", "not a module and the microseconds that it took", 2 },
		{ HEAD "end x\n", "something follows 'end'", 2 },
		{ HEAD "end\n" DEVICE, "something follows 'end'", 3 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct profile_fault fault;
		struct profile p;

		assert_row(i, parse(&p, rows[i].text, "1.0", &fault) == -EBADMSG);
		assert_string_equal(fault.what, rows[i].what);
		assert_row(i, fault.line == rows[i].line);
		assert_row(i, !p.text && !p.devices.n && !p.softdeps);
	}
}

static void a_byte_of_zero_is_refused_with_its_line(void **state)
{
	static const char text[] = HEAD "release 1.0\0\nend\n";
	struct profile_fault fault;
	struct profile p;

	assert_int_equal(profile_parse(&p, text, sizeof(text) - 1, "1.0", &fault), -EBADMSG);
	assert_string_equal(fault.what, "it has a byte of zero");
	assert_int_equal(fault.line, 2);
	assert_null(p.text);
}

static void devices_are_limited(void **state)
{
	char *text = malloc(sizeof(HEAD) + (LIMIT_PROFILE_DEVICES + 1) * sizeof(DEVICE) + sizeof("end\n"));
	char *end = stpcpy(text, HEAD);
	struct profile_fault fault;
	struct profile p;

	for (size_t i = 0; i < LIMIT_PROFILE_DEVICES; i++)
		end = stpcpy(end, DEVICE);
	strcpy(end, "end\n");
	assert_int_equal(parse(&p, text, NULL, &fault), 0);
	profile_free(&p);
	strcpy(stpcpy(end, DEVICE), "end\n");
	assert_int_equal(parse(&p, text, NULL, &fault), -EBADMSG);
	assert_string_equal(fault.what, "there are too many devices");
	free(text);
}

static void each_word_has_its_place(void **state)
{
	struct profile_fault fault;
	struct profile p;

	assert_int_equal(parse(&p,
			       HEAD "# by hand\n"
				    "release 1.0\n"
				    "awaited UUID=a b\n" DEVICE
				    "device /devices/pci0000:00/0000:00:01.0/virtio1 virtio:d2 v1\n"
				    "filesystem ext4\n"
				    "declined acpi_cpufreq\n"
				    "took xhci_hcd 5\n"
				    "took sym53c8xx 3600000000\n"
				    "took a-b 3600000001\n"
				    "took c 99999999999999999999999999\n"
				    "declined d-e\n"
				    "took xhci_hcd 000412\n"
				    "request crc64_rocksoft crypto-crc64-rocksoft\n"
				    "request x fs-a crypto-b\n"
				    "end\n\n",
			       "1.0", &fault),
			 0);
	assert_int_equal(p.awaited.n, 1);
	assert_string_equal(p.awaited.items[0], "UUID=a b");
	assert_int_equal(p.devices.n, 2);
	assert_string_equal(p.devices.items[0].path, "/devices/pci0000:00/0000:00:01.0");
	assert_string_equal(p.devices.items[0].alias, "pci:v1d2");
	assert_string_equal(p.devices.items[1].alias, "virtio:d2 v1");
	assert_int_equal(p.filesystems.n, 1);
	assert_string_equal(p.filesystems.items[0], "ext4");
	assert_true(profile_declined(&p, "acpi_cpufreq"));
	assert_false(profile_declined(&p, "acpi"));
	assert_int_equal(profile_took_us(&p, "xhci_hcd"), 412);
	assert_int_equal(profile_took_us(&p, "sym53c8xx"), 3600000000);
	assert_int_equal(profile_took_us(&p, "a_b"), 3600000000);
	assert_int_equal(profile_took_us(&p, "c"), 3600000000);
	assert_int_equal(profile_took_us(&p, "acpi_cpufreq"), 0);
	assert_true(profile_declined(&p, "d_e"));
	assert_string_equal(
		p.softdeps,
		"softdep crc64_rocksoft pre: crypto-crc64-rocksoft\nsoftdep x pre: fs-a crypto-b\n");
	profile_free(&p);
	assert_false(profile_declined(&p, "acpi_cpufreq"));
}

static void a_release_matters_only_if_there_is_one(void **state)
{
	struct profile_fault fault;
	struct profile p;

	assert_int_equal(parse(&p, HEAD "release 1.0\nend\n", NULL, &fault), 0);
	profile_free(&p);
	assert_int_equal(parse(&p, HEAD "end", "1.0", &fault), 0);
	profile_free(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_no_profile_is_refused_with_its_line),
		cmocka_unit_test(a_byte_of_zero_is_refused_with_its_line),
		cmocka_unit_test(devices_are_limited),
		cmocka_unit_test(each_word_has_its_place),
		cmocka_unit_test(a_release_matters_only_if_there_is_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
