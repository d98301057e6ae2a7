//! How calls about processes, signals and scheduling are written.
use super::super::names::*;
use super::super::{Answer, Description, Notation::*, early, file, process, signal, time};
use crate::trace::show::Show;

pub const CALLS: &[Description] = describe! {
    rt_sigaction(Signal, In("struct sigaction", signal::action), Out("struct sigaction", signal::action), Size);
    rt_sigprocmask(Choice(SIGNAL_HOW, "SIG_???"), In("sigset_t", signal::set), Out("sigset_t", signal::set), Size);
    rt_sigreturn() => Answer::Decimal;
    sched_yield();
    pause();
    alarm(Unsigned);
    getpid();
    ptrace(Choice(PTRACE, "PTRACE_???"), Int, Address, Address);
    modify_ldt(Int, Pointer("inout void"), Size);
    init_module(Pointer("const void"), Size, Text);
    finit_module(Descriptor, Text, Bits(MODULE, "MODULE_INIT_???"));
    delete_module(Text, Bits(OPEN, "O_???"));
    clone(
        Register(1, &Named("child_stack", &Address)),
        Register(0, &Named("flags", &Word(process::clone_flags))),
        Register(2, &If(process::has_parent_tid, &Named("parent_tid", &Out("int", process::id_behind)))),
        Swapped([4, 3], &If(process::has_tls, &Named("tls", &Late("", process::thread_local)))),
        Swapped([3, 4], &If(process::has_child_tid, &Named("child_tidptr", &Late("int *", process::address)))),
    );
    fork();
    vfork();
    acct(Path);
    execve(Path, In("char *const", process::arguments), In("char *const", process::environment));
    exit(Int);
    wait4(Int, Late("int *", process::status), Bits(WAIT, "W???"), Out("struct rusage", process::child_usage));
    kill(Int, Signal);
    getrlimit(Choice(LIMITS, "RLIMIT_???"), Out("struct rlimit", process::limit));
    ugetrlimit(Choice(LIMITS, "RLIMIT_???"), Out("struct rlimit", process::limit));
    setrlimit(Choice(LIMITS, "RLIMIT_???"), In("struct rlimit", process::limit));
    getrusage(Choice(USAGE, "RUSAGE_???"), Out("struct rusage", process::usage));
    times(Out("struct tms", time::processor_times));
    setpgid(Int, Int);
    getppid();
    getpgrp();
    setsid();
    getpgid(Int);
    getsid(Int);
    rt_sigpending(Out("sigset_t", signal::set), Size);
    rt_sigtimedwait(In("sigset_t", signal::set), Out("siginfo_t", signal::information), In("struct timespec", time::timespec), Size);
    rt_sigqueueinfo(Int, Signal, In("siginfo_t", signal::information));
    rt_sigsuspend(In("sigset_t", signal::set), Size);
    signal(Signal, Word(signal::handler)) => Answer::Own(signal::handler_answer);
    sigaction(Signal, In("struct old_sigaction", signal::old_action), Out("struct old_sigaction", signal::old_action));
    sigprocmask(Choice(SIGNAL_HOW, "SIG_???"), In("old_sigset_t", signal::old_set), Out("old_sigset_t", signal::old_set));
    sigpending(Out("old_sigset_t", signal::old_set));
    sigsuspend(If(|_| false, &Int), If(|_| false, &Int), Word(signal::mask));
    sgetmask() => Answer::Own(signal::mask_answer);
    ssetmask(Word(signal::mask)) => Answer::Own(signal::mask_answer);
    sigreturn() => Answer::Decimal;
    set_thread_area(In("inout struct user_desc", process::segment)) => Answer::Also(process::segment_answer);
    get_thread_area(Out("inout struct user_desc", process::segment));
    sigaltstack(In("stack_t", signal::stack), Out("stack_t", signal::stack));
    getpriority(Choice(PRIORITY, "PRIO_???"), Int);
    setpriority(Choice(PRIORITY, "PRIO_???"), Int, Int);
    sched_setparam(Int, In("struct sched_param", process::parameter));
    sched_getparam(Int, Out("struct sched_param", process::parameter));
    sched_setscheduler(Int, Word(process::policy), In("struct sched_param", process::parameter));
    sched_getscheduler(Int) => Answer::Own(process::policy_answer);
    sched_get_priority_max(Word(process::policy));
    sched_get_priority_min(Word(process::policy));
    sched_rr_get_interval(Int, Out("struct timespec", time::timespec));
    prctl(
        Choice(PRCTL, "PR_???"),
        If(process::prctl_has::<1>, &Late("", process::prctl_argument)),
        If(process::prctl_has::<2>, &Hex),
        If(process::prctl_has::<3>, &Hex),
        If(process::prctl_has::<4>, &Hex),
    );
    arch_prctl(Choice(ARCH_PRCTL, "ARCH_???"), Late("", process::arch_prctl_argument));
    gettid();
    tkill(Int, Signal);
    futex(
        Pointer("inout u32"),
        Word(process::futex_operation),
        If(process::futex_has_value, &Unsigned),
        If(
            |show| process::futex_has_time(show) || process::futex_has_second_value(show),
            &Word(|show, word| match process::futex_has_time(show) {
                true => time::timespec(show, word),
                false => show.text.unsigned(word & 0xffff_ffff),
            }),
        ),
        If(process::futex_has_second_address, &Pointer("inout u32")),
        If(process::futex_has_third_value, &Word(process::futex_third_value)),
    );
    sched_setaffinity(Int, Size, In("unsigned long", process::cpus));
    sched_getaffinity(Int, Size, Out("unsigned long", process::cpus));
    set_tid_address(Pointer("int"));
    restart_syscall() => Answer::Decimal;
    exit_group(Int);
    tgkill(Int, Int, Signal);
    waitid(Choice(WAITID, "P_???"), Int, Out("siginfo_t", signal::information), Bits(WAIT, "W???"), Out("struct rusage", process::usage));
    unshare(Bits(CLONE, "CLONE_???"));
    set_robust_list(Pointer("const struct robust_list_head"), Size);
    get_robust_list(Int, Late("struct robust_list_head **", pointer_behind), Late("size_t *", pointer_behind));
    rt_tgsigqueueinfo(Int, Int, Signal, In("siginfo_t", signal::information));
    prlimit64(Int, Choice(LIMITS, "RLIMIT_???"), In("struct rlimit64", process::limit_64), Out("struct rlimit64", process::limit_64));
    setns(Descriptor, Bits(CLONE, "CLONE_???"));
    getcpu(Out("unsigned int", process::id_behind), Out("unsigned int", process::id_behind), Address);
    process_vm_readv(Int, Pointer("const struct iovec"), Size, Pointer("const struct iovec"), Size, Hex);
    process_vm_writev(Int, Pointer("const struct iovec"), Size, Pointer("const struct iovec"), Size, Hex);
    sched_setattr(Int, Pointer("inout struct sched_attr"), Hex32);
    sched_getattr(Int, Pointer("struct sched_attr"), Unsigned, Hex32);
    execveat(Directory, Path, In("char *const", process::arguments), In("char *const", process::environment), Bits(AT_FLAGS, "AT_???"));
    rseq(Pointer("inout struct rseq"), Hex32, Bits(RSEQ, "RSEQ_FLAG_???"), Hex32);
    pidfd_send_signal(Descriptor, Signal, In("siginfo_t", signal::information), Hex32);
    pidfd_open(Int, Bits(PIDFD, "PIDFD_???"));
    clone3(Late("const struct clone_args *", process::clone_arguments), Size);
    pidfd_getfd(Descriptor, Descriptor, Hex32);
    ioprio_set(Choice(IO_PRIORITY_WHO, "IOPRIO_WHO_???"), Int, Word(process::io_priority));
    ioprio_get(Choice(IO_PRIORITY_WHO, "IOPRIO_WHO_???"), Int) => Answer::Also(process::io_priority_answer);
    kcmp(
        Int,
        Int,
        Choice(KCMP, "KCMP_???"),
        If(process::kcmp_has_first, &Int),
        If(process::kcmp_has_second, &Late("", process::kcmp_second)),
    );
    membarrier(
        Bits(MEMBARRIER, "MEMBARRIER_CMD_???"),
        Bits(MEMBARRIER_FLAGS, "MEMBARRIER_CMD_FLAG_???"),
        If(process::membarrier_has_cpu, &Int),
    ) => Answer::Also(process::membarrier_answer);
    process_madvise(Descriptor, In("struct iovec", file::vector_addresses), Size, Choice(MADVICE, "MADV_???"), Hex32);
    process_mrelease(Descriptor, Hex32);
    futex_waitv(Pointer("const struct futex_waitv"), Unsigned, Hex32, In("struct timespec", time::timespec), Choice(CLOCKS, "CLOCK_???"));
    waitpid(Int, Late("int *", process::status), Bits(WAIT, "W???"));
    nice(Int);
};

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
