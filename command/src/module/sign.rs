//! Keys and signatures; `kernel/src/module/signature.rs` says what a signed file looks like.

use anyhow::{Context, Result, bail};
use ed25519_compact::{KeyPair, Seed};
use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

const MAGIC: &[u8] = b"~Module signature appended~\n";
/// Lengths of signer (none) and key, padding, length of the signature.
const DESCRIPTION: [u8; 12] = [0, 0, b'L', 0, 32, 0, 0, 0, 0, 0, 0, 64];

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Makes a key in a new file that only its owner reads.
pub fn make_key(path: &Path) -> Result<()> {
    let mut seed = [0; 32];
    File::open("/dev/urandom").and_then(|mut source| source.read_exact(&mut seed)).context("/dev/urandom")?;
    let file = File::options().write(true).create_new(true).mode(0o600).open(path);
    let pair = KeyPair::from_seed(Seed::new(seed));
    writeln!(file.with_context(|| path.display().to_string())?, "{}", hexadecimal(&seed))?;
    println!("module.sig_key={}", hexadecimal(pair.pk.as_slice()));
    Ok(())
}

fn read_key(path: &Path) -> Result<KeyPair> {
    let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    let text = text.trim();
    let digits = text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !digits {
        bail!("{} is no key; lstar module key makes one", path.display());
    }
    let mut seed = [0; 32];
    for (byte, digits) in seed.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(digits)?, 16)?;
    }
    Ok(KeyPair::from_seed(Seed::new(seed)))
}

/// Appends a signature to a file that has none.
pub fn sign(key: &Path, path: &Path) -> Result<()> {
    let pair = read_key(key)?;
    let mut bytes = std::fs::read(path).with_context(|| path.display().to_string())?;
    if bytes.ends_with(MAGIC) {
        bail!("{} is signed already", path.display());
    }
    let signature = pair.sk.sign(&bytes, None);
    bytes.extend(pair.pk.as_slice());
    bytes.extend(signature.as_slice());
    bytes.extend(DESCRIPTION);
    bytes.extend(MAGIC);
    std::fs::write(path, bytes).with_context(|| path.display().to_string())
}
