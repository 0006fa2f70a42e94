//! The protocol: what is written is read, and what nobody should have written is refused.

use proptest::prelude::*;

use super::frame::{Decoder, FrameError, HEADER, MAX_PAYLOAD};
use super::message::{Exec, Exit, Message, Stage, Stream};

fn exec() -> Exec {
    Exec {
        uid: 1,
        gid: 2,
        terminal: Some((24, 80)),
        cwd: b"/".to_vec(),
        argv: vec![b"echo".to_vec(), b"\xff".to_vec(), Vec::new()],
        env: vec![
            (b"A".to_vec(), b"b=c".to_vec()),
            (b"B".to_vec(), Vec::new()),
        ],
    }
}

fn all() -> Vec<Message<'static>> {
    vec![
        Message::hello(),
        Message::Exec(exec()),
        Message::Exec(Exec {
            terminal: None,
            ..exec()
        }),
        Message::Started,
        Message::Failed {
            stage: Stage::Folder,
            errno: 2,
        },
        Message::Stdin(b"in\0"),
        Message::StdinEnd,
        Message::Stdout(b"\xff\n"),
        Message::Stderr(b""),
        Message::Credit {
            stream: Stream::Stderr,
            bytes: u32::MAX,
        },
        Message::Close(Stream::Stdin),
        Message::Signal(15),
        Message::Window {
            rows: 24,
            columns: 80,
        },
        Message::Exit(Exit::Code(255)),
        Message::Exit(Exit::Signal(9)),
        Message::Trouble(b"no disk"),
    ]
}

/// Reads all that `bytes` hold, `piece` bytes at a time.
fn read(bytes: &[u8], piece: usize, mut each: impl FnMut(Message<'_>)) -> Result<(), FrameError> {
    let mut decoder = Decoder::default();
    for mut piece in bytes.chunks(piece) {
        while decoder.read_from(&mut piece).unwrap() > 0 {
            while let Some(message) = Message::next_of(&mut decoder)? {
                each(message);
            }
        }
    }
    Ok(())
}

#[test]
fn what_is_written_is_read_however_it_is_cut() {
    let all = all();
    let mut bytes = Vec::new();
    for message in &all {
        message.append_to(&mut bytes).unwrap();
    }
    for piece in [1, 2, 5, 7, bytes.len()] {
        let mut count = 0;
        read(&bytes, piece, |message| {
            assert_eq!(message, all[count]);
            count += 1;
        })
        .unwrap();
        assert_eq!(count, all.len());
    }
}

#[test]
fn a_payload_is_a_mebibyte_at_the_most() {
    let mut bytes = b"before".to_vec();
    let long = vec![7; MAX_PAYLOAD + 1];
    assert_eq!(
        Message::Stdout(&long).append_to(&mut bytes),
        Err(FrameError::TooLong(MAX_PAYLOAD as u64 + 1))
    );
    assert_eq!(bytes, b"before");
    bytes.clear();
    Message::Stdout(&long[1..]).append_to(&mut bytes).unwrap();
    assert_eq!(bytes.len(), HEADER + MAX_PAYLOAD);
    let mut seen = 0;
    read(&bytes, 9999, |message| {
        assert!(matches!(message, Message::Stdout(bytes) if bytes.len() == MAX_PAYLOAD));
        seen += 1;
    })
    .unwrap();
    assert_eq!(seen, 1);
    // The length alone is enough to refuse it.
    let mut header = vec![7];
    header.extend_from_slice(&0x0010_0001_u32.to_le_bytes());
    assert_eq!(
        read(&header, 5, |_| unreachable!()),
        Err(FrameError::TooLong(MAX_PAYLOAD as u64 + 1))
    );
}

#[test]
fn payloads_that_are_cut_or_go_on_are_refused() {
    for message in all() {
        let mut bytes = Vec::new();
        message.append_to(&mut bytes).unwrap();
        let (kind, payload) = (bytes[0], &bytes[HEADER..]);
        if matches!(kind, 5 | 7 | 8 | 14) {
            continue; // These are bytes and nothing else.
        }
        for cut in 0..payload.len() {
            let cut = Message::decode(kind, &payload[..cut]);
            assert_eq!(cut, Err(FrameError::Malformed(kind)), "{message:?}");
        }
        let longer = [payload, b"\0"].concat();
        let longer = Message::decode(kind, &longer);
        // A hello of another version may be longer.
        if kind == 1 {
            assert_eq!(longer, Ok(message));
        } else {
            assert_eq!(longer, Err(FrameError::Malformed(kind)), "{message:?}");
        }
    }
}

#[test]
fn what_cannot_be_is_refused() {
    let bad: &[(u8, &[u8])] = &[
        (1, b"\0\0\0\0\x01\0\0\0"),
        (4, b"\x03\0\0\0\0"),
        (9, b"\x03\0\0\0\0"),
        (10, b"\x03"),
        (11, b"\0"),
        (11, b"\x41"),
        (13, b"\x01\0"),
        (13, b"\x02\x01"),
    ];
    for (kind, payload) in bad {
        let read = Message::decode(*kind, payload);
        assert_eq!(read, Err(FrameError::Malformed(*kind)), "{payload:?}");
    }
    for kind in [0, 15, 255] {
        assert_eq!(
            Message::decode(kind, b""),
            Err(FrameError::UnknownType(kind))
        );
    }
    let bad = [
        Exec {
            argv: Vec::new(),
            ..exec()
        },
        Exec {
            cwd: b"/\0".to_vec(),
            ..exec()
        },
        Exec {
            env: vec![(b"A=".to_vec(), Vec::new())],
            ..exec()
        },
        Exec {
            env: vec![(Vec::new(), Vec::new())],
            ..exec()
        },
    ];
    for exec in bad {
        let mut bytes = Vec::new();
        Message::Exec(exec).append_to(&mut bytes).unwrap();
        let read = Message::decode(2, &bytes[HEADER..]);
        assert_eq!(read, Err(FrameError::Malformed(2)));
    }
    // More words than there are bytes must cost nothing.
    let mut payload = vec![0; 13];
    payload.extend_from_slice(&[0; 4]);
    payload.extend_from_slice(&u32::MAX.to_le_bytes());
    assert_eq!(Message::decode(2, &payload), Err(FrameError::Malformed(2)));
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..400), piece in 1..64_usize) {
        let _ = read(&bytes, piece, |_| {});
    }

    #[test]
    fn any_payload_that_is_read_is_written_the_same(kind in 0..16_u8, payload in prop::collection::vec(any::<u8>(), 0..40)) {
        if let Ok(message) = Message::decode(kind, &payload) {
            let mut bytes = Vec::new();
            message.append_to(&mut bytes).unwrap();
            // What a longer hello says besides is not kept.
            let kept = if kind == 1 { &payload[..8] } else { &payload[..] };
            prop_assert_eq!(&bytes[HEADER..], kept);
        }
    }
}
