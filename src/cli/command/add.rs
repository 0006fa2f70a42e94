//! `pyro add`.

use std::path::PathBuf;

use clap::Args;

use crate::cli::args::FileFlag;
use crate::cli::failure::{Failure, Kind};
use crate::cli::json::declaration::Add;
use crate::cli::report::Outcome;
use crate::cli::report::events::{escaped, escaped_path};
use crate::cli::session::Session;
use crate::cli::settings::Flags;
use crate::cli::target::declaration;
use crate::declare::edit::{self, NewEnvironment};
use crate::model::name::{EnvName, Version};
use crate::model::source::{ArchiveSource, LocalSource, Source};
use crate::verb::replace;

/// Add an environment to a declaration
///
/// Comments and order of the file stay as they are.
///
/// Example: `pyro add debian:12 --oci docker.io/example/debian-12:1.0.0 --version 1.0.0`
#[derive(Debug, Args)]
#[command(disable_version_flag = true)]
pub struct AddArgs {
    /// The environment
    #[arg(value_name = "ENV")]
    pub name: EnvName,
    /// Where its bytes come from.
    #[command(flatten)]
    pub source: SourceFlags,
    /// Its version
    #[arg(long, value_name = "V", default_value = "1.0.0")]
    pub version: Version,
    /// The declaration.
    #[command(flatten)]
    pub file: FileFlag,
}

/// One source.
#[derive(Debug, Clone, Default, Args)]
#[group(required = true, multiple = false)]
pub struct SourceFlags {
    /// An image or artifact in a registry, by tag or digest; or oci-layout:DIR, or oci-layout:DIR:TAG
    #[arg(long, value_name = "REF")]
    pub oci: Option<String>,
    /// A tar archive: an http(s):// or file:// URL, or a path
    #[arg(long, value_name = "URL")]
    pub archive: Option<String>,
    /// A folder on this machine
    #[arg(long, value_name = "DIR")]
    pub local: Option<PathBuf>,
}

impl AddArgs {
    /// Adds it.
    ///
    /// # Errors
    /// When the declaration has mistakes or the name already, or the source is none.
    pub fn run(self, session: &Session) -> Result<Outcome, Failure> {
        let settings = session.settings(Flags {
            file: self.file.file,
            ..Flags::default()
        })?;
        let file = declaration(&settings, session.surroundings())?;
        let text = fs_err::read_to_string(&file)?;
        let source = self.source.source()?;
        let shown = source.to_string();
        let new = NewEnvironment {
            name: self.name.clone(),
            version: self.version.clone(),
            source,
        };
        replace(&file, &edit::add(&text, &file, &new)?)?;
        let document = Add {
            declaration: file.display().to_string(),
            name: self.name,
            version: self.version,
            source: shown,
        };
        session.report().answer(&document, |added| {
            format!(
                "added {} {} to {}: {}\n",
                added.name,
                added.version,
                escaped_path(&file),
                escaped(&added.source)
            )
        })?;
        session.report().note(&format!(
            "next: `pyro realize`, or `pyro lock` to pin {} only",
            document.name
        ));
        Ok(Outcome::Done)
    }
}

impl SourceFlags {
    fn source(self) -> Result<Source, Failure> {
        let path = |path: PathBuf| {
            path.into_os_string().into_string().map_err(|path| {
                let shown = crate::model::escape::Escaped(path.as_encoded_bytes()).to_string();
                Failure::new(
                    Kind::Usage,
                    format!("`{shown}` is not UTF-8, and declarations are text"),
                )
            })
        };
        Ok(match (self.oci, self.archive, self.local) {
            (Some(oci), ..) => Source::Oci(
                oci.parse()
                    .map_err(|error| Failure::of(Kind::Usage, &error))?,
            ),
            (_, Some(archive), _) => Source::Archive(ArchiveSource {
                locations: vec![archive.as_str().into()],
                sha256: None,
                strip_components: 0,
            }),
            (_, _, local) => Source::Local(LocalSource {
                path: path(local.unwrap_or_default())?,
            }),
        })
    }
}
