//! What descriptions of calls are written with: the call under way, words of user memory, names of numbers.
use super::text::Text;
use crate::process::Task;
use abi::{Abi, Errno};
use machine::user;

/// Names of numbers.
pub type Names = &'static [(u64, &'static str)];

/// A call being written.
pub struct Show<'a> {
    /// Who makes it.
    pub task: &'a Task,
    /// The ABI it came by.
    pub abi: Abi,
    /// Its arguments.
    pub words: [u64; 6],
    /// i386's socketcall(2) or ipc(2) carries it.
    pub is_carried: bool,
    /// Without its last two arguments.
    pub is_short: bool,
    /// Its result, once it has one.
    pub result: Option<i64>,
    /// Where it is written.
    pub text: &'a mut Text,
    /// Bytes of strings and elements of arrays that are shown.
    pub limit: usize,
    /// Times have 64 bits.
    pub wide_time: bool,
}

/// Shows a word of a call: a structure by its address, or a number with a meaning of its own.
pub type Shower = fn(&mut Show<'_>, u64);

impl Show<'_> {
    /// An argument, by place.
    pub fn word(&self, index: usize) -> u64 {
        self.words.get(index).copied().unwrap_or(0)
    }
    /// Whether the call has failed.
    pub fn failed(&self) -> bool {
        self.result.is_some_and(|result| result < 0)
    }
    /// Whether the result is an error number rather than a large value.
    pub fn error(&self) -> Option<Errno> {
        let result = self.result?;
        (-4095..0).contains(&result).then(|| Errno::from_number(result.unsigned_abs() as u16)).flatten()
    }
    /// Bytes of a long or a pointer.
    pub fn long_size(&self) -> u64 {
        if matches!(self.abi, Abi::X86_64) { 8 } else { 4 }
    }

    /// Bytes of user memory; `None` if they are not there.
    pub fn bytes<const N: usize>(&self, address: u64) -> Option<[u8; N]> {
        let mut bytes = [0; N];
        (address != 0 && user::copy_from_user(&mut bytes, address) == 0).then_some(bytes)
    }
    /// A 32-bit word of user memory.
    pub fn u32_at(&self, address: u64) -> Option<u32> {
        user::load_user(address).ok()
    }
    /// A 64-bit word of user memory.
    pub fn u64_at(&self, address: u64) -> Option<u64> {
        user::load_user(address).ok()
    }
    /// A long or pointer of user memory.
    pub fn long_at(&self, address: u64) -> Option<u64> {
        if self.long_size() == 8 { self.u64_at(address) } else { self.u32_at(address).map(u64::from) }
    }

    /// Writes a structure that `body` reads at `address`; the address itself if it is not there.
    pub fn structure(&mut self, address: u64, body: impl FnOnce(&mut Self) -> Option<()>) {
        let before = self.text.bytes().len();
        if address == 0 || body(self).is_none() {
            self.text.shorten(before);
            self.text.address(address);
        }
    }

    /// One name of a choice, or the number with a remark.
    pub fn choice(&mut self, value: u64, names: Names, remark: &str) {
        match names.iter().find(|(known, _)| *known == value) {
            Some((_, name)) => self.text.put(name),
            None => self.unknown(value, remark),
        }
    }
    fn unknown(&mut self, value: u64, remark: &str) {
        self.text.hex(value);
        if !remark.is_empty() {
            self.text.put(" /* ");
            self.text.put(remark);
            self.text.put(" */");
        }
    }
    /// The names of all bits, in order; what has none is a number. The name of 0 stands for a word without bits.
    pub fn bits(&mut self, value: u64, names: Names, remark: &str) {
        let mut left = value;
        let mut separator = "";
        for (bits, name) in names {
            if (*bits != 0 && left & bits == *bits) || (*bits == 0 && value == 0) {
                self.text.put(separator);
                self.text.put(name);
                separator = "|";
                left &= !bits;
            }
        }
        if left != 0 && separator.is_empty() {
            self.unknown(left, remark);
        } else if left != 0 {
            self.text.put("|");
            self.text.hex(left);
        } else if separator.is_empty() {
            self.text.byte(b'0');
        }
    }
    /// A choice in some bits, then the names of the others.
    pub fn choice_and_bits(&mut self, value: u64, mask: u64, choices: Names, names: Names) {
        self.choice(value & mask, choices, "");
        if value & !mask != 0 {
            self.text.byte(b'|');
            self.bits(value & !mask, names, "");
        }
    }

    /// What a number that was just written means, in parentheses.
    pub fn meaning(&mut self, write: impl FnOnce(&mut Self)) {
        self.text.put(" (");
        write(self);
        self.text.byte(b')');
    }

    /// `name=`, after a comma unless it is the first.
    pub fn field(&mut self, name: &str) {
        if !matches!(self.text.bytes().last(), Some(b'{' | b'[')) {
            self.text.put(", ");
        }
        self.text.put(name);
        self.text.byte(b'=');
    }
    /// A field in decimal.
    pub fn unsigned_field(&mut self, name: &str, value: u64) {
        self.field(name);
        self.text.unsigned(value);
    }
    /// A field in decimal, with sign.
    pub fn signed_field(&mut self, name: &str, value: i64) {
        self.field(name);
        self.text.signed(value);
    }
    /// A field in hexadecimal.
    pub fn hex_field(&mut self, name: &str, value: u64) {
        self.field(name);
        self.text.hex(value);
    }

    /// `length` bytes of a buffer as a string, cut after the limit; its address if it is not there.
    pub fn buffer(&mut self, address: u64, length: u64) {
        self.quoted(address, length, Text::escaped)
    }
    /// As `buffer`, every byte in hexadecimal.
    pub fn hexadecimal_buffer(&mut self, address: u64, length: u64) {
        self.quoted(address, length, Text::hexadecimal)
    }
    fn quoted(&mut self, address: u64, length: u64, write: impl FnOnce(&mut Text, &[u8])) {
        let mut bytes = [0; 256];
        let shown = (length.min(self.limit as u64) as usize).min(bytes.len());
        let Some(bytes) = bytes.get_mut(..shown) else { return };
        if address == 0 || (shown > 0 && user::copy_from_user(bytes, address) != 0) {
            return self.text.address(address);
        }
        self.text.byte(b'"');
        write(self.text, bytes);
        self.text.put(if (shown as u64) < length { "\"..." } else { "\"" });
    }
    /// A string that ends by a zero; its address if it is not there. Paths are shown whole, others to the limit.
    pub fn string(&mut self, address: u64, whole: bool) {
        // Most strings are shorter; clearing more would cost more than a second step for those that are not.
        let mut bytes = [0; 64];
        let limit = if whole { 4096 } else { self.limit };
        let before = self.text.bytes().len();
        let mut done = 0;
        self.text.byte(b'"');
        loop {
            let step = (limit + 1 - done).min(bytes.len());
            let Some(room) = bytes.get_mut(..step) else { return };
            let from = address.wrapping_add(done as u64);
            let Some(found) = (address != 0).then(|| user::strncpy_from_user(room, from).ok()).flatten() else {
                self.text.shorten(before);
                return self.text.address(address);
            };
            let ended = found < step;
            let shown = if ended { found } else { found.min(limit - done) };
            self.text.escaped(room.get(..shown).unwrap_or_default());
            done += shown;
            if ended {
                return self.text.byte(b'"');
            }
            if done >= limit {
                return self.text.put("\"...");
            }
        }
    }
    /// Strings behind an array of pointers that ends by a null.
    pub fn strings(&mut self, address: u64) {
        if self.long_at(address).is_none() {
            return self.text.address(address);
        }
        self.text.byte(b'[');
        let mut at = address;
        for index in 0.. {
            let Some(pointer) = self.long_at(at) else {
                self.text.put(", ... /* ");
                self.text.address(at);
                self.text.put(" */");
                break;
            };
            if pointer == 0 {
                break;
            }
            if index > 0 {
                self.text.put(", ");
            }
            if index >= self.limit {
                self.text.put("...");
                break;
            }
            self.string(pointer, false);
            at = at.wrapping_add(self.long_size());
        }
        self.text.byte(b']');
    }
    /// Elements of an array of `count`, each `size` bytes.
    pub fn array(&mut self, address: u64, count: u64, size: u64, element: impl Fn(&mut Self, u64) -> Option<()>) {
        if address == 0 || count == 0 {
            return if address == 0 { self.text.put("NULL") } else { self.text.put("[]") };
        }
        let before = self.text.bytes().len();
        self.text.byte(b'[');
        for index in 0..count {
            if index > 0 {
                self.text.put(", ");
            }
            if index >= self.limit as u64 {
                self.text.put("...");
                break;
            }
            let at = address.wrapping_add(index.wrapping_mul(size));
            let here = self.text.bytes().len();
            if element(self, at).is_none() {
                if index == 0 {
                    self.text.shorten(before);
                    return self.text.address(address);
                }
                self.text.shorten(here);
                self.text.put("... /* ");
                self.text.address(at);
                self.text.put(" */");
                break;
            }
        }
        self.text.byte(b']');
    }
}
