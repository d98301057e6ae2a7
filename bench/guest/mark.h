/*
 * An instruction without effect that QEMU's counting plugin knows (command/src/bench/count.c): 'B' where a measured run begins,
 * 'E' where it ends, 'R' after the row's line was printed.
 */
#define MARK(letter) __asm__ volatile(".byte 0x0f, 0x1f, 0x80, 'L', 's', 't', " letter : : : "memory")
