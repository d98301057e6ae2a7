//! The current task, and switching to another.
use super::{CONTEXT_SIZE, FREE, RUNNING, Task, Thread};
use crate::cpu::local::{self, CpuLocal};
use crate::cpu::{self, tables};
use crate::paging::{self, UserSpace};
use crate::{instructions, interrupt, rcu};
use alloc::sync::Arc;
use core::any::TypeId;
use core::arch::naked_asm;
use core::marker::PhantomData;
use core::sync::atomic::Ordering;

/// Gives each type an address: equal addresses mean equal types.
struct Tag<T>(PhantomData<T>);
impl<T: 'static> Tag<T> {
    const TYPE: TypeId = TypeId::of::<T>();
}

/// Identifies a task type.
#[inline(always)]
pub(crate) fn tag<T: 'static>() -> usize {
    let place: &'static TypeId = &Tag::<T>::TYPE;
    place as *const TypeId as usize
}

/// Panics unless `T` is the kernel's task type.
#[inline(always)]
fn check_type<T: 'static>() {
    if local::task_tag() != tag::<T>() {
        check_type_in_full::<T>();
    }
}

/// The compiler may have given one type two addresses: compares what is there.
#[cold]
fn check_type_in_full<T: 'static>() {
    let tag = local::task_tag() as *const TypeId;
    // SAFETY: null, or an address made by `tag`.
    assert!(unsafe { tag.as_ref() } == Some(&TypeId::of::<T>()), "not the kernel's task type");
}

/// The current task. Panics before `adopt_idle`.
///
/// The reference holds for as long as the task runs, not longer: it is not to be stored where another task could find it
/// (there [`current_arc`] belongs).
#[inline(always)]
pub fn current<T: Task>() -> &'static T {
    check_type::<T>();
    // SAFETY: the pointer is null or that of a counted reference of this type, which the CPU keeps while the task runs.
    match unsafe { (local::current_task() as *const T).as_ref() } {
        Some(task) => task,
        None => no_task(),
    }
}

#[cold]
fn no_task() -> ! {
    panic!("no current task")
}

/// A counted reference to the current task.
pub fn current_arc<T: Task>() -> Arc<T> {
    let task: *const T = current::<T>();
    // SAFETY: the pointer came from `Arc::into_raw`, and that reference is alive.
    unsafe {
        Arc::increment_strong_count(task);
        Arc::from_raw(task)
    }
}

/// Whether the code that runs may sleep: a task, no guard, no handler.
pub(crate) fn may_sleep() -> bool {
    let local = local::this();
    !local.thread.get().is_null() && !cpu::holds_guards() && local.interrupt_nesting.get() == 0
}

/// Makes `task` the current task of this CPU, on the stack this CPU booted on.
pub fn adopt_idle<T: Task>(task: Arc<T>) {
    check_type::<T>();
    let guard = cpu::InterruptGuard::new();
    let local = local::this();
    assert!(local.thread.get().is_null(), "a CPU adopts one idle task");
    let thread: *const Thread = task.thread();
    // SAFETY: borrowed from `task`, which this CPU keeps from now on.
    let thread_ref = unsafe { &*thread };
    assert!(thread_ref.stack.is_none(), "an idle task has no stack of its own");
    let free = thread_ref.state.compare_exchange(FREE, RUNNING, Ordering::Acquire, Ordering::Relaxed).is_ok();
    assert!(free, "an idle task runs on one CPU");
    local.thread.set(thread);
    local.task.set(Arc::into_raw(task).cast());
    drop(guard);
}

/// Loads the tables of a user space for the thread that is becoming current, or none for a kernel thread, which runs on
/// whatever is loaded. What was loaded before comes back, to be dropped. Interrupts off.
#[inline]
fn load_space(local: &CpuLocal, space: Option<&Arc<UserSpace>>) -> Option<Arc<UserSpace>> {
    // SAFETY: only this CPU uses the field, with interrupts off.
    let loaded = unsafe { &mut *local.loaded_space.get() };
    let Some(space) = space else {
        if loaded.is_some() {
            paging::enter_lazy();
        }
        return None;
    };
    space.activate();
    super::local_table::follow(local, space);
    if loaded.as_ref().is_some_and(|loaded| Arc::ptr_eq(space, loaded)) {
        return None;
    }
    let old = loaded.replace(space.clone());
    if let Some(old) = &old {
        old.deactivate();
    }
    old
}

/// The same for the current thread when its space changes: with `None`, the kernel's own tables are loaded.
pub(super) fn change_space(space: Option<&Arc<UserSpace>>) -> Option<Arc<UserSpace>> {
    let local = local::this();
    if space.is_some() {
        return load_space(local, space);
    }
    // SAFETY: only this CPU uses the field, with interrupts off.
    let old = unsafe { (*local.loaded_space.get()).take() };
    super::local_table::leave(local);
    if let Some(old) = &old {
        paging::load_kernel_tables();
        old.deactivate();
    }
    old
}

/// Switches to another task; returns when something switches back. Interrupts must be off (the caller holds an
/// [`crate::cpu::InterruptGuard`]), the preemption count 0 but for that; waits until `next` is off every other CPU.
pub fn switch_to<T: Task>(next: Arc<T>) {
    check_type::<T>();
    instructions::disable_interrupts();
    let local = local::this();
    assert!(local.interrupt_depth.get() == 1, "switch_to needs exactly one interrupt guard");
    assert!(cpu::preempt_count() == 0, "sleeping while preemption is off");
    assert!(local.interrupt_nesting.get() == 0, "sleeping in an interrupt handler");
    let previous: *const Thread = local.thread.get();
    // SAFETY: null, or the current task's thread, which is alive while it runs.
    let previous = unsafe { previous.as_ref() }.unwrap_or_else(|| no_task());
    let thread: *const Thread = next.thread();
    // SAFETY: borrowed from `next`, which this CPU keeps as long as the thread runs, and until the switch away from it.
    let thread = unsafe { &*thread };
    if core::ptr::eq(thread, previous) {
        return;
    }
    while thread.state.compare_exchange_weak(FREE, RUNNING, Ordering::Acquire, Ordering::Relaxed).is_err() {
        interrupt::serve_flush();
        core::hint::spin_loop();
    }
    assert!(thread.saved_stack.get() != 0, "switch to a task that has no context");
    rcu::note_quiescent();
    if previous.has_user_frame {
        previous.save_segments(local);
        previous.save_floating_point(local);
    }
    // SAFETY: this CPU holds the thread's state.
    drop(load_space(local, unsafe { (*thread.space.get()).as_ref() }));
    if thread.has_user_frame {
        thread.load_segments(local);
        thread.load_floating_point(local);
    }
    thread.load_breakpoints(local);
    thread.load_counter_permission(local);
    local.previous.set(local.task.get());
    local.previous_thread.set(previous);
    local.task.set(Arc::into_raw(next).cast());
    local.thread.set(thread);
    if let Some(stack) = &thread.stack {
        // SAFETY: this CPU's block, interrupts off, the stack of the task that is now current.
        unsafe { tables::set_entry_stack(local, stack.top()) };
    }
    let flags_before = local.flags_before.get();
    // SAFETY: `thread`'s context was saved by this function or laid out for a new thread, and this CPU alone holds it;
    // `previous` is kept by the reference in `local.previous` until the other side has taken note.
    unsafe { switch_context(previous.saved_stack.as_ptr(), thread.saved_stack.get()) };
    let local = local::this();
    arrive(local);
    local.interrupt_depth.set(1);
    local.flags_before.set(flags_before);
}

/// Saves the callee-saved registers and the stack pointer, and takes over another context's.
///
/// # Safety
/// 1. `save` may be written. 2. `load` is the stack pointer of a saved or prepared context that nobody else uses.
#[unsafe(naked)]
unsafe extern "C" fn switch_context(save: *mut u64, load: u64) {
    naked_asm!(
        "push rbp",
        "push rbx",
        "push r12",
        "push r13",
        "push r14",
        "push r15",
        "mov [rdi], rsp",
        "mov rsp, rsi",
        "pop r15",
        "pop r14",
        "pop r13",
        "pop r12",
        "pop rbx",
        "pop rbp",
        "ret",
    )
}
const _: () = assert!(CONTEXT_SIZE == 7 * 8);

/// First thing in a context that was switched to: the previous one is saved now, others may run it.
fn arrive(local: &CpuLocal) {
    let previous = local.previous.replace(core::ptr::null());
    let thread = local.previous_thread.replace(core::ptr::null());
    // SAFETY: set by the `switch_to` that led here; the counted reference `previous` keeps the thread alive.
    unsafe { (*thread).state.store(FREE, Ordering::Release) };
    if let Some(hooks) = crate::hooks() {
        // SAFETY: the counted reference is given away here, once.
        unsafe { (hooks.switched_from)(previous) };
    }
}

/// First code of a new thread's context: interrupts stay off, no guard is left.
pub(crate) extern "C" fn arrive_first_time() {
    let local = local::this();
    arrive(local);
    local.flags_before.set(0);
    local.interrupt_depth.set(0);
}

/// First code of a kernel thread.
pub(super) extern "C" fn kernel_start() -> ! {
    arrive_first_time();
    // SAFETY: the current thread is alive; its body is used here only.
    let body = unsafe { local::this().thread.get().as_ref().and_then(|thread| (*thread.body.get()).take()) };
    // SAFETY: nothing is held in a fresh context.
    unsafe { instructions::enable_interrupts() };
    cpu::preempt_now();
    if let Some(body) = body {
        body();
    }
    panic!("the body of a kernel thread has returned")
}
