//! `pyro path`.

use clap::Args;

use crate::cli::args::{FileFlag, PlatformFlag, ProfileFlag};
use crate::cli::failure::Failure;
use crate::cli::json::path::PathAnswer;
use crate::cli::report::Outcome;
use crate::cli::session::Session;
use crate::cli::settings::Flags;
use crate::cli::target::find_declaration;
use crate::cli::workbench::{Workbench, bundle, depth};
use crate::model::name::{EnvName, Role};
use crate::verb::{Error, Scope, Shown, shown};

/// Print the store path of an environment, or of one of its artifacts
///
/// Looks at the profile, never at sources. Without --profile it is the profile of the declaration found, or
/// `pulled` for a name of the built-in catalog.
///
/// Example: `pyro path debian:12 kernel`
#[derive(Debug, Args)]
pub struct PathArgs {
    /// The environment
    #[arg(value_name = "ENV")]
    pub name: EnvName,
    /// The role of an artifact: kernel, rootfs, initrd, modules, or another that is declared
    #[arg(value_name = "ARTIFACT")]
    pub artifact: Option<Role>,
    /// The profile.
    #[command(flatten)]
    pub profile: ProfileFlag,
    /// The declaration.
    #[command(flatten)]
    pub file: FileFlag,
    /// The platform.
    #[command(flatten)]
    pub platform: PlatformFlag,
}

impl PathArgs {
    /// Prints it.
    ///
    /// # Errors
    /// When the environment is not declared, not shown by the profile, or not valid.
    pub fn run(self, session: &Session) -> Result<Outcome, Failure> {
        let settings = session.settings(Flags {
            file: self.file.file,
            profile: self.profile.profile,
            platform: self.platform.platform,
            ..Flags::default()
        })?;
        let file = find_declaration(&settings, session.surroundings())?;
        let scope = Scope::new(file.as_deref(), &bundle(&settings))?;
        let found = scope.find(&self.name)?;
        let platform = settings.platform.value.clone();
        let Some(bench) = Workbench::open_if_there(session, &settings, "path")? else {
            return Err(Error::NotInstalled { name: self.name }.into());
        };
        // Leased until the answer is printed.
        let profile = settings.profile.value.as_ref();
        let shown = bench.run(depth(&settings), |cx| shown(cx, found, &platform, profile))?;
        let document = answer(&shown, self.name, self.artifact)?;
        session
            .report()
            .answer(&document, |document| format!("{}\n", document.path))?;
        Ok(Outcome::Done)
    }
}

fn answer(shown: &Shown, name: EnvName, artifact: Option<Role>) -> Result<PathAnswer, Failure> {
    let store_path = shown.published.path().display().to_string();
    let path = match &artifact {
        None => store_path.clone(),
        Some(role) => {
            let found = shown
                .published
                .artifacts()
                .find(|(known, _)| *known == role);
            found
                .map(|(_, path)| path.display().to_string())
                .ok_or_else(|| unknown(shown, &name, role))?
        }
    };
    let (profile, generation) = (shown.profile.clone(), shown.generation);
    Ok(PathAnswer {
        name,
        profile,
        generation,
        path,
        store_path,
        artifact,
    })
}

fn unknown(shown: &Shown, name: &EnvName, role: &Role) -> Error {
    let known = shown
        .published
        .artifacts()
        .map(|(role, _)| role.to_string())
        .collect();
    Error::UnknownArtifact {
        name: name.clone(),
        role: role.to_string(),
        known,
    }
}
