//! Questions to a person: on the terminal of this process, whatever stdin and stdout are.

use std::io::{self, IsTerminal as _, Read as _, Write as _};
use std::os::fd::AsFd as _;

use fs_err::File;
use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};

/// Longest answer.
const LIMIT: usize = 64 << 10;

/// A terminal that can be asked.
pub struct Terminal {
    device: File,
}

impl Terminal {
    /// That of this process, else stdin if it is one.
    #[must_use]
    pub fn open() -> Option<Self> {
        let both_ways = |path| fs_err::OpenOptions::new().read(true).write(true).open(path);
        if let Ok(device) = both_ways("/dev/tty") {
            return Some(Self { device });
        }
        let stdin = io::stdin();
        if !stdin.is_terminal() {
            return None;
        }
        let descriptor = stdin.as_fd().try_clone_to_owned().ok()?;
        let device = File::from_parts(descriptor.into(), "stdin");
        Some(Self { device })
    }

    /// Asks for a line.
    ///
    /// # Errors
    /// When the terminal fails, or is at its end before the line is.
    pub fn ask(&mut self, question: &str) -> io::Result<String> {
        self.device.write_all(question.as_bytes())?;
        self.line()
    }

    /// The same without showing what is typed.
    ///
    /// # Errors
    /// As for [`Terminal::ask`].
    pub fn ask_hidden(&mut self, question: &str) -> io::Result<String> {
        let usual = tcgetattr(self.device.as_fd())?;
        let mut hidden = usual.clone();
        hidden.local_modes.remove(LocalModes::ECHO);
        hidden.local_modes.insert(LocalModes::ECHONL);
        tcsetattr(self.device.as_fd(), OptionalActions::Flush, &hidden)?;
        let answer = self.ask(question);
        tcsetattr(self.device.as_fd(), OptionalActions::Now, &usual)?;
        answer
    }

    /// A terminal gives whole lines; byte by byte, so that nothing behind this one is taken.
    fn line(&mut self) -> io::Result<String> {
        let mut line = Vec::new();
        let mut byte = [0];
        loop {
            match self.device.read(&mut byte) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(_) if byte == *b"\n" => break,
                Ok(_) if line.len() >= LIMIT => return Err(io::ErrorKind::InvalidInput.into()),
                Ok(_) => line.extend(byte),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        String::from_utf8(line).map_err(|_may_be_secret| io::ErrorKind::InvalidData.into())
    }
}
