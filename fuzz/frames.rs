//! What must hold of the protocol of `pyro run`, whatever the bytes are. The target `frames` calls this, and so does
//! `tests/corpus`. Both sides compile the same decoder, so what holds for it holds in both directions.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::io::Read;

use pyro::agent::frame::{Decoder, FrameError, HEADER, MAX_PAYLOAD};
use pyro::agent::message::Message;

/// Reads that are cut where the input says; what comes behind them comes in one.
const PIECES: u8 = 8;

/// What reading takes in any case: one read of 64 KiB, and as much again while the decoder's buffer grows.
const MEMORY: usize = 256 << 10;

/// Bytes of memory for each byte that came: an empty word of a command is four bytes in its frame, and a `Vec` here.
const FACTOR: usize = 24;

/// Frames are read the same however they come, written as they were read, and take memory for what came alone.
///
/// The first two bytes say in what pieces the others come.
pub fn frames(bytes: &[u8]) {
    let Some((lengths, bytes)) = bytes.split_first_chunk::<2>() else {
        return;
    };
    let (whole, end) = said(bytes);
    let pieces = Pieces {
        rest: bytes,
        lengths: *lengths,
        turn: 0,
    };
    assert_eq!(said(pieces), (whole.clone(), end), "cut {lengths:?}");
    let rest = written_as_read(bytes, &whole);
    is_the_end(rest, end);
    let peak = memory(|| {
        let _end = each(bytes, |_| {});
    });
    let limit = MEMORY + FACTOR * bytes.len();
    assert!(peak <= limit, "{peak} bytes of memory, {limit} at most");
}

/// Each message to the end of what can be read, and why there is no other: an error, or that no whole one came.
fn each(mut reader: impl Read, mut tell: impl FnMut(&Message<'_>)) -> Option<FrameError> {
    let mut decoder = Decoder::default();
    while decoder.read_from(&mut reader).expect("memory is read") > 0 {
        loop {
            match Message::next_of(&mut decoder) {
                Ok(Some(message)) => tell(&message),
                Ok(None) => break,
                Err(error) => return Some(error),
            }
        }
    }
    None
}

/// The messages as this side writes them, each of which is read again as the same.
fn said(reader: impl Read) -> (Vec<Vec<u8>>, Option<FrameError>) {
    let mut frames = Vec::new();
    let end = each(reader, |message| {
        let mut frame = Vec::new();
        message.append_to(&mut frame).expect("it came in a frame");
        assert_eq!(
            Message::decode(frame[0], &frame[HEADER..]).as_ref(),
            Ok(message)
        );
        frames.push(frame);
    });
    (frames, end)
}

/// There is one way to write a message, but for what a hello says beyond its version. What is left behind all frames.
fn written_as_read<'b>(bytes: &'b [u8], frames: &[Vec<u8>]) -> &'b [u8] {
    let mut rest = bytes;
    for frame in frames {
        let (came, behind) = rest.split_at(HEADER + stated_length(rest).expect("a header came"));
        let is_hello = came[0] == 1;
        assert!(came == frame || is_hello && came[HEADER..].starts_with(&frame[HEADER..]));
        rest = behind;
    }
    rest
}

/// What came beyond the last message is why nothing more was read, and less than a frame if nothing is wrong with it.
fn is_the_end(rest: &[u8], end: Option<FrameError>) {
    let length = stated_length(rest);
    let is_cut = length.is_none_or(|length| rest.len() < HEADER + length);
    let is_long = length.is_some_and(|length| length > MAX_PAYLOAD);
    match end {
        None => assert!(is_cut && !is_long, "not read: {rest:?}"),
        Some(FrameError::TooLong(told)) => assert!(is_long && length == usize::try_from(told).ok()),
        Some(FrameError::UnknownType(kind) | FrameError::Malformed(kind)) => {
            assert!(!is_cut && !is_long && rest[0] == kind);
        }
    }
}

/// The length that a frame's header says, where a whole header came.
fn stated_length(frame: &[u8]) -> Option<usize> {
    let (header, _) = frame.split_first_chunk::<HEADER>()?;
    let [_, length @ ..] = *header;
    usize::try_from(u32::from_le_bytes(length)).ok()
}

/// A stream that brings its first bytes in pieces of these lengths in turn.
struct Pieces<'b> {
    rest: &'b [u8],
    lengths: [u8; 2],
    turn: u8,
}

impl Read for Pieces<'_> {
    fn read(&mut self, room: &mut [u8]) -> std::io::Result<usize> {
        let piece = match self.turn {
            PIECES.. => room.len(),
            turn => usize::from(self.lengths[usize::from(turn % 2)]) + 1,
        };
        self.turn = self.turn.saturating_add(1);
        let piece = piece.min(room.len());
        self.rest.read(&mut room[..piece])
    }
}

/// The most bytes that `work` held at once, of those that it asked for itself.
fn memory(work: impl FnOnce()) -> usize {
    HELD.set(0);
    PEAK.set(0);
    work();
    usize::try_from(PEAK.get()).unwrap_or(0)
}

thread_local! {
    static HELD: Cell<isize> = const { Cell::new(0) };
    static PEAK: Cell<isize> = const { Cell::new(0) };
}

/// The system's memory, with what each thread holds counted.
struct Counting;

#[global_allocator]
static COUNTING: Counting = Counting;

fn count(bytes: isize) {
    let held = HELD.get().wrapping_add(bytes);
    HELD.set(held);
    PEAK.set(PEAK.get().max(held));
}

// The other methods of the trait are made of these two.
#[allow(
    unsafe_code,
    reason = "an allocator has no safe form; both calls pass on what the caller promises"
)]
// SAFETY: all is done by the system's allocator; counting touches no memory that is asked for.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size().cast_signed());
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        count(-layout.size().cast_signed());
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(memory, layout) }
    }
}
