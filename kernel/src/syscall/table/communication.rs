//! Communication: sockets, pipes, message passing, shared memory.
use crate::syscall::rows;

rows! {
//  x86-64  x32  i386
    /// Makes a pipe.
    [  22   22   42] pipe(descriptors) => call crate::ipc::pipe::pipe, Full;
    [  29   29  395] shmget() => missing;
    [  30   30  397] shmat() => missing;
    [  31   31  396] shmctl() => missing;
    [  41   41  359] socket() => missing;
    [  42   42  362] connect() => missing;
    [  43   43    -] accept() => missing;
    [  44   44  369] sendto() => missing;
    [  45  517  371] recvfrom() => missing;
    [  46  518  370] sendmsg() => missing;
    [  47  519  372] recvmsg() => missing;
    [  48   48  373] shutdown() => missing;
    [  49   49  361] bind() => missing;
    [  50   50  363] listen() => missing;
    [  51   51  367] getsockname() => missing;
    [  52   52  368] getpeername() => missing;
    [  53   53  360] socketpair() => missing;
    [  54  541  366] setsockopt() => missing;
    [  55  542  365] getsockopt() => missing;
    [  64   64  393] semget() => missing;
    [  65   65    -] semop() => missing;
    [  66   66  394] semctl() => missing;
    [  67   67  398] shmdt() => missing;
    [  68   68  399] msgget() => missing;
    [  69   69  400] msgsnd() => missing;
    [  70   70  401] msgrcv() => missing;
    [  71   71  402] msgctl() => missing;
    [ 181  181  188] getpmsg() => missing;
    [ 182  182  189] putpmsg() => missing;
    [ 220  220    -] semtimedop() => missing;
    [ 240  240  277] mq_open() => missing;
    [ 241  241  278] mq_unlink() => missing;
    [ 242  242  279] mq_timedsend() => missing;
    [ 243  243  280] mq_timedreceive() => missing;
    [ 244  527  281] mq_notify() => missing;
    [ 245  245  282] mq_getsetattr() => missing;
    /// Read signals from a descriptor.
    [ 282  282  321] signalfd(ufd, user_mask, sizemask) => call crate::file::signalfd::signalfd, Full;
    /// Make an event counter.
    [ 284  284  323] eventfd(count) => call crate::file::eventfd::eventfd, Full;
    [ 288  288  364] accept4() => missing;
    /// Read signals from a descriptor.
    [ 289  289  327] signalfd4(ufd, user_mask, sizemask, flags) => call crate::file::signalfd::signalfd4, Full;
    /// Make an event counter.
    [ 290  290  328] eventfd2(count, flags) => call crate::file::eventfd::eventfd2, Full;
    /// Makes a pipe, with flags.
    [ 293  293  331] pipe2(descriptors, flags) => call crate::ipc::pipe::pipe2, Full;
    [ 299  537  337] recvmmsg() => missing;
    [ 307  538  345] sendmmsg() => missing;
    /// Makes the call about sockets that a number names.
    [   -    -  102] socketcall(call, arguments) => frame crate::syscall::multiplex::socketcall, Partial("the calls that it names are missing");
    /// Make a call about System V queues, semaphores or shared memory that is named by its number.
    [   -    -  117] ipc(call, tail) => frame crate::syscall::multiplex::ipc, Partial("the calls that it names are missing, and so are their older structures");
    [   -    -  417] recvmmsg_time64() => missing;
    [   -    -  418] mq_timedsend_time64() => missing;
    [   -    -  419] mq_timedreceive_time64() => missing;
    [   -    -  420] semtimedop_time64() => missing;
}
