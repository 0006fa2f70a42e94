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
    /// Keys come as they are, Ctrl-C too: a signal would leave the terminal mute.
    ///
    /// # Errors
    /// As for [`Terminal::ask`], and at Ctrl-C.
    pub fn ask_hidden(&mut self, question: &str) -> io::Result<String> {
        let usual = tcgetattr(self.device.as_fd())?;
        let mut hidden = usual.clone();
        let modes = LocalModes::ECHO | LocalModes::ECHONL | LocalModes::ICANON | LocalModes::ISIG;
        hidden.local_modes.remove(modes);
        tcsetattr(self.device.as_fd(), OptionalActions::Flush, &hidden)?;
        let written = self.device.write_all(question.as_bytes());
        let answer = written.and_then(|()| self.hidden_line());
        tcsetattr(self.device.as_fd(), OptionalActions::Now, &usual)?;
        self.device.write_all(b"\n")?;
        answer
    }

    fn hidden_line(&mut self) -> io::Result<String> {
        let mut typed = Vec::new();
        loop {
            match self.byte()? {
                None => return Err(io::ErrorKind::UnexpectedEof.into()),
                Some(b'\r' | b'\n') => return text(typed),
                Some(key::INTERRUPT) => {
                    return Err(io::Error::new(io::ErrorKind::Interrupted, "interrupted"));
                }
                Some(key::END) if typed.is_empty() => {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                Some(key::BACKSPACE | key::DELETE) => erase_character(&mut typed),
                Some(key::ERASE_LINE) => typed.clear(),
                Some(_) if typed.len() >= LIMIT => return Err(io::ErrorKind::InvalidInput.into()),
                Some(byte) => typed.push(byte),
            }
        }
    }

    /// A terminal gives whole lines; byte by byte, so that nothing behind this one is taken.
    fn line(&mut self) -> io::Result<String> {
        let mut line = Vec::new();
        loop {
            match self.byte()? {
                None => return Err(io::ErrorKind::UnexpectedEof.into()),
                Some(b'\n') => return text(line),
                Some(_) if line.len() >= LIMIT => return Err(io::ErrorKind::InvalidInput.into()),
                Some(byte) => line.push(byte),
            }
        }
    }

    fn byte(&mut self) -> io::Result<Option<u8>> {
        let mut byte = [0];
        loop {
            match self.device.read(&mut byte) {
                Ok(0) => return Ok(None),
                Ok(_) => return Ok(Some(byte[0])),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

/// The keys that mean something where the terminal leaves them to us.
mod key {
    pub(super) const INTERRUPT: u8 = 3;
    pub(super) const END: u8 = 4;
    pub(super) const BACKSPACE: u8 = 8;
    pub(super) const ERASE_LINE: u8 = 21;
    pub(super) const DELETE: u8 = 127;
}

fn text(bytes: Vec<u8>) -> io::Result<String> {
    String::from_utf8(bytes).map_err(|_may_be_secret| io::ErrorKind::InvalidData.into())
}

/// The last character, which may be several bytes.
fn erase_character(typed: &mut Vec<u8>) {
    while typed.pop().is_some_and(|byte| byte & 0xc0 == 0x80) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_character_of_several_bytes_is_erased_as_one() {
        let mut typed = "a\u{e9}\u{1f600}".as_bytes().to_vec();
        for left in ["a\u{e9}", "a", "", ""] {
            erase_character(&mut typed);
            assert_eq!(typed, left.as_bytes());
        }
    }
}
