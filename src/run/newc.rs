//! Writing cpio archives in the form that the kernel unpacks (`newc`): names, modes, content, nothing else.
//!
//! ```text
//! header: 070701, then 13 numbers of 8 hex digits | name, NUL | to a multiple of 4 | content | to a multiple of 4
//! ```
//!
//! All times are 0 and all owners root, so that the same parts give the same bytes.

const FOLDER: u32 = 0o040_755;
const FILE: u32 = 0o100_000;
const CHARACTER_DEVICE: u32 = 0o020_000;

/// An archive that grows.
#[derive(Debug, Default)]
pub(super) struct Archive {
    bytes: Vec<u8>,
    count: u32,
}

impl Archive {
    /// Adds a folder; the one above it comes first.
    pub(super) fn folder(&mut self, name: &str) {
        self.entry(name, FOLDER, (0, 0), &[]);
    }

    /// Adds a file.
    pub(super) fn file(&mut self, name: &str, permissions: u32, content: &[u8]) {
        self.entry(name, FILE | permissions, (0, 0), content);
    }

    /// Adds a character device.
    pub(super) fn device(&mut self, name: &str, permissions: u32, number: (u32, u32)) {
        self.entry(name, CHARACTER_DEVICE | permissions, number, &[]);
    }

    /// Ends it.
    pub(super) fn finish(mut self) -> Vec<u8> {
        self.count = 0;
        self.entry("TRAILER!!!", 0, (0, 0), &[]);
        self.bytes
    }

    fn entry(&mut self, name: &str, mode: u32, device: (u32, u32), content: &[u8]) {
        // The form has no room for more; nothing here comes near.
        let size = u32::try_from(content.len()).unwrap_or(u32::MAX);
        let name_size = u32::try_from(name.len() + 1).unwrap_or(u32::MAX);
        let is_trailer = mode == 0;
        let links = if mode == FOLDER { 2 } else { 1 };
        if !is_trailer {
            self.count += 1;
        }
        let fields = [
            self.count, mode, 0, 0, links, 0, size, 0, 0, device.0, device.1, name_size, 0,
        ];
        self.bytes.extend_from_slice(b"070701");
        for field in fields {
            self.bytes
                .extend_from_slice(format!("{field:08x}").as_bytes());
        }
        self.bytes.extend_from_slice(name.as_bytes());
        self.bytes.push(0);
        self.pad();
        self.bytes.extend_from_slice(content);
        self.pad();
    }

    fn pad(&mut self) {
        let whole = self.bytes.len().next_multiple_of(4);
        self.bytes.resize(whole, 0);
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::process::{Command, Stdio};

    use super::*;

    fn archive() -> Vec<u8> {
        let mut archive = Archive::default();
        archive.folder("dev");
        archive.device("dev/null", 0o666, (1, 3));
        archive.file("init", 0o755, b"#!/bin/sh\n");
        archive.file("empty", 0o400, b"");
        archive.file("odd", 0o644, &[7; 4097]);
        archive.finish()
    }

    /// What `cpio` makes of these bytes.
    fn cpio(words: &[&str], folder: &std::path::Path, bytes: &[u8]) -> String {
        let mut cpio = Command::new("cpio");
        cpio.args(words).current_dir(folder);
        cpio.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = cpio.spawn().expect("cpio of the package cpio");
        child.stdin.take().unwrap().write_all(bytes).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success());
        String::from_utf8(output.stdout).unwrap()
    }

    #[test]
    fn the_same_parts_give_the_same_bytes_in_whole_words() {
        let bytes = archive();
        assert_eq!(bytes, archive());
        assert_eq!(bytes.len() % 4, 0);
        assert!(bytes.starts_with(b"070701"));
    }

    #[test]
    fn cpio_reads_it() {
        if Command::new("cpio").arg("--version").output().is_err() {
            // The gate installs it; `make check` does without.
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let bytes = archive();
        let listed = cpio(&["-itv", "--quiet", "-n"], folder.path(), &bytes);
        let lines: Vec<Vec<&str>> = listed
            .lines()
            .map(|line| line.split_whitespace().collect())
            .collect();
        let modes: Vec<(&str, &str)> = lines
            .iter()
            .map(|words| (words[0], *words.last().unwrap()))
            .collect();
        assert_eq!(
            modes,
            [
                ("drwxr-xr-x", "dev"),
                ("crw-rw-rw-", "dev/null"),
                ("-rwxr-xr-x", "init"),
                ("-r--------", "empty"),
                ("-rw-r--r--", "odd"),
            ]
        );
        assert!(listed.contains("1,   3"), "{listed}");
        cpio(
            &["-i", "--quiet", "init", "empty", "odd"],
            folder.path(),
            &bytes,
        );
        let read = |name: &str| fs_err::read(folder.path().join(name)).unwrap();
        assert_eq!(read("init"), b"#!/bin/sh\n");
        assert_eq!(read("empty"), b"");
        assert_eq!(read("odd"), [7; 4097]);
    }
}
