/* A file in /tmp: create, write, read back, stat, rename, unlink. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int main(void)
{
	char text[32] = "";
	struct stat status;
	int fd = open("/tmp/smoke", O_CREAT | O_EXCL | O_RDWR, 0640);
	if (fd < 0) {
		perror("open");
		return 1;
	}
	printf("write %zd\n", write(fd, "hello", 5));
	printf("lseek %ld\n", (long)lseek(fd, 1, SEEK_SET));
	long n = read(fd, text, sizeof text - 1);
	printf("read %ld %s\n", n, text);
	fstat(fd, &status);
	printf("size %ld mode %o links %ld\n", (long)status.st_size, status.st_mode & 07777, (long)status.st_nlink);
	printf("rename %d\n", rename("/tmp/smoke", "/tmp/smoke2"));
	int gone = access("/tmp/smoke", F_OK);
	printf("old name %d %s\n", gone, strerror(errno));
	printf("unlink %d\n", unlink("/tmp/smoke2"));
	fstat(fd, &status);
	printf("links now %ld\n", (long)status.st_nlink);
	return 0;
}
