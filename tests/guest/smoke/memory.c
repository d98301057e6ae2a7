/* Heap, anonymous mappings and a large stack frame are zeroed, writable memory. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

int main(void)
{
	char *heap = malloc(1 << 20);
	memset(heap, 1, 1 << 20);
	char *map = mmap(0, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (map == MAP_FAILED) {
		perror("mmap");
		return 1;
	}
	long sum = 0;
	for (int i = 0; i < 1 << 20; i += 64)
		sum += map[i];
	map[4096] = 5;
	volatile char stack[200 * 1024];
	for (unsigned i = 0; i < sizeof stack; i += 1024)
		stack[i] = 1;
	printf("sum %ld written %d heap %d stack %d\n", sum, map[4096], heap[77], stack[1024]);
	printf("munmap %d\n", munmap(map, 1 << 20));
	return 0;
}
