//! Faults as they are found: each entry once, and no more than a person reads.

use super::{Damage, FAULTS_MAX, Fault};

/// What the checks gather.
#[derive(Default)]
pub(super) struct Findings {
    damage: Damage,
}

impl Findings {
    pub(super) fn fault(&mut self, entry: impl std::fmt::Display, what: &'static str) {
        let entry = entry.to_string();
        // The full check meets again what the quick one found.
        let known = self.damage.faults.iter().any(|fault| fault.entry == entry);
        if !known && self.damage.faults.len() < FAULTS_MAX {
            self.damage.faults.push(Fault { entry, what });
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.damage.faults.is_empty()
    }

    pub(super) fn damage(self) -> Damage {
        self.damage
    }
}
