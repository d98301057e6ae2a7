//! Writing dirty pages back.
use super::Mapping;
use crate::error::Result;
use core::ops::Range;

impl Mapping {
    /// Writes dirty pages back; the first error, after all pages were tried. May sleep.
    pub fn sync(&self) -> Result<()> {
        self.sync_range(0..u64::MAX)
    }
    /// Writes the dirty pages of a range of page indices back.
    pub fn sync_range(&self, pages: Range<u64>) -> Result<()> {
        let Some(source) = &self.source else { return Ok(()) };
        self.collect_dirty(pages.clone());
        let mut at = pages.start;
        let mut result = Ok(());
        loop {
            let mut tree = self.store.pages.lock();
            let Some(index) = tree.next_dirty(at).filter(|index| *index < pages.end) else { return result };
            // Clean before it is written: who writes to it meanwhile makes it dirty again.
            tree.set_dirty(index, false);
            let frame = tree.peek(index).map(|slot| slot.page.clone());
            drop(tree);
            at = index + 1;
            if let Some(frame) = frame
                && let Err(error) = source.write_page(index, &frame)
            {
                self.set_dirty(index);
                result = result.and(Err(error));
            }
        }
    }
}
