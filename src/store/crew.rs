//! Hands that read: over everything that is checked at one time in one store, as many threads as there are processors.
//!
//! Work is shared at two levels, several paths at once and several pieces of one path at once. Whoever has nothing left
//! to do at one level gives its hand back, and the other level takes it: many small paths and one large file both
//! keep every processor busy.

use std::sync::atomic::{AtomicIsize, AtomicUsize, Ordering};

/// The hands of one store; whoever has work is one more.
#[derive(Debug)]
pub struct Crew {
    /// Below nothing for an instant, while somebody takes back the hand that it lent.
    free: AtomicIsize,
}

impl Crew {
    /// As many as there are processors, the caller's own thread included.
    pub(super) fn of_processors() -> Self {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        Self::of(processors.saturating_sub(1))
    }

    fn of(helpers: usize) -> Self {
        Self {
            free: AtomicIsize::new(isize::try_from(helpers).unwrap_or(isize::MAX)),
        }
    }

    /// Does `deed` to every item, in about their order: in this thread, and in others as hands are or become free.
    ///
    /// `begin` makes what one thread needs for itself.
    pub fn share<T: Sync, S>(
        &self,
        items: &[T],
        begin: impl Fn() -> S + Sync,
        deed: impl Fn(&mut S, &T) + Sync,
    ) {
        let mut own = begin();
        let next = AtomicUsize::new(0);
        let take = || items.get(next.fetch_add(1, Ordering::Relaxed));
        let is_more = || next.load(Ordering::Relaxed) < items.len();
        std::thread::scope(|scope| {
            let help = || {
                let mut own = begin();
                while let Some(item) = take() {
                    deed(&mut own, item);
                }
                self.give_back();
            };
            while let Some(item) = take() {
                if is_more() && self.hire() {
                    let helper = std::thread::Builder::new();
                    if helper.spawn_scoped(scope, help).is_err() {
                        self.give_back();
                    }
                }
                deed(&mut own, item);
            }
            // This thread only waits from here on.
            self.give_back();
        });
        self.free.fetch_sub(1, Ordering::Relaxed);
    }

    fn hire(&self) -> bool {
        let less = |free: isize| (free > 0).then_some(free - 1);
        self.free
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, less)
            .is_ok()
    }

    fn give_back(&self) {
        self.free.fetch_add(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn every_item_is_done_once_by_however_many() {
        for helpers in [0, 1, 7] {
            let crew = Crew::of(helpers);
            let items: Vec<usize> = (0..1000).collect();
            let done = Mutex::new(Vec::new());
            let deed = |(): &mut (), item: &usize| done.lock().unwrap().push(*item);
            crew.share(&items, || (), deed);
            let mut done = done.into_inner().unwrap();
            done.sort_unstable();
            assert_eq!(done, items);
            assert_eq!(crew.free.into_inner(), isize::try_from(helpers).unwrap());
        }
    }

    #[test]
    fn two_hands_work_at_the_same_time() {
        // Each waits for a word of the other: alone, neither would end.
        let crew = Crew::of(1);
        let (to_first, first) = mpsc::channel();
        let (to_second, second) = mpsc::channel();
        let ends = [
            Mutex::new((to_second, first)),
            Mutex::new((to_first, second)),
        ];
        let deed = |(): &mut (), end: &Mutex<(mpsc::Sender<()>, mpsc::Receiver<()>)>| {
            let end = end.lock().unwrap();
            end.0.send(()).unwrap();
            end.1.recv().unwrap();
        };
        crew.share(&ends, || (), deed);
    }

    #[test]
    fn whoever_has_nothing_left_to_do_helps_within() {
        // One item, so nobody is hired at the upper level, and both hands are there for what is below it.
        let crew = Crew::of(1);
        let (to_other, other) = mpsc::channel();
        let (to_one, one) = mpsc::channel();
        let ends = [Mutex::new((to_other, one)), Mutex::new((to_one, other))];
        let above = |(): &mut (), (): &()| {
            let deed = |(): &mut (), end: &Mutex<(mpsc::Sender<()>, mpsc::Receiver<()>)>| {
                let end = end.lock().unwrap();
                end.0.send(()).unwrap();
                end.1.recv().unwrap();
            };
            crew.share(&ends, || (), deed);
        };
        crew.share(&[()], || (), above);
        assert_eq!(crew.free.load(Ordering::Relaxed), 1);
    }
}
