//! What a guest may ask of a folder. Numbers and forms are those of `linux/fuse.h`.
//!
//! - Only what is listed here is passed on, and only flags that are.
//! - Where the folder is only to be read, nothing that writes is: that the guest's own mount is read-only binds nobody who
//!   is root there.
//! - No name climbs: a folder that the guest holds may have been moved away since, and above it is anything.
//! - Everything is done as the account that runs pyro, whoever asks in the guest, and what it makes stays its own.
//! - Nothing becomes a device, and nothing gets the power of its owner (set-user-id, set-group-id): that would be a way
//!   to rights on this machine.

use fuse_backend_rs::abi::fuse_abi::Opcode;
use rustix::fs::{OFlags, RenameFlags};
use rustix::io::Errno;

use super::Access;

/// Bytes of `struct fuse_in_header`.
pub(super) const HEADER: usize = 40;

/// Flags of an open file that mean the same here, and lead nowhere else. `O_DIRECT` is not among them: it wants bytes that
/// are aligned in memory.
const OPEN: OFlags = OFlags::ACCMODE
    .union(OFlags::APPEND)
    .union(OFlags::TRUNC)
    .union(OFlags::NONBLOCK)
    .union(OFlags::SYNC)
    .union(OFlags::DSYNC);
/// Of a file that is only read, none of these is set.
const WRITING: OFlags = OFlags::ACCMODE.union(OFlags::CREATE).union(OFlags::TRUNC);
/// What besides is set of one that is made.
const MAKING: OFlags = OFlags::CREATE
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);
/// `RENAME_NOREPLACE`, `RENAME_EXCHANGE`; the third that there is leaves a device behind.
const RENAMING: RenameFlags = RenameFlags::NOREPLACE.union(RenameFlags::EXCHANGE);
/// `FATTR_UID`, `FATTR_GID`.
const OWNERS: [(u32, usize); 2] = [(1 << 1, HEADER + 76), (1 << 2, HEADER + 80)];
/// `S_ISUID | S_ISGID`.
const POWERS: u32 = 0o6000;
/// `S_IFMT`.
const KIND: u32 = 0o170_000;
/// Nothing said, fifo, regular file, socket.
const KINDS: [u32; 4] = [0, 0o10_000, 0o100_000, 0o140_000];

/// What is done with a request.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is carried out.
    Pass,
    /// This is the answer.
    Refuse([u8; 16]),
    /// It asks for none.
    Ignore,
}

/// Looks at a request, of at least [`HEADER`] bytes, and takes out of it what it may not have.
pub(super) fn judge(message: &mut [u8], access: Access) -> Verdict {
    let asked = opcode(message);
    // uid and gid.
    put(message, 24, 0);
    put(message, 28, 0);
    let judged = match asked {
        Opcode::Interrupt | Opcode::Destroy => return Verdict::Ignore,
        Opcode::Forget
        | Opcode::Getattr
        | Opcode::Readlink
        | Opcode::Statfs
        | Opcode::Release
        | Opcode::Fsync
        | Opcode::Flush
        | Opcode::Init
        | Opcode::Readdir
        | Opcode::Releasedir
        | Opcode::Fsyncdir
        | Opcode::Access
        | Opcode::BatchForget
        | Opcode::Lseek => Ok(()),
        Opcode::Lookup => check_name(&message[HEADER..]),
        Opcode::Open => open(message, access),
        Opcode::Opendir => {
            put(message, HEADER, 0);
            Ok(())
        }
        Opcode::Read => {
            limit_flags(message, HEADER + 32, OFlags::empty());
            Ok(())
        }
        Opcode::Setattr
        | Opcode::Symlink
        | Opcode::Mknod
        | Opcode::Mkdir
        | Opcode::Unlink
        | Opcode::Rmdir
        | Opcode::Rename
        | Opcode::Link
        | Opcode::Write
        | Opcode::Create
        | Opcode::Fallocate
        | Opcode::Rename2 => match access {
            Access::ReadOnly => Err(Errno::ROFS),
            Access::ReadWrite => weaken(asked, message),
        },
        _ => Err(Errno::NOSYS),
    };
    match judged {
        Ok(()) => Verdict::Pass,
        Err(error) => Verdict::Refuse(refusal(message, error)),
    }
}

/// Whether the request makes something that holds a descriptor here.
pub(super) fn holds(message: &[u8]) -> bool {
    matches!(
        opcode(message),
        Opcode::Lookup
            | Opcode::Open
            | Opcode::Opendir
            | Opcode::Create
            | Opcode::Mknod
            | Opcode::Mkdir
            | Opcode::Symlink
            | Opcode::Link
    )
}

/// Whether the guest waits for an answer.
pub(super) fn is_answered(message: &[u8]) -> bool {
    !matches!(opcode(message), Opcode::Forget | Opcode::BatchForget)
}

/// A name, up to its NUL, that is one component and does not climb.
fn check_name(body: &[u8]) -> Result<(), Errno> {
    let name = body.split(|byte| *byte == 0).next().unwrap_or_default();
    if name.is_empty() || name == b"." || name == b".." || name.contains(&b'/') {
        return Err(Errno::INVAL);
    }
    Ok(())
}

fn open(message: &mut [u8], access: Access) -> Result<(), Errno> {
    let flags = number(message, HEADER).ok_or(Errno::INVAL)?;
    if access == Access::ReadOnly && OFlags::from_bits_retain(flags).intersects(WRITING) {
        return Err(Errno::ROFS);
    }
    limit_flags(message, HEADER, OFlags::empty());
    Ok(())
}

/// Leaves of the flags at `at` what is known here, and adds `more`.
fn limit_flags(message: &mut [u8], at: usize, more: OFlags) {
    if let Some(flags) = number(message, at) {
        let known = OFlags::from_bits_retain(flags) & (OPEN | OFlags::EXCL);
        put(message, at, (known | more).bits());
    }
}

/// Takes out of a request that writes what it may not have; or says why not even that helps.
fn weaken(asked: Opcode, message: &mut [u8]) -> Result<(), Errno> {
    let mode = match asked {
        Opcode::Setattr => {
            check_owners(message)?;
            // Behind what is set, handle, size, owner of a lock and times.
            HEADER + 68
        }
        Opcode::Mknod => HEADER,
        Opcode::Create => {
            limit_flags(message, HEADER, MAKING);
            HEADER + 4
        }
        Opcode::Write => {
            limit_flags(message, HEADER + 32, OFlags::empty());
            return Ok(());
        }
        Opcode::Rename2 => {
            let flags = number(message, HEADER + 8).ok_or(Errno::INVAL)?;
            let is_known = RENAMING.contains(RenameFlags::from_bits_retain(flags));
            return if is_known { Ok(()) } else { Err(Errno::INVAL) };
        }
        _ => return Ok(()),
    };
    let at = mode;
    let mode = number(message, at).ok_or(Errno::INVAL)?;
    if matches!(asked, Opcode::Mknod) && !KINDS.contains(&(mode & KIND)) {
        return Err(Errno::PERM);
    }
    put(message, at, mode & !POWERS);
    Ok(())
}

/// Whose a file is stays: that it shall be root's, which it is already for the guest, is granted without doing anything.
fn check_owners(message: &mut [u8]) -> Result<(), Errno> {
    let mut set = number(message, HEADER).ok_or(Errno::INVAL)?;
    for (bit, at) in OWNERS {
        if set & bit != 0 && number(message, at) != Some(0) {
            return Err(Errno::PERM);
        }
        set &= !bit;
    }
    put(message, HEADER, set);
    Ok(())
}

/// What is asked. The library's own reading is only sound for numbers that are in use.
pub(super) fn opcode(message: &[u8]) -> Opcode {
    match number(message, 4) {
        None | Some(0 | 7 | 19) => Opcode::MaxOpcode,
        Some(number) => Opcode::from(number),
    }
}

/// `struct fuse_out_header`.
pub(super) fn refusal(message: &[u8], error: Errno) -> [u8; 16] {
    let mut answer = [0; 16];
    answer[..4].copy_from_slice(&16_u32.to_le_bytes());
    answer[4..8].copy_from_slice(&(-error.raw_os_error()).to_le_bytes());
    answer[8..].copy_from_slice(&message[8..16]);
    answer
}

pub(super) fn number(message: &[u8], at: usize) -> Option<u32> {
    let (bytes, _) = message.get(at..)?.split_first_chunk()?;
    Some(u32::from_le_bytes(*bytes))
}

pub(super) fn put(message: &mut [u8], at: usize, number: u32) {
    if let Some(bytes) = message.get_mut(at..at + 4) {
        bytes.copy_from_slice(&number.to_le_bytes());
    }
}
