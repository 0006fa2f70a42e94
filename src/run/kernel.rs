//! What a kernel says of itself.

use std::os::unix::fs::FileExt as _;
use std::path::Path;

use fs_err::File;

use super::error::Error;

/// In what form a kernel is there, as far as engines ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KernelForm {
    /// Packed and with a loader of its own, as x86 mostly has it: `bzImage`, `vmlinuz`.
    BzImage,
    /// Neither packed nor stripped of its headers, for x86: `vmlinux`.
    Vmlinux,
    /// Not packed, for ARM: `Image`.
    Image,
    /// None of these.
    Other,
}

impl KernelForm {
    /// That of the file at `path`.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn at(path: &Path) -> Result<Self, Error> {
        let file = File::open(path).map_err(|error| Error::io("open", path, error))?;
        Self::of(&file)
    }

    pub(super) fn of(kernel: &File) -> Result<Self, Error> {
        let has = |at: u64, mark: &[u8]| {
            let mut bytes = [0; 8];
            let bytes = &mut bytes[..mark.len()];
            match kernel.file().read_exact_at(bytes, at) {
                Ok(()) => Ok(bytes == mark),
                Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Ok(false),
                Err(error) => Err(Error::io("read", kernel.path(), error)),
            }
        };
        // ELF of 64 bits, little-endian; its machine is EM_X86_64.
        if has(0, b"\x7fELF\x02\x01")? && has(18, &62_u16.to_le_bytes())? {
            return Ok(Self::Vmlinux);
        }
        // Documentation/arch/x86/boot.rst and Documentation/arch/arm64/booting.rst.
        for (form, at, mark) in [
            (Self::BzImage, 0x202, b"HdrS"),
            (Self::Image, 56, b"ARM\x64"),
        ] {
            if has(at, mark)? {
                return Ok(form);
            }
        }
        Ok(Self::Other)
    }
}

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
    fn the_form_of_a_kernel_is_told_by_its_marks() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("kernel");
        let of = |marks: &[(usize, &[u8])]| {
            let mut bytes = vec![0; 0x300];
            for (at, mark) in marks {
                bytes[*at..][..mark.len()].copy_from_slice(mark);
            }
            fs_err::write(&path, bytes).unwrap();
            KernelForm::at(&path).unwrap()
        };
        let elf: (usize, &[u8]) = (0, b"\x7fELF\x02\x01");
        assert_eq!(of(&[elf, (18, &[62, 0])]), KernelForm::Vmlinux);
        // Of 32 bits, or for another processor.
        let narrow: (usize, &[u8]) = (0, b"\x7fELF\x01\x01");
        assert_eq!(of(&[narrow, (18, &[62, 0])]), KernelForm::Other);
        assert_eq!(of(&[elf, (18, &[183, 0])]), KernelForm::Other);
        assert_eq!(of(&[(0x202, b"HdrS")]), KernelForm::BzImage);
        assert_eq!(of(&[(0, b"MZ"), (56, b"ARM\x64")]), KernelForm::Image);
        fs_err::write(&path, b"\x7fELF").unwrap();
        assert_eq!(KernelForm::at(&path).unwrap(), KernelForm::Other);
        let away = KernelForm::at(&folder.path().join("away")).unwrap_err();
        assert!(away.to_string().starts_with("cannot open"), "{away}");
    }

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
