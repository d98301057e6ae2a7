//! Process control: processes, threads, signals, scheduling, limits.
use crate::syscall::rows;

rows! {
//  x86-64  x32  i386
    /// Examine or change what a signal does.
    [  13    -    -] rt_sigaction(signal, new, old, set_size) => call crate::signal::calls::rt_sigaction, Full;
    /// Examine or change what a signal does.
    [   -  512  174] rt_sigaction(signal, new, old, set_size) => call crate::signal::calls::rt_sigaction_narrow, Full;
    /// Examine or change the signal mask.
    [  14   14  175] rt_sigprocmask(how, new, old, set_size) => call crate::signal::calls::rt_sigprocmask, Full;
    /// Return from a signal handler.
    [  15    -    -] rt_sigreturn() => frame crate::signal::frame::rt_sigreturn, Full;
    /// Return from a signal handler.
    [   -  513    -] rt_sigreturn() => frame crate::signal::frame::rt_sigreturn_x32, Full;
    /// Return from a signal handler.
    [   -    -  173] rt_sigreturn() => frame crate::signal::frame::i386::rt_sigreturn, Full;
    /// Let other tasks run.
    [  24   24  158] sched_yield() => call crate::process::schedule::calls::sched_yield, Full;
    /// Wait for a signal.
    [  34   34   29] pause() => call crate::signal::wait::pause, Full;
    /// Send SIGALRM after some seconds.
    [  37   37   27] alarm(seconds) => call crate::time::interval::alarm, Full;
    /// Process id.
    [  39   39   20] getpid() => call crate::process::ids::getpid, Full;
    /// Make a task that shares chosen objects with the caller.
    [  56   56    -] clone(flags, stack, parent_tid, child_tid, tls) => frame crate::process::clone::clone, Full;
    /// Make a task that shares chosen objects with the caller.
    [   -    -  120] clone(flags, stack, parent_tid, tls, child_tid) => frame crate::process::clone::clone_backwards, Full;
    /// Make a copy of the process.
    [  57   57    2] fork() => frame crate::process::clone::fork, Full;
    /// Make a child that borrows the memory until it executes or ends.
    [  58   58  190] vfork() => frame crate::process::clone::vfork, Full;
    /// Executes a program.
    [  59  520   11] execve(path, arguments, environment) => frame crate::process::exec::execve, Full;
    /// End the thread.
    [  60   60    1] exit(code) => call crate::process::exit::exit, Full;
    /// Wait for a child.
    [  61   61  114] wait4(pid, status, options, usage) => call crate::process::wait_child::wait4, Full;
    /// Send a signal to processes.
    [  62   62   37] kill(pid, signal) => call crate::signal::kill::kill, Full;
    /// Resource limits.
    [  97   97    -] getrlimit(resource, limit) => call crate::process::limits::getrlimit, Full;
    /// Resource limits, as signed numbers.
    [   -    -   76] getrlimit(resource, limit) => call crate::process::limits::old_getrlimit, Full;
    /// Resources used.
    [  98   98   77] getrusage(who, usage) => call crate::process::usage::getrusage, Full;
    /// Processor times in clock ticks.
    [ 100  100   43] times(buffer) => call crate::process::usage::times, Full;
    /// Trace a process: stop it, look into it, change it.
    [ 101  521   26] ptrace(request, pid, address, data) => call crate::ptrace::ptrace, Full;
    /// Set a process group.
    [ 109  109   57] setpgid(pid, group) => call crate::process::session::setpgid, Full;
    /// Parent's process id.
    [ 110  110   64] getppid() => call crate::process::ids::getppid, Full;
    /// The caller's process group.
    [ 111  111   65] getpgrp() => call crate::process::session::getpgrp, Full;
    /// Begin a session.
    [ 112  112   66] setsid() => call crate::process::session::setsid, Full;
    /// A process's process group.
    [ 121  121  132] getpgid(pid) => call crate::process::session::getpgid, Full;
    /// A process's session.
    [ 124  124  147] getsid(pid) => call crate::process::session::getsid, Full;
    /// Pending signals that are blocked.
    [ 127  522  176] rt_sigpending(set, set_size) => call crate::signal::calls::rt_sigpending, Full;
    /// Wait for a signal of a set.
    [ 128  523    -] rt_sigtimedwait(set, info, timeout, set_size) => call crate::signal::wait::rt_sigtimedwait::<crate::time::Timespec>, Full;
    /// Wait for a signal of a set.
    [   -    -  177] rt_sigtimedwait(set, info, timeout, set_size) => call crate::signal::wait::rt_sigtimedwait::<crate::time::Timespec32>, Full;
    /// Send a signal with information to a process.
    [ 129  524  178] rt_sigqueueinfo(pid, signal, info) => call crate::signal::kill::rt_sigqueueinfo, Full;
    /// Wait for a signal with another mask.
    [ 130  130  179] rt_sigsuspend(mask, set_size) => call crate::signal::wait::rt_sigsuspend, Full;
    /// The alternate signal stack.
    [ 131  525  186] sigaltstack(new, old) => frame crate::signal::calls::sigaltstack, Full;
    [ 134    -   86] uselib() => missing;
    /// Best nice value of the tasks named.
    [ 140  140   96] getpriority(which, who) => call crate::process::priority::getpriority, Full;
    /// Set nice values.
    [ 141  141   97] setpriority(which, who, nice) => call crate::process::priority::setpriority, Full;
    /// Set the scheduling parameters.
    [ 142  142  154] sched_setparam(pid, parameter) => call crate::process::schedule::calls::sched_setparam, Full;
    /// Scheduling parameters.
    [ 143  143  155] sched_getparam(pid, parameter) => call crate::process::schedule::calls::sched_getparam, Full;
    /// Set the scheduling policy.
    [ 144  144  156] sched_setscheduler(pid, policy, parameter) => call crate::process::schedule::calls::sched_setscheduler, Full;
    /// Scheduling policy.
    [ 145  145  157] sched_getscheduler(pid) => call crate::process::schedule::calls::sched_getscheduler, Full;
    /// Highest priority of a policy.
    [ 146  146  159] sched_get_priority_max(policy) => call crate::process::schedule::calls::sched_get_priority_max, Full;
    /// Lowest priority of a policy.
    [ 147  147  160] sched_get_priority_min(policy) => call crate::process::schedule::calls::sched_get_priority_min, Full;
    /// Length of a time slice.
    [ 148  148    -] sched_rr_get_interval(pid, interval) => call crate::process::schedule::calls::sched_rr_get_interval::<crate::time::Timespec>, Full;
    /// Length of a time slice.
    [   -    -  161] sched_rr_get_interval(pid, interval) => call crate::process::schedule::calls::sched_rr_get_interval::<crate::time::Timespec32>, Full;
    /// Read and write the local descriptor table.
    [ 154  154  123] modify_ldt(function, pointer, bytes) => call crate::process::segments::modify_ldt, Full;
    /// Operations on a process or thread.
    [ 157  157  172] prctl(option, second, third, fourth, fifth) => call crate::process::prctl::prctl, Full;
    /// Segment bases.
    [ 158  158    -] arch_prctl(code, address) => call crate::process::prctl::arch_prctl, Full;
    /// Set resource limits.
    [ 160  160    -] setrlimit(resource, limit) => call crate::process::limits::setrlimit, Full;
    /// Set resource limits.
    [   -    -   75] setrlimit(resource, limit) => call crate::process::limits::setrlimit_narrow, Full;
    /// Keep a record of every process that ends.
    [ 163  163   51] acct(name) => call crate::process::accounting::acct, Full;
    [ 174    -  127] create_module() => missing;
    /// Load a module from memory.
    [ 175  175  128] init_module(image, length, parameters) => call crate::module::calls::init_module, Full;
    /// Unload a module.
    [ 176  176  129] delete_module(name, flags) => call crate::module::calls::delete_module, Full;
    [ 177    -  130] get_kernel_syms() => missing;
    [ 178    -  167] query_module() => missing;
    /// Thread id.
    [ 186  186  224] gettid() => call crate::process::ids::gettid, Full;
    /// Send a signal to a thread.
    [ 200  200  238] tkill(thread, signal) => call crate::signal::kill::tkill, Full;
    /// Wait on and wake by a word of user memory.
    [ 202  202    -] futex(uaddr, futex_op, val, timeout, uaddr2, val3) => call crate::ipc::futex::futex::<crate::time::Timespec>, Full;
    /// Wait on and wake by a word of user memory.
    [   -    -  240] futex(uaddr, futex_op, val, timeout, uaddr2, val3) => call crate::ipc::futex::futex::<crate::time::Timespec32>, Full;
    /// Set the CPUs a thread may run on.
    [ 203  203  241] sched_setaffinity(pid, length, mask) => call crate::process::schedule::calls::sched_setaffinity, Full;
    /// CPUs a thread may run on.
    [ 204  204  242] sched_getaffinity(pid, length, mask) => call crate::process::schedule::calls::sched_getaffinity, Full;
    [ 205    -    -] set_thread_area() => missing;
    [ 211    -    -] get_thread_area() => missing;
    /// Set a thread-local segment.
    [   -    -  243] set_thread_area(descriptor) => call crate::process::segments::set_thread_area, Full;
    /// A thread-local segment.
    [   -    -  244] get_thread_area(descriptor) => call crate::process::segments::get_thread_area, Full;
    /// Set the word that is cleared as the thread ends.
    [ 218  218  258] set_tid_address(address) => call crate::process::ids::set_tid_address, Full;
    /// Resume an interrupted call with what is left of its time.
    [ 219  219    0] restart_syscall() => call crate::process::restart::restart_syscall, Full;
    /// End the process.
    [ 231  231  252] exit_group(code) => call crate::process::exit::exit_group, Full;
    /// Send a signal to a thread of a process.
    [ 234  234  270] tgkill(group, thread, signal) => call crate::signal::kill::tgkill, Full;
    /// Wait for a child.
    [ 247  529  284] waitid(kind, id, info, options, usage) => call crate::process::wait_child::waitid, Full;
    /// Set the priority of input and output.
    [ 251  251  289] ioprio_set(which, who, priority) => call crate::process::io_priority::ioprio_set, Full;
    /// Priority of input and output.
    [ 252  252  290] ioprio_get(which, who) => call crate::process::io_priority::ioprio_get, Full;
    /// Stop sharing objects with other tasks.
    [ 272  272  310] unshare(flags) => call crate::process::namespace_calls::unshare, Full;
    /// Set the list of robust futexes.
    [ 273  530  311] set_robust_list(head, length) => call crate::process::ids::set_robust_list, Full;
    /// List of robust futexes.
    [ 274  531  312] get_robust_list(pid, head, length) => call crate::process::ids::get_robust_list, Full;
    /// Send a signal with information to a thread.
    [ 297  536  335] rt_tgsigqueueinfo(group, thread, signal, info) => call crate::signal::kill::rt_tgsigqueueinfo, Full;
    /// Examine and set resource limits of a process.
    [ 302  302  340] prlimit64(pid, resource, new, old) => call crate::process::limits::prlimit64, Full;
    /// Enter a namespace.
    [ 308  308  346] setns(fd, kind) => call crate::process::namespace::enter::setns, Full;
    /// The CPU this runs on.
    [ 309  309  318] getcpu(cpu, node, cache) => call crate::process::schedule::calls::getcpu, Full;
    /// Copies from another process's memory.
    [ 310  539  347] process_vm_readv(pid, local, local_count, remote, remote_count, flags) => call crate::memory::calls::process_vm_readv, Full;
    /// Copies to another process's memory.
    [ 311  540  348] process_vm_writev(pid, local, local_count, remote, remote_count, flags) => call crate::memory::calls::process_vm_writev, Full;
    /// Compare objects of two tasks.
    [ 312  312  349] kcmp(one, other, kind, first, second) => call crate::process::compare::kcmp, Full;
    /// Load a module from a file.
    [ 313  313  350] finit_module(fd, parameters, flags) => call crate::module::calls::finit_module, Full;
    /// Set scheduling policy and attributes.
    [ 314  314  351] sched_setattr(pid, attributes, flags) => call crate::process::schedule::attributes::sched_setattr, Full;
    /// Scheduling policy and attributes.
    [ 315  315  352] sched_getattr(pid, attributes, size, flags) => call crate::process::schedule::attributes::sched_getattr, Full;
    /// Executes a program named relative to a directory, or behind a descriptor.
    [ 322  545  358] execveat(directory, path, arguments, environment, flags) => frame crate::process::exec::execveat, Full;
    /// Memory barrier on the processors of other threads.
    [ 324  324  375] membarrier(command, flags, cpu) => call crate::process::membarrier::membarrier, Full;
    /// Register the area of restartable sequences.
    [ 334  334  386] rseq(area, length, flags, signature) => call crate::process::rseq::rseq, Full;
    /// Send a signal to the process a descriptor names.
    [ 424  424  424] pidfd_send_signal(pidfd, signal, info, flags) => call crate::process::pidfd::pidfd_send_signal, Full;
    /// Open a descriptor that names a process.
    [ 434  434  434] pidfd_open(pid, flags) => call crate::process::pidfd::pidfd_open, Full;
    /// Make a task that shares chosen objects with the caller.
    [ 435  435    -] clone3(arguments, size) => frame crate::process::clone::clone3::<crate::process::segments::FsBase>, Full;
    /// Make a task that shares chosen objects with the caller.
    [   -    -  435] clone3(arguments, size) => frame crate::process::clone::clone3::<crate::process::segments::LocalSegment>, Full;
    /// Duplicate another process's descriptor.
    [ 438  438  438] pidfd_getfd(pidfd, target, flags) => call crate::process::pidfd::pidfd_getfd, Full;
    /// Tell the kernel how another process will use its memory.
    [ 440  440  440] process_madvise(pidfd, vector, count, advice, flags) => call crate::memory::calls::remote::process_madvise, Full;
    /// Free the memory of a process that is dying.
    [ 448  448  448] process_mrelease(pidfd, flags) => call crate::memory::calls::remote::process_mrelease, Full;
    /// Wait on several words of user memory.
    [ 449  449  449] futex_waitv(waiters, nr_futexes, flags, timeout, clockid) => call crate::ipc::futex::futex_waitv, Full;
    /// Wait for a child.
    [   -    -    7] waitpid(pid, status, options) => call crate::process::wait_child::waitpid, Full;
    [   -    -   17] break() => missing;
    /// Change the nice value.
    [   -    -   34] nice(increment) => call crate::process::priority::nice, Full;
    [   -    -   44] prof() => missing;
    /// Set a handler that runs once.
    [   -    -   48] signal(signal, handler) => call crate::signal::old::signal, Full;
    /// Examine or change what a signal does.
    [   -    -   67] sigaction(signal, new, old) => call crate::signal::old::sigaction, Full;
    /// The signal mask.
    [   -    -   68] sgetmask() => call crate::signal::old::sgetmask, Full;
    /// Set the signal mask.
    [   -    -   69] ssetmask(mask) => call crate::signal::old::ssetmask, Full;
    /// Wait for a signal with another mask.
    [   -    -   72] sigsuspend(history, signals, mask) => call crate::signal::old::sigsuspend, Full;
    /// Pending signals that are blocked.
    [   -    -   73] sigpending(set) => call crate::signal::old::sigpending, Full;
    [   -    -   98] profil() => missing;
    [   -    -  112] idle() => missing;
    [   -    -  113] vm86old() => missing;
    /// Return from a signal handler set without SA_SIGINFO.
    [   -    -  119] sigreturn() => frame crate::signal::frame::i386::sigreturn, Full;
    /// Examine or change the signal mask.
    [   -    -  126] sigprocmask(how, new, old) => call crate::signal::old::sigprocmask, Full;
    [   -    -  166] vm86() => missing;
    /// Settings of the processor.
    [   -    -  384] arch_prctl(code, address) => call crate::process::prctl::arch_prctl_narrow, Full;
    /// Resource limits.
    [   -    -  191] ugetrlimit(resource, limit) => call crate::process::limits::ugetrlimit, Full;
    /// Wait for a signal of a set.
    [   -    -  421] rt_sigtimedwait_time64(set, info, timeout, set_size) => call crate::signal::wait::rt_sigtimedwait::<crate::time::Timespec>, Full;
    /// Wait on and wake by a word of user memory.
    [   -    -  422] futex_time64(uaddr, futex_op, val, timeout, uaddr2, val3) => call crate::ipc::futex::futex::<crate::time::Timespec>, Full;
    /// Length of a time slice.
    [   -    -  423] sched_rr_get_interval_time64(pid, interval) => call crate::process::schedule::calls::sched_rr_get_interval::<crate::time::Timespec>, Full;
}
