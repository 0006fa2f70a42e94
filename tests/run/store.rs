//! What a run does to the store: nothing, but for a lease.

use super::inside;
use super::world::{Running, world};

#[test]
fn the_image_stays_as_it_is_and_is_kept_while_it_is_in_use() {
    let sandbox = world();
    // Two at once on one image, each with a root of its own.
    let line = "[ ! -e /mine ] && echo mine > /mine && rm -rf /etc /root && [ ! -e /etc ] && echo ready; cat";
    let first = Running::start(&sandbox, line);
    let second = Running::start(&sandbox, line);
    let path = inside::path(&sandbox);
    let prune = || {
        let ended = sandbox.pyro(["env", "prune", "--json"]).run().code(0);
        ended.document(&sandbox)["count"].as_u64().unwrap()
    };
    // No root holds it, only the two runs.
    assert_eq!(prune(), 0);
    assert_eq!(first.finish(), (Some(0), String::new()));
    assert_eq!(prune(), 0);
    sandbox.pyro(["verify", "--full"]).run().code(0);
    assert!(path.exists());
    assert_eq!(second.finish(), (Some(0), String::new()));
    assert_eq!(prune(), 1);
    assert!(!path.exists());
}
