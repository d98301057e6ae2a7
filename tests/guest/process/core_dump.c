/* Core dumps: when there is one, what the file holds, what is told to the parent. */
#include "../check.h"
#include <elf.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/procfs.h>
#include <sys/user.h>

#ifdef __LP64__
typedef Elf64_Ehdr header_t;
typedef Elf64_Phdr program_header_t;
#else
typedef Elf32_Ehdr header_t;
typedef Elf32_Phdr program_header_t;
#endif

/* x32 has layouts of its own, which no Linux here can show. */
#if defined(__x86_64__) && !defined(__LP64__)
#define SKIP_ON_X32 SKIP("its layouts are its own")
#else
#define SKIP_ON_X32
#endif

#define FOLDER "/tmp/core-dump"

static void want_cores(void)
{
	struct rlimit all = {RLIM_INFINITY, RLIM_INFINITY};
	OK(setrlimit(RLIMIT_CORE, &all));
	mkdir(FOLDER, 0777);
	OK(chdir(FOLDER));
	unlink("core");
}

/* Runs the statement in a child, which is to die; its status word. */
#define END_OF(...)                                                                                                    \
	({                                                                                                             \
		pid_t ended_ = OK(fork());                                                                             \
		if (ended_ == 0) {                                                                                     \
			__VA_ARGS__;                                                                                   \
			_exit(77);                                                                                     \
		}                                                                                                      \
		last_child = ended_;                                                                                   \
		wait_status(ended_);                                                                                   \
	})
static pid_t last_child;

static char *core_bytes;
static long core_size;
static void read_core(const char *name)
{
	struct stat st;
	OK(stat(name, &st));
	core_size = st.st_size;
	int fd = OK(open(name, O_RDONLY));
	core_bytes = mmap(0, core_size, PROT_READ, MAP_PRIVATE, fd, 0);
	CHECK(core_bytes != MAP_FAILED);
	close(fd);
}
static const program_header_t *program_headers(void)
{
	return (const program_header_t *)(core_bytes + ((header_t *)core_bytes)->e_phoff);
}
static int headers(void) { return ((header_t *)core_bytes)->e_phnum; }

/* The n-th note of a kind, or null. */
static const char *find_note(unsigned kind, int n, unsigned *size)
{
	const program_header_t *notes = program_headers();
	const char *at = core_bytes + notes->p_offset, *end = at + notes->p_filesz;
	while (at < end) {
		const Elf64_Nhdr *note = (const void *)at;
		const char *body = at + sizeof *note + (note->n_namesz + 3) / 4 * 4;
		if (note->n_type == kind && n-- == 0) {
			if (size)
				*size = note->n_descsz;
			return body;
		}
		at = body + (note->n_descsz + 3) / 4 * 4;
	}
	return 0;
}
/* What the dump has at an address, or null where it has nothing. */
static const char *memory_at(unsigned long address)
{
	for (int i = 1; i < headers(); i++) {
		const program_header_t *part = program_headers() + i;
		if (address >= part->p_vaddr && address < part->p_vaddr + part->p_filesz)
			return core_bytes + part->p_offset + (address - part->p_vaddr);
	}
	return 0;
}

static char marked[64] = "not yet";

CASE(abort_leaves_a_file)
{
	SKIP_ON_X32;
	want_cores();
	int status = END_OF(strcpy(marked, "written by the child"); abort());
	EQ(WTERMSIG(status), SIGABRT);
	EQ(!!WCOREDUMP(status), 1);
	struct stat st;
	OK(stat("core", &st));
	OUT("mode %o links %d uid %d", st.st_mode, (int)st.st_nlink, (int)st.st_uid);
	read_core("core");
	const header_t *header = (void *)core_bytes;
	CHECK(memcmp(header->e_ident, ELFMAG, 4) == 0);
	OUT("class %d data %d version %d abi %d type %d machine %d flags %d", header->e_ident[EI_CLASS], header->e_ident[EI_DATA],
	    header->e_ident[EI_VERSION], header->e_ident[EI_OSABI], header->e_type, header->e_machine, (int)header->e_flags);
	OUT("sizes %d %d, sections %d of %d, names %d", header->e_ehsize, header->e_phentsize, header->e_shnum, header->e_shentsize,
	    header->e_shstrndx);
	const program_header_t *notes = program_headers();
	OUT("first: type %d flags %d address %d memory %d align %d", (int)notes->p_type, (int)notes->p_flags, (int)notes->p_vaddr,
	    (int)notes->p_memsz, (int)notes->p_align);
	EQ(notes->p_offset, sizeof *header + headers() * sizeof *notes);
	const char *found = memory_at((unsigned long)marked);
	CHECK(found);
	STR_EQ(found, "written by the child");
}
CASE(the_notes_and_their_sizes)
{
	SKIP_ON_X32;
	want_cores();
	END_OF(abort());
	read_core("core");
	const program_header_t *notes = program_headers();
	const char *at = core_bytes + notes->p_offset, *end = at + notes->p_filesz;
	while (at < end) {
		const Elf64_Nhdr *note = (const void *)at;
		const char *name = at + sizeof *note, *body = name + (note->n_namesz + 3) / 4 * 4;
		/* The vector's and the files' depend on the kernel's own mappings. */
		int varies = note->n_type == NT_FILE;
		OUT("note %s %x of %u", name, note->n_type, varies ? 0 : note->n_descsz);
		at = body + (note->n_descsz + 3) / 4 * 4;
	}
	EQ(at - end, 0);
}
CASE(the_status_of_the_thread)
{
	SKIP_ON_X32;
	want_cores();
	END_OF(sigset_t set; sigemptyset(&set); sigaddset(&set, SIGUSR1); sigaddset(&set, SIGRTMIN); sigprocmask(SIG_SETMASK, &set, 0);
	       raise(SIGUSR1); syscall(SYS_tgkill, getpid(), getpid(), SIGQUIT));
	read_core("core");
	const prstatus_t *status = (const void *)find_note(NT_PRSTATUS, 0, 0);
	OUT("signal %d code %d errno %d current %d", status->pr_info.si_signo, status->pr_info.si_code, status->pr_info.si_errno,
	    status->pr_cursig);
	OUT("pending %lx held %lx", (long)status->pr_sigpend, (long)status->pr_sighold);
	EQ(status->pr_pid, last_child);
	EQ(status->pr_ppid, getpid());
	EQ(status->pr_pgrp, getpgrp());
	EQ(status->pr_sid, getsid(0));
	EQ(status->pr_fpvalid, 1);
	CHECK(!find_note(NT_PRSTATUS, 1, 0));
#ifdef __x86_64__
	const struct user_regs_struct *registers = (const void *)status->pr_reg;
	OUT("rax %ld orig %ld rdx %ld cs %lx ss %lx", (long)registers->rax, (long)registers->orig_rax, (long)registers->rdx,
	    (long)registers->cs, (long)registers->ss);
#endif
}
CASE(the_process_and_its_arguments)
{
	SKIP_ON_X32;
	want_cores();
	END_OF(setpriority(PRIO_PROCESS, 0, 3); prctl(PR_SET_NAME, "named"); abort());
	read_core("core");
	const prpsinfo_t *info = (const void *)find_note(NT_PRPSINFO, 0, 0);
	OUT("state %d %c zombie %d nice %d name %s", info->pr_state, info->pr_sname, info->pr_zomb, info->pr_nice, info->pr_fname);
	OUT("arguments [%s]", strrchr(info->pr_psargs, '/') ? strrchr(info->pr_psargs, '/') : info->pr_psargs);
	EQ(info->pr_pid, last_child);
	OUT("flags %lx", (long)(info->pr_flag & 0x640)); /* dumped core, signalled, forked */
}
CASE(the_signal_that_did_it)
{
	want_cores();
	END_OF(*(volatile int *)0x10 = 1);
	read_core("core");
	const siginfo_t *info = (const void *)find_note(NT_SIGINFO, 0, 0);
	OUT("signal %d code %d address %p", info->si_signo, info->si_code, info->si_addr);
}
CASE(the_auxiliary_vector)
{
	want_cores();
	END_OF(abort());
	read_core("core");
	unsigned size;
	const unsigned long *pairs = (const void *)find_note(NT_AUXV, 0, &size);
	unsigned long last = 1, page = 0;
	for (unsigned i = 0; i < size / sizeof *pairs; i += 2) {
		last = pairs[i];
		if (pairs[i] == AT_PAGESZ)
			page = pairs[i + 1];
	}
	EQ(last, AT_NULL);
	EQ(page, 4096);
}
CASE(the_mapped_files)
{
	want_cores();
	int fd = OK(open("mapped", O_CREAT | O_RDWR, 0600));
	OK(ftruncate(fd, 3 * 4096));
	char *map = mmap(0, 8192, PROT_READ, MAP_PRIVATE, fd, 4096);
	CHECK(map != MAP_FAILED);
	END_OF(abort());
	read_core("core");
	unsigned size;
	const unsigned long *words = (const void *)find_note(NT_FILE, 0, &size);
	unsigned long count = words[0], names = 0;
	EQ(words[1], 4096);
	const char *name = (const char *)(words + 2 + 3 * count);
	for (unsigned long i = 0; i < count; i++, name += strlen(name) + 1) {
		const unsigned long *entry = words + 2 + 3 * i;
		if (entry[0] == (unsigned long)map) {
			OUT("%s from page %lu, %lu bytes", name, entry[2], entry[1] - entry[0]);
			names++;
		}
	}
	EQ(names, 1);
	EQ(name - (const char *)words, size);
}
static void *waits(void *barrier)
{
	pthread_barrier_wait(barrier);
	for (;;)
		pause();
	return 0;
}
CASE(all_threads_are_in_it)
{
	want_cores();
	int status = END_OF(pthread_barrier_t barrier; pthread_t thread[3]; pthread_barrier_init(&barrier, 0, 4);
			    for (int i = 0; i < 3; i++) pthread_create(&thread[i], 0, waits, &barrier);
			    pthread_barrier_wait(&barrier); abort());
	EQ(!!WCOREDUMP(status), 1);
	read_core("core");
	int threads = 0, extended = 0;
	while (find_note(NT_PRSTATUS, threads, 0))
		threads++;
	while (find_note(NT_X86_XSTATE, extended, 0))
		extended++;
	OUT("%d threads, %d extended states", threads, extended);
	const prstatus_t *first = (const void *)find_note(NT_PRSTATUS, 0, 0), *second = (const void *)find_note(NT_PRSTATUS, 1, 0);
	EQ(first->pr_pid, last_child);
	CHECK(second->pr_pid != last_child);
	OUT("signals %d %d", first->pr_cursig, second->pr_cursig);
}
CASE(a_thread_can_cause_it)
{
	want_cores();
	int status = END_OF(pthread_t thread; pthread_create(&thread, 0, (void *(*)(void *))abort, 0); for (;;) pause());
	EQ(WTERMSIG(status), SIGABRT);
	EQ(!!WCOREDUMP(status), 1);
	read_core("core");
	const prstatus_t *first = (const void *)find_note(NT_PRSTATUS, 0, 0), *second = (const void *)find_note(NT_PRSTATUS, 1, 0);
	CHECK(first->pr_pid != last_child);
	EQ(second->pr_pid, last_child);
}
CASE(which_signals_dump)
{
	want_cores();
	for (int signal = 1; signal < 65; signal++) {
		if (signal == 32 || signal == 33 || signal == SIGSTOP || signal == SIGTSTP || signal == SIGTTIN || signal == SIGTTOU)
			continue;
		unlink("core");
		int status = END_OF(raise(signal));
		if (WIFSIGNALED(status) && WCOREDUMP(status))
			OUT("signal %d, file %d", signal, access("core", F_OK));
		else
			CHECK(access("core", F_OK) == -1);
	}
}
CASE(the_parent_is_told)
{
	want_cores();
	pid_t child = OK(fork());
	if (child == 0)
		abort();
	siginfo_t info;
	OK(waitid(P_PID, child, &info, WEXITED));
	OUT("code %d status %d", info.si_code, info.si_status);
	EQ(info.si_code, CLD_DUMPED);
}
CASE(no_core_without_a_limit)
{
	want_cores();
	int status = END_OF(struct rlimit none = {0, RLIM_INFINITY}; setrlimit(RLIMIT_CORE, &none); abort());
	EQ(!!WCOREDUMP(status), 0);
	ERR(access("core", F_OK), ENOENT);
	status = END_OF(struct rlimit none = {4095, RLIM_INFINITY}; setrlimit(RLIMIT_CORE, &none); abort());
	EQ(!!WCOREDUMP(status), 0);
	ERR(access("core", F_OK), ENOENT);
}
CASE(a_limit_that_is_too_small_cuts_it)
{
	want_cores();
	int status = END_OF(struct rlimit few = {16384, RLIM_INFINITY}; setrlimit(RLIMIT_CORE, &few); abort());
	OUT("told: %d", !!WCOREDUMP(status));
	struct stat st;
	OK(stat("core", &st));
	CHECK(st.st_size > 0 && st.st_blocks * 512 <= 16384);
}
CASE(not_where_it_is_not_allowed)
{
	want_cores();
	int status = END_OF(prctl(PR_SET_DUMPABLE, 0); abort());
	EQ(!!WCOREDUMP(status), 0);
	ERR(access("core", F_OK), ENOENT);
	OK(chmod(FOLDER, 0755));
	status = END_OF(setresuid(1000, 1000, 1000); prctl(PR_SET_DUMPABLE, 1); abort());
	EQ(!!WCOREDUMP(status), 0);
	ERR(access("core", F_OK), ENOENT);
	OK(chmod(FOLDER, 0777));
	status = END_OF(setresuid(1000, 1000, 1000); abort());
	OUT("without being made dumpable again: %d", !!WCOREDUMP(status));
	status = END_OF(setresuid(1000, 1000, 1000); prctl(PR_SET_DUMPABLE, 1); abort());
	EQ(!!WCOREDUMP(status), 1);
	struct stat st;
	OK(stat("core", &st));
	OUT("uid %d mode %o", (int)st.st_uid, st.st_mode);
}
CASE(what_is_in_the_way_goes)
{
	want_cores();
	OK(symlink("/etc/passwd", "core"));
	int status = END_OF(abort());
	EQ(!!WCOREDUMP(status), 1);
	struct stat st;
	OK(lstat("core", &st));
	OUT("mode %o", st.st_mode);
	OK(unlink("core"));
	OK(mkdir("core", 0755));
	status = END_OF(abort());
	EQ(!!WCOREDUMP(status), 0);
	OK(rmdir("core"));
}
static void set(const char *path, const char *text)
{
	int fd = OK(open(path, O_WRONLY));
	EQ(write(fd, text, strlen(text)), (long)strlen(text));
	close(fd);
}
static void show(const char *path)
{
	char text[200] = "";
	int fd = OK(open(path, O_RDONLY));
	OK(read(fd, text, sizeof text - 1));
	close(fd);
	OUT("%s", text);
}
CASE(the_pattern_names_the_file)
{
	want_cores();
	show("/proc/sys/kernel/core_pattern");
	show("/proc/sys/kernel/core_uses_pid");
	set("/proc/sys/kernel/core_pattern", "x-%s-%u-%e-%%-%q-%p\n");
	char name[64];
	int status = END_OF(prctl(PR_SET_NAME, "a/b"); abort());
	EQ(!!WCOREDUMP(status), 1);
	snprintf(name, sizeof name, "x-6-0-a!b-%%--%d", last_child);
	OK(unlink(name));
	set("/proc/sys/kernel/core_pattern", FOLDER "/y%");
	OK(chdir("/"));
	END_OF(abort());
	OK(chdir(FOLDER));
	OK(unlink("y"));
	set("/proc/sys/kernel/core_uses_pid", "1");
	END_OF(abort());
	snprintf(name, sizeof name, "y.%d", last_child);
	OK(unlink(name));
	set("/proc/sys/kernel/core_uses_pid", "0");
	set("/proc/sys/kernel/core_pattern", "core");
	show("/proc/sys/kernel/core_pattern");
}
static char *pages(int flags)
{
	char *at = mmap(0, 8192, PROT_READ | PROT_WRITE, flags | MAP_ANONYMOUS, -1, 0);
	CHECK(at != MAP_FAILED);
	return at;
}
static void show_written(const char *what, const char *at)
{
	const char *found = memory_at((unsigned long)at);
	OUT("%s: %s", what, found ? found : "nothing");
}
CASE(what_memory_is_written)
{
	want_cores();
	char *own = pages(MAP_PRIVATE), *shared = pages(MAP_SHARED), *hidden = pages(MAP_PRIVATE), *untouched = pages(MAP_PRIVATE);
	int fd = OK(open("mapped", O_CREAT | O_RDWR | O_TRUNC, 0600));
	EQ(write(fd, "of a file", 10), 10);
	OK(ftruncate(fd, 8192));
	char *file = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	char *together = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	char *changed = mmap(0, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	strcpy(own, "own");
	strcpy(shared, "shared");
	strcpy(hidden, "hidden");
	changed[4096] = 1;
	OK(madvise(hidden, 8192, MADV_DONTDUMP));
	OK(mprotect(own + 4096, 4096, PROT_NONE));
	static const char *const filters[] = {0, "0", "1", "0x2", "4", "8", "0x7f"};
	for (int i = 0; i < 7; i++) {
		if (filters[i])
			set("/proc/self/coredump_filter", filters[i]);
		show("/proc/self/coredump_filter");
		END_OF(abort());
		read_core("core");
		show_written("own", own);
		show_written("shared", shared);
		show_written("hidden", hidden);
		show_written("untouched", untouched);
		show_written("file", file);
		show_written("shared file", together);
		show_written("changed file", changed);
		munmap(core_bytes, core_size);
	}
	int wrong = OK(open("/proc/self/coredump_filter", O_WRONLY));
	ERR(write(wrong, "x", 1), EINVAL);
}
CASE(the_filter_is_inherited)
{
	set("/proc/self/coredump_filter", "0x21");
	IN_CHILD(show("/proc/self/coredump_filter"));
	pid_t child = OK(fork());
	if (child == 0) {
		execl("/proc/self/exe", "core_dump", "shows_its_filter", (char *)0);
		_exit(1);
	}
	OK(wait_status(child));
}
CASE(shows_its_filter) { NOTE("for the one before"); show("/proc/self/coredump_filter"); }
CASE(a_big_hole_is_no_work)
{
	want_cores();
	char *hole = mmap(0, 1UL << 30, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	CHECK(hole != MAP_FAILED);
	hole[5000] = 7;
	int status = END_OF(abort());
	EQ(!!WCOREDUMP(status), 1);
	struct stat st;
	OK(stat("core", &st));
	CHECK(st.st_size > 1 << 30);
	CHECK(st.st_blocks < 1 << 14);
	OK(unlink("core"));
}
CASE(a_killed_dump_ends)
{
	want_cores();
	for (int i = 0; i < 20; i++) {
		pid_t child = OK(fork());
		if (child == 0) {
			char *memory = mmap(0, 4 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
			(void)memory;
			abort();
		}
		usleep(i * 300);
		kill(child, SIGKILL);
		int status = wait_status(child);
		CHECK(WIFSIGNALED(status) && (WTERMSIG(status) == SIGABRT || WTERMSIG(status) == SIGKILL));
	}
	unlink("core");
}
