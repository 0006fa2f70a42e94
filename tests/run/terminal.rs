//! A terminal of the command's own, shown on the one that pyro runs on.

use std::io::{Read as _, Write as _};
use std::process::{Child, Command, Stdio};

use fs_err::File;
use rustix::pty::{OpenptFlags, grantpt, ioctl_tiocgptpeer, openpt, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};

use super::room::rooms;

/// What somebody sits at.
pub struct Seat {
    /// The side of who types and reads.
    screen: File,
    /// Kept, so that its modes can be looked at when the program has gone.
    device: File,
    seen: Vec<u8>,
}

impl Seat {
    pub fn new(rows: u16, columns: u16) -> Self {
        let screen =
            openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        grantpt(&screen).unwrap();
        unlockpt(&screen).unwrap();
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let device = ioctl_tiocgptpeer(&screen, flags).unwrap();
        let seat = Self {
            screen: File::from_parts(screen.into(), "screen"),
            device: File::from_parts(device.into(), "device"),
            seen: Vec::new(),
        };
        seat.resize(rows, columns);
        seat
    }

    pub fn resize(&self, rows: u16, columns: u16) {
        let size = Winsize {
            ws_row: rows,
            ws_col: columns,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        tcsetwinsize(&self.screen, size).unwrap();
    }

    /// Starts `command` here, as the terminal's own session.
    pub fn start(&self, command: &Command) -> Child {
        let mut seated = Command::new("setsid");
        seated.arg("--ctty").arg(command.get_program());
        let mut seated = super::room::like(command, seated);
        let stream = || Stdio::from(self.device.file().try_clone().unwrap());
        seated.stdin(stream()).stdout(stream()).stderr(stream());
        seated.spawn().unwrap()
    }

    /// What is shown until `end` is, which all of it ends with.
    pub fn until(&mut self, end: &str) -> String {
        let mut piece = [0; 4096];
        loop {
            let shown = String::from_utf8_lossy(&self.seen).into_owned();
            if let Some((before, _)) = shown.split_once(end) {
                let count = before.len() + end.len();
                return String::from_utf8(self.seen.drain(..count).collect()).unwrap();
            }
            let read = self.screen.read(&mut piece).unwrap();
            self.seen.extend_from_slice(&piece[..read]);
        }
    }

    pub fn types(&mut self, keys: &[u8]) {
        self.screen.write_all(keys).unwrap();
    }

    /// Whether what is typed is shown by the terminal itself.
    pub fn echoes(&self) -> bool {
        let modes = tcgetattr(&self.device).unwrap();
        modes
            .local_modes
            .contains(LocalModes::ECHO | LocalModes::ISIG)
    }
}

/// What a command says that is asked for its terminal, typed at, resized, and told to end.
pub const LINE: &str = "tty; stty size; echo $TERM; read a; echo \"got $a\"; trap 'stty size' WINCH; \
     trap 'echo ended; exit 4' INT; echo waiting; while :; do sleep 1000 & wait $!; done";

/// Sits through [`LINE`].
pub fn sit(seat: &mut Seat, mut child: Child) {
    let shown = seat.until("linux\r\n");
    assert!(
        shown.ends_with("/dev/pts/0\r\n24 80\r\nlinux\r\n"),
        "{shown}"
    );
    assert!(!seat.echoes());
    seat.types(b"x y\r");
    // What is typed is shown by the command's terminal, once.
    assert_eq!(seat.until("waiting\r\n"), "x y\r\ngot x y\r\nwaiting\r\n");
    seat.resize(30, 100);
    assert_eq!(seat.until("100\r\n"), "30 100\r\n");
    seat.types(b"\x03");
    assert_eq!(seat.until("ended\r\n"), "^Cended\r\n");
    assert_eq!(child.wait().unwrap().code(), Some(4));
    assert!(seat.echoes());
}

#[test]
fn a_command_is_typed_at_resized_and_interrupted() {
    for room in rooms() {
        let mut seat = Seat::new(24, 80);
        let mut command = room.command(&["run", "-it", "box", "--", "sh", "-c", LINE]);
        command.env("TERM", "linux");
        let child = seat.start(&command);
        sit(&mut seat, child);
    }
}

#[test]
fn a_command_in_a_machine_is_typed_at_resized_and_interrupted() {
    let sandbox = super::world::world();
    let mut seat = Seat::new(24, 80);
    let words = ["run", "-it", "tiny", "--", "sh", "-c", LINE];
    let pyro = sandbox.pyro(words).env("TERM", "linux");
    let child = seat.start(&pyro.command);
    sit(&mut seat, child);
}

#[test]
fn a_terminal_is_itself_again_whatever_ends_the_run() {
    let room = super::room::Room::own();
    let mut seat = Seat::new(24, 80);
    // However far the command came until its time was up.
    let words = ["run", "-it", "--timeout-seconds", "1", "box", "--"];
    let words = [&words[..], &["sleep", "1000"]].concat();
    let mut child = seat.start(&room.command(&words));
    assert_eq!(child.wait().unwrap().code(), Some(124));
    assert!(seat.echoes());
    let line = "echo waiting; sleep 1000";
    let words = ["run", "-it", "box", "--", "sh", "-c", line];
    let mut child = seat.start(&room.command(&words));
    seat.until("waiting\r\n");
    assert!(!seat.echoes());
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(143));
    assert!(seat.echoes());
}

#[test]
fn a_terminal_that_nobody_reads_holds_nobody_up() {
    let room = super::room::Room::own();
    let line = "head -c 200000 /dev/zero; sleep 1000";
    let words = ["run", "-q", "-it", "box", "--", "sh", "-c", line];
    let seat = Seat::new(24, 80);
    let mut child = seat.start(&room.command(&words));
    // It takes no more when it holds so much; the rest waits in pyro.
    while rustix::io::ioctl_fionread(&seat.screen).unwrap() < 4000 {
        std::thread::yield_now();
    }
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(143));
    assert!(seat.echoes());
}

#[test]
fn json_by_a_variable_gives_no_terminal_either() {
    let room = super::room::Room::own();
    let mut seat = Seat::new(24, 80);
    let line = "[ -t 0 ] || echo none";
    let mut command = room.command(&["run", "-it", "box", "--", "sh", "-c", line]);
    command.env("PYRO_JSON", "1");
    let mut child = seat.start(&command);
    let shown = seat.until("}");
    assert!(shown.contains("none"), "{shown}");
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn without_a_terminal_there_are_three_pipes_as_ever() {
    let room = super::room::Room::own();
    let words = [
        "run",
        "-q",
        "-it",
        "box",
        "--",
        "sh",
        "-c",
        "[ -t 0 ] || echo out; echo err >&2",
    ];
    let output = room.command(&words).output().unwrap();
    assert_eq!(
        (&output.stdout[..], &output.stderr[..]),
        (&b"out\n"[..], &b"err\n"[..])
    );
    let words = ["run", "-t", "--json", "box", "--", "true"];
    let output = room.command(&words).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
}
