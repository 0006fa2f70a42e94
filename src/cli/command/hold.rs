//! `pyro hold`.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::ErrorKind;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::Args;

use crate::cli::args::{FileFlag, PlatformFlag, ProfileFlag};
use crate::cli::failure::{Failure, Kind, usage};
use crate::cli::report::Outcome;
use crate::cli::session::Session;
use crate::cli::settings::Flags;
use crate::cli::target::find_declaration;
use crate::cli::workbench::{Workbench, bundle, depth};
use crate::model::name::EnvName;
use crate::store::Published;
use crate::verb::{Error, Scope, shown};

/// Run a command that uses environments, and keep them for as long as it lives
///
/// For programs that take paths: podman, firecracker, qemu. pyro leases the environments that the profile shows, then
/// becomes the command: its process id, signals, streams and exit code are the command's own. Nothing is collected of
/// what is held until the command, and whatever it started, has ended, however it ends. No root is added.
///
/// The command gets PYRO_ENV_DIR (the store path) and, where the environment has them, PYRO_KERNEL, PYRO_ROOTFS,
/// PYRO_INITRD and PYRO_MODULES (absolute paths of artifacts). With several environments it gets PYRO_ENV_DIRS (all
/// store paths, joined by colons) and these variables with the environment's name at the end, in capitals and with _
/// for every other character: PYRO_ENV_DIR_DEBIAN_12 is that of debian:12.
///
/// Exit code 126 says that the command cannot be executed, 127 that it is not there.
///
/// Example: `pyro hold debian:12 -- sh -c 'qemu-system-x86_64 -kernel "$PYRO_KERNEL"'`
#[derive(Debug, Args)]
pub struct HoldArgs {
    /// The environments
    #[arg(value_name = "ENV", required = true)]
    pub names: Vec<EnvName>,
    /// The command and its arguments, behind --
    #[arg(value_name = "CMD", required = true, last = true)]
    pub command: Vec<OsString>,
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

impl HoldArgs {
    /// Leases them and becomes the command; comes back only to say why not.
    ///
    /// # Errors
    /// When an environment is not declared, not shown by the profile, not valid or cannot be leased, or when the
    /// command cannot be run.
    pub fn run(self, session: &Session) -> Result<Outcome, Failure> {
        let settings = session.settings(Flags {
            file: self.file.file,
            profile: self.profile.profile,
            platform: self.platform.platform,
            ..Flags::default()
        })?;
        let mut names: Vec<EnvName> = Vec::new();
        for name in self.names {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        let file = find_declaration(&settings, session.surroundings())?;
        let scope = Scope::new(file.as_deref(), &bundle(&settings))?;
        let found = names
            .iter()
            .map(|name| scope.find(name))
            .collect::<Result<Vec<_>, _>>()?;
        let Some(bench) = Workbench::open_if_there(session, &settings, "hold")? else {
            return Err(Error::NotInstalled {
                name: names.swap_remove(0),
            }
            .into());
        };
        let platform = &settings.platform.value;
        let profile = settings.profile.value.as_ref();
        let held = bench.run(depth(&settings), |cx| {
            let all = found.into_iter();
            all.map(|found| Ok(shown(cx, found, platform, profile)?.published))
                .collect::<Result<Vec<_>, Error>>()
        })?;
        let variables = variables(&names, &held)?;
        for published in &held {
            published.lease().keep_across_exec(bench.store())?;
            if !published.lease().is_locked() {
                let path = published.path().display();
                let text =
                    format!("{path} is not held: the store is read-only and has no lease of it");
                session.report().note(&text);
            }
        }
        Err(become_command(&self.command, variables, session))
    }
}

/// Takes the command's form, with these variables.
fn become_command(
    command: &[OsString],
    variables: BTreeMap<String, OsString>,
    session: &Session,
) -> Failure {
    let Some((program, arguments)) = command.split_first() else {
        return usage::mistake("no command".to_owned());
    };
    let mut next = Command::new(program);
    next.args(arguments);
    for name in stale(&variables) {
        next.env_remove(name);
    }
    next.envs(variables);
    let began = session.surroundings().open_files();
    if let Some(open_files) = began {
        open_files.restore();
    }
    let error = next.exec();
    let kind = match error.kind() {
        ErrorKind::NotFound => Kind::NoCommand,
        _ => Kind::CannotExecute,
    };
    let shown = crate::model::escape::Escaped(program.as_encoded_bytes());
    let failure = Failure {
        causes: vec![error.to_string()],
        ..Failure::new(kind, format!("cannot run `{shown}`"))
    };
    match kind {
        Kind::NoCommand => failure.hint("name a program in PATH, or its path"),
        _ => failure,
    }
}

/// The variable of the store path, then one for each artifact that has a role with a name of its own.
const DIRECTORY: &str = "PYRO_ENV_DIR";
const DIRECTORIES: &str = "PYRO_ENV_DIRS";
const ARTIFACTS: [(&str, &str); 4] = [
    ("kernel", "PYRO_KERNEL"),
    ("rootfs", "PYRO_ROOTFS"),
    ("initrd", "PYRO_INITRD"),
    ("modules", "PYRO_MODULES"),
];

/// What an outer `hold` may have set and this one does not: of the same environments, or without a name.
///
/// The outer one's other variables stay, as what it holds does.
fn stale(variables: &BTreeMap<String, OsString>) -> Vec<String> {
    let prefix = format!("{DIRECTORY}_");
    let own = variables
        .keys()
        .filter_map(|name| name.strip_prefix(&prefix));
    let ends = own.map(|own| format!("_{own}")).chain([String::new()]);
    let artifacts = ARTIFACTS.iter().map(|(_, variable)| *variable);
    let stems: Vec<&str> = artifacts.chain([DIRECTORY]).collect();
    let all = ends.flat_map(|end| {
        let name = |stem: &&str| format!("{stem}{end}");
        stems.iter().map(name).collect::<Vec<_>>()
    });
    let all = all.chain([DIRECTORIES.to_owned()]);
    all.filter(|name| !variables.contains_key(name)).collect()
}

/// What the command is told.
fn variables(names: &[EnvName], held: &[Published]) -> Result<BTreeMap<String, OsString>, Failure> {
    let mut all = BTreeMap::new();
    let paths: Vec<&Path> = held.iter().map(Published::path).collect();
    if let Ok(joined) = std::env::join_paths(&paths) {
        // A store whose own path has a colon in it cannot be listed.
        all.insert(DIRECTORIES.to_owned(), joined);
    }
    let mut known: BTreeMap<String, &EnvName> = BTreeMap::new();
    for (name, published) in names.iter().zip(held) {
        let own = suffix(name);
        if let Some(other) = known.insert(own.clone(), name) {
            let message = format!("`{other}` and `{name}` would both be {DIRECTORY}_{own}");
            return Err(usage::mistake(message).hint("give one of them another name"));
        }
        let artifacts: BTreeMap<String, PathBuf> = published
            .artifacts()
            .map(|(role, path)| (role.to_string(), path))
            .collect();
        let of_roles = ARTIFACTS
            .iter()
            .filter_map(|(role, variable)| Some((*variable, artifacts.get(*role)?.as_path())));
        for (variable, path) in std::iter::once((DIRECTORY, published.path())).chain(of_roles) {
            all.insert(format!("{variable}_{own}"), path.into());
            if names.len() == 1 {
                all.insert(variable.to_owned(), path.into());
            }
        }
    }
    Ok(all)
}

/// The end of the variables of one of several environments.
fn suffix(name: &EnvName) -> String {
    let letter = |c: char| match c.to_ascii_uppercase() {
        c @ ('A'..='Z' | '0'..='9') => c,
        _ => '_',
    };
    name.as_str().chars().map(letter).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_ends_of_variables() {
        let suffix = |name: &str| suffix(&name.parse().unwrap());
        assert_eq!(suffix("debian:12"), "DEBIAN_12");
        assert_eq!(suffix("a/b-c.d+e_f"), "A_B_C_D_E_F");
    }

    #[test]
    fn what_an_outer_one_said_of_the_same_goes() {
        let mine = [
            "PYRO_ENV_DIR",
            "PYRO_ENV_DIRS",
            "PYRO_ENV_DIR_A",
            "PYRO_ROOTFS",
            "PYRO_ROOTFS_A",
        ];
        let variables = mine.map(|name| (name.to_owned(), OsString::new())).into();
        let stale = stale(&variables);
        for name in [
            "PYRO_KERNEL",
            "PYRO_KERNEL_A",
            "PYRO_INITRD",
            "PYRO_MODULES_A",
        ] {
            assert!(stale.iter().any(|stale| stale == name), "{name}");
        }
        for name in mine
            .into_iter()
            .chain(["PYRO_ENV_DIR_B", "PYRO_KERNEL_B", "PYRO_STORE"])
        {
            assert!(!stale.iter().any(|stale| stale == name), "{name}");
        }
    }
}
