//! What the agent does with commands.

use std::io::ErrorKind::{NotADirectory, NotFound, PermissionDenied};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use super::stand::{Kept, PATIENT, agent, exec, guest, input, run_with, shell};
use crate::agent::frame::Decoder;
use crate::agent::message::{Exit, Message, Stage, Stream, WINDOW};
use crate::run::events::Event;
use crate::run::{Ending, Error, Limits, Streams, Talk};

/// Bytes that no text has, and that do not repeat soon.
fn noise(count: usize) -> Vec<u8> {
    let mut state = 1_u32;
    let next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    };
    std::iter::repeat_with(next).take(count).collect()
}

#[test]
fn streams_stay_apart_and_the_code_is_the_commands_own() {
    let told = shell("printf 'out\\0\\377'; printf err >&2; pwd; echo $GREETING $PATH; exit 7");
    let ended = told.ended.unwrap();
    assert_eq!((ended.ending.exit_code(), ended.signal), (7, None));
    assert_eq!(told.stdout.bytes(), b"out\0\xff/\nhi = ho /usr/bin:/bin\n");
    assert_eq!(told.stderr.bytes(), b"err");
}

#[test]
fn words_reach_the_command_as_they_are() {
    let words = ["printf", "%s|", "", " a  b ", "$HOME", "'\"\\", "-n", "\n"];
    let told = run_with(&exec(&words), None, PATIENT, |_| {});
    assert_eq!(told.ended.unwrap().ending, Ending::Code(0));
    assert_eq!(told.stdout.text(), "| a  b |$HOME|'\"\\|-n|\n|");
}

#[test]
fn a_hundred_megabytes_pass_on_both_streams() {
    let line = "head -c 100000000 /dev/zero & head -c 100000000 /dev/zero >&2; wait";
    let told = shell(line);
    assert_eq!(told.ended.unwrap().ending, Ending::Code(0));
    for kept in [told.stdout, told.stderr] {
        let bytes = kept.bytes();
        assert_eq!(bytes.len(), 100_000_000);
        assert!(bytes.iter().all(|byte| *byte == 0));
    }
}

#[test]
fn binary_input_comes_back_as_it_was() {
    let bytes = noise(5_000_000);
    let told = run_with(&exec(&["cat"]), Some(input(bytes.clone())), PATIENT, |_| {});
    assert_eq!(told.ended.unwrap().ending, Ending::Code(0));
    assert!(told.stdout.bytes() == bytes);
}

#[test]
fn input_that_is_not_read_holds_nobody_up() {
    for line in ["true", "exec <&-; echo gone", "head -c 3"] {
        let words = exec(&["sh", "-c", line]);
        let told = run_with(&words, Some(input(noise(5_000_000))), PATIENT, |_| {});
        assert_eq!(told.ended.unwrap().ending, Ending::Code(0), "{line}");
    }
    // An input that never ends does not keep the command either.
    let (_open, theirs) = UnixStream::pair().unwrap();
    let theirs: OwnedFd = theirs.into();
    let told = run_with(&exec(&["true"]), Some(theirs), PATIENT, |_| {});
    assert_eq!(told.ended.unwrap().ending, Ending::Code(0));
}

#[test]
fn no_input_is_an_end_and_not_a_wait() {
    let told = shell("cat; echo over");
    assert_eq!(told.stdout.text(), "over\n");
}

#[test]
fn what_cannot_be_started_is_told_apart() {
    let why = |argv: &[&str], cwd: &str| {
        let mut exec = exec(argv);
        exec.cwd = cwd.into();
        match run_with(&exec, None, PATIENT, |_| {}).ended {
            Err(Error::Command {
                stage,
                program,
                source,
            }) => (stage, program, source.kind()),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(
        why(&["no-such"], "/"),
        (Stage::Program, "no-such".into(), NotFound)
    );
    assert_eq!(why(&["/etc/passwd"], "/").2, PermissionDenied);
    assert_eq!(why(&["/"], "/").0, Stage::Program);
    assert_eq!(
        why(&["true"], "/no/such"),
        (Stage::Folder, "/no/such".into(), NotFound)
    );
    assert_eq!(why(&["true"], "/etc/passwd").2, NotADirectory);
}

#[test]
fn a_child_that_is_left_behind_does_not_keep_the_output_open() {
    let told = shell("sleep 1000 & echo $!; echo last >&2");
    let text = told.stdout.text();
    let child = rustix::process::Pid::from_raw(text.trim().parse().unwrap()).unwrap();
    rustix::process::kill_process(child, rustix::process::Signal::KILL).unwrap();
    assert_eq!(told.ended.unwrap().ending, Ending::Code(0));
    assert_eq!(told.stderr.text(), "last\n");
}

#[test]
fn signals_reach_the_command_and_its_group() {
    let line = "trap 'echo caught; exit 3' TERM; echo ready; sleep 1000 & wait";
    let words = exec(&["sh", "-c", line]);
    let told = run_with(&words, None, PATIENT, |tell| {
        tell.send(Event::Signal(15)).unwrap();
    });
    assert_eq!(told.ended.unwrap().ending, Ending::Code(3));
    assert_eq!(told.stdout.text(), "ready\ncaught\n");
    // One that only tells something ends nothing.
    let line = "trap 'echo told; exit 4' USR1; echo ready; sleep 1000 & wait";
    let told = run_with(&exec(&["sh", "-c", line]), None, PATIENT, |tell| {
        tell.send(Event::Signal(10)).unwrap();
    });
    assert_eq!(told.ended.unwrap().ending, Ending::Code(4));
    let told = shell("kill -9 $$");
    let ended = told.ended.unwrap();
    assert_eq!((ended.ending.exit_code(), ended.signal), (137, Some(9)));
}

#[test]
fn a_command_that_does_not_mind_signals_is_killed() {
    let words = exec(&[
        "sh",
        "-c",
        "trap '' INT; echo ready; sleep 1000 & wait; wait",
    ]);
    let told = run_with(&words, None, PATIENT, |tell| {
        // Once more: no more patience.
        tell.send(Event::Signal(2)).unwrap();
        tell.send(Event::Signal(2)).unwrap();
    });
    let ended = told.ended.unwrap();
    assert_eq!(ended.ending, Ending::Interrupted(2));
    assert_eq!(ended.ending.exit_code(), 130);
}

#[test]
fn a_command_whose_time_is_up_is_asked_and_then_killed() {
    let limits = Limits {
        command: Some(Duration::from_millis(300)),
        ..PATIENT
    };
    for line in [
        "echo partial; exec sleep 1000",
        "trap '' TERM; echo partial; sleep 1000 & wait; wait",
    ] {
        let begun = Instant::now();
        let told = run_with(&exec(&["sh", "-c", line]), None, limits, |_| {});
        let ended = told.ended.unwrap();
        assert_eq!(
            (&ended.ending, ended.ending.exit_code()),
            (&Ending::TimedOut, 124)
        );
        assert_eq!(told.stdout.text(), "partial\n");
        assert!(begun.elapsed() < Duration::from_secs(60));
    }
}

#[test]
fn a_reader_that_leaves_is_told_to_the_command() {
    struct Gone;
    impl std::io::Write for Gone {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let stderr = Kept::default();
    let streams = Streams {
        stdin: None,
        stdout: Box::new(Gone),
        stderr: Box::new(stderr.clone()),
        terminal: None,
    };
    let talk = Talk::deaf();
    let met = talk
        .meet(guest(), &PATIENT, streams)
        .map_err(|(error, _)| *error);
    let ended = talk
        .execute(met.unwrap(), &exec(&["yes"]), &PATIENT)
        .unwrap();
    assert_eq!(ended.ending, Ending::Signal(13));
    assert_eq!(stderr.text(), "");
}

/// The next message of the agent, given to `take`.
fn next<T>(socket: &mut UnixStream, decoder: &mut Decoder, take: impl Fn(&Message<'_>) -> T) -> T {
    loop {
        match Message::next_of(decoder).unwrap() {
            // It may or may not be seen that a command reads nothing.
            Some(Message::Close(Stream::Stdin)) => continue,
            Some(message) => return take(&message),
            None => {}
        }
        assert_ne!(decoder.read_from(socket).unwrap(), 0);
    }
}

fn send(socket: &mut UnixStream, message: &Message<'_>) {
    let mut frame = Vec::new();
    message.append_to(&mut frame).unwrap();
    std::io::Write::write_all(socket, &frame).unwrap();
}

#[test]
fn no_more_is_read_of_a_command_than_was_granted() {
    let (_child, mut socket) = agent();
    let mut decoder = Decoder::default();
    next(&mut socket, &mut decoder, |hello| {
        assert_eq!(*hello, Message::hello());
    });
    let words = ["head", "-c", "1000000", "/dev/zero"];
    send(&mut socket, &Message::Exec(exec(&words)));
    next(&mut socket, &mut decoder, |message| {
        assert_eq!(*message, Message::Started);
    });
    let mut output = |socket: &mut UnixStream, expected: u32| {
        let mut left = expected as usize;
        while left > 0 {
            left -= next(socket, &mut decoder, |message| match message {
                Message::Stdout(bytes) => bytes.len(),
                other => panic!("{other:?}"),
            });
        }
    };
    output(&mut socket, WINDOW);
    let stream = Stream::Stdout;
    send(
        &mut socket,
        &Message::Credit {
            stream,
            bytes: 1000,
        },
    );
    // Had there been more, the lengths would not come out even here.
    output(&mut socket, 1000);
    let bytes = 2_000_000;
    send(&mut socket, &Message::Credit { stream, bytes });
    output(&mut socket, 1_000_000 - WINDOW - 1000);
    next(&mut socket, &mut decoder, |message| {
        assert_eq!(*message, Message::Exit(Exit::Code(0)));
    });
}

#[test]
fn a_host_that_leaves_or_babbles_takes_the_command_along() {
    for babble in [&b""[..], b"\xff\0\0\0\0", b"\x05\xff\xff\xff\xff"] {
        let (_child, mut socket) = agent();
        let mut decoder = Decoder::default();
        next(&mut socket, &mut decoder, |_hello| ());
        // The command's end is seen by a pipe that only it holds.
        let line = "echo ready; exec sleep 1000";
        send(&mut socket, &Message::Exec(exec(&["sh", "-c", line])));
        next(&mut socket, &mut decoder, |message| {
            assert_eq!(*message, Message::Started);
        });
        next(&mut socket, &mut decoder, |message| {
            assert_eq!(*message, Message::Stdout(b"ready\n"));
        });
        if babble.is_empty() {
            socket.shutdown(std::net::Shutdown::Write).unwrap();
        } else {
            std::io::Write::write_all(&mut socket, babble).unwrap();
        }
        // The agent ends, and tells nothing more.
        let ended = decoder.read_from(&mut socket);
        assert!(matches!(ended, Ok(0) | Err(_)), "{ended:?}");
    }
}
