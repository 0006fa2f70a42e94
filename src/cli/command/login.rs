//! `pyro login`.

use std::io::Read as _;

use clap::Args;

use crate::cli::failure::{Failure, Kind, usage};
use crate::cli::json::login::Login;
use crate::cli::report::Outcome;
use crate::cli::report::events::escaped;
use crate::cli::session::Session;
use crate::cli::settings::Flags;
use crate::cli::terminal::Terminal;
use crate::cli::workbench::outside;
use crate::fetch::Secret;
use crate::model::oci_reference::RegistryHost;

/// Longest password on stdin.
const LIMIT: u64 = 32 << 10;

/// Store a login for a registry, once the registry has accepted it
///
/// It goes to the first file of logins that is there, else to docker's `config.json`, or to the credential helper that
/// the file names; docker, podman and skopeo find it there too. The password is asked for on the terminal, or read from
/// stdin; it is never an argument, which everybody on this machine could read. `pyro config` shows the files.
///
/// Example: `pyro login registry.example --username me --password-stdin <password.txt`
#[derive(Debug, Args)]
pub struct LoginArgs {
    /// The registry: host, and port where it is not the usual one
    #[arg(value_name = "HOST")]
    pub registry: RegistryHost,
    /// The user [default: asked for on the terminal]
    #[arg(long, short = 'u', value_name = "USER")]
    pub username: Option<String>,
    /// Read the password from stdin
    #[arg(long)]
    pub password_stdin: bool,
}

impl LoginArgs {
    /// Tries the login and stores it.
    ///
    /// # Errors
    /// When there is nobody to ask, or the registry or the file does not take it.
    pub fn run(self, session: &Session) -> Result<Outcome, Failure> {
        let settings = session.settings(Flags::default())?;
        let registry = self.registry.as_str();
        let (username, secret) = self.asked()?;
        let observer = session.report().observer("login");
        let outside = outside(&settings, observer.as_ref());
        let kept = outside.log_in(registry, &username, &secret)?;
        if !kept.verified {
            let text = format!("{registry} asks for no login, so this one could not be tried");
            session.report().note(&text);
        }
        let document = Login {
            registry: registry.to_owned(),
            username,
            stored_in: kept.stored_in,
            verified: kept.verified,
        };
        session.report().answer(&document, |login| {
            let (user, place) = (escaped(&login.username), escaped(&login.stored_in));
            format!("the login of {user} at {registry} is stored in {place}\n")
        })?;
        Ok(Outcome::Done)
    }

    fn asked(&self) -> Result<(String, Secret), Failure> {
        let registry = self.registry.as_str();
        let mut terminal = None;
        let mut ask = |what: &str, missing: &str, hidden: bool| {
            let terminal = match &mut terminal {
                Some(open) => open,
                none => none.insert(Terminal::open().ok_or_else(|| usage::mistake(missing))?),
            };
            let question = format!("{what} at {registry}: ");
            let answer = if hidden {
                terminal.ask_hidden(&question)
            } else {
                terminal.ask(&question)
            };
            answer.map_err(|error| Failure::of(Kind::Usage, &error))
        };
        let username = match &self.username {
            Some(username) => username.clone(),
            None => ask(
                "user",
                "there is no terminal to ask for the user on: --username says it",
                false,
            )?,
        };
        if username.is_empty() || username.contains(':') || username.contains(char::is_control) {
            return Err(usage::mistake(
                "a user has a name, without colons and control characters",
            ));
        }
        let secret = if self.password_stdin {
            password_of_stdin()?
        } else {
            ask(
                "password",
                "there is no terminal to ask for the password on: --password-stdin reads it",
                true,
            )?
        };
        if secret.is_empty() {
            return Err(usage::mistake("the password is empty"));
        }
        Ok((username, Secret::new(secret)))
    }
}

/// All of stdin but the end of its line.
fn password_of_stdin() -> Result<String, Failure> {
    let mut text = String::new();
    let mut stdin = std::io::stdin().take(LIMIT + 1);
    stdin.read_to_string(&mut text)?;
    if text.len() as u64 > LIMIT {
        return Err(usage::mistake("what stdin says is too long for a password"));
    }
    let line = text.strip_suffix('\n').unwrap_or(&text);
    Ok(line.strip_suffix('\r').unwrap_or(line).to_owned())
}
