//! `pyro logout`.

use clap::Args;

use crate::cli::failure::Failure;
use crate::cli::json::login::Logout;
use crate::cli::report::Outcome;
use crate::cli::report::events::escaped;
use crate::cli::session::Session;
use crate::cli::settings::Flags;
use crate::cli::workbench::outside;
use crate::model::oci_reference::RegistryHost;

/// Remove the login for a registry, wherever one is stored
///
/// Looks into every file of logins (`pyro config` shows them) and asks the credential helpers that they name. Logins for
/// a part of a registry (`registry.example/team`) stay. No login at all is no error.
///
/// Example: `pyro logout registry.example`
#[derive(Debug, Args)]
pub struct LogoutArgs {
    /// The registry: host, and port where it is not the usual one
    #[arg(value_name = "HOST")]
    pub registry: RegistryHost,
}

impl LogoutArgs {
    /// Removes it.
    ///
    /// # Errors
    /// When a file cannot be read or written, or a helper does not forget.
    pub fn run(self, session: &Session) -> Result<Outcome, Failure> {
        let settings = session.settings(Flags::default())?;
        let registry = self.registry.as_str();
        let observer = session.report().observer("logout");
        let removed_from = outside(&settings, observer.as_ref()).log_out(registry)?;
        let document = Logout {
            registry: registry.to_owned(),
            removed_from,
        };
        session.report().answer(&document, |logout| {
            if logout.removed_from.is_empty() {
                return format!("no login for {registry} is known\n");
            }
            let removed = logout.removed_from.iter();
            let line = |place: &String| {
                format!(
                    "the login for {registry} is removed from {}\n",
                    escaped(place)
                )
            };
            removed.map(line).collect()
        })?;
        Ok(Outcome::Done)
    }
}
