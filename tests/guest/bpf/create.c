/* Which maps bpf(2) makes, what it refuses, and for whom. */
#include "map.h"
#include <linux/capability.h>

static void try_map(const char *label, unsigned type, unsigned key, unsigned value, unsigned most, unsigned flags)
{
	int fd = create(type, key, value, most, flags);
	OUT("%s: %s", label, answer(fd));
	if (fd >= 0)
		close(fd);
}

CASE(sizes_of_keys_and_values)
{
	try_map("array", BPF_MAP_TYPE_ARRAY, 4, 8, 1, 0);
	try_map("array, no elements", BPF_MAP_TYPE_ARRAY, 4, 8, 0, 0);
	try_map("array, key 8", BPF_MAP_TYPE_ARRAY, 8, 8, 1, 0);
	try_map("array, key 0", BPF_MAP_TYPE_ARRAY, 0, 8, 1, 0);
	try_map("array, no value", BPF_MAP_TYPE_ARRAY, 4, 0, 1, 0);
	try_map("array, value 0x80000000", BPF_MAP_TYPE_ARRAY, 4, 0x80000000, 1, 0);
	try_map("array, value 0xffffffff", BPF_MAP_TYPE_ARRAY, 4, ~0u, 1, 0);
	try_map("array, 2^31 elements of 2^20", BPF_MAP_TYPE_ARRAY, 4, 1 << 20, 1u << 31, 0);
	try_map("hash", BPF_MAP_TYPE_HASH, 1, 1, 1, 0);
	try_map("hash, no elements", BPF_MAP_TYPE_HASH, 4, 8, 0, 0);
	try_map("hash, no key", BPF_MAP_TYPE_HASH, 0, 8, 1, 0);
	try_map("hash, no value", BPF_MAP_TYPE_HASH, 4, 0, 1, 0);
	try_map("hash, key 4 MiB", BPF_MAP_TYPE_HASH, 4 << 20, 8, 1, 0);
	try_map("hash, value 4 MiB", BPF_MAP_TYPE_HASH, 4, 4 << 20, 1, 0);
	try_map("hash, large both", BPF_MAP_TYPE_HASH, ~0u, ~0u, 1, 0);
	try_map("hash, 2^31 elements", BPF_MAP_TYPE_HASH, 4, 4, 1u << 31, 0);
	try_map("hash, 2^32 - 1 elements", BPF_MAP_TYPE_HASH, 4, 4, ~0u, BPF_F_NO_PREALLOC);
	try_map("hash, 2^28 elements", BPF_MAP_TYPE_HASH, 4, 4, 1u << 28, BPF_F_NO_PREALLOC);
	try_map("hash, 2^27 + 1 elements", BPF_MAP_TYPE_HASH, 4, 4, (1u << 27) + 1, BPF_F_NO_PREALLOC);
	try_map("type 0", 0, 4, 4, 1, 0);
	try_map("type 1000", 1000, 4, 4, 1, 0);
	try_map("type -1", ~0u, 4, 4, 1, 0);
}

CASE(flags_of_maps)
{
	for (int bit = 0; bit < 32; bit++) {
		char label[64];
		snprintf(label, sizeof label, "hash, flag %d", bit);
		try_map(label, BPF_MAP_TYPE_HASH, 4, 8, 2, 1u << bit);
		/* Arrays that can be mapped are not there yet. */
		if (bit == 10 || bit == 11)
			continue;
		snprintf(label, sizeof label, "array, flag %d", bit);
		try_map(label, BPF_MAP_TYPE_ARRAY, 4, 8, 2, 1u << bit);
	}
	for (int type = BPF_MAP_TYPE_HASH; type <= BPF_MAP_TYPE_ARRAY; type++) {
		try_map("neither", type, 4, 8, 2, BPF_F_RDONLY | BPF_F_WRONLY);
		try_map("neither, for programs", type, 4, 8, 2, BPF_F_RDONLY_PROG | BPF_F_WRONLY_PROG);
		try_map("each one", type, 4, 8, 2, BPF_F_RDONLY_PROG | BPF_F_WRONLY);
	}
}

CASE(fields_of_the_structure)
{
	for (int at = 20; at < 150; at++) {
		union sized_attr attribute;
		unsigned char *bytes;
		unsigned size;
		unsigned char longer[160] = "";
		memset(&attribute, 0, sizeof attribute);
		attribute.attr.map_type = BPF_MAP_TYPE_ARRAY;
		attribute.attr.key_size = 4;
		attribute.attr.value_size = 8;
		attribute.attr.max_entries = 1;
		memcpy(longer, attribute.bytes, sizeof attribute);
		bytes = longer;
		size = sizeof longer;
		bytes[at] = 97;
		long fd = syscall(SYS_bpf, BPF_MAP_CREATE, bytes, size);
		OUT("byte %d: %s", at, answer(fd));
		if (fd >= 0)
			close(fd);
	}
}

CASE(nodes)
{
	for (int node = -2; node < 2; node++) {
		union bpf_attr attribute;
		memset(&attribute, 0, sizeof attribute);
		attribute.map_type = BPF_MAP_TYPE_ARRAY;
		attribute.key_size = 4;
		attribute.value_size = 8;
		attribute.max_entries = 1;
		attribute.map_flags = BPF_F_NUMA_NODE;
		attribute.numa_node = node;
		OUT("node %d: %s", node, answer(bpf(BPF_MAP_CREATE, &attribute, sizeof attribute)));
	}
}

CASE(names)
{
	const char *names[] = {"", "a", "A_b.9", "a b", "a-b", "\xc3\xa4", "fifteen_letters", "sixteen_letters_", "a\0-"};
	for (unsigned i = 0; i < sizeof names / sizeof *names; i++) {
		union bpf_attr attribute;
		memset(&attribute, 0, sizeof attribute);
		attribute.map_type = BPF_MAP_TYPE_HASH;
		attribute.key_size = 4;
		attribute.value_size = 8;
		attribute.max_entries = 1;
		memcpy(attribute.map_name, names[i], i == 8 ? 3 : strlen(names[i]));
		OUT("name %u: %s", i, answer(bpf(BPF_MAP_CREATE, &attribute, sizeof attribute)));
	}
}

CASE(sizes_of_the_structure)
{
	char *pages = mmap(0, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	union bpf_attr *attribute = (void *)pages;
	attribute->map_type = BPF_MAP_TYPE_ARRAY;
	attribute->key_size = 4;
	attribute->value_size = 8;
	attribute->max_entries = 1;
	unsigned sizes[] = {0, 4, 12, 15, 16, 17, 20, 72, 73, 144, 145, 4095, 4096, 4097, ~0u};
	for (unsigned i = 0; i < sizeof sizes / sizeof *sizes; i++)
		OUT("%u: %s", sizes[i], answer(bpf(BPF_MAP_CREATE, attribute, sizes[i])));
	OK(munmap(pages + 4096, 4096));
	union bpf_attr *end = (void *)(pages + 4096 - 20);
	memcpy(end, attribute, 20);
	OK(bpf(BPF_MAP_CREATE, end, 20));
	ERR(bpf(BPF_MAP_CREATE, end, 21), EFAULT);
	ERR(bpf(BPF_MAP_CREATE, end, 200), EFAULT);
	ERR(bpf(BPF_MAP_CREATE, (void *)16, 20), EFAULT);
	ERR(bpf(BPF_MAP_CREATE, (void *)16, 5000), E2BIG);
	ERR(bpf(-1, (void *)16, 5000), E2BIG);
	ERR(bpf(-1, (void *)16, 50), EFAULT);
	ERR(bpf(-1, 0, 0), EINVAL);
	ERR(bpf(1000, attribute, 20), EINVAL);
}

static void drop(int capability)
{
	struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct data[2];
	OK(syscall(SYS_capget, &header, data));
	data[capability / 32].effective &= ~(1u << capability % 32);
	OK(syscall(SYS_capset, &header, data));
}

static void try_as(const char *who, int map)
{
	char label[64];
	uint32_t key = 1;
	u64 value = 7;
	snprintf(label, sizeof label, "%s, array", who);
	try_map(label, BPF_MAP_TYPE_ARRAY, 4, 8, 2, 0);
	snprintf(label, sizeof label, "%s, hash", who);
	try_map(label, BPF_MAP_TYPE_HASH, 4, 8, 2, 0);
	snprintf(label, sizeof label, "%s, hash with zero seed", who);
	try_map(label, BPF_MAP_TYPE_HASH, 4, 8, 2, BPF_F_ZERO_SEED);
	OUT("%s, null: %s", who, answer(bpf(BPF_MAP_CREATE, 0, 5000)));
	OUT("%s, load: %s", who, answer(bpf(BPF_PROG_LOAD, 0, 5000)));
	OUT("%s, update: %s", who, answer(update(map, &key, &value, BPF_ANY)));
	OUT("%s, look up: %s", who, answer(look_up(map, &key, &value)));
	union bpf_attr attribute;
	memset(&attribute, 0, sizeof attribute);
	attribute.map_fd = map;
	OUT("%s, freeze: %s", who, answer(bpf(BPF_MAP_FREEZE, &attribute, 4)));
}

CASE(who_may)
{
	char text[8] = "";
	CHECK(read_file("/proc/sys/kernel/unprivileged_bpf_disabled", text, sizeof text) > 0);
	OUT("at first %s", text);
	int parameter = OK(open("/proc/sys/kernel/unprivileged_bpf_disabled", O_RDWR));
	ERR(write(parameter, "3", 1), EINVAL);
	ERR(write(parameter, "-1", 2), EINVAL);
	for (int disabled = 0; disabled < 3; disabled += 2) {
		EQ(pwrite(parameter, disabled ? "2" : "0", 1, 0), 1);
		char label[64];
		for (int i = 0; i < 4; i++) {
			const char *who[] = {"with both", "without CAP_BPF", "without CAP_SYS_ADMIN", "without either"};
			snprintf(label, sizeof label, "%d, %s", disabled, who[i]);
			IN_CHILD({
				int map = OK(create(BPF_MAP_TYPE_HASH, 4, 8, 2, 0));
				if (i & 1)
					drop(CAP_BPF);
				if (i & 2)
					drop(CAP_SYS_ADMIN);
				try_as(label, map);
			});
		}
		snprintf(label, sizeof label, "%d, user", disabled);
		IN_CHILD({
			int map = OK(create(BPF_MAP_TYPE_HASH, 4, 8, 2, 0));
			OK(setresgid(1000, 1000, 1000));
			OK(setresuid(1000, 1000, 1000));
			try_as(label, map);
		});
	}
}

/* What is made and left is gone with its last descriptor: this is more than the machine has. */
CASE(memory_comes_back)
{
	for (int i = 0; i < 200; i++) {
		int fd = OK(create(BPF_MAP_TYPE_ARRAY, 4, 1 << 16, 256, 0));
		OK(close(fd));
		fd = OK(create(BPF_MAP_TYPE_HASH, 4, 1 << 16, 16, 0));
		static char value[1 << 16];
		for (uint32_t key = 0; key < 16; key++)
			OK(update(fd, &key, value, BPF_ANY));
		OK(close(fd));
	}
}
