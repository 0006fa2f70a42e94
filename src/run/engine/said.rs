//! The last words of a machine and its engine, for the error of one that did not come up.

use std::collections::VecDeque;
use std::io::Read;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

/// Bytes that are kept of each.
const MOST: usize = 8 << 10;

/// Lines that are shown.
const LINES: usize = 12;

/// The end of what one has said.
type Kept = Arc<Mutex<VecDeque<u8>>>;

/// What is heard, in threads that end when the speakers do.
#[derive(Debug, Default)]
pub(in crate::run) struct Said {
    listeners: Vec<(Kept, JoinHandle<()>)>,
}

impl Said {
    /// Listens to one more.
    pub(super) fn listen(&mut self, mut speaker: impl Read + Send + 'static) {
        let kept = Kept::default();
        let shared = Arc::clone(&kept);
        let listener = std::thread::spawn(move || {
            let mut bytes = [0; 1024];
            while let Ok(read @ 1..) = speaker.read(&mut bytes) {
                let mut kept = shared.lock().unwrap_or_else(PoisonError::into_inner);
                kept.extend(&bytes[..read]);
                let surplus = kept.len().saturating_sub(MOST);
                kept.drain(..surplus);
            }
        });
        self.listeners.push((kept, listener));
    }

    /// The last lines of each, once they have ended.
    pub(super) fn lines(&mut self) -> Vec<String> {
        let mut all = Vec::new();
        for (kept, listener) in self.listeners.drain(..) {
            let _ended = listener.join();
            let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
            let text = String::from_utf8_lossy(kept.make_contiguous()).into_owned();
            let lines: Vec<&str> = text
                .lines()
                .map(str::trim)
                .filter(|line| !line.is_empty())
                .collect();
            let first = lines.len().saturating_sub(LINES);
            all.extend(lines[first..].iter().map(|&line| line.to_owned()));
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_end_is_kept() {
        let mut said = Said::default();
        let text: String = (0..5000).map(|n| format!("line {n}\r\n\n")).collect();
        said.listen(std::io::Cursor::new(text));
        said.listen(&b"qemu: no\n"[..]);
        let lines = said.lines();
        assert_eq!(lines.len(), LINES + 1);
        assert_eq!(lines[LINES - 1..], ["line 4999", "qemu: no"]);
    }
}
