//! Communication: sockets, pipes, message passing, shared memory.
use crate::syscall::rows;

rows! {
//  x86-64  x32  i386
    /// Makes a pipe.
    [  22   22   42] pipe(descriptors) => call crate::ipc::pipe::pipe, Full;
    /// Find or make a shared memory segment.
    [  29   29  395] shmget(key, size, flags) => call crate::ipc::system_v::shared_memory::shmget, Full;
    /// Attach a shared memory segment.
    [  30   30  397] shmat(id, address, flags) => call crate::ipc::system_v::shared_memory::shmat, Full;
    /// Look at, change or remove a shared memory segment.
    [  31   31  396] shmctl(id, command, buffer) => call crate::ipc::system_v::shared_memory::shmctl, Full;
    /// Make a socket.
    [  41   41  359] socket(family, kind, protocol) => call crate::net::calls::socket, Partial("families other than AF_UNIX, AF_NETLINK and, for datagrams, AF_INET");
    /// Connect a socket to an address.
    [  42   42  362] connect(fd, uservaddr, addrlen) => call crate::net::calls::connect, Partial("families other than AF_UNIX, AF_NETLINK and, for datagrams, AF_INET");
    /// Take a connection from a listening socket.
    [  43   43    -] accept(fd, upeer_sockaddr, upeer_addrlen) => call crate::net::calls::accept, Partial("families other than AF_UNIX, AF_NETLINK and, for datagrams, AF_INET");
    /// Send a message.
    [  44   44  369] sendto(fd, buff, len, flags, tail) => call crate::net::message_calls::sendto, Partial("families other than AF_UNIX, AF_NETLINK and, for datagrams, AF_INET");
    /// Receive a message.
    [  45  517  371] recvfrom(fd, ubuf, size, flags, tail) => call crate::net::message_calls::recvfrom, Partial("families other than AF_UNIX, AF_NETLINK and, for datagrams, AF_INET");
    /// Send a message with ancillary data.
    [  46  518  370] sendmsg(fd, msg, flags) => call crate::net::message_calls::sendmsg, Partial("families other than AF_UNIX, AF_NETLINK and, for datagrams, AF_INET");
    /// Receive a message with ancillary data.
    [  47  519  372] recvmsg(fd, msg, flags) => call crate::net::message_calls::recvmsg, Partial("families other than AF_UNIX, AF_NETLINK and, for datagrams, AF_INET");
    /// Close one way of a connection, or both.
    [  48   48  373] shutdown(fd, how) => call crate::net::calls::shutdown, Partial("families other than AF_UNIX, AF_NETLINK and, for datagrams, AF_INET");
    /// Give a socket a name.
    [  49   49  361] bind(fd, umyaddr, addrlen) => call crate::net::calls::bind, Partial("families other than AF_UNIX, AF_NETLINK and, for datagrams, AF_INET");
    /// Make a socket take connections.
    [  50   50  363] listen(fd, backlog) => call crate::net::calls::listen, Partial("families other than AF_UNIX, AF_NETLINK and, for datagrams, AF_INET");
    /// Get a socket's name.
    [  51   51  367] getsockname(fd, usockaddr, usockaddr_len) => call crate::net::calls::getsockname, Partial("families other than AF_UNIX, AF_NETLINK and, for datagrams, AF_INET");
    /// Get the name of a socket's peer.
    [  52   52  368] getpeername(fd, usockaddr, usockaddr_len) => call crate::net::calls::getpeername, Partial("families other than AF_UNIX, AF_NETLINK and, for datagrams, AF_INET");
    /// Make two sockets that are connected.
    [  53   53  360] socketpair(family, kind, protocol, usockvec) => call crate::net::calls::socketpair, Partial("families other than AF_UNIX, AF_NETLINK and, for datagrams, AF_INET");
    /// Set an option of a socket.
    [  54  541  366] setsockopt(fd, level, optname, optval, optlen) => call crate::net::option_calls::setsockopt, Partial("families other than AF_UNIX, AF_NETLINK and, for datagrams, AF_INET");
    /// Get an option of a socket.
    [  55  542  365] getsockopt(fd, level, optname, optval, optlen) => call crate::net::option_calls::getsockopt, Partial("families other than AF_UNIX, AF_NETLINK and, for datagrams, AF_INET");
    /// Find or make a set of semaphores.
    [  64   64  393] semget(key, count, flags) => call crate::ipc::system_v::semaphore::semget, Full;
    /// Operate on semaphores.
    [  65   65    -] semop(id, operations, count) => call crate::ipc::system_v::semaphore::semop, Full;
    /// Look at, set or remove semaphores.
    [  66   66  394] semctl(id, semaphore, command, argument) => call crate::ipc::system_v::semaphore::semctl, Full;
    /// Detach a shared memory segment.
    [  67   67  398] shmdt(address) => call crate::ipc::system_v::shared_memory::shmdt, Full;
    /// Find or make a message queue.
    [  68   68  399] msgget(key, flags) => call crate::ipc::system_v::message::msgget, Full;
    /// Send a message to a queue.
    [  69   69  400] msgsnd(id, message, length, flags) => call crate::ipc::system_v::message::msgsnd, Full;
    /// Receive a message from a queue.
    [  70   70  401] msgrcv(id, message, length, kind, flags) => call crate::ipc::system_v::message::msgrcv, Full;
    /// Look at, change or remove a message queue.
    [  71   71  402] msgctl(id, command, buffer) => call crate::ipc::system_v::message::msgctl, Full;
    [ 181  181  188] getpmsg() => missing;
    [ 182  182  189] putpmsg() => missing;
    /// Operate on semaphores, waiting for some time at most.
    [ 220  220    -] semtimedop(id, operations, count, timeout) => call crate::ipc::system_v::semaphore::semtimedop::<crate::time::value::Timespec>, Full;
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
    /// Take a connection from a listening socket, with flags.
    [ 288  288  364] accept4(fd, upeer_sockaddr, upeer_addrlen, flags) => call crate::net::calls::accept4, Partial("families other than AF_UNIX, AF_NETLINK and, for datagrams, AF_INET");
    /// Read signals from a descriptor.
    [ 289  289  327] signalfd4(ufd, user_mask, sizemask, flags) => call crate::file::signalfd::signalfd4, Full;
    /// Make an event counter.
    [ 290  290  328] eventfd2(count, flags) => call crate::file::eventfd::eventfd2, Full;
    /// Makes a pipe, with flags.
    [ 293  293  331] pipe2(descriptors, flags) => call crate::ipc::pipe::pipe2, Full;
    /// Receive several messages.
    [ 299  537  337] recvmmsg(fd, mmsg, vlen, flags, timeout) => call crate::net::message_calls::recvmmsg, Partial("families other than AF_UNIX, AF_NETLINK and, for datagrams, AF_INET");
    /// Send several messages.
    [ 307  538  345] sendmmsg(fd, mmsg, vlen, flags) => call crate::net::message_calls::sendmmsg, Partial("families other than AF_UNIX, AF_NETLINK and, for datagrams, AF_INET");
    /// Makes the call about sockets that a number names.
    [   -    -  102] socketcall(call, arguments) => frame crate::syscall::multiplex::socketcall, Full;
    /// Make a call about System V queues, semaphores or shared memory that is named by its number.
    [   -    -  117] ipc(call, tail) => call crate::syscall::multiplex::ipc, Full;
    /// Receive several messages, with a time-out of 64-bit seconds.
    [   -    -  417] recvmmsg_time64(fd, mmsg, vlen, flags, timeout) => call crate::net::message_calls::recvmmsg_time64, Partial("families other than AF_UNIX, AF_NETLINK and, for datagrams, AF_INET");
    [   -    -  418] mq_timedsend_time64() => missing;
    [   -    -  419] mq_timedreceive_time64() => missing;
    /// Operate on semaphores, waiting for some time at most.
    [   -    -  420] semtimedop_time64(id, operations, count, timeout) => call crate::ipc::system_v::semaphore::semtimedop::<crate::time::value::Timespec>, Full;
}
