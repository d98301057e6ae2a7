# gcc compiles, links and the program runs: dynamic, static, with several files and a library.
cd "$(mktemp -d)"
cat > main.c <<'C'
#include <stdio.h>
#include <stdlib.h>
#include <math.h>
int twice(int);
int main(int argc, char **argv) { printf("%d %s %.3f\n", twice(21), argc > 1 ? argv[1] : "none", sqrt(2)); return atoi(argv[1]); }
C
cat > twice.c <<'C'
int twice(int x) { return 2 * x; }
C
gcc -O2 -Wall -c main.c twice.c && ls *.o
gcc -o program main.o twice.o -lm && ./program 5; echo "status $?"
gcc -static -o fixed main.o twice.o -lm && ./fixed 6; echo "status $?"
gcc -shared -fPIC -o libtwice.so twice.c && gcc -o shared main.o -L. -ltwice -lm && LD_LIBRARY_PATH=. ./shared 7; echo "status $?"
echo 'int main(void) { return undeclared; }' > bad.c
gcc bad.c 2>&1 | grep -c error; echo "int main(void){return 0;}" | gcc -x c - -o empty && ./empty; echo "status $?"
