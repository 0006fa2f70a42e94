//! What the process finds around it: variables, current folder, terminals. The only reader of all three.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Whether a stream ends at a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Somebody is watching, escapes are understood.
    Terminal,
    /// A file, a pipe, a log.
    Other,
}

/// How many open files this process was allowed when it began.
#[derive(Debug, Clone, Copy)]
pub struct OpenFiles(Rlimit);

/// Allows as many open files as the system lets this process have: each path in use costs one, and many may be.
///
/// Where that is refused the limit stays, and what needs more says so.
#[must_use]
pub fn raise_open_files() -> OpenFiles {
    let limit = getrlimit(Resource::Nofile);
    let _ = setrlimit(
        Resource::Nofile,
        Rlimit {
            current: limit.maximum,
            maximum: limit.maximum,
        },
    );
    OpenFiles(limit)
}

impl OpenFiles {
    /// Allows as many as before: programs that take our place may not bear more (`select` takes 1024).
    pub fn restore(self) {
        let _ = setrlimit(Resource::Nofile, self.0);
    }
}

/// Everything around the process, read once at its start.
///
/// ```
/// use pyro::cli::surroundings::Surroundings;
/// let around = Surroundings::bare("/tmp").with("PYRO_STORE", "/srv/pyro");
/// assert_eq!(around.variable("PYRO_STORE"), Some("/srv/pyro".as_ref()));
/// ```
#[derive(Debug, Clone)]
pub struct Surroundings {
    variables: BTreeMap<OsString, OsString>,
    current_dir: Result<PathBuf, String>,
    system_config: PathBuf,
    stdout: Stream,
    stderr: Stream,
    open_files: Option<OpenFiles>,
}

impl Surroundings {
    /// Those of this process, which was allowed so many open files.
    #[must_use]
    pub fn of_process(open_files: OpenFiles) -> Self {
        let stream = |terminal| {
            if terminal {
                Stream::Terminal
            } else {
                Stream::Other
            }
        };
        Self {
            variables: std::env::vars_os().collect(),
            current_dir: std::env::current_dir().map_err(|error| error.to_string()),
            system_config: PathBuf::from("/etc/pyro/config.toml"),
            stdout: stream(io::stdout().is_terminal()),
            stderr: stream(io::stderr().is_terminal()),
            open_files: Some(open_files),
        }
    }

    /// No variables, no terminal, no configuration: what tests start from.
    #[must_use]
    pub fn bare(current_dir: impl Into<PathBuf>) -> Self {
        Self {
            variables: BTreeMap::new(),
            current_dir: Ok(current_dir.into()),
            system_config: PathBuf::from("/nonexistent/config.toml"),
            stdout: Stream::Other,
            stderr: Stream::Other,
            open_files: None,
        }
    }

    /// The same with one more variable.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.variables.insert(name.into(), value.into());
        self
    }

    /// The same with another system-wide configuration.
    #[must_use]
    pub fn with_system_config(mut self, path: impl Into<PathBuf>) -> Self {
        self.system_config = path.into();
        self
    }

    /// The same with stdout and stderr on a terminal.
    #[must_use]
    pub fn on_terminal(mut self) -> Self {
        (self.stdout, self.stderr) = (Stream::Terminal, Stream::Terminal);
        self
    }

    /// The value of a variable; an empty one counts as not set.
    #[must_use]
    pub fn variable(&self, name: &str) -> Option<&OsStr> {
        self.variables
            .get(OsStr::new(name))
            .map(OsString::as_os_str)
            .filter(|value| !value.is_empty())
    }

    /// How many open files the process was allowed when it began; `None` for surroundings that are made up.
    #[must_use]
    pub fn open_files(&self) -> Option<OpenFiles> {
        self.open_files
    }

    /// The current folder, or why there is none (it was deleted, say).
    ///
    /// # Errors
    /// When the system could not name it.
    pub fn current_dir(&self) -> Result<&Path, &str> {
        match &self.current_dir {
            Ok(path) => Ok(path),
            Err(why) => Err(why),
        }
    }

    /// The configuration of the whole machine, which need not exist.
    #[must_use]
    pub fn system_config(&self) -> &Path {
        &self.system_config
    }

    /// What stdout is.
    #[must_use]
    pub fn stdout(&self) -> Stream {
        self.stdout
    }

    /// What stderr is.
    #[must_use]
    pub fn stderr(&self) -> Stream {
        self.stderr
    }

    /// Whether the terminal, if it is one, can only print (`TERM=dumb`).
    #[must_use]
    pub fn is_dumb(&self) -> bool {
        self.variable("TERM").is_some_and(|term| term == "dumb")
    }

    /// Whether this is a build machine, as most of them say by `CI=true`.
    #[must_use]
    pub fn is_ci(&self) -> bool {
        self.variable("CI")
            .is_some_and(|value| value != "false" && value != "0")
    }
}

#[cfg(test)]
mod tests {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    #[test]
    fn the_soft_limit_of_open_files_becomes_the_hard_one_until_it_is_restored() {
        let before = getrlimit(Resource::Nofile);
        let lower = before.maximum.map(|maximum| maximum - 1);
        let lower = Rlimit {
            current: lower,
            maximum: before.maximum,
        };
        setrlimit(Resource::Nofile, lower).unwrap();
        let began = super::raise_open_files();
        assert_eq!(getrlimit(Resource::Nofile).current, before.maximum);
        began.restore();
        assert_eq!(getrlimit(Resource::Nofile), lower);
    }
}
