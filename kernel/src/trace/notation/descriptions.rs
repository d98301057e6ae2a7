//! How each call is written, by family.
use super::names::*;
use super::{Answer, Description, Notation::*, early, file, memory, poll, process, signal, socket, system, time};
use crate::trace::show::Show;

macro_rules! describe {
    (@answer) => { Answer::Decimal };
    (@answer $answer:expr) => { $answer };
    ($($name:ident($($argument:expr),* $(,)?) $(=> $answer:expr)?;)*) => {
    &[$(Description {
        name: stringify!($name),
        arguments: &[$($argument),*],
        early: early(&[$($argument),*]),
        answer: describe!(@answer $($answer)?),
    }),*]
    };
}

/// All descriptions, by family.
pub const DESCRIPTIONS: [&[Description]; 7] = [PROCESS, FILE, MEMORY, DEVICE, INFORMATION, COMMUNICATION, PROTECTION];

const PROCESS: &[Description] = describe! {
    rt_sigaction(Signal, In(signal::action), Out(signal::action), Size);
    rt_sigprocmask(Choice(SIGNAL_HOW, "SIG_???"), In(signal::set), Out(signal::set), Size);
    rt_sigreturn() => Answer::Decimal;
    sched_yield();
    pause();
    alarm(Unsigned);
    getpid();
    ptrace(Choice(PTRACE, "PTRACE_???"), Int, Address, Address);
    modify_ldt(Int, Address, Size);
    init_module(Address, Size, Text);
    finit_module(Descriptor, Text, Bits(MODULE, "MODULE_INIT_???"));
    delete_module(Text, Bits(OPEN, "O_???"));
    clone(
        Register(1, &Named("child_stack", &Address)),
        Register(0, &Named("flags", &Word(process::clone_flags))),
        Register(2, &If(process::has_parent_tid, &Named("parent_tid", &Out(process::id_behind)))),
        Swapped([4, 3], &If(process::has_tls, &Named("tls", &Late(process::thread_local)))),
        Swapped([3, 4], &If(process::has_child_tid, &Named("child_tidptr", &Late(process::address)))),
    );
    fork();
    vfork();
    execve(Path, In(process::arguments), In(process::environment));
    exit(Int);
    wait4(Int, Late(process::status), Bits(WAIT, "W???"), Out(process::child_usage));
    kill(Int, Signal);
    getrlimit(Choice(LIMITS, "RLIMIT_???"), Out(process::limit));
    ugetrlimit(Choice(LIMITS, "RLIMIT_???"), Out(process::limit));
    setrlimit(Choice(LIMITS, "RLIMIT_???"), In(process::limit));
    getrusage(Choice(USAGE, "RUSAGE_???"), Out(process::usage));
    times(Out(time::processor_times));
    setpgid(Int, Int);
    getppid();
    getpgrp();
    setsid();
    getpgid(Int);
    getsid(Int);
    rt_sigpending(Out(signal::set), Size);
    rt_sigtimedwait(In(signal::set), Out(signal::information), In(time::timespec), Size);
    rt_sigqueueinfo(Int, Signal, In(signal::information));
    rt_sigsuspend(In(signal::set), Size);
    signal(Signal, Word(signal::handler)) => Answer::Own(signal::handler_answer);
    sigaction(Signal, In(signal::old_action), Out(signal::old_action));
    sigprocmask(Choice(SIGNAL_HOW, "SIG_???"), In(signal::old_set), Out(signal::old_set));
    sigpending(Out(signal::old_set));
    sigsuspend(If(|_| false, &Int), If(|_| false, &Int), Word(signal::mask));
    sgetmask() => Answer::Own(signal::mask_answer);
    ssetmask(Word(signal::mask)) => Answer::Own(signal::mask_answer);
    sigreturn() => Answer::Decimal;
    set_thread_area(In(process::segment)) => Answer::Also(process::segment_answer);
    get_thread_area(Out(process::segment));
    sigaltstack(In(signal::stack), Out(signal::stack));
    getpriority(Choice(PRIORITY, "PRIO_???"), Int);
    setpriority(Choice(PRIORITY, "PRIO_???"), Int, Int);
    sched_setparam(Int, In(process::parameter));
    sched_getparam(Int, Out(process::parameter));
    sched_setscheduler(Int, Word(process::policy), In(process::parameter));
    sched_getscheduler(Int) => Answer::Own(process::policy_answer);
    sched_get_priority_max(Word(process::policy));
    sched_get_priority_min(Word(process::policy));
    sched_rr_get_interval(Int, Out(time::timespec));
    prctl(
        Choice(PRCTL, "PR_???"),
        If(process::prctl_has::<1>, &Late(process::prctl_argument)),
        If(process::prctl_has::<2>, &Hex),
        If(process::prctl_has::<3>, &Hex),
        If(process::prctl_has::<4>, &Hex),
    );
    arch_prctl(Choice(ARCH_PRCTL, "ARCH_???"), Late(process::arch_prctl_argument));
    gettid();
    tkill(Int, Signal);
    futex(
        Address,
        Word(process::futex_operation),
        If(process::futex_has_value, &Unsigned),
        If(
            |show| process::futex_has_time(show) || process::futex_has_second_value(show),
            &Word(|show, word| match process::futex_has_time(show) {
                true => time::timespec(show, word),
                false => show.text.unsigned(word & 0xffff_ffff),
            }),
        ),
        If(process::futex_has_second_address, &Address),
        If(process::futex_has_third_value, &Word(process::futex_third_value)),
    );
    sched_setaffinity(Int, Size, In(process::cpus));
    sched_getaffinity(Int, Size, Out(process::cpus));
    set_tid_address(Address);
    restart_syscall() => Answer::Decimal;
    exit_group(Int);
    tgkill(Int, Int, Signal);
    waitid(Choice(WAITID, "P_???"), Int, Out(signal::information), Bits(WAIT, "W???"), Out(process::usage));
    unshare(Bits(CLONE, "CLONE_???"));
    set_robust_list(Address, Size);
    get_robust_list(Int, Late(pointer_behind), Late(pointer_behind));
    rt_tgsigqueueinfo(Int, Int, Signal, In(signal::information));
    prlimit64(Int, Choice(LIMITS, "RLIMIT_???"), In(process::limit_64), Out(process::limit_64));
    setns(Descriptor, Bits(CLONE, "CLONE_???"));
    getcpu(Out(process::id_behind), Out(process::id_behind), Address);
    process_vm_readv(Int, Address, Size, Address, Size, Hex);
    process_vm_writev(Int, Address, Size, Address, Size, Hex);
    sched_setattr(Int, Address, Hex32);
    sched_getattr(Int, Address, Unsigned, Hex32);
    execveat(Directory, Path, In(process::arguments), In(process::environment), Bits(AT_FLAGS, "AT_???"));
    rseq(Address, Hex32, Bits(RSEQ, "RSEQ_FLAG_???"), Hex32);
    pidfd_send_signal(Descriptor, Signal, In(signal::information), Hex32);
    pidfd_open(Int, Bits(PIDFD, "PIDFD_???"));
    clone3(Late(process::clone_arguments), Size);
    pidfd_getfd(Descriptor, Descriptor, Hex32);
    futex_waitv(Address, Unsigned, Hex32, In(time::timespec), Choice(CLOCKS, "CLOCK_???"));
    waitpid(Int, Late(process::status), Bits(WAIT, "W???"));
    nice(Int);
};

const FILE: &[Description] = describe! {
    read(Descriptor, Filled, Size);
    write(Descriptor, Buffer(2), Size);
    open(Path, Word(file::open_flags), If(|show| file::makes_file(show.word(1)), &Permissions));
    close(Descriptor);
    stat(Path, Out(file::stat));
    fstat(Descriptor, Out(file::stat));
    lstat(Path, Out(file::stat));
    lseek(Descriptor, Long, Choice(SEEK, "SEEK_???"));
    pread64(Descriptor, Filled, Size, Offset);
    pwrite64(Descriptor, Buffer(2), Size, Offset);
    readv(Descriptor, Out(file::filled_vector), Size);
    writev(Descriptor, In(file::vector), Size);
    access(Path, Bits(ACCESS, "?_OK"));
    dup(Descriptor);
    dup2(Descriptor, Descriptor);
    sendfile(Descriptor, Descriptor, In(file::offset_behind), Size);
    fcntl(
        Descriptor,
        Choice(FCNTL, "F_???"),
        If(file::fcntl_has_argument, &Late(file::fcntl_argument)),
    ) => Answer::Own(file::fcntl_answer);
    flock(Descriptor, Bits(FLOCK, "LOCK_???"));
    fsync(Descriptor);
    fdatasync(Descriptor);
    truncate(Path, Offset);
    ftruncate(Descriptor, Offset);
    getdents(Descriptor, Out(file::directory_entries), Unsigned);
    readdir(Descriptor, Out(file::old_entry), Unsigned);
    getcwd(Out(file::working_directory), Size);
    oldstat(Path, Out(file::old_stat));
    oldlstat(Path, Out(file::old_stat));
    oldfstat(Descriptor, Out(file::old_stat));
    stat64(Path, Out(file::stat64));
    lstat64(Path, Out(file::stat64));
    fstat64(Descriptor, Out(file::stat64));
    fstatat64(Directory, Path, Out(file::stat64), Bits(AT_FLAGS, "AT_???"));
    _llseek(Descriptor, Hex32, Hex32, Out(file::offset_behind), Choice(SEEK, "SEEK_???"));
    truncate64(Path, Offset);
    ftruncate64(Descriptor, Offset);
    chown32(Path, Id, Id);
    lchown32(Path, Id, Id);
    fchown32(Descriptor, Id, Id);
    fcntl64(
        Descriptor,
        Choice(FCNTL, "F_???"),
        If(file::fcntl_has_argument, &Late(file::fcntl_argument)),
    ) => Answer::Own(file::fcntl_answer);
    sendfile64(Descriptor, Descriptor, In(file::offset_behind), Size);
    statfs64(Path, Size, Out(file::statfs64));
    fstatfs64(Descriptor, Size, Out(file::statfs64));
    fadvise64_64(Descriptor, Offset, Offset, Choice(FADVICE, "POSIX_FADV_???"));
    chdir(Path);
    fchdir(Descriptor);
    rename(Path, Path);
    mkdir(Path, Permissions);
    rmdir(Path);
    creat(Path, Permissions);
    link(Path, Path);
    unlink(Path);
    symlink(Path, Path);
    readlink(Path, Filled, Size);
    chmod(Path, Permissions);
    fchmod(Descriptor, Permissions);
    chown(Path, Id, Id);
    fchown(Descriptor, Id, Id);
    lchown(Path, Id, Id);
    utime(Path, Address);
    mknod(Path, Mode, If(|show| makes_device(show.word(1)), &Word(file::device_number)));
    statfs(Path, Out(file::statfs));
    fstatfs(Descriptor, Out(file::statfs));
    chroot(Path);
    sync();
    readahead(Descriptor, Offset, Size);
    setxattr(Path, Text, Buffer(3), Size, Bits(XATTR, "XATTR_???"));
    lsetxattr(Path, Text, Buffer(3), Size, Bits(XATTR, "XATTR_???"));
    fsetxattr(Descriptor, Text, Buffer(3), Size, Bits(XATTR, "XATTR_???"));
    getxattr(Path, Text, Filled, Size);
    lgetxattr(Path, Text, Filled, Size);
    fgetxattr(Descriptor, Text, Filled, Size);
    listxattr(Path, Filled, Size);
    llistxattr(Path, Filled, Size);
    flistxattr(Descriptor, Filled, Size);
    removexattr(Path, Text);
    lremovexattr(Path, Text);
    fremovexattr(Descriptor, Text);
    getdents64(Descriptor, Out(file::directory_entries), Size);
    fadvise64(Descriptor, Offset, Size, Choice(FADVICE, "POSIX_FADV_???"));
    utimes(Path, In(time::file_times_in_microseconds));
    openat(Directory, Path, Word(file::open_flags), If(|show| file::makes_file(show.word(2)), &Permissions));
    mkdirat(Directory, Path, Permissions);
    mknodat(Directory, Path, Mode, If(|show| makes_device(show.word(2)), &Word(file::device_number)));
    fchownat(Directory, Path, Id, Id, Bits(AT_FLAGS, "AT_???"));
    futimesat(Directory, Path, In(time::file_times_in_microseconds));
    newfstatat(Directory, Path, Out(file::stat), Bits(AT_FLAGS, "AT_???"));
    unlinkat(Directory, Path, Bits(AT_FLAGS, "AT_???"));
    renameat(Directory, Path, Directory, Path);
    linkat(Directory, Path, Directory, Path, Bits(AT_FLAGS, "AT_???"));
    symlinkat(Path, Directory, Path);
    readlinkat(Directory, Path, Filled, Size);
    fchmodat(Directory, Path, Permissions);
    faccessat(Directory, Path, Bits(ACCESS, "?_OK"));
    splice(Descriptor, In(file::offset_behind), Descriptor, In(file::offset_behind), Size, Bits(SPLICE, "SPLICE_F_???"));
    tee(Descriptor, Descriptor, Size, Bits(SPLICE, "SPLICE_F_???"));
    sync_file_range(Descriptor, Offset, Offset, Bits(SYNC_RANGE, "SYNC_FILE_RANGE_???"));
    vmsplice(Descriptor, In(file::vector), Size, Bits(SPLICE, "SPLICE_F_???"));
    utimensat(Directory, Path, In(time::file_times), Bits(AT_FLAGS, "AT_???"));
    fallocate(Descriptor, Bits(FALLOCATE, "FALLOC_FL_???"), Offset, Offset);
    dup3(Descriptor, Descriptor, Bits(CLOEXEC, "O_???"));
    preadv(Descriptor, Out(file::filled_vector), Size, Long, If(is_narrow, &Long));
    pwritev(Descriptor, In(file::vector), Size, Long, If(is_narrow, &Long));
    syncfs(Descriptor);
    renameat2(Directory, Path, Directory, Path, Bits(RENAME, "RENAME_??"));
    copy_file_range(Descriptor, In(file::offset_behind), Descriptor, In(file::offset_behind), Size, Hex32);
    preadv2(Descriptor, Out(file::filled_vector), Size, Long, Register(5, &Bits(RWF, "RWF_???")));
    pwritev2(Descriptor, In(file::vector), Size, Long, Register(5, &Bits(RWF, "RWF_???")));
    statx(Directory, Path, Word(file::statx_flags), Bits(STATX_MASK, "STATX_???"), Out(file::statx));
    close_range(Unsigned, Unsigned, Bits(CLOSE_RANGE, "CLOSE_RANGE_???"));
    openat2(Directory, Path, In(file::open_how), Size);
    faccessat2(Directory, Path, Bits(ACCESS, "?_OK"), Bits(FACCESS_FLAGS, "AT_???"));
};

const MEMORY: &[Description] = describe! {
    mmap(Address, Size, Bits(PROTECT, "PROT_???"), Word(memory::map_flags), Descriptor, Hex) => Answer::Hex;
    mmap2(Address, Size, Bits(PROTECT, "PROT_???"), Word(memory::map_flags), Descriptor, Hex) => Answer::Hex;
    mmap(In(|show, address| behind_pointer(show, address, "mmap"))) => Answer::Hex;
    mprotect(Address, Size, Bits(PROTECT, "PROT_???"));
    munmap(Address, Size);
    brk(Address) => Answer::Hex;
    mremap(Address, Size, Size, Bits(MREMAP, "MREMAP_???"), If(memory::has_new_address, &Address)) => Answer::Hex;
    msync(Address, Size, Bits(MSYNC, "MS_???"));
    mincore(Address, Size, Out(memory::residence));
    madvise(Address, Size, Choice(MADVICE, "MADV_???"));
    mlock(Address, Size);
    munlock(Address, Size);
    mlockall(Bits(MLOCKALL, "MCL_???"));
    munlockall();
    remap_file_pages(Address, Size, Bits(PROTECT, "PROT_???"), Size, Word(memory::map_flags));
    memfd_create(Text, Bits(MEMFD, "MFD_???"));
    mlock2(Address, Size, Bits(MLOCK2, "MLOCK_???"));
};

const DEVICE: &[Description] = describe! {
    poll(In(poll::poll_set), Unsigned, Int) => Answer::Also(poll::poll_answer);
    ioctl(
        Descriptor,
        Word(system::ioctl_command),
        If(system::ioctl_has_argument, &Late(system::ioctl_argument)),
    );
    select(
        Int,
        In(poll::descriptor_set),
        In(poll::descriptor_set),
        In(poll::descriptor_set),
        In(time::timeval),
    ) => Answer::Also(poll::select_answer);
    select(In(|show, address| behind_pointer(show, address, "select"))) => Answer::Also(|show| {
        if take_arguments(show, show.word(0)) {
            poll::select_answer(show);
        }
    });
    _newselect(
        Int,
        In(poll::descriptor_set),
        In(poll::descriptor_set),
        In(poll::descriptor_set),
        In(time::timeval),
    ) => Answer::Also(poll::select_answer);
    umount(Path);
    vhangup();
    pivot_root(Path, Path);
    mount(Path, Path, Text, Bits(MOUNT, "MS_???"), Text);
    umount2(Path, Bits(UMOUNT, "MNT_???"));
    epoll_create(Int);
    epoll_wait(Descriptor, Out(poll::events), Int, Int);
    epoll_ctl(Descriptor, Choice(EPOLL_CTL, "EPOLL_CTL_???"), Descriptor, In(poll::event));
    pselect6(
        Int,
        In(poll::descriptor_set),
        In(poll::descriptor_set),
        In(poll::descriptor_set),
        In(time::timespec),
        In(poll::pselect_mask),
    ) => Answer::Also(poll::pselect_answer);
    ppoll(In(poll::poll_set), Unsigned, In(time::timespec), In(signal::set), Size) => Answer::Also(poll::poll_answer);
    epoll_pwait(Descriptor, Out(poll::events), Int, Int, In(signal::set), Size);
    epoll_create1(Bits(EPOLL_CREATE, "EPOLL_???"));
    epoll_pwait2(Descriptor, Out(poll::events), Int, In(time::timespec), In(signal::set), Size);
};

const INFORMATION: &[Description] = describe! {
    nanosleep(In(time::timespec), Late(time::remaining));
    getitimer(Choice(INTERVAL, "ITIMER_???"), Out(time::interval));
    setitimer(Choice(INTERVAL, "ITIMER_???"), In(time::interval), Out(time::interval));
    oldolduname(Address);
    olduname(Address);
    stime(In(time::seconds));
    uname(Out(system::system_name));
    gettimeofday(Out(time::timeval), Address);
    sysinfo(Out(system::information));
    syslog(Choice(SYSLOG, "SYSLOG_ACTION_???"), Address, Int);
    settimeofday(In(time::timeval), Address);
    reboot(Choice(REBOOT_MAGIC, "LINUX_REBOOT_MAGIC_???"), Choice(REBOOT_MAGIC_2, "LINUX_REBOOT_MAGIC_???"), Choice(REBOOT, "LINUX_REBOOT_CMD_???"), Address);
    sethostname(Buffer(1), Size);
    setdomainname(Buffer(1), Size);
    time(Out(time::seconds));
    timer_create(Choice(CLOCKS, "CLOCK_???"), Address, Out(process::id_behind));
    timer_settime(Int, Bits(TIMER_FLAGS, "TIMER_???"), In(time::timer_setting), Out(time::timer_setting));
    timer_gettime(Int, Out(time::timer_setting));
    timer_getoverrun(Int);
    timer_delete(Int);
    clock_settime(Choice(CLOCKS, "CLOCK_???"), In(time::timespec));
    clock_gettime(Choice(CLOCKS, "CLOCK_???"), Out(time::timespec));
    clock_getres(Choice(CLOCKS, "CLOCK_???"), Out(time::timespec));
    adjtimex(Out(time::timex)) => Answer::Also(time::timex_answer);
    clock_adjtime(Choice(CLOCKS, "CLOCK_???"), Out(time::timex)) => Answer::Also(time::timex_answer);
    clock_nanosleep(Choice(CLOCKS, "CLOCK_???"), Bits(TIMER_FLAGS, "TIMER_???"), In(time::timespec), Late(time::remaining));
    timerfd_create(Choice(CLOCKS, "CLOCK_???"), Bits(TIMERFD, "TFD_???"));
    timerfd_settime(Descriptor, Bits(TIMERFD_SET, "TFD_???"), In(time::timer_setting), Out(time::timer_setting));
    timerfd_gettime(Descriptor, Out(time::timer_setting));
    getrandom(Out(system::random_bytes), Size, Bits(RANDOM, "GRND_???"));
};

const COMMUNICATION: &[Description] = describe! {
    pipe(Out(file::descriptor_pair));
    pipe2(Out(file::descriptor_pair), Bits(PIPE, "O_???"));
    signalfd(Descriptor, In(signal::set), Size);
    eventfd(Unsigned);
    signalfd4(Descriptor, In(signal::set), Size, Bits(SIGNALFD, "SFD_???"));
    eventfd2(Unsigned, Bits(EVENTFD, "EFD_???"));
    socket(Choice(FAMILIES, "AF_???"), Word(socket::socket_type), Word(socket::protocol));
    socketpair(Choice(FAMILIES, "AF_???"), Word(socket::socket_type), Word(socket::protocol), Out(file::descriptor_pair));
    connect(Descriptor, In(socket::address), Int);
    bind(Descriptor, In(socket::address), Int);
    listen(Descriptor, Int);
    shutdown(Descriptor, Choice(SHUTDOWN, "SHUT_???"));
    socketcall(Int, Address);
    sendto(Descriptor, Buffer(2), Size, Bits(MESSAGE_FLAGS, "MSG_???"), Address, Unsigned);
    recvfrom(Descriptor, Filled, Size, Bits(MESSAGE_FLAGS, "MSG_???"), Address, Address);
};

const PROTECTION: &[Description] = describe! {
    umask(Word(|show, mask| show.text.plain_octal(mask & 0xffff_ffff))) => Answer::Octal;
    getuid32();
    getgid32();
    geteuid32();
    getegid32();
    setuid32(Id);
    setgid32(Id);
    setreuid32(Id, Id);
    setregid32(Id, Id);
    getgroups32(Int, Out(process::ids));
    setgroups32(Size, In(process::ids));
    setresuid32(Id, Id, Id);
    getresuid32(Out(process::id_behind), Out(process::id_behind), Out(process::id_behind));
    setresgid32(Id, Id, Id);
    getresgid32(Out(process::id_behind), Out(process::id_behind), Out(process::id_behind));
    setfsuid32(Id);
    setfsgid32(Id);
    getuid();
    getgid();
    setuid(Id);
    setgid(Id);
    geteuid();
    getegid();
    setreuid(Id, Id);
    setregid(Id, Id);
    getgroups(Int, Out(process::ids));
    setgroups(Size, In(process::ids));
    setresuid(Id, Id, Id);
    getresuid(Out(process::id_behind), Out(process::id_behind), Out(process::id_behind));
    setresgid(Id, Id, Id);
    getresgid(Out(process::id_behind), Out(process::id_behind), Out(process::id_behind));
    setfsuid(Id);
    setfsgid(Id);
    capget(In(process::capability_header), Address);
    capset(In(process::capability_header), Address);
    seccomp(Choice(SECCOMP, "SECCOMP_SET_MODE_???"), Bits(SECCOMP_FLAGS, "SECCOMP_FILTER_FLAG_???"), Address);
    personality(Hex32) => Answer::Own(process::personality_answer);
};

/// A mode that makes a device.
const fn makes_device(mode: u64) -> bool {
    matches!(mode & 0o170000, 0o20000 | 0o60000)
}
/// Offsets are split over two registers.
fn is_narrow(show: &Show<'_>) -> bool {
    matches!(show.abi, abi::Abi::I386)
}
/// i386's first mmap(2) and select(2) have their arguments in memory; they are written as if they were in registers.
fn behind_pointer(show: &mut Show<'_>, address: u64, name: &str) {
    match super::of(name) {
        Some(description) if take_arguments(show, address) => {
            description.begin(show);
        }
        _ => show.text.address(address),
    }
}
fn take_arguments(show: &mut Show<'_>, address: u64) -> bool {
    let mut words = [0; 6];
    for (index, word) in words.iter_mut().enumerate() {
        match show.u32_at(address.wrapping_add(4 * index as u64)) {
            Some(value) => *word = value.into(),
            // select(2) has five.
            None if index == 5 => {}
            None => return false,
        }
    }
    show.words = words;
    true
}
/// A pointer behind a pointer.
fn pointer_behind(show: &mut Show<'_>, address: u64) {
    show.structure(address, |show| {
        let value = show.long_at(address)?;
        show.text.byte(b'[');
        show.text.hex(value);
        show.text.byte(b']');
        Some(())
    });
}
