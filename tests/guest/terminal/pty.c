/* Pseudo-terminals: allocation, the line discipline, sizes, packet mode, hang-up. */
#include "../check.h"
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>
#include <termios.h>

static int master, slave;
static char name[64];

static void open_pair(void)
{
	int number = -1, unlock = 0;
	master = OK(open("/dev/ptmx", O_RDWR | O_NOCTTY));
	OK(ioctl(master, TIOCSPTLCK, &unlock));
	OK(ioctl(master, TIOCGPTN, &number));
	snprintf(name, sizeof name, "/dev/pts/%d", number);
	slave = OK(open(name, O_RDWR | O_NOCTTY));
}

static struct termios settings(void)
{
	struct termios t;
	OK(tcgetattr(slave, &t));
	return t;
}

static void raw(void)
{
	struct termios t = settings();
	cfmakeraw(&t);
	OK(tcsetattr(slave, TCSANOW, &t));
}

static void type(const char *text)
{
	EQ(write(master, text, strlen(text)), strlen(text));
}

/* What the other side can read now, escaped for printing. */
static const char *seen(int fd)
{
	static char text[512];
	char bytes[128];
	size_t used = 0;
	struct pollfd watch = {fd, POLLIN, 0};
	text[0] = 0;
	while (poll(&watch, 1, 50) == 1 && (watch.revents & POLLIN)) {
		ssize_t n = read(fd, bytes, sizeof bytes);
		if (n <= 0) {
			used += snprintf(text + used, sizeof text - used, "<%zd>", n);
			break;
		}
		for (ssize_t i = 0; i < n; i++)
			used += snprintf(text + used, sizeof text - used, bytes[i] >= 32 && bytes[i] < 127 ? "%c" : "\\%03o",
					 (unsigned char)bytes[i]);
		/* A line comes by itself to the slave; how output is cut into pieces for the master is a matter of timing. */
		if (fd == slave)
			used += snprintf(text + used, sizeof text - used, "|");
	}
	return text;
}

CASE(locked_slave_cannot_be_opened)
{
	int number;
	master = OK(open("/dev/ptmx", O_RDWR | O_NOCTTY));
	OK(ioctl(master, TIOCGPTN, &number));
	snprintf(name, sizeof name, "/dev/pts/%d", number);
	ERR(open(name, O_RDWR | O_NOCTTY), EIO);
	int lock = -1;
	OK(ioctl(master, TIOCGPTLCK, &lock));
	EQ(lock, 1);
}

CASE(library_functions_find_it)
{
	master = OK(posix_openpt(O_RDWR | O_NOCTTY));
	OK(grantpt(master));
	OK(unlockpt(master));
	CHECK(strncmp(ptsname(master), "/dev/pts/", 9) == 0);
	slave = OK(open(ptsname(master), O_RDWR | O_NOCTTY));
	EQ(isatty(slave), 1);
	EQ(isatty(master), 1);
	STR_EQ(ttyname(slave), ptsname(master));
}

CASE(device_numbers_and_modes)
{
	struct stat status;
	open_pair();
	OK(fstat(slave, &status));
	OUT("slave mode %o major %u uid %d gid %d", status.st_mode, major(status.st_rdev), status.st_uid, status.st_gid);
	OK(fstat(master, &status));
	OUT("master mode %o device %u:%u", status.st_mode, major(status.st_rdev), minor(status.st_rdev));
}

CASE(initial_settings)
{
	open_pair();
	struct termios t = settings();
	OUT("i 0%o o 0%o c 0%o l 0%o speed %u", t.c_iflag, t.c_oflag, t.c_cflag, t.c_lflag, cfgetospeed(&t));
	for (int i = 0; i < 17; i++)
		OUT("cc[%d] %d", i, t.c_cc[i]);
}

CASE(canonical_mode_gives_lines)
{
	open_pair();
	type("one\ntwo\nthr");
	OUT("slave %s", seen(slave));
	type("ee\n");
	OUT("slave %s", seen(slave));
	OUT("echo %s", seen(master));
}

CASE(short_reads_of_a_line)
{
	char two[3] = "";
	open_pair();
	type("abc\n");
	EQ(read(slave, two, 2), 2);
	STR_EQ(two, "ab");
	EQ(read(slave, two, 2), 2);
	STR_EQ(two, "c\n");
}

CASE(erase_and_kill)
{
	open_pair();
	type("abx\177c\n");
	OUT("erase %s", seen(slave));
	OUT("echo %s", seen(master));
	type("wrong\025right\n");
	OUT("kill %s", seen(slave));
	OUT("echo %s", seen(master));
	type("two words\027x\n");
	OUT("word erase %s", seen(slave));
	OUT("echo %s", seen(master));
	type("\177\177a\n");
	OUT("erase at the start %s", seen(slave));
	OUT("echo %s", seen(master));
}

CASE(erase_of_tabs_and_control_characters)
{
	open_pair();
	type("a\tb\177\177\001\177z\n");
	OUT("slave %s", seen(slave));
	OUT("echo %s", seen(master));
}

CASE(end_of_file_character)
{
	char byte;
	open_pair();
	type("\004");
	EQ(read(slave, &byte, 1), 0);
	type("ab\004");
	OUT("slave %s", seen(slave));
	OUT("echo %s", seen(master));
}

CASE(literal_next)
{
	open_pair();
	type("a\026\003b\n");
	OUT("slave %s", seen(slave));
	OUT("echo %s", seen(master));
}

CASE(reprint)
{
	open_pair();
	type("abc\022d\n");
	OUT("slave %s", seen(slave));
	OUT("echo %s", seen(master));
}

CASE(carriage_returns_and_newlines_in)
{
	open_pair();
	type("a\r");
	OUT("ICRNL %s", seen(slave));
	struct termios t = settings();
	t.c_iflag &= ~ICRNL;
	t.c_iflag |= INLCR;
	OK(tcsetattr(slave, TCSANOW, &t));
	type("b\n");
	OUT("INLCR without a line %s", seen(slave));
	t.c_iflag = IGNCR;
	OK(tcsetattr(slave, TCSANOW, &t));
	type("c\rd\n");
	OUT("IGNCR %s", seen(slave));
	t.c_iflag = ISTRIP | ICRNL;
	OK(tcsetattr(slave, TCSANOW, &t));
	type("\341\n");
	OUT("ISTRIP %s", seen(slave));
	t.c_iflag = IUCLC | ICRNL;
	t.c_lflag |= IEXTEN;
	OK(tcsetattr(slave, TCSANOW, &t));
	type("ABC\n");
	OUT("IUCLC %s", seen(slave));
}

CASE(output_processing)
{
	open_pair();
	EQ(write(slave, "a\nb\tc", 5), 5);
	OUT("ONLCR %s", seen(master));
	struct termios t = settings();
	t.c_oflag = 0;
	OK(tcsetattr(slave, TCSANOW, &t));
	EQ(write(slave, "a\nb\tc", 5), 5);
	OUT("none %s", seen(master));
	t.c_oflag = OPOST | ONLCR | XTABS;
	OK(tcsetattr(slave, TCSANOW, &t));
	EQ(write(slave, "a\tb\n", 4), 4);
	OUT("XTABS %s", seen(master));
	t.c_oflag = OPOST | OCRNL;
	OK(tcsetattr(slave, TCSANOW, &t));
	EQ(write(slave, "a\rb", 3), 3);
	OUT("OCRNL %s", seen(master));
	t.c_oflag = OPOST | OLCUC;
	OK(tcsetattr(slave, TCSANOW, &t));
	EQ(write(slave, "abc", 3), 3);
	OUT("OLCUC %s", seen(master));
	t.c_oflag = OPOST | ONLRET | ONOCR;
	OK(tcsetattr(slave, TCSANOW, &t));
	EQ(write(slave, "\rx\ry", 4), 4);
	OUT("ONOCR %s", seen(master));
}

CASE(echo_can_be_off)
{
	open_pair();
	struct termios t = settings();
	t.c_lflag &= ~ECHO;
	OK(tcsetattr(slave, TCSANOW, &t));
	type("secret\n");
	OUT("slave %s echo %s", seen(slave), "");
	OUT("echo %s", seen(master));
	t.c_lflag |= ECHONL;
	OK(tcsetattr(slave, TCSANOW, &t));
	type("secret\n");
	OUT("ECHONL %s", seen(master));
}

CASE(echo_of_control_characters)
{
	open_pair();
	type("\001\002\n");
	OUT("ECHOCTL %s", seen(master));
	struct termios t = settings();
	t.c_lflag &= ~ECHOCTL;
	OK(tcsetattr(slave, TCSANOW, &t));
	type("\001\n");
	OUT("without %s", seen(master));
}

CASE(raw_mode_gives_bytes)
{
	open_pair();
	raw();
	type("a\r\n\003\004\177");
	OUT("slave %s", seen(slave));
	OUT("echo %s", seen(master));
	EQ(write(slave, "x\n", 2), 2);
	OUT("master %s", seen(master));
}

CASE(VMIN_and_VTIME)
{
	char bytes[8];
	open_pair();
	raw();
	struct termios t = settings();
	t.c_cc[VMIN] = 0;
	t.c_cc[VTIME] = 0;
	OK(tcsetattr(slave, TCSANOW, &t));
	EQ(read(slave, bytes, 8), 0);
	t.c_cc[VTIME] = 1;
	OK(tcsetattr(slave, TCSANOW, &t));
	long long start = now_ns();
	EQ(read(slave, bytes, 8), 0);
	CHECK(now_ns() - start >= 90000000);
	t.c_cc[VMIN] = 3;
	t.c_cc[VTIME] = 0;
	OK(tcsetattr(slave, TCSANOW, &t));
	pid_t child = OK(fork());
	if (child == 0) {
		type("a");
		sleep_ms(20);
		type("b");
		sleep_ms(20);
		type("c");
		_exit(0);
	}
	EQ(read(slave, bytes, 8), 3);
	EQ(exit_code(child), 0);
	t.c_cc[VTIME] = 1;
	OK(tcsetattr(slave, TCSANOW, &t));
	type("d");
	EQ(read(slave, bytes, 8), 1);
}

CASE(switching_to_raw_keeps_what_is_typed)
{
	open_pair();
	type("abc");
	raw();
	OUT("slave %s", seen(slave));
}

CASE(TCSAFLUSH_discards_input)
{
	open_pair();
	raw();
	type("old");
	sleep_ms(20);
	struct termios t = settings();
	OK(tcsetattr(slave, TCSAFLUSH, &t));
	type("new");
	OUT("slave %s", seen(slave));
	type("more");
	sleep_ms(20);
	OK(tcflush(slave, TCIFLUSH));
	OUT("after a flush %s", seen(slave));
	ERR(tcflush(slave, 9), EINVAL);
}

CASE(window_size)
{
	struct winsize size = {.ws_row = 40, .ws_col = 132}, got;
	open_pair();
	OK(ioctl(slave, TIOCGWINSZ, &got));
	OUT("initial %d x %d", got.ws_row, got.ws_col);
	OK(ioctl(master, TIOCSWINSZ, &size));
	OK(ioctl(slave, TIOCGWINSZ, &got));
	EQ(got.ws_row, 40);
	EQ(got.ws_col, 132);
	ERR(ioctl(slave, TIOCGWINSZ, 16L), EFAULT);
}

CASE(bytes_waiting)
{
	int count = -1;
	open_pair();
	type("abc");
	sleep_ms(20);
	OK(ioctl(slave, FIONREAD, &count));
	EQ(count, 0);
	type("\n");
	sleep_ms(20);
	OK(ioctl(slave, FIONREAD, &count));
	EQ(count, 4);
	OK(ioctl(slave, TIOCOUTQ, &count));
}

CASE(TIOCSTI_types_for_the_user)
{
	open_pair();
	for (const char *p = "hi\n"; *p; p++)
		OK(ioctl(slave, TIOCSTI, p));
	OUT("slave %s", seen(slave));
}

CASE(nonblocking_read_is_EAGAIN)
{
	char byte;
	open_pair();
	OK(fcntl(slave, F_SETFL, O_NONBLOCK));
	ERR(read(slave, &byte, 1), EAGAIN);
	type("x");
	sleep_ms(20);
	ERR(read(slave, &byte, 1), EAGAIN);
}

CASE(poll_tells_lines)
{
	open_pair();
	struct pollfd watch = {slave, POLLIN | POLLOUT, 0};
	EQ(poll(&watch, 1, 0), 1);
	EQ(watch.revents, POLLOUT);
	type("x");
	sleep_ms(20);
	EQ(poll(&watch, 1, 0), 1);
	EQ(watch.revents, POLLOUT);
	type("\n");
	EQ(poll(&watch, 1, 1000), 1);
	sleep_ms(20);
	EQ(poll(&watch, 1, 1000), 1);
	EQ(watch.revents, POLLIN | POLLOUT);
}

CASE(master_sees_the_slaves_close)
{
	char byte;
	open_pair();
	OK(close(slave));
	ERR(read(master, &byte, 1), EIO);
	struct pollfd watch = {master, POLLIN, 0};
	EQ(poll(&watch, 1, 0), 1);
	OUT("revents 0x%x", watch.revents);
	slave = OK(open(name, O_RDWR | O_NOCTTY));
	OK(fcntl(master, F_SETFL, O_NONBLOCK));
	ERR(read(master, &byte, 1), EAGAIN);
}

CASE(slave_sees_the_masters_close)
{
	char byte;
	open_pair();
	OK(close(master));
	EQ(read(slave, &byte, 1), 0);
	ERR(write(slave, "x", 1), EIO);
	struct pollfd watch = {slave, POLLIN | POLLOUT, 0};
	EQ(poll(&watch, 1, 0), 1);
	OUT("revents 0x%x", watch.revents);
	struct termios t;
	ERR(tcgetattr(slave, &t), EIO);
	ERR(open(name, O_RDWR | O_NOCTTY), ENOENT);
}

CASE(packet_mode_tells_flushes)
{
	int on = 1;
	unsigned char bytes[8];
	open_pair();
	OK(ioctl(master, TIOCPKT, &on));
	EQ(write(slave, "a", 1), 1);
	EQ(read(master, bytes, 8), 2);
	OUT("%d %c", bytes[0], bytes[1]);
	OK(tcflush(slave, TCIFLUSH));
	EQ(read(master, bytes, 8), 1);
	OUT("flush %d", bytes[0]);
}

CASE(output_can_be_stopped)
{
	open_pair();
	OK(tcflow(slave, TCOOFF));
	OK(fcntl(slave, F_SETFL, O_NONBLOCK));
	ERR(write(slave, "x", 1), EAGAIN);
	OK(tcflow(slave, TCOON));
	EQ(write(slave, "y", 1), 1);
	OUT("master %s", seen(master));
	ERR(tcflow(slave, 9), EINVAL);
}

CASE(XOFF_and_XON)
{
	open_pair();
	type("\023");
	sleep_ms(20);
	OK(fcntl(slave, F_SETFL, O_NONBLOCK));
	ERR(write(slave, "x", 1), EAGAIN);
	type("\021");
	sleep_ms(20);
	EQ(write(slave, "y", 1), 1);
	OUT("master %s", seen(master));
}

CASE(long_line_is_cut_at_4095)
{
	static char line[5000], got[5000];
	open_pair();
	struct termios t = settings();
	t.c_lflag &= ~ECHO;
	OK(tcsetattr(slave, TCSANOW, &t));
	memset(line, 'a', 4500);
	OK(fcntl(master, F_SETFL, O_NONBLOCK));
	for (int i = 0; i < 45; i++) {
		EQ(write(master, line, 100), 100);
		sleep_ms(1);
	}
	EQ(write(master, "\n", 1), 1);
	sleep_ms(30);
	OUT("%zd bytes", read(slave, got, sizeof got));
}

CASE(many_pairs)
{
	for (int i = 0; i < 50; i++)
		open_pair();
	OUT("the last one works: %s", (type("x\n"), seen(slave)));
}

CASE(freed_numbers_are_used_again)
{
	open_pair();
	char first[64];
	strcpy(first, name);
	OK(close(slave));
	OK(close(master));
	sleep_ms(20);
	open_pair();
	STR_EQ(name, first);
}

CASE(ioctls_on_what_is_no_terminal)
{
	int null = OK(open("/dev/null", O_RDWR));
	struct termios t;
	ERR(tcgetattr(null, &t), ENOTTY);
	ERR(ioctl(null, TIOCGPTN, &t), ENOTTY);
	open_pair();
	ERR(ioctl(slave, TIOCGPTN, &t), ENOTTY);
	ERR(ioctl(slave, 0x5499, 0), ENOTTY);
}

CASE(settings_that_are_locked)
{
	int master = OK(posix_openpt(O_RDWR | O_NOCTTY));
	struct termios locked, old, new;
	OK(grantpt(master));
	OK(unlockpt(master));
	int slave = OK(open(ptsname(master), O_RDWR | O_NOCTTY));
	unsigned words[9];
	memset(words, 0x55, sizeof words);
	OK(ioctl(slave, 0x5456 /* TIOCGLCKTRMIOS */, words));
	for (int i = 0; i < 9; i++)
		EQ(words[i], 0);
	ERR(ioctl(slave, 0x5456, 16), EFAULT);
	ERR(ioctl(slave, 0x5457 /* TIOCSLCKTRMIOS */, 16), EFAULT);
	words[0] = ICRNL, words[3] = ECHO;
	((unsigned char *)words)[17 + VINTR] = 1;
	OK(ioctl(slave, 0x5457, words));
	memset(&locked, 0, sizeof locked);
	memset(words, 0x55, sizeof words);
	OK(ioctl(master, 0x5456, words));
	EQ(words[0], ICRNL);
	EQ(words[3], ECHO);
	EQ(((unsigned char *)words)[17 + VINTR], 1);
	OK(tcgetattr(slave, &old));
	new = old;
	new.c_iflag ^= ICRNL | INLCR;
	new.c_lflag ^= ECHO | ECHONL;
	new.c_cc[VINTR] = 5;
	new.c_cc[VQUIT] = 6;
	OK(tcsetattr(slave, TCSANOW, &new));
	OK(tcgetattr(slave, &new));
	OUT("changed: %x %x %d %d", new.c_iflag ^ old.c_iflag, new.c_lflag ^ old.c_lflag, new.c_cc[VINTR], new.c_cc[VQUIT]);
	IN_CHILD({
		OK(setuid(1000));
		OK(ioctl(slave, 0x5456, words));
		ERR(ioctl(slave, 0x5457, words), EPERM);
		ERR(ioctl(slave, 0x5457, 16), EPERM);
	});
	ERR(ioctl(OK(open("/dev/null", O_RDWR)), 0x5456, words), ENOTTY);
}
