//! The parsers of this room that read what servers say, for the fuzz targets in `fuzz/` and the replay of their corpus.
//! They have no part in the program: this is there for tests and fuzzers alone.

use super::challenge;
use super::document::{Config, Document};

/// A document of a registry is read or refused.
///
/// # Panics
/// When that does not hold.
pub fn oci_json(bytes: &[u8]) {
    let document = Document::parse("it", bytes);
    if let Err(error) = &document {
        assert!(!error.to_string().is_empty());
    }
    match document {
        Ok(Document::Index(index)) => {
            for descriptor in &index.manifests {
                let platform = descriptor.platform();
                let _named = platform.map(|stated| (stated.text(), stated.platform()));
                let _annotated = descriptor.annotation("org.opencontainers.image.ref.name");
            }
        }
        Ok(Document::Manifest(manifest)) => {
            let all = manifest.layers.iter().chain([&manifest.config]);
            let _elsewhere = all.filter(|descriptor| descriptor.has_urls()).count();
        }
        Err(_) => {}
    }
    if let Ok(config) = Config::parse("it", bytes) {
        let stated = config.platform();
        assert!(stated.platform().is_none() || stated.text().is_some());
        let _digests = config.diff_ids().map(<[_]>::len);
    }
}

/// Challenges have a scheme in lower case; a parser that stops never turns a value into one.
///
/// # Panics
/// When that does not hold.
pub fn challenge(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let headers: Vec<String> = text.lines().map(str::to_owned).collect();
    for challenge in challenge::parse(&headers) {
        let names = challenge.parameters.keys().chain([&challenge.scheme]);
        for name in names {
            assert!(!name.is_empty() && !name.bytes().any(|b| b.is_ascii_uppercase()));
            assert!(!name.contains([' ', ',', '"', '=']), "{name:?}");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    /// The corpus of one target; there must be something in it.
    fn replay(target: &str, check: fn(&[u8])) {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
        let mut count = 0;
        for seed in fs_err::read_dir(folder.join(target)).unwrap() {
            let bytes = fs_err::read(seed.unwrap().path()).unwrap();
            check(&bytes);
            // Each cut, and each byte turned over: what a fuzzer would try first.
            for at in 0..bytes.len().min(2000) {
                check(&bytes[..at]);
                let mut damaged = bytes.clone();
                damaged[at] ^= 1 << (at % 8);
                check(&damaged);
            }
            count += 1;
        }
        assert!(count >= 5, "{target}: {count}");
    }

    #[test]
    fn the_corpus_of_registry_documents_holds() {
        replay("oci_json", super::oci_json);
    }

    #[test]
    fn the_corpus_of_challenges_holds() {
        replay("challenge", super::challenge);
    }
}
