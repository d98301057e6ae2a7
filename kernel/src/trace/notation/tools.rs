//! What descriptions tell others than the trace: the reference of calls, sets of calls, the fuzzer.
use super::super::show::Names;
use super::{Description, Notation};

/// How the kernel uses what a pointer points to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// It reads it.
    Read,
    /// It writes it.
    Write,
    /// It reads it, and writes it.
    Both,
}

/// What a pointer points to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pointee {
    /// Its C type.
    pub target: &'static str,
    /// What the kernel does with it.
    pub access: Access,
}

impl Notation {
    /// A word for tools: what to pass.
    pub fn kind(&self) -> &'static str {
        match self {
            Notation::Int | Notation::Unsigned | Notation::Long | Notation::Hex | Notation::Hex32 => "number",
            Notation::Size => "size",
            Notation::Address | Notation::Pointer(_) => "address",
            Notation::Permissions | Notation::Mode => "mode",
            Notation::Descriptor => "descriptor",
            Notation::Directory => "directory",
            Notation::Id => "id",
            Notation::Signal => "signal",
            Notation::Path => "path",
            Notation::Text => "text",
            Notation::Offset => "offset",
            Notation::Choice(..) => "choice",
            Notation::Bits(..) => "bits",
            Notation::Word(_) => "word",
            Notation::In(..) => "in",
            Notation::Out(..) | Notation::Late(..) => "out",
            Notation::Buffer(_) => "buffer",
            Notation::Filled => "filled",
            Notation::Named(_, inner) | Notation::If(_, inner) => inner.kind(),
            Notation::Register(_, inner) | Notation::Swapped(_, inner) => inner.kind(),
        }
    }
    /// The numbers that mean something here.
    pub fn names(&self) -> Names {
        match self {
            Notation::Choice(names, _) | Notation::Bits(names, _) => names,
            Notation::Named(_, inner) | Notation::If(_, inner) => inner.names(),
            Notation::Register(_, inner) | Notation::Swapped(_, inner) => inner.names(),
            _ => &[],
        }
    }

    /// What it points to, if it is a pointer. The text of a variant says how the kernel uses it where the variant alone does not:
    /// `const` for what it reads, `inout` for what it reads and writes.
    pub fn pointee(&self) -> Option<Pointee> {
        let (usual, text) = match self {
            Notation::Path | Notation::Text => (Access::Read, "char"),
            Notation::Buffer(_) => (Access::Read, "void"),
            Notation::Filled => (Access::Write, "void"),
            Notation::In(text, _) => (Access::Read, *text),
            Notation::Out(text, _) | Notation::Pointer(text) => (Access::Write, *text),
            Notation::Late(text, _) => (Access::Write, text.strip_suffix('*')?.trim_end()),
            Notation::Named(_, inner) | Notation::If(_, inner) => return inner.pointee(),
            Notation::Register(_, inner) | Notation::Swapped(_, inner) => return inner.pointee(),
            _ => return None,
        };
        let marked = [("const ", Access::Read), ("inout ", Access::Both)];
        let marked = marked.into_iter().find_map(|(mark, access)| Some((access, text.strip_prefix(mark)?)));
        let (access, target) = marked.unwrap_or((usual, text));
        Some(Pointee { target, access })
    }
}

impl Description {
    /// How the argument in this place is written; of i386 where that matters.
    pub fn argument(&self, place: usize, is_i386: bool) -> Option<&'static Notation> {
        let register = |(index, notation): (usize, &Notation)| match *notation {
            Notation::Register(register, _) => register,
            Notation::Swapped([wide, narrow], _) => {
                if is_i386 {
                    narrow
                } else {
                    wide
                }
            }
            _ => index,
        };
        self.arguments.iter().enumerate().find(|argument| register(*argument) == place).map(|(_, notation)| notation)
    }
}
