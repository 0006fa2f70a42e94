//! The declaration that is built in: known names without a file.

use std::path::Path;
use std::sync::OnceLock;

use super::document::{self, Declaration};

const TEXT: &str = include_str!("catalog.toml");

/// The built-in catalog; its local sources are relative to the runtime bundle.
///
/// # Panics
/// Never: a test reads the same bytes.
///
/// ```
/// let debian = pyro::declare::catalog().get(&"debian:12".parse()?).ok_or("not there")?;
/// assert_eq!(debian.packages, ["bash", "coreutils", "git"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub fn catalog() -> &'static Declaration {
    static CATALOG: OnceLock<Declaration> = OnceLock::new();
    CATALOG.get_or_init(|| {
        #[expect(clippy::expect_used, reason = "the text is part of the program")]
        document::parse(TEXT, Path::new("catalog.toml")).expect("the built-in catalog is valid")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_environments_each_local_first_then_a_registry() {
        let found: Vec<_> = catalog()
            .environments()
            .values()
            .map(|environment| {
                let sources: Vec<_> = environment
                    .sources
                    .iter()
                    .map(ToString::to_string)
                    .collect();
                format!(
                    "{} {}: {}",
                    environment.name,
                    environment.version,
                    sources.join(", ")
                )
            })
            .collect();
        insta::assert_snapshot!(found.join("\n"), @r"
        debian:12 1.0.0: local profiles/debian-git, oci docker.io/thalesmaciel/pyro-environment-debian-12:1.0.0
        debian:12-base 1.0.0: local profiles/debian-base, oci docker.io/thalesmaciel/pyro-environment-debian-12-base:1.0.0
        debian:12-build 1.0.0: local profiles/debian-build, oci docker.io/thalesmaciel/pyro-environment-debian-12-build:1.0.0
        ");
    }
}
