//! What is changed in an answer on its way to the guest. Forms are those of `linux/fuse.h`.
//!
//! - What belongs to the account that runs pyro belongs to root there, as everything that the command makes does:
//!   programs that ask whose a file is find that it is theirs.
//! - Listing gives names only. Looking them all up at once holds a descriptor for each, and the library takes one that
//!   cannot be looked up for the end of the list.
//! - A megabyte passes at once where the guest's kernel can; the library alone would have it write page by page.

use fuse_backend_rs::abi::fuse_abi::Opcode;

use super::request::{HEADER, number, opcode, put};

/// Bytes of `struct fuse_out_header`.
const OUT: usize = 16;

/// `FUSE_ASYNC_READ | FUSE_BIG_WRITES | FUSE_PARALLEL_DIROPS`.
const WANTED: u32 = 1 | 1 << 5 | 1 << 18;
/// `FUSE_MAX_PAGES`.
const MAX_PAGES: u32 = 1 << 22;
/// `FUSE_DO_READDIRPLUS | FUSE_READDIRPLUS_AUTO`.
const LISTING: u32 = 1 << 13 | 1 << 14;
/// Bytes of data that pass at once, where the guest knows that it may be so many.
const AT_ONCE: u32 = 1 << 20;
/// How many where it does not: 32 pages.
const USUAL: u32 = 128 << 10;
const PAGE: u32 = 4096;

/// Changes the answer to `question`; `own` are user and group of this account.
pub(super) fn mend(question: &[u8], answer: &mut [u8], own: (u32, u32)) {
    // An error has no body.
    if number(answer, 4) != Some(0) {
        return;
    }
    match opcode(question) {
        // Behind what says how long a name and its attributes are valid.
        Opcode::Lookup
        | Opcode::Symlink
        | Opcode::Mknod
        | Opcode::Mkdir
        | Opcode::Link
        | Opcode::Create => mend_owner(answer, OUT + 40, own),
        Opcode::Getattr | Opcode::Setattr => mend_owner(answer, OUT + 16, own),
        Opcode::Init => mend_terms(question, answer),
        _ => {}
    }
}

/// Changes the owner in the `struct fuse_attr` at `at`.
fn mend_owner(answer: &mut [u8], at: usize, own: (u32, u32)) {
    for (at, own) in [(at + 68, own.0), (at + 72, own.1)] {
        if number(answer, at) == Some(own) {
            put(answer, at, 0);
        }
    }
}

/// Changes what is agreed upon: `struct fuse_init_out`.
fn mend_terms(question: &[u8], answer: &mut [u8]) {
    let asked = number(question, HEADER + 12).unwrap_or_default();
    let flags = number(answer, OUT + 12).unwrap_or_default();
    let flags = (flags & !LISTING) | (asked & (WANTED | MAX_PAGES));
    put(answer, OUT + 12, flags);
    let at_once = if flags & MAX_PAGES == 0 {
        USUAL
    } else {
        AT_ONCE
    };
    put(answer, OUT + 20, at_once);
    if flags & MAX_PAGES != 0 {
        // Two bytes, and two of an alignment that is not used.
        put(answer, OUT + 28, at_once / PAGE);
    }
}
