# ltrace: library calls and, with -S, system calls.
cd "$(mktemp -d)" || exit 1
command -v ltrace > /dev/null || { echo "there is no ltrace"; exit 1; }
cat > program.c <<'END'
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
int main(void)
{
	char *copy = strdup("text");
	int length = strlen(copy);
	free(copy);
	getppid();
	puts("hello");
	return length;
}
END
gcc -O0 -fno-builtin -fcf-protection=none -Wl,-z,lazy -o program program.c
clean() { sed -E -e 's/0x[0-9a-f]+/ADDRESS/g' -e 's/= [0-9]{2,}$/= N/' -e 's/  +/ /g'; }
ltrace -o out ./program; echo "status $?"
clean < out
echo "-- system calls"
ltrace -S -o out ./program; echo "status $?"
grep -oE '^(SYS_)[a-z0-9]+' out | sort | uniq -c | grep -E 'getppid|write|exit_group'
clean < out | grep -E '^(strdup|strlen|free|puts|getppid)' | sed 's/ <.*//' | sort
