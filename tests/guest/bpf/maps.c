/* Maps of the types array and hash: their elements. */
#include "map.h"
#include <poll.h>

CASE(array_elements)
{
	int fd = OK(create(BPF_MAP_TYPE_ARRAY, 4, 12, 10, 0));
	uint32_t key, next;
	char value[12], zeros[12] = "";
	for (key = 0; key < 10; key++) {
		memset(value, 7, sizeof value);
		OK(look_up(fd, &key, value));
		CHECK(memcmp(value, zeros, sizeof zeros) == 0);
	}
	for (key = 0; key < 10; key++) {
		snprintf(value, sizeof value, "number %u", key);
		OK(update(fd, &key, value, key % 2 ? BPF_ANY : BPF_EXIST));
	}
	for (key = 0; key < 10; key++) {
		char want[12] = "";
		snprintf(want, sizeof want, "number %u", key);
		OK(look_up(fd, &key, value));
		CHECK(strcmp(value, want) == 0);
	}
	ERR(look_up(fd, &key, value), ENOENT);
	ERR(update(fd, &key, value, BPF_ANY), E2BIG);
	ERR(update(fd, &key, value, BPF_NOEXIST), E2BIG);
	key = 3;
	ERR(update(fd, &key, value, BPF_NOEXIST), EEXIST);
	ERR(update(fd, &key, value, 3), EINVAL);
	ERR(update(fd, &key, value, 4), EINVAL);
	ERR(update(fd, &key, value, 8), EINVAL);
	ERR(update(fd, &key, value, 1ull << 32), EINVAL);
	ERR(delete(fd, &key), EINVAL);
	long result = take(fd, &key, value);
	OUT("look up and delete: %s", answer(result));
	OK(next_key(fd, 0, &next));
	EQ(next, 0);
	for (key = 0; key < 9; key++) {
		OK(next_key(fd, &key, &next));
		EQ(next, key + 1);
	}
	ERR(next_key(fd, &key, &next), ENOENT);
	key = 10;
	OK(next_key(fd, &key, &next));
	EQ(next, 0);
	key = ~0u;
	OK(next_key(fd, &key, &next));
	EQ(next, 0);
}

CASE(large_array_elements)
{
	int fd = OK(create(BPF_MAP_TYPE_ARRAY, 4, 5000, 7, 0));
	static char value[5000], back[5000];
	for (uint32_t key = 0; key < 7; key++) {
		for (unsigned i = 0; i < sizeof value; i++)
			value[i] = key * 31 + i % 251;
		OK(update(fd, &key, value, BPF_ANY));
	}
	for (uint32_t key = 0; key < 7; key++) {
		for (unsigned i = 0; i < sizeof value; i++)
			value[i] = key * 31 + i % 251;
		OK(look_up(fd, &key, back));
		CHECK(memcmp(value, back, sizeof value) == 0);
	}
}

CASE(hash_elements)
{
	for (int flags = 0; flags < 2; flags++) {
		int fd = OK(create(BPF_MAP_TYPE_HASH, 5, 3, 8, flags ? BPF_F_NO_PREALLOC : 0));
		char key[5] = "abcd", value[3] = "xy", got[3], next[5];
		ERR(look_up(fd, key, got), ENOENT);
		ERR(delete(fd, key), ENOENT);
		ERR(take(fd, key, got), ENOENT);
		ERR(next_key(fd, 0, next), ENOENT);
		ERR(next_key(fd, key, next), ENOENT);
		ERR(update(fd, key, value, BPF_EXIST), ENOENT);
		OK(update(fd, key, value, BPF_NOEXIST));
		ERR(update(fd, key, value, BPF_NOEXIST), EEXIST);
		OK(look_up(fd, key, got));
		CHECK(memcmp(got, "xy", 3) == 0);
		OK(update(fd, key, "zz", BPF_EXIST));
		OK(look_up(fd, key, got));
		CHECK(memcmp(got, "zz", 3) == 0);
		for (int i = 1; i < 8; i++) {
			key[0] = 'a' + i;
			OK(update(fd, key, value, BPF_ANY));
		}
		key[0] = 'z';
		ERR(update(fd, key, value, BPF_ANY), E2BIG);
		ERR(update(fd, key, value, BPF_EXIST), ENOENT);
		ERR(update(fd, key, value, 3), EINVAL);
		ERR(update(fd, key, value, 4), EINVAL);
		key[0] = 'c';
		OK(update(fd, key, value, BPF_ANY));
		OK(take(fd, key, got));
		CHECK(memcmp(got, "xy", 3) == 0);
		ERR(take(fd, key, got), ENOENT);
		key[0] = 'z';
		OK(update(fd, key, value, BPF_ANY));
		OK(delete(fd, key));
		/* All that are left, each once. */
		unsigned seen = 0, count = 0;
		char *last = 0;
		while (next_key(fd, last, next) == 0) {
			last = key;
			memcpy(key, next, sizeof key);
			seen |= 1u << (key[0] - 'a');
			count++;
		}
		OUT("%s: %u keys, %x", answer(-1), count, seen);
		/* After one that is not there comes the first. */
		char first[5];
		OK(next_key(fd, 0, first));
		OK(next_key(fd, "zzzz", next));
		CHECK(memcmp(first, next, 5) == 0);
		OK(close(fd));
	}
}

CASE(many_elements)
{
	int fd = OK(create(BPF_MAP_TYPE_HASH, 8, 16, 20000, BPF_F_NO_PREALLOC));
	u64 value[2], got[2], key, next;
	for (key = 0; key < 20000; key++) {
		value[0] = key * key;
		value[1] = ~key;
		OK(update(fd, &key, value, BPF_NOEXIST));
	}
	ERR(update(fd, &key, value, BPF_ANY), E2BIG);
	for (key = 0; key < 20000; key++) {
		OK(look_up(fd, &key, got));
		EQ(got[0], key * key);
		EQ(got[1], ~key);
	}
	unsigned count = 0;
	u64 sum = 0, *last = 0;
	while (next_key(fd, last, &next) == 0) {
		last = &key;
		key = next;
		sum += key;
		count++;
	}
	EQ(count, 20000);
	EQ(sum, 199990000ull);
	/* Each is taken out as it is found. */
	count = 0;
	while (next_key(fd, 0, &next) == 0) {
		OK(delete(fd, &next));
		count++;
	}
	EQ(count, 20000);
}

CASE(wrong_pointers)
{
	int array = OK(create(BPF_MAP_TYPE_ARRAY, 4, 8, 4, 0)), hash = OK(create(BPF_MAP_TYPE_HASH, 4, 8, 4, 0));
	uint32_t key = 1;
	u64 value = 5;
	int fds[] = {array, hash};
	for (int i = 0; i < 2; i++) {
		int fd = fds[i];
		void *bad = (void *)16;
		OK(update(fd, &key, &value, BPF_ANY));
		ERR(look_up(fd, bad, &value), EFAULT);
		ERR(look_up(fd, 0, &value), EFAULT);
		ERR(look_up(fd, &key, bad), EFAULT);
		ERR(update(fd, bad, &value, BPF_ANY), EFAULT);
		ERR(update(fd, &key, bad, BPF_ANY), EFAULT);
		ERR(update(fd, &key, bad, 72), EFAULT);
		ERR(next_key(fd, bad, &key), EFAULT);
		ERR(next_key(fd, 0, bad), EFAULT);
		ERR(delete(fd, bad), EFAULT);
		uint32_t absent = 100;
		ERR(look_up(fd, &absent, bad), ENOENT);
		ERR(element(BPF_MAP_LOOKUP_ELEM, fd, &key, &value, 8), EINVAL);
		ERR(element(BPF_MAP_LOOKUP_ELEM, fd, &key, &value, 4), EINVAL);
		ERR(element(BPF_MAP_LOOKUP_AND_DELETE_ELEM, fd, &key, &value, 8), EINVAL);
		ERR(element(BPF_MAP_DELETE_ELEM, fd, &key, &value, 0), EINVAL);
		ERR(element(BPF_MAP_GET_NEXT_KEY, fd, &key, &value, 1), EINVAL);
	}
	/* It was taken out all the same. */
	ERR(take(hash, &key, (void *)16), EFAULT);
	ERR(look_up(hash, &key, &value), ENOENT);
	for (int command = BPF_MAP_LOOKUP_ELEM; command <= BPF_MAP_GET_NEXT_KEY; command++) {
		union bpf_attr attribute;
		memset(&attribute, 0, sizeof attribute);
		attribute.key = (uintptr_t)&key;
		attribute.value = command == BPF_MAP_DELETE_ELEM ? 0 : (uintptr_t)&value;
		attribute.map_fd = 99;
		ERR(bpf(command, &attribute, 32), EBADF);
		attribute.map_fd = 1;
		ERR(bpf(command, &attribute, 32), EINVAL);
	}
}

CASE(descriptors_that_only_read_or_write)
{
	uint32_t key = 1;
	u64 value = 5;
	for (int type = BPF_MAP_TYPE_HASH; type <= BPF_MAP_TYPE_ARRAY; type++)
		for (int i = 0; i < 3; i++) {
			unsigned flags[] = {0, BPF_F_RDONLY, BPF_F_WRONLY};
			int fd = OK(create(type, 4, 8, 4, flags[i]));
			OUT("type %d flags %x: mode %d", type, flags[i], fcntl(fd, F_GETFL) & O_ACCMODE);
			OUT("update: %s", answer(update(fd, &key, &value, BPF_ANY)));
			OUT("look up: %s", answer(look_up(fd, &key, &value)));
			OUT("next: %s", answer(next_key(fd, 0, &key)));
			OUT("take: %s", answer(take(fd, &key, &value)));
			OUT("delete: %s", answer(delete(fd, &key)));
			OUT("bad key: %s", answer(update(fd, (void *)16, &value, 99)));
			union bpf_attr attribute;
			memset(&attribute, 0, sizeof attribute);
			attribute.map_fd = fd;
			OUT("freeze: %s", answer(bpf(BPF_MAP_FREEZE, &attribute, 4)));
			OK(close(fd));
		}
}

CASE(frozen)
{
	int fd = OK(create(BPF_MAP_TYPE_HASH, 4, 8, 4, 0));
	uint32_t key = 1;
	u64 value = 5, got = 0;
	OK(update(fd, &key, &value, BPF_ANY));
	union bpf_attr attribute;
	memset(&attribute, 0, sizeof attribute);
	attribute.map_fd = fd;
	attribute.key_size = 1;
	ERR(bpf(BPF_MAP_FREEZE, &attribute, sizeof attribute), EINVAL);
	attribute.key_size = 0;
	OK(bpf(BPF_MAP_FREEZE, &attribute, sizeof attribute));
	OUT("again: %s", answer(bpf(BPF_MAP_FREEZE, &attribute, sizeof attribute)));
	ERR(update(fd, &key, &value, BPF_ANY), EPERM);
	ERR(delete(fd, &key), EPERM);
	ERR(take(fd, &key, &got), EPERM);
	OK(look_up(fd, &key, &got));
	EQ(got, 5);
	attribute.map_fd = 99;
	ERR(bpf(BPF_MAP_FREEZE, &attribute, 4), EBADF);
	attribute.map_fd = 1;
	ERR(bpf(BPF_MAP_FREEZE, &attribute, 4), EINVAL);
}

CASE(information)
{
	union bpf_attr attribute;
	memset(&attribute, 0, sizeof attribute);
	attribute.map_type = BPF_MAP_TYPE_HASH;
	attribute.key_size = 6;
	attribute.value_size = 20;
	attribute.max_entries = 300;
	attribute.map_flags = BPF_F_NO_PREALLOC | BPF_F_RDONLY_PROG;
	strcpy(attribute.map_name, "a_name.2");
	int fd = OK(bpf(BPF_MAP_CREATE, &attribute, sizeof attribute));
	unsigned char information[100];
	for (unsigned room = 0; room < sizeof information; room += room < 80 ? 20 : 4) {
		memset(information, room > 88 ? 0 : 0xee, sizeof information);
		memset(&attribute, 0, sizeof attribute);
		attribute.info.bpf_fd = fd;
		attribute.info.info_len = room;
		attribute.info.info = (uintptr_t)information;
		long result = bpf(BPF_OBJ_GET_INFO_BY_FD, &attribute, sizeof attribute);
		OUT("room %u: %s, %u", room, answer(result), attribute.info.info_len);
		/* Numbers of maps are not to be compared. */
		memset(information + 4, 0, 4);
		unsigned sum = 0;
		for (unsigned i = 0; i < sizeof information; i++)
			sum = sum * 31 + information[i];
		OUT("%08x", sum);
	}
	OUT("%.16s", information + 24);
	information[99] = 1;
	attribute.info.info_len = 100;
	ERR(bpf(BPF_OBJ_GET_INFO_BY_FD, &attribute, sizeof attribute), E2BIG);
	attribute.info.info_len = 4097;
	ERR(bpf(BPF_OBJ_GET_INFO_BY_FD, &attribute, sizeof attribute), E2BIG);
	attribute.info.info_len = 88;
	attribute.info.info = 16;
	ERR(bpf(BPF_OBJ_GET_INFO_BY_FD, &attribute, sizeof attribute), EFAULT);
	attribute.info.bpf_fd = 99;
	ERR(bpf(BPF_OBJ_GET_INFO_BY_FD, &attribute, sizeof attribute), EBADFD);
	attribute.info.bpf_fd = 1;
	ERR(bpf(BPF_OBJ_GET_INFO_BY_FD, &attribute, sizeof attribute), EINVAL);
	((unsigned char *)&attribute)[16] = 1;
	ERR(bpf(BPF_OBJ_GET_INFO_BY_FD, &attribute, sizeof attribute), EINVAL);
	int second = OK(create(BPF_MAP_TYPE_ARRAY, 4, 4, 1, 0));
	struct bpf_map_info one, other;
	memset(&one, 0, sizeof one);
	memset(&other, 0, sizeof other);
	memset(&attribute, 0, sizeof attribute);
	attribute.info.bpf_fd = fd;
	attribute.info.info_len = sizeof one;
	attribute.info.info = (uintptr_t)&one;
	OK(bpf(BPF_OBJ_GET_INFO_BY_FD, &attribute, 16));
	attribute.info.bpf_fd = second;
	attribute.info.info_len = sizeof one;
	attribute.info.info = (uintptr_t)&other;
	OK(bpf(BPF_OBJ_GET_INFO_BY_FD, &attribute, 16));
	CHECK(one.id > 0 && other.id > one.id);
}

CASE(the_file)
{
	int fd = OK(create(BPF_MAP_TYPE_HASH, 3, 6, 1000, BPF_F_NO_PREALLOC));
	char path[64], text[1024] = "";
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	OK(readlink(path, text, sizeof text - 1));
	OUT("%s %x %d", text, fcntl(fd, F_GETFL), fcntl(fd, F_GETFD));
	snprintf(path, sizeof path, "/proc/self/fdinfo/%d", fd);
	CHECK(read_file(path, text, sizeof text) > 0);
	char *line = strtok(strstr(text, "map_type"), "\n");
	for (; line; line = strtok(0, "\n"))
		if (strncmp(line, "map_id", 6))
			OUT("%s", line);
	u64 value;
	ERR(read(fd, &value, 8), EINVAL);
	ERR(write(fd, &value, 8), EINVAL);
	ERR(lseek(fd, 0, SEEK_SET), ESPIPE);
	struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
	EQ(poll(&poll_fd, 1, 0), 1);
	OUT("poll %x", poll_fd.revents);
	int array = OK(create(BPF_MAP_TYPE_ARRAY, 4, 4096, 1, 0));
	void *place = mmap(0, 4096, PROT_READ, MAP_SHARED, array, 0);
	OUT("mmap: %s", place == MAP_FAILED ? errno_name(errno) : "mapped");
}
