//! Guarantees that need no boot: docs/guarantees.md names them.

use object::{Object, ObjectSegment};
use std::path::{Path, PathBuf};

fn home() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The greatest kernel image without symbols, in bytes.
const IMAGE_LIMIT: u64 = 4 << 20;

#[test]
fn the_kernel_image_is_small() {
    let path = home().join("target/kernel/x86_64-unknown-none/release/lstar-kernel");
    let bytes = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}; ./lstar build", path.display()));
    let image = object::File::parse(&*bytes).unwrap();
    let size: u64 = image.segments().map(|segment| segment.file_range().1).sum();
    assert!(size > 0 && size <= IMAGE_LIMIT, "the image has {size} bytes");
}

/// Crates that need unsafe code: the machine, the image that holds the entry symbol, the modules' side of their interface, and
/// system calls without a library.
const EXCEPTIONS: [&str; 4] = ["machine", "image", "module", "user/rust"];

#[test]
fn unsafe_code_is_forbidden_outside_the_listed_crates() {
    let manifest = std::fs::read_to_string(home().join("Cargo.toml")).unwrap();
    let members = manifest.split_once("members = [").unwrap().1.split_once(']').unwrap().0;
    let members: Vec<_> = members.split(',').map(|member| member.trim().trim_matches('"')).collect();
    assert!(members.contains(&"kernel"), "{members:?}");
    for member in members.iter().filter(|member| !member.is_empty() && !EXCEPTIONS.contains(member)) {
        let roots = ["src/lib.rs", "src/main.rs"].map(|file| home().join(member).join(file));
        let texts: Vec<_> = roots.iter().filter_map(|root| std::fs::read_to_string(root).ok()).collect();
        assert!(!texts.is_empty(), "{member} has neither lib.rs nor main.rs");
        for text in texts {
            assert!(text.lines().any(|line| line == "#![forbid(unsafe_code)]"), "{member} does not forbid unsafe code");
        }
    }
}
