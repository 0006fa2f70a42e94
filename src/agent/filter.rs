//! Which system calls a command has no use of where it writes to folders of this machine.
//!
//! A file that it makes there belongs to the account that runs pyro, and is there for everybody else of this machine: no
//! such file shall become set-user-id or set-group-id. The kernel has no word for that, so the calls are refused that
//! give a file its mode, where the mode has these bits, for all files alike. A filter sees the numbers that a call is
//! given, and nothing of what they point to: calls that hide the mode are said not to be there.

use super::mounts::{Doing as _, Trouble};
use super::sys::{self, Instruction};

/// Set-user-id and set-group-id.
const SET_ID: u32 = 0o6000;

/// `O_CREAT`, and the bit of its own that `O_TMPFILE` has: without them there is no mode.
const MAKES: u32 = 0o100 | 0o20_000_000;

/// A call that takes a mode: its number, and which of its arguments are the mode and the flags that make it count.
struct Call(u32, u32, Option<u32>);

/// The kernel's word for the processor.
#[cfg(target_arch = "x86_64")]
const PROCESSOR: u32 = 0xc000_003e;
#[cfg(target_arch = "aarch64")]
const PROCESSOR: u32 = 0xc000_00b7;

/// open, creat, chmod, fchmod, mknod, openat, mknodat, fchmodat, fchmodat2.
#[cfg(target_arch = "x86_64")]
const CALLS: [Call; 9] = [
    Call(2, 2, Some(1)),
    Call(85, 1, None),
    Call(90, 1, None),
    Call(91, 1, None),
    Call(133, 1, None),
    Call(257, 3, Some(2)),
    Call(259, 2, None),
    Call(268, 2, None),
    Call(452, 2, None),
];
/// mknodat, fchmod, fchmodat, openat, fchmodat2: those of the others are not there.
#[cfg(target_arch = "aarch64")]
const CALLS: [Call; 5] = [
    Call(33, 2, None),
    Call(52, 1, None),
    Call(53, 2, None),
    Call(56, 3, Some(2)),
    Call(452, 2, None),
];

/// io_uring_setup, openat2: what they are to do stands in memory.
const HIDING: [u32; 2] = [425, 437];

/// Numbers from here on are x32's, of the same calls.
const OTHER_NUMBERS: u32 = 0x4000_0000;

/// `BPF_LD | BPF_W | BPF_ABS`: takes a number out of what is told of a call.
const TAKE: u16 = 0x20;
/// `BPF_JMP | BPF_JEQ | BPF_K`.
const IS: u16 = 0x15;
/// `BPF_JMP | BPF_JGE | BPF_K`.
const IS_FROM: u16 = 0x35;
/// `BPF_JMP | BPF_JSET | BPF_K`.
const HAS_OF: u16 = 0x45;
/// `BPF_RET | BPF_K`.
const END: u16 = 0x06;

/// `SECCOMP_RET_ERRNO`.
const ERROR: u32 = 0x0005_0000;
/// `SECCOMP_RET_ALLOW`.
const ALLOWED: Instruction = plain(END, 0x7fff_0000);
/// With `EPERM`.
const REFUSED: Instruction = plain(END, ERROR + 1);
/// With `ENOSYS`.
const UNKNOWN: Instruction = plain(END, ERROR + 38);

/// Where the number of the call is, and where the processor that it is meant for.
const NUMBER: Instruction = plain(TAKE, 0);
const MEANT_FOR: Instruction = plain(TAKE, 4);

const fn plain(code: u16, value: u32) -> Instruction {
    jump(code, value, 0, 0)
}

const fn jump(code: u16, value: u32, then: u8, otherwise: u8) -> Instruction {
    Instruction {
        code,
        then,
        otherwise,
        value,
    }
}

/// The lower half of an argument, in which modes and flags are; the kernel takes no more of them.
const fn argument(which: u32) -> Instruction {
    plain(TAKE, 16 + 8 * which)
}

/// From here on, nobody gives a file set-user-id or set-group-id.
pub fn refuse_set_id() -> Result<(), Trouble> {
    sys::filter_calls(&filter()).doing("filter system calls")
}

fn filter() -> Vec<Instruction> {
    let mut filter = vec![
        MEANT_FOR,
        // The numbers of another processor, such as those of 32 bits, mean other calls.
        jump(IS, PROCESSOR, 1, 0),
        UNKNOWN,
        NUMBER,
        jump(IS_FROM, OTHER_NUMBERS, 0, 1),
        UNKNOWN,
    ];
    for call in HIDING {
        filter.extend([jump(IS, call, 0, 1), UNKNOWN]);
    }
    for Call(call, mode, flags) in CALLS {
        match flags {
            None => filter.push(jump(IS, call, 0, 4)),
            Some(flags) => filter.extend([
                jump(IS, call, 0, 6),
                argument(flags),
                jump(HAS_OF, MAKES, 0, 3),
            ]),
        }
        let set = jump(HAS_OF, SET_ID, 0, 1);
        filter.extend([argument(mode), set, REFUSED, ALLOWED]);
    }
    filter.push(ALLOWED);
    filter
}
