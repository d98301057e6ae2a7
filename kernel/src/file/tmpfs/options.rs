//! The mount options of tmpfs(5).
use crate::error::*;
use crate::process::Credentials;
use machine::memory::PAGE_SIZE;

/// What was asked for; `None` where the default holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Most bytes, 0 for no limit.
    pub size: Option<u64>,
    /// Most inodes, 0 for no limit.
    pub inode_limit: Option<u64>,
    /// Permissions of the root.
    pub mode: Option<u32>,
    /// Its owner.
    pub user: Option<u32>,
    /// Its group.
    pub group: Option<u32>,
    /// Inode numbers have 32 bits.
    pub narrow_inodes: bool,
}

fn memory_in_pages() -> u64 {
    machine::memory::statistics().total as u64
}

/// A number, decimal or octal or hexadecimal, with an optional suffix k, m, g, t (memparse).
fn number_with_unit(text: &str) -> Option<u64> {
    let (digits, factor) = match text.as_bytes().last()? {
        b'k' | b'K' => (text.get(..text.len() - 1)?, 1 << 10),
        b'm' | b'M' => (text.get(..text.len() - 1)?, 1 << 20),
        b'g' | b'G' => (text.get(..text.len() - 1)?, 1 << 30),
        b't' | b'T' => (text.get(..text.len() - 1)?, 1 << 40),
        _ => (text, 1u64),
    };
    let number = match digits.as_bytes() {
        [b'0', b'x' | b'X', ..] => u64::from_str_radix(digits.get(2..)?, 16),
        [b'0', _, ..] => u64::from_str_radix(digits, 8),
        _ => digits.parse::<u64>(),
    };
    number.ok()?.checked_mul(factor)
}

impl Options {
    /// Parses "size=10%,mode=755,...": EINVAL for what is unknown or malformed.
    pub fn parse(data: &[u8]) -> Result<Options> {
        let text = core::str::from_utf8(data).map_err(|_| EINVAL)?;
        let mut options = Options::default();
        for option in text.split(',').filter(|option| !option.is_empty()) {
            let (name, value) = option.split_once('=').unwrap_or((option, ""));
            let id = || value.parse::<u32>().ok().filter(|id| *id != u32::MAX).ok_or(EINVAL);
            match name {
                "size" => {
                    let size = match value.strip_suffix('%') {
                        Some(percent) => {
                            let percent = percent.parse::<u64>().map_err(|_| EINVAL)?;
                            memory_in_pages().checked_mul(PAGE_SIZE as u64).and_then(|all| all.checked_mul(percent))
                        }
                        .map(|product| product / 100),
                        None => number_with_unit(value),
                    };
                    options.size = Some(size.ok_or(EINVAL)?);
                }
                "nr_blocks" => {
                    let blocks = number_with_unit(value).and_then(|blocks| blocks.checked_mul(PAGE_SIZE as u64));
                    options.size = Some(blocks.ok_or(EINVAL)?);
                }
                "nr_inodes" => options.inode_limit = Some(number_with_unit(value).ok_or(EINVAL)?),
                "mode" => options.mode = Some(u32::from_str_radix(value, 8).map_err(|_| EINVAL)? & 0o7777),
                "uid" => options.user = Some(id()?),
                "gid" => options.group = Some(id()?),
                "inode64" | "inode32" if option == name => options.narrow_inodes = name == "inode32",
                "huge" if value == "never" => {}
                "mpol" if value == "default" => {}
                _ => return Err(EINVAL.because("unknown tmpfs option")),
            }
        }
        Ok(options)
    }
    /// With the ids that the mounter's user namespace means; without any they are the mounter's. EINVAL for one that the namespace
    /// does not have.
    pub fn of(mut self, mounter: &Credentials) -> Result<Options> {
        let namespace = &mounter.namespace;
        let user = self.user.map_or(Ok(mounter.file_system_user), |user| namespace.known_user(user));
        let group = self.group.map_or(Ok(mounter.file_system_group), |group| namespace.known_group(group));
        (self.user, self.group) = (Some(user?), Some(group?));
        Ok(self)
    }
    /// The page limit: half of memory by default.
    pub fn pages(&self) -> u64 {
        self.size.map_or_else(|| memory_in_pages() / 2, |size| size.div_ceil(PAGE_SIZE as u64))
    }
    /// The inode limit: one for two pages of memory by default.
    pub fn inodes(&self) -> u64 {
        self.inode_limit.unwrap_or_else(|| memory_in_pages() / 2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_parsed() {
        let options = Options::parse(b"size=10m,nr_inodes=1k,mode=755,uid=5").expect("valid");
        assert_eq!((options.size, options.inode_limit), (Some(10 << 20), Some(1024)));
        assert_eq!((options.mode, options.user, options.group), (Some(0o755), Some(5), None));
        assert_eq!(options.pages(), 2560);
        assert_eq!(Options::parse(b"size=banana"), Err(EINVAL));
        assert_eq!(Options::parse(b"colour=red"), Err(EINVAL));
        assert_eq!(Options::parse(b"size=99999999999t"), Err(EINVAL));
        assert_eq!(Options::parse(b""), Ok(Options::default()));
    }
}
