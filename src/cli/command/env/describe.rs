//! One environment as the documents of `env list`, `env inspect` and `env pull` show it.

use std::path::Path;

use crate::cli::json::env::Environment;
use crate::model::manifest::MANIFEST_NAME;
use crate::model::platform::Platform;
use crate::run::KernelForm;
use crate::run::engine::Mode;
use crate::verb::{Found, Inspected, Outcome};

/// Which pyro can use an environment of manifest schema 1.
const COMPATIBILITY: &str = ">=0.1";

/// The document's part for `found`.
pub(super) fn describe(
    found: Found<'_>,
    platform: &Platform,
    store: &Path,
    inspected: &Inspected,
) -> Environment {
    let declared = found.environment;
    let (registry, repository, reference) = match &inspected.oci {
        Some((registry, repository, reference)) => {
            (Some(registry), Some(repository), Some(reference))
        }
        None => (None, None, None),
    };
    let outcome = inspected.outcome.as_ref();
    let artifact = |role: &str| {
        let mut artifacts = outcome?.published.artifacts();
        artifacts
            .find(|(known, _)| known.as_str() == role)
            .map(|(_, path)| path.display().to_string())
    };
    let path = outcome.map(|outcome| outcome.published.path());
    let bootable = artifact("kernel").is_some() && artifact("rootfs").is_some();
    let has_tree = declared.layout.prefix().is_some();
    // What cannot be read is told where it is run.
    let form = artifact("kernel").and_then(|path| KernelForm::at(Path::new(&path)).ok());
    let boots = |mode: &Mode| bootable && form.is_none_or(|form| mode.boots(form).is_ok());
    let machines = Mode::MACHINES.into_iter().filter(boots);
    let engines = machines.chain(Some(Mode::Namespace).filter(|_| has_tree));
    let engines = engines.filter(|_| *platform == Platform::host());
    let engines = engines.map(Mode::as_str).collect();
    Environment {
        name: declared.name.clone(),
        version: declared.version.clone(),
        description: declared.description.clone(),
        default_packages: declared.packages.clone(),
        distribution: declared.distribution.clone(),
        distribution_version: declared.distribution_version.clone(),
        platform: platform.clone(),
        oci_registry: registry.cloned(),
        oci_repository: repository.cloned(),
        oci_reference: reference.cloned(),
        source_digest: inspected.source_digest.clone(),
        compatibility: Some(COMPATIBILITY.to_owned()),
        catalog_version: found
            .project
            .file()
            .is_none()
            .then(|| env!("CARGO_PKG_VERSION").to_owned()),
        installed: outcome.is_some(),
        cache_dir: store.display().to_string(),
        install_dir: path.map(|path| path.display().to_string()),
        install_manifest: path.map(|path| path.join(MANIFEST_NAME).display().to_string()),
        kernel_image: artifact("kernel"),
        rootfs_image: artifact("rootfs"),
        engines: outcome.map(|_| engines),
        source: inspected.source.clone(),
    }
}

/// What is known of an environment that was just pulled.
pub(super) fn of_outcome(found: Found<'_>, outcome: Outcome) -> Inspected {
    let (source, source_digest) = (Some(outcome.source.clone()), outcome.source_digest.clone());
    Inspected {
        oci: Inspected::oci_of(found.environment),
        outcome: Some(outcome),
        source,
        source_digest,
    }
}

/// Everything about one environment for people.
pub(super) fn text(environment: &Environment) -> String {
    use crate::cli::report::events::escaped;
    let rows = [
        ("name", Some(environment.name.to_string())),
        ("version", Some(environment.version.to_string())),
        ("description", environment.description.clone()),
        ("platform", Some(environment.platform.to_string())),
        ("distribution", environment.distribution.clone()),
        (
            "packages",
            Some(environment.default_packages.join(" ")).filter(|packages| !packages.is_empty()),
        ),
        ("source", environment.source.clone()),
        ("digest", environment.source_digest.clone()),
        (
            "installed",
            Some(if environment.installed { "yes" } else { "no" }.to_owned()),
        ),
        ("path", environment.install_dir.clone()),
        ("kernel", environment.kernel_image.clone()),
        ("rootfs", environment.rootfs_image.clone()),
        (
            "engines",
            environment
                .engines
                .as_ref()
                .map(|all| all.join(" "))
                .filter(|all| !all.is_empty()),
        ),
    ];
    rows.iter()
        .filter_map(|(key, value)| Some(format!("{key:<13}{}\n", escaped(value.as_deref()?))))
        .collect()
}
