/* pipe(2), pipe2(2), FIFOs: blocking, atomicity, capacity, ends, signals. */
#include "../check.h"
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/uio.h>

static int ends[2];
static char block[1 << 17];

CASE(bytes_come_out_in_order)
{
	char text[8] = "";
	OK(pipe(ends));
	EQ(write(ends[1], "abc", 3), 3);
	EQ(write(ends[1], "def", 3), 3);
	EQ(read(ends[0], text, 4), 4);
	STR_EQ(text, "abcd");
	EQ(read(ends[0], text, 4), 2);
}

CASE(flags_of_pipe2)
{
	OK(pipe2(ends, O_CLOEXEC | O_NONBLOCK));
	EQ(fcntl(ends[0], F_GETFD), FD_CLOEXEC);
	OUT("read end 0%o write end 0%o", fcntl(ends[0], F_GETFL), fcntl(ends[1], F_GETFL));
	ERR(pipe2(ends, 1), EINVAL);
	ERR(pipe2((int *)16, 0), EFAULT);
	ERR(syscall(SYS_pipe, 16L), EFAULT);
}

CASE(failed_pipe_leaves_no_descriptor)
{
	int before = OK(dup(0));
	OK(close(before));
	ERR(syscall(SYS_pipe, 16L), EFAULT);
	EQ(OK(dup(0)), before);
}

CASE(nonblocking_read_is_EAGAIN)
{
	char byte;
	OK(pipe2(ends, O_NONBLOCK));
	ERR(read(ends[0], &byte, 1), EAGAIN);
	EQ(write(ends[1], "x", 1), 1);
	EQ(read(ends[0], &byte, 1), 1);
}

CASE(end_of_file_when_the_last_writer_closes)
{
	char byte;
	OK(pipe(ends));
	int copy = OK(dup(ends[1]));
	OK(close(ends[1]));
	OK(fcntl(ends[0], F_SETFL, O_NONBLOCK));
	ERR(read(ends[0], &byte, 1), EAGAIN);
	OK(close(copy));
	EQ(read(ends[0], &byte, 1), 0);
}

CASE(write_without_reader_is_SIGPIPE)
{
	OK(pipe(ends));
	OK(close(ends[0]));
	DIES(SIGPIPE, (void)!write(ends[1], "x", 1));
	signal(SIGPIPE, SIG_IGN);
	ERR(write(ends[1], "x", 1), EPIPE);
}

CASE(wrong_end_is_EBADF)
{
	char byte;
	OK(pipe(ends));
	ERR(read(ends[1], &byte, 1), EBADF);
	ERR(write(ends[0], &byte, 1), EBADF);
}

CASE(capacity_is_64_KiB)
{
	long total = 0;
	OK(pipe2(ends, O_NONBLOCK));
	EQ(fcntl(ends[0], F_GETPIPE_SZ), 65536);
	for (ssize_t n; (n = write(ends[1], block, 4096)) > 0;)
		total += n;
	EQ(errno, EAGAIN);
	EQ(total, 65536);
}

CASE(many_small_writes_fill_it_like_Linux)
{
	long total = 0;
	OK(pipe2(ends, O_NONBLOCK));
	while (write(ends[1], "x", 1) == 1)
		total++;
	OUT("%ld single bytes fit", total);
}

CASE(capacity_can_be_changed)
{
	OK(pipe2(ends, O_NONBLOCK));
	EQ(fcntl(ends[1], F_SETPIPE_SZ, 0), 4096);
	EQ(fcntl(ends[1], F_SETPIPE_SZ, 4096), 4096);
	EQ(write(ends[1], block, 8192), 4096);
	ERR(write(ends[1], block, 1), EAGAIN);
	EQ(fcntl(ends[1], F_SETPIPE_SZ, 100000), 131072);
	EQ(write(ends[1], block, sizeof block), sizeof block - 4096);
	ERR(fcntl(ends[1], F_SETPIPE_SZ, 4096), EBUSY);
	OK(setresuid(1000, 1000, 1000));
	ERR(fcntl(ends[1], F_SETPIPE_SZ, 1 << 21), EPERM);
}

CASE(partial_write_when_nonblocking)
{
	OK(pipe2(ends, O_NONBLOCK));
	EQ(write(ends[1], block, 100000), 65536);
}

CASE(small_write_is_all_or_nothing)
{
	OK(pipe2(ends, O_NONBLOCK));
	EQ(write(ends[1], block, 65536 - 4096), 65536 - 4096);
	EQ(write(ends[1], block, 100), 100);
	ERR(write(ends[1], block, 4096), EAGAIN);
}

CASE(blocking_write_waits_for_room)
{
	OK(pipe(ends));
	pid_t child = OK(fork());
	if (child == 0) {
		close(ends[0]);
		_exit(write(ends[1], block, 100000) == 100000 ? 0 : 1);
	}
	OK(close(ends[1]));
	long total = 0;
	for (ssize_t n; (n = read(ends[0], block, 5000)) > 0;)
		total += n;
	EQ(total, 100000);
	EQ(exit_code(child), 0);
}

CASE(writes_up_to_PIPE_BUF_do_not_mix)
{
	pid_t children[4];
	OK(pipe(ends));
	for (int i = 0; i < 4; i++)
		if ((children[i] = OK(fork())) == 0) {
			memset(block, 'a' + i, 1000);
			for (int j = 0; j < 50; j++)
				EQ(write(ends[1], block, 1000), 1000);
			_exit(0);
		}
	OK(close(ends[1]));
	int pieces = 0;
	for (;;) {
		size_t done = 0;
		ssize_t n = 1;
		while (done < 1000 && (n = read(ends[0], block + done, 1000 - done)) > 0)
			done += n;
		if (done == 0)
			break;
		EQ(done, 1000);
		for (int i = 1; i < 1000; i++)
			EQ(block[i], block[0]);
		pieces++;
	}
	EQ(pieces, 200);
	for (int i = 0; i < 4; i++)
		EQ(exit_code(children[i]), 0);
}

CASE(megabytes_arrive_intact)
{
	static unsigned char piece[7777];
	OK(pipe(ends));
	pid_t child = OK(fork());
	if (child == 0) {
		close(ends[0]);
		unsigned value = 0;
		for (int i = 0; i < 500; i++) {
			for (unsigned j = 0; j < sizeof piece; j++)
				piece[j] = value++ * 31 >> 3;
			for (size_t done = 0; done < sizeof piece;)
				done += OK(write(ends[1], piece + done, sizeof piece - done));
		}
		_exit(0);
	}
	OK(close(ends[1]));
	unsigned value = 0;
	for (ssize_t n; (n = read(ends[0], piece, 5001)) > 0;)
		for (ssize_t j = 0; j < n; j++) {
			unsigned char want = value++ * 31 >> 3;
			if (piece[j] != want)
				FAIL("byte %u got %d want %d", value - 1, piece[j], want);
		}
	EQ(value, 500 * sizeof piece);
	EQ(exit_code(child), 0);
}

CASE(packet_mode_keeps_boundaries)
{
	char text[16] = "";
	OK(pipe2(ends, O_DIRECT));
	EQ(write(ends[1], "one", 3), 3);
	EQ(write(ends[1], "three", 5), 5);
	EQ(read(ends[0], text, 16), 3);
	EQ(read(ends[0], text, 2), 2);
	OK(fcntl(ends[0], F_SETFL, O_NONBLOCK | O_DIRECT));
	ERR(read(ends[0], text, 16), EAGAIN);
}

CASE(wild_buffers_keep_the_bytes)
{
	char byte = 0;
	OK(pipe(ends));
	EQ(write(ends[1], "x", 1), 1);
	ERR(read(ends[0], (void *)16, 1), EFAULT);
	EQ(read(ends[0], &byte, 1), 1);
	EQ(byte, 'x');
	ERR(write(ends[1], (void *)16, 1), EFAULT);
}

CASE(fstat_of_a_pipe)
{
	struct stat status;
	OK(pipe(ends));
	OK(fstat(ends[0], &status));
	OUT("mode %o size %ld block size %ld links %ld", status.st_mode, (long)status.st_size, (long)status.st_blksize, (long)status.st_nlink);
}

CASE(fifo_open_waits_for_the_other_end)
{
	char byte;
	enter_scratch();
	OK(mkfifo("p", 0600));
	pid_t child = OK(fork());
	if (child == 0) {
		int fd = open("p", O_WRONLY);
		_exit(fd >= 0 && write(fd, "x", 1) == 1 ? 0 : 1);
	}
	int fd = OK(open("p", O_RDONLY));
	EQ(read(fd, &byte, 1), 1);
	EQ(read(fd, &byte, 1), 0);
	EQ(exit_code(child), 0);
}

CASE(fifo_nonblocking_opens)
{
	char byte;
	enter_scratch();
	OK(mkfifo("p", 0600));
	ERR(open("p", O_WRONLY | O_NONBLOCK), ENXIO);
	int reader = OK(open("p", O_RDONLY | O_NONBLOCK));
	EQ(read(reader, &byte, 1), 0);
	int writer = OK(open("p", O_WRONLY | O_NONBLOCK));
	ERR(read(reader, &byte, 1), EAGAIN);
	EQ(write(writer, "x", 1), 1);
	EQ(read(reader, &byte, 1), 1);
	OK(close(writer));
	EQ(read(reader, &byte, 1), 0);
	int both = OK(open("p", O_RDWR));
	EQ(write(both, "y", 1), 1);
	EQ(read(both, &byte, 1), 1);
}

CASE(read_end_of_a_closed_process_wakes_the_writer)
{
	OK(pipe(ends));
	pid_t writer = OK(fork());
	if (writer == 0) {
		close(ends[0]);
		signal(SIGPIPE, SIG_IGN);
		ssize_t n = write(ends[1], block, sizeof block);
		_exit(n == 65536 || (n == -1 && errno == EPIPE) ? 3 : 4);
	}
	sleep_ms(30);
	OK(close(ends[0]));
	EQ(exit_code(writer), 3);
}

CASE(splice_and_tee_move_bytes)
{
	int other[2];
	char text[8] = "";
	OK(pipe(ends));
	OK(pipe(other));
	EQ(write(ends[1], "hello", 5), 5);
	EQ(tee(ends[0], other[1], 3, 0), 3);
	EQ(read(other[0], text, 8), 3);
	EQ(memcmp(text, "hel", 3), 0);
	EQ(splice(ends[0], 0, other[1], 0, 5, 0), 5);
	EQ(read(other[0], text, 8), 5);
	EQ(memcmp(text, "hello", 5), 0);
}
