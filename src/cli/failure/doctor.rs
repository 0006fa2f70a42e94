//! What a look for trouble found: kind, and what to do.

use super::{Failure, Kind};
use crate::verb::Problem;

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        let text = problem.to_string();
        match problem {
            Problem::Store(error) | Problem::Lower(error) => error.into(),
            Problem::Refused { .. } => Self::of(Kind::Denied, &problem).hint(
                "what is there can be used; to change it, join its group, or put it beneath a store of your own: \
                 --store DIR --lower THIS",
            ),
            Problem::Unfit { .. } => Self::new(Kind::Configuration, text)
                .hint("name a folder on ext4, XFS, Btrfs or tmpfs with --store or PYRO_STORE"),
            Problem::Full { .. } => {
                Self::new(Kind::NoSpace, text).hint("`pyro gc` works on a full disk, too")
            }
            Problem::Doubtful(_) => Self::new(Kind::Configuration, text)
                .hint("use it from one machine at a time, or put the store on a local file system"),
            Problem::NoExchange(_) => Self::new(Kind::Configuration, text)
                .hint("a store on ext4, XFS or Btrfs has no such moment"),
            Problem::LowerAway(_) => Self::new(Kind::Configuration, text)
                .hint("mount it, or leave out --lower: what is asked for is built above meanwhile"),
            Problem::Closed { group, path } => Self::new(Kind::Denied, text).hint(format!(
                "its owner can run: chgrp {group} {path} && chmod 2775 {path}",
                path = path.display()
            )),
        }
    }
}
