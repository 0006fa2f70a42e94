//! Chance that can be repeated: a printed seed gives the same decisions, though not the same interleaving.

/// A stream of numbers.
pub struct Chance(u64);

impl Chance {
    /// One of its own for each actor.
    pub fn of(seed: u64, actor: u64) -> Self {
        Self(seed ^ actor.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    /// A number below `limit`.
    pub fn below(&mut self, limit: u64) -> u64 {
        // The usual mixing steps of a counter-based generator.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit
    }

    /// True once in so many times.
    pub fn once_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }
}

/// The seed: `PYRO_SEED`, else one that differs each time.
pub fn seed() -> u64 {
    let given = std::env::var("PYRO_SEED").ok();
    let seed = given.map_or_else(
        || {
            u64::from(std::process::id()) << 20
                | u64::from(std::time::UNIX_EPOCH.elapsed().unwrap().subsec_micros())
        },
        |text| text.parse().unwrap(),
    );
    println!("PYRO_SEED={seed}");
    seed
}

/// As many as `make test` tries, or ten times that for `make torture`.
pub fn rounds(few: u64) -> u64 {
    if crate::support::needs::full_size() {
        few * 10
    } else {
        few
    }
}
