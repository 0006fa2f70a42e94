//! What a kernel says of itself.

use std::os::unix::fs::FileExt as _;

use fs_err::File;

use super::error::Error;

/// The release of a kernel in the form that x86 boots (`bzImage`), `6.1.0-9-amd64`; `None` for one that does not say.
pub(super) fn release(kernel: &File) -> Result<Option<String>, Error> {
    // The header of Documentation/arch/x86/boot.rst.
    let mut head = [0; 0x210];
    match kernel.file().read_exact_at(&mut head, 0) {
        Ok(()) => {}
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(Error::io("read", kernel.path(), error)),
    }
    if &head[0x202..0x206] != b"HdrS" {
        return Ok(None);
    }
    let at = u64::from(u16::from_le_bytes([head[0x20e], head[0x20f]])) + 0x200;
    let mut text = [0; 128];
    let read = kernel.file().read_at(&mut text, at);
    let read = read.map_err(|error| Error::io("read", kernel.path(), error))?;
    let word = text[..read]
        .split(|byte| byte.is_ascii_whitespace() || *byte == 0)
        .next();
    let word = word.and_then(|word| std::str::from_utf8(word).ok());
    Ok(word.filter(|word| !word.is_empty()).map(str::to_owned))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kernel_says_its_release_and_other_files_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("vmlinuz");
        let of = |bytes: &[u8]| {
            fs_err::write(&path, bytes).unwrap();
            release(&File::open(&path).unwrap()).unwrap()
        };
        let mut bytes = vec![0; 0x300];
        bytes[0x202..0x206].copy_from_slice(b"HdrS");
        bytes[0x20e..0x210].copy_from_slice(&0x80_u16.to_le_bytes());
        bytes.splice(0x280.., *b"6.1.0-9-amd64 (builder) #1");
        assert_eq!(of(&bytes).as_deref(), Some("6.1.0-9-amd64"));
        bytes[0x202] = 0;
        assert_eq!(of(&bytes), None);
        assert_eq!(of(b"\x7fELF"), None);
    }
}
