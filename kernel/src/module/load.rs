//! From a file's bytes to a live module, in Linux's order of checks.
use super::signature::{self, Trust};
use super::{Body, Candidate, LONGEST_NAME, User, report, services};
use crate::error::*;
use crate::log::{Level, line};
use ::module::{Parameters, interface};
use alloc::sync::Arc;
use alloc::vec::Vec;
use loader::{Image, Information, LinkError, Object, Refusal};
use machine::memory::try_arc;
use machine::module::{self, Memory};

/// Loads although what it names has other versions (MODULE_INIT_IGNORE_MODVERSIONS).
pub const IGNORE_VERSIONS: u32 = 1;
/// Loads although it was built for another interface (MODULE_INIT_IGNORE_VERMAGIC).
pub const IGNORE_VERSION_MAGIC: u32 = 2;

fn refused(refusal: Refusal) -> Error {
    match refusal {
        Refusal::Malformed(reason) => ENOEXEC.because(reason),
        Refusal::OutOfMemory => ENOMEM,
    }
}

/// Loads a module and starts it. `parameters` is asked once everything before it is in order.
///
/// ENOEXEC for what is no module, or one of another interface; EBADMSG, EKEYREJECTED (see [`signature`]); EEXIST, EBUSY;
/// ENOENT for a symbol or module it needs, EINVAL for one of another version or a parameter's wrong value; ENOMEM; the error
/// of its first function.
pub fn load(file: &[u8], flags: u32, parameters: impl FnOnce() -> Result<Vec<u8>>) -> Result<()> {
    let (bytes, trust) = signature::check(file, flags != 0)?;
    let object = Object::parse(bytes).map_err(refused)?;
    let information = object.information();
    let name = check_information(&information, flags)?;
    let layout = object.layout().map_err(refused)?;
    let mut memory = Memory::reserve(layout.sizes())?;
    let candidate = Candidate::new(name)?;
    let dependencies = dependencies(name, &information)?;
    let resolver = Resolver { name, object: &object, dependencies: &dependencies, flags };
    let image =
        object.link(&layout, memory.bases(), &mut |symbol| resolver.resolve(symbol)).map_err(|error| match error {
            LinkError::Refused(refusal) => refused(refusal),
            LinkError::Symbol(error) => error,
        })?;
    let init = image.symbol(interface::INIT).ok_or(ENOEXEC.because("the object has no first function"))?;
    let exit = image.symbol(interface::EXIT);
    let parameters = parameters()?;
    check_parameters(name, &information, &parameters)?;
    let Image { parts: [text, constants, data], symbols } = image;
    memory.fill([&text, &constants, &data])?;
    if [Some(init), exit].into_iter().flatten().any(|address| !memory.has_code(address)) {
        return Err(ENOEXEC.because("the first or last function is not code"));
    }
    let memory = try_arc(memory)?;
    let taint = taint_of(&information, trust);
    let body = Body { memory: memory.clone(), exit, symbols, dependencies, taint };
    candidate.module.body.set(body).map_err(|_| EBUSY)?;
    super::sysfs::add(&candidate.module)?;
    start(candidate, &memory, init, &parameters, taint)
}

fn start(candidate: Candidate, memory: &Arc<Memory>, init: u64, parameters: &[u8], taint: u32) -> Result<()> {
    module::provide(&services::SERVICES);
    report::taint(taint);
    let name = &candidate.module.name;
    match memory.start(init, parameters) {
        0 => {}
        error if error < 0 => return Err(services::error_of(error.into())),
        odd => {
            line(Level::Warning, format_args!("{name}: its first function returned {odd}, which is no error; it stays"))
        }
    }
    candidate.succeed();
    Ok(())
}

/// Checks what a module says of itself; its name.
fn check_information<'a>(information: &Information<'a>, flags: u32) -> Result<&'a str> {
    let name = information.get("name").ok_or(ENOEXEC.because("the module has no name"))?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    if name.is_empty() || name.len() > LONGEST_NAME || !name.bytes().all(plain) {
        return Err(ENOEXEC.because("the module has no name that can be used"));
    }
    let magic = information.get("vermagic").unwrap_or_default();
    if magic != interface::VERSION_MAGIC && flags & IGNORE_VERSION_MAGIC == 0 {
        let should = interface::VERSION_MAGIC;
        line(Level::Error, format_args!("{name}: version magic '{magic}' should be '{should}'"));
        return Err(ENOEXEC.because("the module was built for another interface"));
    }
    Ok(name)
}

/// The modules that one depends on, used from now on. ENOENT.
fn dependencies(name: &str, information: &Information) -> Result<Vec<User>> {
    let mut users = Vec::new();
    for needed in information.dependencies() {
        let user = super::find(needed).as_ref().and_then(User::of).ok_or_else(|| {
            line(Level::Error, format_args!("{name}: needs module {needed}"));
            ENOENT
        })?;
        users.try_reserve(1)?;
        users.push(user);
    }
    Ok(users)
}

/// Finds what a module names.
struct Resolver<'a> {
    name: &'a str,
    object: &'a Object<'a>,
    dependencies: &'a [User],
    flags: u32,
}
impl Resolver<'_> {
    /// The kernel's symbols first, then those of the modules it depends on. ENOENT; EINVAL for another version.
    fn resolve(&self, symbol: &[u8]) -> Result<u64> {
        let (name, text) = (self.name, core::str::from_utf8(symbol).unwrap_or("?"));
        if let Some(export) = module::export(symbol) {
            if let Some(version) = export.version
                && self.flags & IGNORE_VERSIONS == 0
                && self.object.versions().and_then(|versions| versions.of(symbol)) != Some(version.into())
            {
                line(Level::Warning, format_args!("{name}: disagrees about version of symbol {text}"));
                return Err(EINVAL.because("a symbol has another version"));
            }
            return Ok(export.address);
        }
        let bodies = self.dependencies.iter().filter_map(|user| user.0.body.get());
        let found = bodies.flat_map(|body| &body.symbols).find(|(other, _)| other == symbol && !is_reserved(other));
        found.map(|(_, address)| *address).ok_or_else(|| {
            line(Level::Warning, format_args!("{name}: Unknown symbol {text} (err -2)"));
            ENOENT
        })
    }
}
/// Every module has these.
fn is_reserved(symbol: &[u8]) -> bool {
    symbol == interface::INIT.as_bytes() || symbol == interface::EXIT.as_bytes()
}

/// EINVAL for a value that its parameter's type does not take; parameters that the module does not know are passed over.
fn check_parameters(name: &str, information: &Information, parameters: &[u8]) -> Result<()> {
    let text = core::str::from_utf8(parameters).map_err(|_| EINVAL.because("parameters that are no text"))?;
    for (parameter, value) in Parameters::new(text).iter() {
        match information.parameter_type(parameter) {
            None => line(Level::Warning, format_args!("{name}: unknown parameter '{parameter}' ignored")),
            Some(kind) if Parameters::fits(kind, value) => {}
            Some(_) => {
                let value = value.unwrap_or_default();
                line(Level::Error, format_args!("{name}: `{value}' invalid for parameter `{parameter}'"));
                return Err(EINVAL.because("a parameter's value is not of its type"));
            }
        }
    }
    Ok(())
}

/// The bits of /proc/sys/kernel/tainted that a module sets.
fn taint_of(information: &Information, trust: Trust) -> u32 {
    let license = information.get("license").unwrap_or("unspecified");
    let is_free = ["GPL", "MIT", "BSD", "Apache", "MPL", "ISC", "Zlib", "CC0", "Unlicense"]
        .iter()
        .any(|word| license.contains(word));
    let own = if information.get("intree").is_some() { 0 } else { report::TAINT_OUT_OF_TREE };
    own | if is_free { 0 } else { report::TAINT_PROPRIETARY }
        | if trust == Trust::Signed { 0 } else { report::TAINT_UNSIGNED }
}
