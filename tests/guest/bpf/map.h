/* bpf(2): what the programs of this folder share. */
#ifndef MAP_H
#define MAP_H
#include "../check.h"
#include <linux/bpf.h>

typedef uint64_t u64;

static inline long bpf(int command, union bpf_attr *attribute, unsigned size)
{
	return syscall(SYS_bpf, command, attribute, size);
}

/* Everything that Linux 6.1 knows of the structure. */
union sized_attr {
	union bpf_attr attr;
	unsigned char bytes[144];
};

static inline int create(unsigned type, unsigned key, unsigned value, unsigned most, unsigned flags)
{
	union bpf_attr attribute;
	memset(&attribute, 0, sizeof attribute);
	attribute.map_type = type;
	attribute.key_size = key;
	attribute.value_size = value;
	attribute.max_entries = most;
	attribute.map_flags = flags;
	return bpf(BPF_MAP_CREATE, &attribute, 72);
}

static inline long element(int command, int fd, const void *key, void *value, u64 flags)
{
	union bpf_attr attribute;
	memset(&attribute, 0, sizeof attribute);
	attribute.map_fd = fd;
	attribute.key = (uintptr_t)key;
	attribute.value = (uintptr_t)value;
	attribute.flags = flags;
	return bpf(command, &attribute, 32);
}
#define look_up(fd, key, value) element(BPF_MAP_LOOKUP_ELEM, fd, key, value, 0)
#define update(fd, key, value, flags) element(BPF_MAP_UPDATE_ELEM, fd, key, value, flags)
#define delete(fd, key) element(BPF_MAP_DELETE_ELEM, fd, key, 0, 0)
#define next_key(fd, key, next) element(BPF_MAP_GET_NEXT_KEY, fd, key, next, 0)
#define take(fd, key, value) element(BPF_MAP_LOOKUP_AND_DELETE_ELEM, fd, key, value, 0)

static inline const char *answer(long result)
{
	return result == -1 ? errno_name(errno) : "done";
}
#endif
