//! Typed user memory. A pointer from user space is an allegation; reading or writing it is where EFAULT arises, and a
//! second read of the same word is visible as a second call.
use super::argument::{Argument, ArgumentReader, UserAddress};
use crate::error::{EFAULT, EINVAL, ENAMETOOLONG, Result};
use crate::process::Task;
use abi::Abi;
use alloc::vec::Vec;
use core::fmt::{self, Write};
use core::marker::PhantomData;
use machine::user;

/// A structure whose bytes in user memory depend on the ABI.
///
/// `SIZE` and the two conversions are given per ABI; plain structures that look the same everywhere implement it through
/// [`plain_layout!`].
pub trait UserLayout: Sized {
    /// Bytes it takes in user memory.
    fn size(abi: Abi) -> usize;
    /// Decodes it from exactly `size` bytes.
    fn decode(abi: Abi, bytes: &[u8]) -> Self;
    /// Encodes it to exactly `size` bytes.
    fn encode(&self, abi: Abi, bytes: &mut [u8]);
    /// Reads it from user memory; EFAULT.
    #[inline]
    fn read_from(abi: Abi, address: u64) -> Result<Self> {
        match Self::size(abi) {
            0..=32 => read_through::<Self, 32>(abi, address),
            33..=128 => read_through::<Self, 128>(abi, address),
            _ => read_through::<Self, LARGEST_LAYOUT>(abi, address),
        }
    }
    /// Writes it to user memory; EFAULT.
    #[inline]
    fn write_to(&self, abi: Abi, address: u64) -> Result<()> {
        match Self::size(abi) {
            0..=32 => write_through::<Self, 32>(self, abi, address),
            33..=128 => write_through::<Self, 128>(self, abi, address),
            _ => write_through::<Self, LARGEST_LAYOUT>(self, abi, address),
        }
    }
}

/// Largest [`UserLayout`] that is copied through the stack.
const LARGEST_LAYOUT: usize = 512;

/// Reads through a buffer of a size that is known when this is compiled: zeroing it costs as much as it is large.
#[inline(always)]
pub fn read_through<T: UserLayout, const LARGEST: usize>(abi: Abi, address: u64) -> Result<T> {
    let mut bytes = [0; LARGEST];
    let bytes = bytes.get_mut(..T::size(abi)).ok_or(EINVAL)?;
    if user::copy_from_user(bytes, address) != 0 {
        return Err(EFAULT);
    }
    Ok(T::decode(abi, bytes))
}
/// As [`read_through`], for writing.
#[inline(always)]
pub fn write_through<T: UserLayout, const LARGEST: usize>(value: &T, abi: Abi, address: u64) -> Result<()> {
    let mut bytes = [0; LARGEST];
    let bytes = bytes.get_mut(..T::size(abi)).ok_or(EINVAL)?;
    value.encode(abi, bytes);
    if user::copy_to_user(address, bytes) != 0 { Err(EFAULT) } else { Ok(()) }
}

/// A typed user pointer.
pub struct UserPtr<T> {
    address: UserAddress,
    kind: PhantomData<T>,
}
impl<T> Clone for UserPtr<T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T> Copy for UserPtr<T> {}

impl<T> UserPtr<T> {
    /// A pointer to this address.
    pub fn new(address: u64) -> Self {
        UserPtr { address: UserAddress(address), kind: PhantomData }
    }
    /// The address.
    pub fn address(self) -> u64 {
        self.address.0
    }
    /// Whether it is the null pointer.
    pub fn is_null(self) -> bool {
        self.address.is_null()
    }
}

impl<T: UserLayout> UserPtr<T> {
    /// Reads the value.
    #[inline]
    pub fn read(self, task: &Task) -> Result<T> {
        T::read_from(task.abi(), self.address.0)
    }

    /// Reads the value unless the pointer is null.
    #[inline]
    pub fn read_optional(self, task: &Task) -> Result<Option<T>> {
        if self.is_null() { Ok(None) } else { self.read(task).map(Some) }
    }

    /// Writes the value.
    #[inline]
    pub fn write(self, task: &Task, value: &T) -> Result<()> {
        value.write_to(task.abi(), self.address.0)
    }

    /// Writes the value unless the pointer is null.
    #[inline]
    pub fn write_optional(self, task: &Task, value: &T) -> Result<()> {
        if self.is_null() { Ok(()) } else { self.write(task, value) }
    }

    /// The pointer to the element `index` further on.
    #[inline]
    pub fn element(self, task: &Task, index: usize) -> Self {
        UserPtr::new(self.address.0.wrapping_add((index as u64).wrapping_mul(T::size(task.abi()) as u64)))
    }
}

impl<T> Argument for UserPtr<T> {
    const TYPE: &'static str = "void *";
    #[inline(always)]
    fn take(reader: &mut ArgumentReader) -> Self {
        UserPtr { address: UserAddress::take(reader), kind: PhantomData }
    }
    fn show(&self, task: &Task, out: &mut dyn Write) -> fmt::Result {
        self.address.show(task, out)
    }
}

macro_rules! integer_layouts { ($($T:ty as $Word:ty;)*) => { $(impl UserLayout for $T {
    fn size(_: Abi) -> usize { size_of::<$T>() }
    fn decode(_: Abi, bytes: &[u8]) -> Self { let mut raw = [0; size_of::<$T>()]; raw.copy_from_slice(bytes); <$T>::from_ne_bytes(raw) }
    fn encode(&self, _: Abi, bytes: &mut [u8]) { bytes.copy_from_slice(&self.to_ne_bytes()) }
    #[inline]
    fn read_from(_: Abi, address: u64) -> Result<Self> { Ok(user::load_user::<$Word>(address)? as $T) }
    #[inline]
    fn write_to(&self, _: Abi, address: u64) -> Result<()> { Ok(user::store_user(address, *self as $Word)?) }
})* } }
integer_layouts!(u8 as u8; u16 as u16; u32 as u32; u64 as u64; i32 as u32; i64 as u64;);

/// A C `long` or pointer: 8 bytes, 4 on i386 and (pointers) x32.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct UserWord(pub u64);
impl UserLayout for UserWord {
    fn size(abi: Abi) -> usize {
        if matches!(abi, Abi::X86_64) { 8 } else { 4 }
    }
    fn decode(abi: Abi, bytes: &[u8]) -> Self {
        match abi {
            Abi::X86_64 => UserWord(u64::decode(abi, bytes)),
            _ => UserWord(u32::decode(abi, bytes).into()),
        }
    }
    fn encode(&self, abi: Abi, bytes: &mut [u8]) {
        match abi {
            Abi::X86_64 => self.0.encode(abi, bytes),
            _ => (self.0 as u32).encode(abi, bytes),
        }
    }
}

/// Implements [`UserLayout`] for a `#[repr(C)]` structure of zerocopy's traits that has the same bytes for every ABI.
macro_rules! plain_layout { ($($T:ty),* $(,)?) => { $(impl $crate::syscall::user::UserLayout for $T {
    fn size(_: abi::Abi) -> usize { size_of::<$T>() }
    fn decode(_: abi::Abi, bytes: &[u8]) -> Self { <$T as zerocopy::FromBytes>::read_from_bytes(bytes).expect("the caller passes exactly the size") }
    fn encode(&self, _: abi::Abi, bytes: &mut [u8]) { bytes.copy_from_slice(zerocopy::IntoBytes::as_bytes(self)) }
    #[inline]
    fn read_from(_: abi::Abi, address: u64) -> $crate::error::Result<Self> {
        Ok(zerocopy::transmute!(machine::user::load_bytes::<{ size_of::<$T>() }>(address)?))
    }
    #[inline]
    fn write_to(&self, _: abi::Abi, address: u64) -> $crate::error::Result<()> {
        let bytes: &[u8; size_of::<$T>()] = zerocopy::transmute_ref!(self);
        Ok(machine::user::store_bytes(address, bytes)?)
    }
})* } }
pub(crate) use plain_layout;

/// Implements [`UserLayout`] for a `#[repr(C)]` structure of zerocopy's traits whose fields are all C longs: they have 32 bits on
/// i386.
macro_rules! long_layout { ($($T:ty),* $(,)?) => { $(impl $crate::syscall::user::UserLayout for $T {
    fn size(abi: abi::Abi) -> usize { if matches!(abi, abi::Abi::I386) { size_of::<$T>() / 2 } else { size_of::<$T>() } }
    fn decode(abi: abi::Abi, bytes: &[u8]) -> Self {
        let mut value = <$T as zerocopy::FromZeros>::new_zeroed();
        $crate::syscall::user::widen_longs(abi, bytes, zerocopy::IntoBytes::as_mut_bytes(&mut value));
        value
    }
    fn encode(&self, abi: abi::Abi, bytes: &mut [u8]) {
        $crate::syscall::user::narrow_longs(abi, zerocopy::IntoBytes::as_bytes(self), bytes)
    }
})* } }
pub(crate) use long_layout;

/// Longs of an ABI, sign-extended to 64 bits.
pub fn widen_longs(abi: Abi, from: &[u8], to: &mut [u8]) {
    if !matches!(abi, Abi::I386) {
        return to.copy_from_slice(from);
    }
    for (raw, place) in from.chunks_exact(4).zip(to.chunks_exact_mut(8)) {
        i64::from(i32::decode(abi, raw)).encode(abi, place);
    }
}
/// Longs of 64 bits as those of an ABI.
pub fn narrow_longs(abi: Abi, from: &[u8], to: &mut [u8]) {
    if !matches!(abi, Abi::I386) {
        return to.copy_from_slice(from);
    }
    for (raw, place) in from.chunks_exact(8).zip(to.chunks_exact_mut(4)) {
        (i64::decode(abi, raw) as i32).encode(abi, place);
    }
}

/// A user buffer: address, with the length in the next argument or in a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UserBytes(pub u64);
impl Argument for UserBytes {
    const TYPE: &'static str = "void *";
    #[inline(always)]
    fn take(reader: &mut ArgumentReader) -> Self {
        UserBytes(reader.register())
    }
    fn show(&self, task: &Task, out: &mut dyn Write) -> fmt::Result {
        UserAddress(self.0).show(task, out)
    }
}

/// A user buffer with its length; consumed from the front as it is read or written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UserSlice {
    /// Start.
    pub address: u64,
    /// Bytes left.
    pub length: usize,
}

/// Fills `into` with what of an extensible structure of `size` bytes this kernel knows, the rest of it with zeros. E2BIG if bytes
/// that it does not know are set, EFAULT.
pub fn read_extensible(address: u64, size: usize, into: &mut [u8]) -> Result<()> {
    let known = size.min(into.len());
    let mut rest = UserSlice::new(address.wrapping_add(known as u64), size - known);
    let mut chunk = [0u8; 64];
    while rest.length > 0 {
        let part = chunk.get_mut(..rest.length.min(64)).unwrap_or_default();
        rest.read(part)?;
        if part.iter().any(|byte| *byte != 0) {
            return Err(crate::error::E2BIG);
        }
    }
    into.fill(0);
    UserSlice::new(address, known).read(into.get_mut(..known).unwrap_or_default())
}

impl UserSlice {
    /// A buffer; nothing is checked yet.
    #[inline(always)]
    pub fn new(address: u64, length: usize) -> Self {
        UserSlice { address, length }
    }
    /// Copies all of `from` to the front and advances. EFAULT if nothing or not all could be copied.
    #[inline]
    pub fn write(&mut self, from: &[u8]) -> Result<()> {
        if from.len() > self.length || user::copy_to_user(self.address, from) != 0 {
            return Err(EFAULT);
        }
        self.advance(from.len());
        Ok(())
    }
    /// Fills `into` from the front and advances.
    pub fn read(&mut self, into: &mut [u8]) -> Result<()> {
        if into.len() > self.length || user::copy_from_user(into, self.address) != 0 {
            return Err(EFAULT);
        }
        self.advance(into.len());
        Ok(())
    }
    /// Skips bytes.
    #[inline(always)]
    pub fn advance(&mut self, count: usize) {
        let count = count.min(self.length);
        self.address = self.address.wrapping_add(count as u64);
        self.length -= count;
    }
    /// Reads everything into kernel memory (bounded by the caller), ENOMEM or EFAULT.
    pub fn read_all(self) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(self.length)?;
        bytes.resize(self.length, 0);
        if user::copy_from_user(&mut bytes, self.address) != 0 { Err(EFAULT) } else { Ok(bytes) }
    }
}

/// A path name in user memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UserPath(pub u64);
/// Longest path with its NUL.
pub const PATH_MAX: usize = 4096;

/// A path copied from user memory; short ones take no allocation.
pub struct PathBuffer {
    short: [u8; Self::SHORT],
    length: usize,
    long: Vec<u8>,
}
impl PathBuffer {
    const SHORT: usize = 64;
}
impl core::ops::Deref for PathBuffer {
    type Target = [u8];
    #[inline]
    fn deref(&self) -> &[u8] {
        self.short.get(..self.length).unwrap_or(&self.long)
    }
}

impl UserPath {
    /// As [`UserPath::read`], without an allocation for short paths.
    #[inline]
    pub fn read_buffered(self) -> Result<PathBuffer> {
        let mut path = PathBuffer { short: [0; PathBuffer::SHORT], length: 0, long: Vec::new() };
        path.length = user::strncpy_from_user(&mut path.short, self.0)?;
        if path.length == PathBuffer::SHORT {
            path.long = self.read()?;
            path.length = usize::MAX;
        }
        Ok(path)
    }
    /// Reads a string of at most `limit` bytes with its NUL; `too_long` says what an unterminated one gets.
    pub fn read_string(self, limit: usize, too_long: crate::error::Error) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let mut step = 128.min(limit);
        loop {
            let start = bytes.len();
            bytes.try_reserve(step)?;
            bytes.resize(start + step, 0);
            let room = bytes.get_mut(start..).ok_or(EFAULT)?;
            let found = user::strncpy_from_user(room, self.0.wrapping_add(start as u64))?;
            if found < step {
                bytes.truncate(start + found);
                return Ok(bytes);
            }
            if bytes.len() >= limit {
                return Err(too_long);
            }
            step = (limit - bytes.len()).min(1024);
        }
    }
    /// Reads the path: ENAMETOOLONG without a NUL in the first 4096 bytes. May be empty: whether that is ENOENT is the
    /// caller's to say (AT_EMPTY_PATH).
    pub fn read(self) -> Result<Vec<u8>> {
        self.read_string(PATH_MAX, ENAMETOOLONG)
    }
}
impl Argument for UserPath {
    const TYPE: &'static str = "const char *";
    #[inline(always)]
    fn take(reader: &mut ArgumentReader) -> Self {
        UserPath(reader.register())
    }
    fn show(&self, task: &Task, out: &mut dyn Write) -> fmt::Result {
        UserAddress(self.0).show(task, out)
    }
}
