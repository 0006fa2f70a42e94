//! What a module says of itself: the section `.modinfo` of an ELF file, texts `key=value` that end with NUL.
//!
//! Modules come from outside, so every offset is checked; a file that is no such ELF file is refused.

/// What is needed before a module.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct ModInfo {
    /// Modules that must be loaded before it.
    pub(super) depends: Vec<String>,
    /// Modules that it likes to have before it (`softdep=pre:`), by names that need not be theirs.
    pub(super) wishes: Vec<String>,
}

impl ModInfo {
    /// Reads it; the error completes `cannot use the kernel module (…)`.
    pub(super) fn read(elf: &[u8]) -> Result<Self, &'static str> {
        let section =
            section(elf, b".modinfo").ok_or("it is no ELF file with a section .modinfo")?;
        let mut info = Self::default();
        for text in section.split(|byte| *byte == 0) {
            let Ok(text) = std::str::from_utf8(text) else {
                continue;
            };
            if let Some(names) = text.strip_prefix("depends=") {
                let names = names.split(',').filter(|name| !name.is_empty());
                info.depends.extend(names.map(plain));
            }
            if let Some(names) = text.strip_prefix("softdep=pre:") {
                let names = names.split_whitespace();
                let names = names.take_while(|name| *name != "post:");
                info.wishes.extend(names.map(plain));
            }
        }
        Ok(info)
    }
}

fn plain(name: &str) -> String {
    name.replace('-', "_")
}

/// The bytes of the section of this name.
fn section<'e>(elf: &'e [u8], name: &[u8]) -> Option<&'e [u8]> {
    // 64 bits, little-endian.
    if elf.get(..6)? != b"\x7fELF\x02\x01" {
        return None;
    }
    let table = number::<8>(elf, 0x28)?;
    let size = number::<2>(elf, 0x3a)?;
    let count = number::<2>(elf, 0x3c)?;
    let names = number::<2>(elf, 0x3e)?;
    let header = |index: usize| elf.get(table.checked_add(index.checked_mul(size)?)?..);
    let content = |header: &[u8]| {
        let (at, length) = (number::<8>(header, 0x18)?, number::<8>(header, 0x20)?);
        elf.get(at..at.checked_add(length)?)
    };
    let names = content(header(names)?)?;
    let mut headers = (0..count).filter_map(header);
    headers.find_map(|header| {
        let own = names.get(number::<4>(header, 0)?..)?;
        let own = own.split(|byte| *byte == 0).next()?;
        (own == name).then(|| content(header))?
    })
}

/// A little-endian number of `N` bytes.
fn number<const N: usize>(bytes: &[u8], at: usize) -> Option<usize> {
    let bytes = bytes.get(at..at.checked_add(N)?)?;
    let mut wide = [0; 8];
    wide[..N].copy_from_slice(bytes);
    usize::try_from(u64::from_le_bytes(wide)).ok()
}
