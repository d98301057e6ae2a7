//! How each call is written, by family.
use super::names::*;
use super::{Answer, Description, Notation::*, early};
use super::{file as files, ipc, memory, poll, process as processes, signal, socket, system, time};
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

mod file;
mod process;

/// All descriptions, by family.
pub const DESCRIPTIONS: [&[Description]; 7] =
    [process::CALLS, file::CALLS, MEMORY, DEVICE, INFORMATION, COMMUNICATION, PROTECTION];

const MEMORY: &[Description] = describe! {
    mmap(Address, Size, Bits(PROTECT, "PROT_???"), Word(memory::map_flags), Descriptor, Hex) => Answer::Hex;
    mmap2(Address, Size, Bits(PROTECT, "PROT_???"), Word(memory::map_flags), Descriptor, Hex) => Answer::Hex;
    mmap(In("struct mmap_arg_struct", |show, address| behind_pointer(show, address, "mmap"))) => Answer::Hex;
    mprotect(Address, Size, Bits(PROTECT, "PROT_???"));
    pkey_mprotect(Address, Size, Bits(PROTECT, "PROT_???"), Int);
    pkey_alloc(Hex, Bits(KEY_RIGHTS, "PKEY_???"));
    pkey_free(Int);
    munmap(Address, Size);
    brk(Address) => Answer::Hex;
    mremap(Address, Size, Size, Bits(MREMAP, "MREMAP_???"), If(memory::has_new_address, &Address)) => Answer::Hex;
    msync(Address, Size, Bits(MSYNC, "MS_???"));
    mincore(Address, Size, Out("unsigned char", memory::residence));
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
    iopl(Int);
    ioperm(Hex, Hex, Int);
    poll(In("inout struct pollfd", poll::poll_set), Unsigned, Int) => Answer::Also(poll::poll_answer);
    ioctl(
        Descriptor,
        Word(system::ioctl_command),
        If(system::ioctl_has_argument, &Late("", system::ioctl_argument)),
    );
    select(
        Int,
        In("inout fd_set", poll::descriptor_set),
        In("inout fd_set", poll::descriptor_set),
        In("inout fd_set", poll::descriptor_set),
        In("inout struct timeval", time::timeval),
    ) => Answer::Also(poll::select_answer);
    select(In("struct sel_arg_struct", |show, address| behind_pointer(show, address, "select"))) => Answer::Also(|show| {
        if take_arguments(show, show.word(0)) {
            poll::select_answer(show);
        }
    });
    _newselect(
        Int,
        In("inout fd_set", poll::descriptor_set),
        In("inout fd_set", poll::descriptor_set),
        In("inout fd_set", poll::descriptor_set),
        In("inout struct timeval", time::timeval),
    ) => Answer::Also(poll::select_answer);
    umount(Path);
    vhangup();
    pivot_root(Path, Path);
    mount(Path, Path, Text, Bits(MOUNT, "MS_???"), Text);
    umount2(Path, Bits(UMOUNT, "MNT_???"));
    epoll_create(Int);
    epoll_wait(Descriptor, Out("struct epoll_event", poll::events), Int, Int);
    epoll_ctl(Descriptor, Choice(EPOLL_CTL, "EPOLL_CTL_???"), Descriptor, In("struct epoll_event", poll::event));
    pselect6(
        Int,
        In("inout fd_set", poll::descriptor_set),
        In("inout fd_set", poll::descriptor_set),
        In("inout fd_set", poll::descriptor_set),
        In("inout struct timespec", time::timespec),
        In("struct sigset_argpack", poll::pselect_mask),
    ) => Answer::Also(poll::pselect_answer);
    ppoll(In("inout struct pollfd", poll::poll_set), Unsigned, In("inout struct timespec", time::timespec), In("sigset_t", signal::set), Size) => Answer::Also(poll::poll_answer);
    epoll_pwait(Descriptor, Out("struct epoll_event", poll::events), Int, Int, In("sigset_t", signal::set), Size);
    inotify_init();
    inotify_add_watch(Descriptor, Path, Bits(INOTIFY_EVENTS, "IN_???"));
    inotify_rm_watch(Descriptor, Int);
    inotify_init1(Bits(INOTIFY, "IN_???"));
    epoll_create1(Bits(EPOLL_CREATE, "EPOLL_???"));
    epoll_pwait2(Descriptor, Out("struct epoll_event", poll::events), Int, In("struct timespec", time::timespec), In("sigset_t", signal::set), Size);
};

const INFORMATION: &[Description] = describe! {
    nanosleep(In("struct timespec", time::timespec), Late("struct timespec *", time::remaining));
    getitimer(Choice(INTERVAL, "ITIMER_???"), Out("struct itimerval", time::interval));
    setitimer(Choice(INTERVAL, "ITIMER_???"), In("struct itimerval", time::interval), Out("struct itimerval", time::interval));
    oldolduname(Pointer("struct oldold_utsname"));
    olduname(Pointer("struct old_utsname"));
    stime(In("time_t", time::seconds));
    uname(Out("struct new_utsname", system::system_name));
    gettimeofday(Out("struct timeval", time::timeval), Pointer("struct timezone"));
    sysinfo(Out("struct sysinfo", system::information));
    syslog(Choice(SYSLOG, "SYSLOG_ACTION_???"), Pointer("char"), Int);
    settimeofday(In("struct timeval", time::timeval), Pointer("const struct timezone"));
    reboot(Choice(REBOOT_MAGIC, "LINUX_REBOOT_MAGIC_???"), Choice(REBOOT_MAGIC_2, "LINUX_REBOOT_MAGIC_???"), Choice(REBOOT, "LINUX_REBOOT_CMD_???"), Pointer("const char"));
    sethostname(Buffer(1), Size);
    setdomainname(Buffer(1), Size);
    time(Out("time_t", time::seconds));
    timer_create(Choice(CLOCKS, "CLOCK_???"), Pointer("const struct sigevent"), Out("timer_t", processes::id_behind));
    timer_settime(Int, Bits(TIMER_FLAGS, "TIMER_???"), In("struct itimerspec", time::timer_setting), Out("struct itimerspec", time::timer_setting));
    timer_gettime(Int, Out("struct itimerspec", time::timer_setting));
    timer_getoverrun(Int);
    timer_delete(Int);
    clock_settime(Choice(CLOCKS, "CLOCK_???"), In("struct timespec", time::timespec));
    clock_gettime(Choice(CLOCKS, "CLOCK_???"), Out("struct timespec", time::timespec));
    clock_getres(Choice(CLOCKS, "CLOCK_???"), Out("struct timespec", time::timespec));
    adjtimex(Out("inout struct timex", time::timex)) => Answer::Also(time::timex_answer);
    clock_adjtime(Choice(CLOCKS, "CLOCK_???"), Out("inout struct timex", time::timex)) => Answer::Also(time::timex_answer);
    clock_nanosleep(Choice(CLOCKS, "CLOCK_???"), Bits(TIMER_FLAGS, "TIMER_???"), In("struct timespec", time::timespec), Late("struct timespec *", time::remaining));
    timerfd_create(Choice(CLOCKS, "CLOCK_???"), Bits(TIMERFD, "TFD_???"));
    timerfd_settime(Descriptor, Bits(TIMERFD_SET, "TFD_???"), In("struct itimerspec", time::timer_setting), Out("struct itimerspec", time::timer_setting));
    timerfd_gettime(Descriptor, Out("struct itimerspec", time::timer_setting));
    ustat(Hex32, Pointer("struct ustat"));
    sysfs(Int, Hex, Hex);
    perf_event_open(Pointer("inout struct perf_event_attr"), Int, Int, Descriptor, Bits(PERFORMANCE_EVENT, "PERF_FLAG_???"));
    getrandom(Out("void", system::random_bytes), Size, Bits(RANDOM, "GRND_???"));
};

const COMMUNICATION: &[Description] = describe! {
    pipe(Out("int", files::descriptor_pair));
    pipe2(Out("int", files::descriptor_pair), Bits(PIPE, "O_???"));
    signalfd(Descriptor, In("sigset_t", signal::set), Size);
    eventfd(Unsigned);
    signalfd4(Descriptor, In("sigset_t", signal::set), Size, Bits(SIGNALFD, "SFD_???"));
    eventfd2(Unsigned, Bits(EVENTFD, "EFD_???"));
    socket(Choice(FAMILIES, "AF_???"), Word(socket::socket_type), Word(socket::protocol));
    socketpair(Choice(FAMILIES, "AF_???"), Word(socket::socket_type), Word(socket::protocol), Out("int", files::descriptor_pair));
    connect(Descriptor, In("struct sockaddr", socket::address), Int);
    bind(Descriptor, In("struct sockaddr", socket::address), Int);
    listen(Descriptor, Int);
    shutdown(Descriptor, Choice(SHUTDOWN, "SHUT_???"));
    socketcall(Int, Pointer("const unsigned long"));
    shmget(Word(ipc::key), Size, Word(ipc::segment_flags));
    shmat(Int, Address, Bits(ATTACH_FLAGS, "SHM_???")) => Answer::Hex;
    shmctl(Int, Word(ipc::segment_command), Late("inout struct shmid64_ds *", ipc::segment));
    shmdt(Address);
    semget(Word(ipc::key), Int, Word(ipc::resource_flags));
    semop(Int, In("struct sembuf", ipc::operations), Unsigned);
    semctl(Int, Int, Word(ipc::semaphore_command), Late("", ipc::semaphores));
    semtimedop(Int, In("struct sembuf", ipc::operations), Unsigned, In("struct timespec", time::timespec));
    msgget(Word(ipc::key), Word(ipc::resource_flags));
    msgsnd(Int, In("struct msgbuf", ipc::sent_message), Size, Bits(QUEUE_FLAGS, "MSG_???"));
    msgrcv(Int, Out("struct msgbuf", ipc::received_message), Size, Long, Bits(QUEUE_FLAGS, "MSG_???"));
    msgctl(Int, Word(ipc::queue_command), Late("inout struct msqid64_ds *", ipc::queue));
    ipc(Unsigned, Int, Int, Int, Pointer("inout void"), Int);
    sendto(Descriptor, Buffer(2), Size, Bits(MESSAGE_FLAGS, "MSG_???"), If(|show| !show.is_short, &In("struct sockaddr", socket::target)), If(|show| !show.is_short, &Unsigned));
    recvfrom(
        Descriptor,
        Filled,
        Size,
        Bits(MESSAGE_FLAGS, "MSG_???"),
        If(|show| !show.is_short, &Out("struct sockaddr", socket::source)),
        If(|show| !show.is_short, &Late("inout int *", socket::length_behind)),
    );
    accept(Descriptor, Out("struct sockaddr", socket::answered), Late("inout int *", socket::length_behind));
    accept4(
        Descriptor,
        Out("struct sockaddr", socket::answered),
        Late("inout int *", socket::length_behind),
        Bits(SOCKET_FLAGS, "SOCK_???"),
    );
    getsockname(Descriptor, Out("struct sockaddr", socket::answered), Late("inout int *", socket::length_behind));
    getpeername(Descriptor, Out("struct sockaddr", socket::answered), Late("inout int *", socket::length_behind));
    sendmsg(Descriptor, In("struct msghdr", socket::message), Bits(MESSAGE_FLAGS, "MSG_???"));
    recvmsg(Descriptor, Out("inout struct msghdr", socket::filled_message), Bits(MESSAGE_FLAGS, "MSG_???"));
    sendmmsg(Descriptor, Out("inout struct mmsghdr", socket::messages), Unsigned, Bits(MESSAGE_FLAGS, "MSG_???"));
    recvmmsg(
        Descriptor,
        Out("inout struct mmsghdr", socket::filled_messages),
        Unsigned,
        Bits(MESSAGE_FLAGS, "MSG_???"),
        In("inout struct timespec", time::timespec),
    );
    setsockopt(
        Descriptor,
        Choice(SOCKET_LEVELS, "SOL_???"),
        Word(socket::option_name),
        In("const void", socket::option_value),
        Int,
    );
    getsockopt(
        Descriptor,
        Choice(SOCKET_LEVELS, "SOL_???"),
        Word(socket::option_name),
        Out("void", socket::option_answer),
        Late("inout int *", socket::length_behind),
    );
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
    getgroups32(Int, Out("gid_t", processes::ids));
    setgroups32(Size, In("gid_t", processes::ids));
    setresuid32(Id, Id, Id);
    getresuid32(Out("uid_t", processes::id_behind), Out("uid_t", processes::id_behind), Out("uid_t", processes::id_behind));
    setresgid32(Id, Id, Id);
    getresgid32(Out("gid_t", processes::id_behind), Out("gid_t", processes::id_behind), Out("gid_t", processes::id_behind));
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
    getgroups(Int, Out("gid_t", processes::ids));
    setgroups(Size, In("gid_t", processes::ids));
    setresuid(Id, Id, Id);
    getresuid(Out("uid_t", processes::id_behind), Out("uid_t", processes::id_behind), Out("uid_t", processes::id_behind));
    setresgid(Id, Id, Id);
    getresgid(Out("gid_t", processes::id_behind), Out("gid_t", processes::id_behind), Out("gid_t", processes::id_behind));
    setfsuid(Id);
    setfsgid(Id);
    capget(In("inout struct __user_cap_header_struct", processes::capability_header), Pointer("struct __user_cap_data_struct"));
    capset(In("inout struct __user_cap_header_struct", processes::capability_header), Pointer("const struct __user_cap_data_struct"));
    seccomp(Choice(SECCOMP, "SECCOMP_SET_MODE_???"), Bits(SECCOMP_FLAGS, "SECCOMP_FILTER_FLAG_???"), Pointer("inout void"));
    bpf(Choice(BPF_COMMANDS, "BPF_???"), Pointer("inout union bpf_attr"), Unsigned);
    personality(Hex32) => Answer::Own(processes::personality_answer);
};

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
