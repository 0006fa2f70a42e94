//! What holds for every lock and every text.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::merging::conflict;
use super::*;

fn any_pinned() -> impl Strategy<Value = (Source, Option<Pin>)> {
    let output = || option::of(any::<[u8; 32]>().prop_map(StoreHash::from_bytes));
    let sha256 = || any::<[u8; 32]>().prop_map(Sha256::from_bytes);
    let location = || any::<String>();
    let local = (location(), output())
        .prop_map(|(path, output)| (local(&path), output.map(|output| Pin::Local { output })));
    let archive_pin =
        (sha256(), any::<u64>(), output()).prop_map(|(sha256, size, output)| Pin::Archive {
            sha256,
            size,
            output,
        });
    let archive = (vec(location(), 1..3), option::of(archive_pin)).prop_map(|(locations, pin)| {
        let locations: Vec<_> = locations.iter().map(String::as_str).collect();
        (archive(&locations), pin)
    });
    let digest = || {
        prop_oneof![
            sha256().prop_map(OciDigest::Sha256),
            vec(any::<u8>(), 64).prop_map(|bytes| OciDigest::Sha512(bytes.try_into().unwrap())),
        ]
    };
    let layer = (digest(), any::<u64>()).prop_map(|(digest, size)| PinnedLayer { digest, size });
    let oci_pin =
        (digest(), vec(layer, 0..3), output()).prop_map(|(digest, layers, output)| Pin::Oci {
            digest,
            layers,
            output,
        });
    let oci = (
        "[a-z]{1,5}(/[a-z]{1,5})?:[a-z0-9]{1,4}",
        option::of(oci_pin),
    )
        .prop_map(|(reference, pin)| (oci(&reference), pin));
    prop_oneof![local, archive, oci]
}

fn any_lock() -> impl Strategy<Value = Lock> {
    let content = (any::<u8>(), vec(any_pinned(), 1..4));
    let key = (
        "[a-z][a-z0-9]{0,3}(:[a-z0-9]{1,2})?",
        "linux/(amd64|arm64|arm/v7)",
    );
    vec((key, content), 0..5).prop_map(|blocks| {
        blocks
            .into_iter()
            .fold(
                Lock::builder(),
                |builder, ((name, platform), (n, sources))| {
                    builder.block(
                        name.parse().unwrap(),
                        platform.parse().unwrap(),
                        block(n, &sources),
                    )
                },
            )
            .build()
    })
}

proptest! {
    #[test]
    fn reading_what_was_written_gives_the_same_lock_and_the_same_bytes(lock in any_lock()) {
        let text = lock.to_text();
        let parsed = read(&text).unwrap();
        prop_assert!(!parsed.merged);
        prop_assert_eq!(parsed.lock.to_text(), text);
        prop_assert_eq!(parsed.lock, lock);
    }

    #[test]
    fn a_conflict_of_two_locks_reads_as_their_union(ours in any_lock(), theirs in any_lock()) {
        let text = conflict(&Lock::default(), &ours, &theirs);
        let parsed = read(&text).unwrap();
        for (name, platform, block) in parsed.lock.blocks() {
            let sides = [ours.get(name, platform), theirs.get(name, platform)];
            prop_assert!(sides.contains(&Some(block)));
        }
        for (name, platform, _) in ours.blocks().chain(theirs.blocks()) {
            prop_assert!(parsed.lock.get(name, platform).is_some());
        }
        prop_assert_eq!(parsed.lock, read(&conflict(&Lock::default(), &theirs, &ours)).unwrap().lock);
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in any::<String>()) {
        let _ = read(&text);
    }

    #[test]
    fn no_damage_to_a_good_text_makes_the_reader_panic(
        at in 0usize..1000,
        length in 0usize..60,
        put in r#"([\[\]{}'"=,.\n#a1é-]|\n<<<<<<< a\n|\n=======\n|\n>>>>>>> b\n){0,4}"#,
    ) {
        let good = whole().to_text();
        let (at, end) = (at.min(good.len()), (at + length).min(good.len()));
        let text = format!("{}{put}{}", &good[..at], &good[end..]);
        if let Err(error) = read(&text) {
            prop_assert!(error.mistakes().render(Style::Plain).contains("envs.lock:"));
        }
    }
}
