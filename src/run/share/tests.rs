//! What a guest may ask, and what it gets, with the words of the kernel's own protocol.

use std::io::{Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::net::UnixStream;

use super::request::{HEADER, Verdict, judge};
use super::*;

/// A guest's kernel, as far as these tests need one.
struct Kernel {
    socket: UnixStream,
    folder: tempfile::TempDir,
}

/// A header and what stands behind it.
fn message(opcode: u32, node: u64, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(HEADER + body.len()).unwrap();
    let mut message = Vec::new();
    message.extend(length.to_le_bytes());
    message.extend(opcode.to_le_bytes());
    message.extend(7_u64.to_le_bytes());
    message.extend(node.to_le_bytes());
    // Whoever asks in the guest: uid, gid, pid.
    message.extend([1000_u32, 1000, 1].map(u32::to_le_bytes).concat());
    message.extend([0; 4]);
    message.extend(body);
    message
}

fn words(numbers: &[u32]) -> Vec<u8> {
    numbers
        .iter()
        .flat_map(|number| number.to_le_bytes())
        .collect()
}

const ROOT: u64 = 1;
const EINVAL: i32 = 22;

impl Kernel {
    fn mounts(access: Access) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs_err::write(folder.path().join("file"), "inside").unwrap();
        fs_err::os::unix::fs::symlink("/", folder.path().join("link")).unwrap();
        let mut kernel = Self::of(folder, access);
        // INIT: version 7.31, no flags.
        kernel.ask(26, 0, &words(&[7, 31, 1 << 17, 0])).unwrap();
        kernel
    }

    /// One that has agreed on nothing yet.
    fn of(folder: tempfile::TempDir, access: Access) -> Self {
        let mount = Mount {
            source: folder.path().to_owned(),
            target: "/m".to_owned(),
            access,
        };
        let (socket, served) = UnixStream::pair().unwrap();
        Share::open(&mount).unwrap().serve(served).unwrap();
        Self { socket, folder }
    }

    /// The answer's body, or the number of its error.
    fn ask(&mut self, opcode: u32, node: u64, body: &[u8]) -> Result<Vec<u8>, i32> {
        self.socket.write_all(&message(opcode, node, body)).unwrap();
        let mut header = [0; 16];
        self.socket.read_exact(&mut header).unwrap();
        let field = |at: usize| u32::from_le_bytes(header[at..at + 4].try_into().unwrap());
        assert_eq!(u64::from_le_bytes(header[8..].try_into().unwrap()), 7);
        let mut body = vec![0; field(0) as usize - 16];
        self.socket.read_exact(&mut body).unwrap();
        match field(4).cast_signed() {
            0 => Ok(body),
            error => Err(-error),
        }
    }

    fn look_up(&mut self, name: &str) -> Result<u64, i32> {
        let found = self.ask(1, ROOT, format!("{name}\0").as_bytes())?;
        Ok(u64::from_le_bytes(found[..8].try_into().unwrap()))
    }

    /// CREATE with this mode.
    fn create(&mut self, name: &str, mode: u32) -> Result<Vec<u8>, i32> {
        let mut body = words(&[0o102, mode, 0, 0]);
        body.extend(format!("{name}\0").bytes());
        self.ask(35, ROOT, &body)
    }

    fn mode(&self, name: &str) -> u32 {
        let meta = fs_err::metadata(self.folder.path().join(name)).unwrap();
        meta.permissions().mode() & 0o7777
    }
}

#[test]
fn a_file_is_found_and_read() {
    let mut kernel = Kernel::mounts(Access::ReadOnly);
    let file = kernel.look_up("file").unwrap();
    let opened = kernel.ask(14, file, &words(&[0, 0])).unwrap();
    // READ: handle, offset, size, and what does not matter.
    let mut body = opened[..8].to_vec();
    body.extend(words(&[0, 0, 100, 0, 0, 0, 0, 0]));
    assert_eq!(kernel.ask(15, file, &body).unwrap(), b"inside");
}

#[test]
fn no_name_leads_out() {
    let mut kernel = Kernel::mounts(Access::ReadWrite);
    for name in ["..", "../..", "link/etc", "/etc", ""] {
        let found = kernel.look_up(name);
        assert!(found.is_err() || found == Ok(ROOT), "{name}: {found:?}");
    }
    // A link is one, and nothing is opened through it.
    let link = kernel.look_up("link").unwrap();
    assert_eq!(kernel.ask(5, link, &[]).unwrap(), b"/");
    assert!(kernel.ask(27, link, &words(&[0, 0])).is_err());
    assert!(kernel.ask(1, link, b"etc\0").is_err());
    assert!(kernel.create("../out", 0o644).is_err());
    assert!(!kernel.folder.path().parent().unwrap().join("out").exists());
}

/// A folder of the guest's may be taken elsewhere: what is above it then is anything.
#[test]
fn no_name_climbs_out_of_a_folder_that_was_moved_away() {
    for access in [Access::ReadOnly, Access::ReadWrite] {
        let mut kernel = Kernel::mounts(access);
        fs_err::create_dir(kernel.folder.path().join("sub")).unwrap();
        let sub = kernel.look_up("sub").unwrap();
        let away = tempfile::tempdir().unwrap();
        fs_err::rename(kernel.folder.path().join("sub"), away.path().join("sub")).unwrap();
        for name in [&b"..\0"[..], b".\0", b"../x\0", b"..\0x\0"] {
            assert_eq!(kernel.ask(1, sub, name), Err(EINVAL));
        }
    }
}

#[test]
fn no_flag_leads_out_or_makes_what_has_no_name() {
    let mut kernel = Kernel::mounts(Access::ReadWrite);
    let outside = tempfile::NamedTempFile::new().unwrap();
    let link = kernel.folder.path().join("out");
    fs_err::os::unix::fs::symlink(outside.path(), link).unwrap();
    let path = OFlags::PATH.bits();
    for flags in [path, path | 0o100, 0o100] {
        let mut body = words(&[flags, 0o644, 0, 0]);
        body.extend(b"out\0");
        assert!(kernel.ask(35, ROOT, &body).is_err(), "{flags:o}");
    }
    let file = kernel.look_up("file").unwrap();
    for more in [OFlags::PATH, OFlags::TMPFILE, OFlags::DIRECT, OFlags::ASYNC] {
        let opened = kernel.ask(14, file, &words(&[more.bits(), 0])).unwrap();
        let mut body = opened[..8].to_vec();
        body.extend(words(&[0, 0, 100, 0, 0, 0, more.bits(), 0]));
        assert_eq!(kernel.ask(15, file, &body).unwrap(), b"inside");
    }
    // OPENDIR makes nothing, though it is told to.
    let mut kernel = Kernel::mounts(Access::ReadOnly);
    let flags = (OFlags::TMPFILE | OFlags::RDWR).bits();
    let opened = kernel.ask(27, ROOT, &words(&[flags, 0])).unwrap();
    let mut body = opened[..8].to_vec();
    body.extend(words(&[0, 0, 4096, 0, 0, 0, 0, 0]));
    assert!(
        kernel
            .ask(28, ROOT, &body)
            .unwrap()
            .windows(4)
            .any(|name| name == b"file")
    );
}

#[test]
fn a_file_stays_whose_it_is_and_is_roots_for_the_guest() {
    let mut kernel = Kernel::mounts(Access::ReadWrite);
    let file = kernel.look_up("file").unwrap();
    // GETATTR: the owner stands behind times, mode and links.
    let attributes = kernel.ask(3, file, &words(&[0, 0, 0, 0])).unwrap();
    assert_eq!(attributes[16 + 68..16 + 76], [0; 8]);
    let found = kernel.ask(1, ROOT, b"file\0").unwrap();
    assert_eq!(found[40 + 68..40 + 76], [0; 8]);
    let chown = |set: u32, uid: u32, gid: u32| {
        let mut body = vec![0; 88];
        for (at, number) in [(0, set), (76, uid), (80, gid)] {
            body[at..at + 4].copy_from_slice(&number.to_le_bytes());
        }
        body
    };
    kernel.ask(4, file, &chown(0b110, 0, 0)).unwrap();
    for (set, uid, gid) in [(0b110, 1234, 0), (0b110, 0, 1234), (0b010, 1, 0)] {
        assert_eq!(kernel.ask(4, file, &chown(set, uid, gid)), Err(1));
    }
    let meta = fs_err::metadata(kernel.folder.path().join("file")).unwrap();
    assert_eq!(meta.uid(), rustix::process::geteuid().as_raw());
    assert_eq!(meta.gid(), rustix::process::getegid().as_raw());
    // RENAME2 that leaves a device behind.
    let mut body = ROOT.to_le_bytes().to_vec();
    body.extend(words(&[4, 0]));
    body.extend(b"file\0new\0");
    assert_eq!(kernel.ask(45, ROOT, &body), Err(EINVAL));
}

#[test]
fn a_guest_and_this_side_agree_on_a_megabyte_at_once_and_on_names_alone() {
    let folder = tempfile::tempdir().unwrap();
    let mut kernel = Kernel::of(folder, Access::ReadWrite);
    let all = !(1_u32 << 30);
    let terms = kernel.ask(26, 0, &words(&[7, 36, 1 << 17, all])).unwrap();
    let field = |at: usize| u32::from_le_bytes(terms[at..at + 4].try_into().unwrap());
    assert_eq!((field(20), field(28)), (1 << 20, 256));
    assert_eq!(field(12) & (1 << 5 | 1 << 22), 1 << 5 | 1 << 22);
    assert_eq!(field(12) & (1 << 13 | 1 << 14), 0);
    let terms = kernel
        .ask(26, 0, &words(&[7, 31, 1 << 17, 1 << 5]))
        .unwrap();
    assert_eq!(terms[20..24], (128_u32 << 10).to_le_bytes());
}

#[test]
fn the_umask_of_this_process_stays() {
    // From here on this thread has one of its own, which the serving begins with: other tests have theirs.
    keep_umask().unwrap();
    rustix::process::umask(Mode::RWXO);
    let mut kernel = Kernel::mounts(Access::ReadWrite);
    kernel.create("new", 0o666).unwrap();
    assert_eq!(rustix::process::umask(Mode::RWXO), Mode::RWXO);
    assert_eq!(kernel.mode("new"), 0o660);
}

#[test]
fn what_is_only_to_be_read_is_not_written_whatever_the_guest_asks() {
    const EROFS: i32 = 30;
    let mut kernel = Kernel::mounts(Access::ReadOnly);
    let file = kernel.look_up("file").unwrap();
    assert_eq!(kernel.create("new", 0o644), Err(EROFS));
    for flags in [0o1, 0o2, 0o1000, 0o100] {
        assert_eq!(kernel.ask(14, file, &words(&[flags, 0])), Err(EROFS));
    }
    // SETATTR, SYMLINK, MKNOD, MKDIR, UNLINK, RMDIR, RENAME, LINK, WRITE, FALLOCATE, RENAME2.
    for opcode in [4, 6, 8, 9, 10, 11, 12, 13, 16, 43, 45] {
        assert_eq!(kernel.ask(opcode, ROOT, b"file\0"), Err(EROFS), "{opcode}");
    }
    assert_eq!(
        fs_err::read(kernel.folder.path().join("file")).unwrap(),
        b"inside"
    );
}

#[test]
fn what_nobody_needs_is_not_there() {
    let mut kernel = Kernel::mounts(Access::ReadWrite);
    let known = [
        1, 2, 3, 4, 5, 6, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 20, 25, 26, 27, 28, 29, 30, 34,
        35, 36, 38, 42, 43, 45, 46,
    ];
    for opcode in (0..70).filter(|opcode| !known.contains(opcode)) {
        assert_eq!(kernel.ask(opcode, ROOT, b"file\0"), Err(38), "{opcode}");
    }
}

#[test]
fn files_are_this_accounts_and_have_no_powers() {
    let mut kernel = Kernel::mounts(Access::ReadWrite);
    kernel.create("new", 0o6755).unwrap();
    assert_eq!(kernel.mode("new"), 0o755);
    let meta = fs_err::metadata(kernel.folder.path().join("new")).unwrap();
    assert_eq!(meta.uid(), rustix::process::geteuid().as_raw());
    // SETATTR of the mode (FATTR_MODE is 1).
    let new = kernel.look_up("new").unwrap();
    let mut body = vec![0; 88];
    body[..4].copy_from_slice(&1_u32.to_le_bytes());
    body[68..72].copy_from_slice(&0o106_700_u32.to_le_bytes());
    kernel.ask(4, new, &body).unwrap();
    assert_eq!(kernel.mode("new"), 0o700);
    // MKNOD of a device, and of a fifo.
    let node = |kind: u32| [&words(&[kind | 0o4644, 0x103, 0, 0])[..], b"node\0"].concat();
    for kind in [0o20_000, 0o60_000] {
        assert_eq!(kernel.ask(8, ROOT, &node(kind)), Err(1));
    }
    kernel.ask(8, ROOT, &node(0o10_000)).unwrap();
    assert_eq!(kernel.mode("node"), 0o644);
    // A fifo is not opened: that could wait for ever.
    let fifo = kernel.look_up("node").unwrap();
    assert!(kernel.ask(14, fifo, &words(&[0, 0])).is_err());
}

#[test]
fn who_babbles_is_not_listened_to() {
    for length in [0_u32, 1, 39, u32::MAX] {
        let mut kernel = Kernel::mounts(Access::ReadWrite);
        kernel.socket.write_all(&length.to_le_bytes()).unwrap();
        let mut rest = Vec::new();
        kernel.socket.read_to_end(&mut rest).unwrap();
        assert_eq!(rest, b"");
    }
    // Too short for what it asks: it is refused or ends, and nothing else happens.
    for opcode in 0..64 {
        let mut kernel = Kernel::mounts(Access::ReadWrite);
        kernel
            .socket
            .write_all(&message(opcode, ROOT, &[]))
            .unwrap();
        kernel.socket.shutdown(std::net::Shutdown::Write).unwrap();
        let mut rest = Vec::new();
        kernel.socket.read_to_end(&mut rest).unwrap();
        assert_eq!(fs_err::read_dir(kernel.folder.path()).unwrap().count(), 2);
    }
}

#[test]
fn nobody_in_the_guest_is_somebody_here() {
    let mut message = message(3, ROOT, &[0; 16]);
    assert_eq!(judge(&mut message, Access::ReadWrite), Verdict::Pass);
    assert_eq!(message[24..32], [0; 8]);
    assert_eq!(message[32..36], 1_u32.to_le_bytes());
}
