//! What a guest may ask of a folder. Numbers and forms are those of `linux/fuse.h`.
//!
//! - Only what is listed here is passed on.
//! - Where the folder is only to be read, nothing that writes is: that the guest's own mount is read-only binds nobody who
//!   is root there.
//! - Everything is done as the account that runs pyro, whoever asks in the guest.
//! - Nothing becomes a device, and nothing gets the power of its owner (set-user-id, set-group-id): that would be a way
//!   to rights on this machine.

use fuse_backend_rs::abi::fuse_abi::Opcode;

use super::Access;

/// Bytes of `struct fuse_in_header`.
pub(super) const HEADER: usize = 40;

const EPERM: i32 = 1;
const EROFS: i32 = 30;
const ENOSYS: i32 = 38;

/// `O_ACCMODE | O_CREAT | O_TRUNC`: of a file that is only read, none of these is set.
const WRITING: u32 = 0o3 | 0o100 | 0o1000;
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
    let refused = match asked {
        Opcode::Interrupt | Opcode::Destroy => return Verdict::Ignore,
        Opcode::Lookup
        | Opcode::Forget
        | Opcode::Getattr
        | Opcode::Readlink
        | Opcode::Read
        | Opcode::Statfs
        | Opcode::Release
        | Opcode::Fsync
        | Opcode::Flush
        | Opcode::Init
        | Opcode::Opendir
        | Opcode::Readdir
        | Opcode::Releasedir
        | Opcode::Fsyncdir
        | Opcode::Access
        | Opcode::BatchForget
        | Opcode::Readdirplus
        | Opcode::Lseek => None,
        Opcode::Open => {
            let reads = number(message, HEADER).is_some_and(|flags| flags & WRITING == 0);
            (access == Access::ReadOnly && !reads).then_some(EROFS)
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
            Access::ReadOnly => Some(EROFS),
            Access::ReadWrite => weaken(asked, message),
        },
        _ => Some(ENOSYS),
    };
    match refused {
        None => Verdict::Pass,
        Some(error) => Verdict::Refuse(refusal(message, error)),
    }
}

/// What is asked. The library's own reading is only sound for numbers that are in use.
fn opcode(message: &[u8]) -> Opcode {
    match number(message, 4) {
        None | Some(0 | 7 | 19) => Opcode::MaxOpcode,
        Some(number) => Opcode::from(number),
    }
}

/// Takes powers out of a mode; or says why not even that helps.
fn weaken(asked: Opcode, message: &mut [u8]) -> Option<i32> {
    let at = match asked {
        // Behind what is set, handle, size, owner of a lock and times.
        Opcode::Setattr => HEADER + 68,
        Opcode::Mknod => HEADER,
        // Behind the flags.
        Opcode::Create => HEADER + 4,
        _ => return None,
    };
    let mode = number(message, at)?;
    if matches!(asked, Opcode::Mknod) && !KINDS.contains(&(mode & KIND)) {
        return Some(EPERM);
    }
    put(message, at, mode & !POWERS);
    None
}

/// `struct fuse_out_header`.
fn refusal(message: &[u8], error: i32) -> [u8; 16] {
    let mut answer = [0; 16];
    answer[..4].copy_from_slice(&16_u32.to_le_bytes());
    answer[4..8].copy_from_slice(&(-error).to_le_bytes());
    answer[8..].copy_from_slice(&message[8..16]);
    answer
}

fn number(message: &[u8], at: usize) -> Option<u32> {
    let (bytes, _) = message.get(at..)?.split_first_chunk()?;
    Some(u32::from_le_bytes(*bytes))
}

fn put(message: &mut [u8], at: usize, number: u32) {
    if let Some(bytes) = message.get_mut(at..at + 4) {
        bytes.copy_from_slice(&number.to_le_bytes());
    }
}
