//! Guests that do what no agent does. None of it may be believed, or keep this side waiting.

use std::io::Write as _;
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;
use std::time::Duration;

use super::stand::{Kept, PATIENT, exec};
use crate::agent::frame::Decoder;
use crate::agent::message::{Exit, Message, Stream, WINDOW};
use crate::run::child::Child;
use crate::run::engine::Guest;
use crate::run::events::{Event, Outputs, read_socket};
use crate::run::{Ended, Ending, Error, Limits, Streams, Talk};

const HELLO: &[u8] = b"\x01\x08\0\0\0pyro\x01\0\0\0";
const STARTED: &[u8] = b"\x03\0\0\0\0";

/// A guest that says this, `STARTED` not before it has heard a command, and is silent then or ends.
fn guest(says: Vec<Vec<u8>>, ends: bool) -> Guest {
    let (ours, mut theirs) = UnixStream::pair().unwrap();
    std::thread::spawn(move || {
        for said in says {
            if said == STARTED {
                // Nothing starts before it was asked for.
                let mut decoder = Decoder::default();
                while decoder.next_frame().unwrap().is_none() {
                    if decoder.read_from(&mut theirs).unwrap() == 0 {
                        return;
                    }
                }
            }
            if theirs.write_all(&said).is_err() {
                return;
            }
        }
        if ends {
            let _gone = theirs.shutdown(Shutdown::Both);
        }
        // Reads whatever comes until this side is tired of it.
        let mut decoder = Decoder::default();
        while decoder.read_from(&mut theirs).is_ok_and(|read| read > 0) {
            while let Ok(Some(_)) = decoder.next_frame() {}
        }
    });
    let mut command = Command::new("sleep");
    command.arg("1000").stdin(Stdio::null());
    let child = Child::spawn(command, &[]).unwrap();
    Guest::of(child, ours)
}

fn run(says: &[&[u8]], ends: bool, limits: Limits) -> (Result<Ended, Error>, Kept) {
    let says = says.iter().map(|said| said.to_vec()).collect();
    let stdout = Kept::default();
    let streams = Streams {
        stdin: None,
        stdout: Box::new(stdout.clone()),
        stderr: Box::new(std::io::sink()),
        terminal: None,
    };
    let talk = Talk::deaf();
    let met = talk.meet(guest(says, ends), &limits, streams);
    let met = met.map_err(|(error, _)| *error);
    let ended = met.and_then(|met| talk.execute(met, &exec(&["true"]), &limits));
    (ended, stdout)
}

fn frame(message: &Message<'_>) -> Vec<u8> {
    let mut frame = Vec::new();
    message.append_to(&mut frame).unwrap();
    frame
}

const SHORT: Limits = Limits {
    boot: Duration::from_millis(200),
    command: None,
};

#[test]
fn a_guest_that_says_nothing_is_given_up() {
    for says in [&[][..], &[HELLO]] {
        let (ended, _) = run(says, false, SHORT);
        let error = ended.unwrap_err();
        assert!(matches!(error, Error::Boot { .. }), "{error:?}");
        assert!(error.to_string().contains("within 0.2 seconds"), "{error}");
    }
    let (ended, _) = run(&[], true, PATIENT);
    assert!(
        ended
            .unwrap_err()
            .to_string()
            .contains("ended before it came up")
    );
}

#[test]
fn a_guest_of_another_pyro_or_of_none_is_refused() {
    let other = b"\x01\x09\0\0\0pyro\x02\0\0\0!";
    let (ended, _) = run(&[other], false, PATIENT);
    assert!(matches!(ended, Err(Error::Version { found: 2 })));
    for babble in [
        &b"SSH-2.0-x\r\n"[..],
        b"\x01\xff\xff\xff\xff",
        b"\xff\0\0\0\0",
    ] {
        let (ended, _) = run(&[babble], false, PATIENT);
        assert!(matches!(ended, Err(Error::Protocol(_))), "{babble:?}");
    }
    let trouble = frame(&Message::Trouble(b"cannot mount /dev/vda"));
    let (ended, _) = run(&[&trouble], false, PATIENT);
    let error = ended.unwrap_err().to_string();
    assert_eq!(error, "the machine cannot be used: cannot mount /dev/vda");
    let early = frame(&Message::Exit(Exit::Code(0)));
    let (ended, _) = run(&[HELLO, &early], false, PATIENT);
    assert!(matches!(ended, Err(Error::Order { .. })));
}

#[test]
fn a_guest_that_goes_away_beneath_the_command_is_no_end_of_it() {
    let said = frame(&Message::Stdout(b"partial"));
    let (ended, stdout) = run(&[HELLO, STARTED, &said], true, PATIENT);
    let ended = ended.unwrap();
    assert!(matches!(ended.ending, Ending::Lost { .. }));
    assert_eq!(ended.ending.exit_code(), 125);
    assert_eq!(stdout.text(), "partial");
}

#[test]
fn what_only_pyro_sends_or_not_in_its_turn_ends_the_guest() {
    let credit = |bytes| {
        frame(&Message::Credit {
            stream: Stream::Stdin,
            bytes,
        })
    };
    let bad: [&[&[u8]]; 7] = [
        &[HELLO, STARTED, &credit(1)],
        &[HELLO, STARTED, &credit(0)],
        &[HELLO, STARTED, &frame(&Message::Stdout(b""))],
        &[HELLO, STARTED, STARTED],
        &[HELLO, STARTED, HELLO],
        &[HELLO, STARTED, &frame(&Message::Signal(9))],
        &[HELLO, STARTED, &frame(&Message::Close(Stream::Stdout))],
    ];
    for says in bad {
        let (ended, _) = run(says, false, PATIENT);
        let ended = ended.unwrap();
        let Ending::Lost { what, .. } = &ended.ending else {
            panic!("{ended:?}")
        };
        assert!(what.contains("does not keep to the protocol"), "{what}");
    }
}

/// What is said of output of these lengths, all of them on one stream, when `granted` is granted before.
fn output_of(lengths: &[usize], granted: u32) -> Option<Error> {
    let (mut theirs, ours) = UnixStream::pair().unwrap();
    let lengths = lengths.to_vec();
    let speaker = std::thread::spawn(move || {
        for length in lengths {
            let said = frame(&Message::Stderr(&vec![0; length]));
            if theirs.write_all(&said).is_err() {
                return;
            }
        }
    });
    let ((stdout, _), (stderr, _pieces)) = (channel(), channel());
    let (grant, grants) = channel();
    grant.send((Stream::Stderr, granted)).unwrap();
    let outputs = Outputs {
        stdout,
        stderr,
        grants,
    };
    let (tell, events) = channel();
    read_socket(ours, &outputs, &tell);
    speaker.join().unwrap();
    match events.recv().unwrap() {
        Event::Lost(error) => error,
        _ => panic!("something else"),
    }
}

#[test]
fn more_output_than_was_granted_is_refused() {
    let window = WINDOW as usize;
    assert!(output_of(&[window], 0).is_none());
    assert!(output_of(&[window - 1, 1], 0).is_none());
    assert!(output_of(&[window, 7], 7).is_none());
    for (lengths, granted) in [(&[window + 1][..], 0), (&[window, 1], 0), (&[window, 8], 7)] {
        let error = output_of(lengths, granted);
        assert!(matches!(error, Some(Error::Order { .. })), "{error:?}");
    }
}
