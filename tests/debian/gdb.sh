# gdb: breakpoints, steps, attaching, threads, watchpoints, signals, calls of functions.
cd "$(mktemp -d)" || exit 1
command -v gdb > /dev/null || { echo "there is no gdb"; exit 1; }
cat > program.c <<'END'
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>
int total;
int add(int value)
{
	total += value;
	return total;
}
static void *other(void *argument)
{
	add(10);
	return argument;
}
int main(int count, char **arguments)
{
	pthread_t thread;
	if (count > 1)
		for (volatile int go = 1; go;)
			usleep(1000);
	add(1);
	add(2);
	pthread_create(&thread, 0, other, 0);
	pthread_join(thread, 0);
	if (count == 1)
		raise(SIGUSR1);
	printf("total %d\n", total);
	return 3;
}
END
gcc -g -O0 -pthread -o program program.c
run() {
	gdb -q -nx -batch -iex 'set debuginfod enabled off' -iex 'set startup-with-shell off' -iex 'set style enabled off' \
		-iex 'set confirm off' -iex 'set width 0' "$@" 2>&1 |
		sed -E -e 's/0x[0-9a-f]+/ADDRESS/g' -e 's/  +/ /g' -e 's/(LWP|process|Thread|Process) (ADDRESS )?\(?[0-9]+\)?/\1 N/g' |
		grep -vE 'libthread_db|debuginfod|^$|warning: (Error disabling|opening|Source)|New Thread|exited\]'
}
echo "-- break and step"
run -ex 'break add' -ex run -ex 'print value' -ex next -ex 'print total' -ex finish -ex continue -ex 'print value' -ex 'kill' program
echo "-- watch"
run -ex 'break main' -ex run -ex 'watch total' -ex continue -ex continue -ex 'kill' program
echo "-- threads"
run -ex 'break other' -ex 'handle SIGUSR1 stop nopass' -ex run -ex 'info threads' -ex 'break add if value == 10' -ex continue \
	-ex 'print value' -ex 'thread apply all -q print 1' -ex 'delete' -ex continue -ex continue program | sed -E 's/\([^)]*\) "/"/'
echo "-- attach"
./program wait & pid=$!
sleep 0.3
run -p $pid -ex 'frame function main' -ex 'print go' -ex 'set var go = 0' -ex 'print add(5)' -ex 'break 24' -ex 'continue' -ex 'print total' \
	-ex 'detach' | grep -E '^\$|Breakpoint|^24'
{ wait $pid; } 2> /dev/null; echo "status $?"
echo "-- core file"
cat > crash.c <<'END'
#include <pthread.h>
#include <unistd.h>
char text[] = "kept";
static void *other(void *argument)
{
	for (;;)
		pause();
	return argument;
}
static int fall(int *where)
{
	return *where = 7;
}
int main(void)
{
	pthread_t thread;
	double number = 1.5;
	pthread_create(&thread, 0, other, &number);
	usleep(100000);
	text[0] = 'w';
	return fall((int *)16);
}
END
gcc -g -O0 -pthread -o crash crash.c
ulimit -c unlimited
rm -f core
{ ./crash; } 2> /dev/null; echo "status $?"
run -ex 'where' -ex 'print where' -ex 'print text' -ex 'up' -ex 'print number' -ex 'print $_siginfo.si_signo' -ex 'print $_siginfo._sifields._sigfault' \
	-ex 'print $xmm0.v2_double[0] > 0' -ex 'info threads' -ex 'thread 2' -ex 'frame function other' -ex 'info proc' crash core | sed -E 's/core.[0-9]+/core/; s/\([^)]*\) "/"/; s#/tmp/tmp\.[A-Za-z0-9]+#DIR#'
