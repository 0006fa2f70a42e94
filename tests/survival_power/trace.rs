//! What pyro did to the file system, in order, out of what strace wrote down.
//!
//! Calls of several threads overlap: a call that was written in two parts, `<unfinished ...>` and `resumed`, begins at
//! the line of the first and is done at that of the second.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// The calls that strace has to write down.
pub const CALLS: &str = "trace=?open,?openat,?openat2,?creat,?mkdir,?mkdirat,?symlink,?symlinkat,?link,?linkat,?unlink,\
     ?unlinkat,?rmdir,?rename,?renameat,?renameat2,?write,?pwrite64,?writev,?pwritev,?pwritev2,?copy_file_range,?sendfile,\
     ?ioctl,?ftruncate,?truncate,?fallocate,?chmod,?fchmod,?fchmodat,?fchmodat2,?utimensat,?fsync,?fdatasync,\
     ?syncfs,?sync,?dup,?fcntl";

/// What a call did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deed {
    /// Something new has this name.
    Named(PathBuf),
    /// A symlink has this name.
    Linked(PathBuf),
    /// A second name, the later one, of the same file.
    Twinned(PathBuf, PathBuf),
    /// The name is gone.
    Unnamed(PathBuf),
    /// The first name became the second.
    Renamed(PathBuf, PathBuf),
    /// The two names changed places.
    Exchanged(PathBuf, PathBuf),
    /// The content of a file.
    Written(PathBuf),
    /// Mode or times.
    Changed(PathBuf),
    /// One file or folder reached the disk.
    Synced(PathBuf),
    /// Everything reached the disk; the descriptor was opened at this line.
    AllSynced(PathBuf, usize),
}

/// A deed and its place among the others, in lines of the trace.
#[derive(Debug, Clone)]
pub struct Call {
    pub begun: usize,
    pub done: usize,
    pub deed: Deed,
}

/// Reads a trace that strace made with `-f -y`; calls that failed did nothing.
pub fn read(trace: &str) -> Vec<Call> {
    let mut opened = HashMap::new();
    let mut unfinished: HashMap<&str, (usize, &str)> = HashMap::new();
    let mut calls = Vec::new();
    // From 1 on, so that there is a place before all of them.
    for (number, line) in (1..).zip(trace.lines()) {
        let (thread, rest) = line.split_once(' ').unwrap();
        let rest = rest.trim_start();
        if let Some(first) = rest.strip_suffix("<unfinished ...>") {
            unfinished.insert(thread, (number, first));
            continue;
        }
        let (begun, text) = match rest.split_once(" resumed>") {
            Some((before, second)) if before.starts_with("<...") => {
                let (begun, first) = unfinished.remove(thread).unwrap();
                (begun, format!("{}{second}", first.trim_end()))
            }
            _ => (number, rest.to_owned()),
        };
        let done = number;
        let Some(call) = Text::read(&text) else {
            continue;
        };
        if let Some(deed) = call.deed(&mut opened, begun) {
            calls.push(Call { begun, done, deed });
        }
    }
    calls
}

/// A call as strace writes it: `openat(3</folder>, "name", O_RDONLY) = 4</folder/name>`.
struct Text<'t> {
    name: &'t str,
    arguments: Vec<&'t str>,
    result: &'t str,
}

impl<'t> Text<'t> {
    /// `None` for a signal, an end, or a call that failed.
    fn read(text: &'t str) -> Option<Self> {
        let (call, result) = text.rsplit_once(" = ")?;
        let (name, arguments) = call.trim_end().strip_suffix(')')?.split_once('(')?;
        let failed = result.starts_with('-') || result.starts_with('?');
        (!failed).then(|| Self {
            name,
            arguments: split(arguments),
            result,
        })
    }

    /// The path of a descriptor among the arguments.
    fn of(&self, argument: usize) -> PathBuf {
        path_of(self.arguments[argument]).unwrap()
    }

    /// The path of a name among the arguments, below the folder that stands before it.
    fn below(&self, folder: usize) -> PathBuf {
        let name = self.arguments[folder + 1];
        if name == "NULL" {
            return self.of(folder);
        }
        let folder = path_of(self.arguments[folder]).unwrap_or_default();
        folder.join(unquoted(name))
    }

    /// The path of a name among the arguments of a call without descriptors.
    fn named(&self, argument: usize) -> PathBuf {
        let path = unquoted(self.arguments[argument]);
        assert!(path.is_absolute(), "{path:?}: not to be told where");
        path
    }

    fn has(&self, flag: &str) -> bool {
        self.arguments
            .iter()
            .any(|argument| argument.split('|').any(|word| word == flag))
    }

    /// What it did; `opened` has the line at which each descriptor was opened.
    fn deed(&self, opened: &mut HashMap<u32, usize>, begun: usize) -> Option<Deed> {
        Some(match self.name {
            "open" | "openat" | "openat2" | "creat" => {
                opened.insert(number_of(self.result), begun);
                let is_new = self.has("O_EXCL") || self.has("O_TRUNC") || self.name == "creat";
                return (is_new && path_of(self.result).is_some())
                    .then(|| Deed::Named(path_of(self.result).unwrap()));
            }
            // The copy is of the same opening.
            "dup" => return self.copied(opened),
            "fcntl" if self.has("F_DUPFD_CLOEXEC") || self.has("F_DUPFD") => {
                return self.copied(opened);
            }
            "mkdir" => Deed::Named(self.named(0)),
            "mkdirat" => Deed::Named(self.below(0)),
            "symlink" => Deed::Linked(self.named(1)),
            "symlinkat" => Deed::Linked(self.below(1)),
            "link" => Deed::Twinned(self.named(0), self.named(1)),
            "linkat" => Deed::Twinned(self.below(0), self.below(2)),
            "unlink" | "rmdir" => Deed::Unnamed(self.named(0)),
            "unlinkat" => Deed::Unnamed(self.below(0)),
            "rename" => Deed::Renamed(self.named(0), self.named(1)),
            "renameat2" if self.has("RENAME_EXCHANGE") => {
                Deed::Exchanged(self.below(0), self.below(2))
            }
            "renameat" | "renameat2" => Deed::Renamed(self.below(0), self.below(2)),
            "write" | "pwrite64" | "writev" | "pwritev" | "pwritev2" | "ftruncate"
            | "fallocate" | "sendfile" => Deed::Written(path_of(self.arguments[0])?),
            "truncate" => Deed::Written(self.named(0)),
            "copy_file_range" => Deed::Written(self.of(2)),
            "ioctl" if self.has("FICLONE") || self.has("FICLONERANGE") => Deed::Written(self.of(0)),
            "chmod" => Deed::Changed(self.named(0)),
            "fchmod" => Deed::Changed(self.of(0)),
            "fchmodat" | "fchmodat2" | "utimensat" => Deed::Changed(self.below(0)),
            "fsync" | "fdatasync" => Deed::Synced(self.of(0)),
            "syncfs" => {
                let descriptor = number_of(self.arguments[0]);
                Deed::AllSynced(self.of(0), opened[&descriptor])
            }
            _ => return None,
        })
    }

    fn copied(&self, opened: &mut HashMap<u32, usize>) -> Option<Deed> {
        if let Some(&line) = opened.get(&number_of(self.arguments[0])) {
            opened.insert(number_of(self.result), line);
        }
        None
    }
}

/// The arguments, at commas that are in no string, path or structure.
fn split(text: &str) -> Vec<&str> {
    let (mut parts, mut start) = (Vec::new(), 0);
    let (mut depth, mut quoted, mut escaped) = (0_usize, false, false);
    for (at, letter) in text.char_indices() {
        match letter {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ if quoted => {}
            '<' | '{' | '[' | '(' => depth += 1,
            '>' | '}' | ']' | ')' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                parts.push(text[start..at].trim());
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(text[start..].trim());
    parts
}

/// The number of a descriptor: `4</folder/name>`.
fn number_of(descriptor: &str) -> u32 {
    let digits = descriptor.split(|c: char| !c.is_ascii_digit()).next();
    digits.unwrap().parse().unwrap_or(u32::MAX)
}

/// The path of a descriptor; `None` where it is no file.
fn path_of(descriptor: &str) -> Option<PathBuf> {
    let (_, path) = descriptor.split_once('<')?;
    let (path, _deleted) = path.rsplit_once('>')?;
    path.starts_with('/').then(|| Path::new(path).to_owned())
}

fn unquoted(argument: &str) -> PathBuf {
    let text = argument.trim_matches('"');
    assert!(!text.contains('\\'), "{text}: a name of the tests is plain");
    text.into()
}

#[test]
fn a_trace_is_read() {
    let trace = "\
        7  openat(3</s>, \".s-1\", O_RDONLY|O_DIRECTORY) = 4</s/.s-1>\n\
        7  fcntl(4</s/.s-1>, F_DUPFD_CLOEXEC, 3) = 5</s/.s-1>\n\
        7  openat(4</s/.s-1>, \"f\", O_RDWR|O_CREAT|O_EXCL, 0600) = 6</s/.s-1/f>\n\
        7  pwrite64(6</s/.s-1/f>, \"a, b\"..., 9, 0 <unfinished ...>\n\
        8  mkdir(\"/p\", 0755) = -1 EEXIST (File exists)\n\
        7  <... pwrite64 resumed>) = 9\n\
        7  syncfs(5</s/.s-1>) = 0\n\
        7  renameat2(3</s>, \".s-1\", 3</s>, \"n\", RENAME_NOREPLACE) = 0\n\
        7  +++ exited with 0 +++";
    let path = |text: &str| PathBuf::from(text);
    let calls = read(trace);
    let deeds: Vec<_> = calls.iter().map(|call| call.deed.clone()).collect();
    let expected = [
        Deed::Named(path("/s/.s-1/f")),
        Deed::Written(path("/s/.s-1/f")),
        Deed::AllSynced(path("/s/.s-1"), 1),
        Deed::Renamed(path("/s/.s-1"), path("/s/n")),
    ];
    assert_eq!(deeds, expected);
    assert_eq!((calls[1].begun, calls[1].done), (4, 6));
}
