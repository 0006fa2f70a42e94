//! Small random changes, the same in every run.

/// A generator of numbers that only need to differ (xorshift).
pub struct Dice(u64);

impl Dice {
    pub fn of(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % (end.max(1) as u64)).unwrap()
    }

    /// `bytes` with a few changes, some of them taken from `other`.
    pub fn mutate(&mut self, bytes: &[u8], other: &[u8]) -> Vec<u8> {
        let mut changed = bytes.to_vec();
        for _ in 0..=self.below(4) {
            let at = self.below(changed.len());
            match self.below(6) {
                _ if changed.is_empty() => changed.push(b'a'),
                0 => changed[at] ^= 1 << self.below(8),
                1 => changed[at] = b"\0\xff \n\"'./9-"[self.below(10)],
                2 => changed.truncate(at),
                3 => drop(changed.drain(at..(at + self.below(600)).min(changed.len()))),
                4 => {
                    let end = (at + self.below(600)).min(changed.len());
                    let again = changed[at..end].to_vec();
                    changed.splice(at..at, again);
                }
                _ => {
                    let from = self.below(other.len());
                    let end = (from + self.below(600)).min(other.len());
                    changed.splice(at..at, other[from..end].iter().copied());
                }
            }
        }
        changed
    }
}
