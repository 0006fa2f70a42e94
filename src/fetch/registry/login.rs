//! A login is tried at the registry itself (`/v2/`) and then stored; or it is removed.

use super::super::challenge;
use super::super::credentials::{Login, Means};
use super::super::error::Error;
use super::super::secret::Secret;
use super::super::token::advised;
use super::{Demand, Registry, Request};

/// What became of a login.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedIn {
    /// The file, or `credential helper NAME`.
    pub stored_in: String,
    /// Whether the registry accepted it; false where it asks for none.
    pub verified: bool,
}

/// How a registry's API answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Welcome {
    /// Everybody.
    Open,
    /// Who has a token, which its token server gives to everybody.
    Token,
    /// Who has the login that was shown.
    Login,
}

impl Registry<'_> {
    pub(in crate::fetch) fn log_in(&self, user: &str, secret: &Secret) -> Result<LoggedIn, Error> {
        let verified = self.greeted(&Login::given(user, secret))? == Welcome::Login;
        let source = self.credentials().store(&self.host, user, secret)?;
        let stored_in = source.to_string();
        Ok(LoggedIn {
            stored_in,
            verified,
        })
    }

    pub(in crate::fetch) fn log_out(&self) -> Result<Vec<String>, Error> {
        let observer = self.fetcher.observer;
        let removed = self.credentials().erase(&self.host, observer)?;
        Ok(removed.iter().map(ToString::to_string).collect())
    }

    /// Asks the API itself, with this login where it wants one.
    pub(super) fn greeted(&self, login: &Login) -> Result<Welcome, Error> {
        let what = self.host.as_str();
        let request = Request {
            path: "",
            what,
            accept: &[],
            rest: None,
        };
        let (url, answer) = self.send(&request, None)?;
        if !answer.is_unauthorized() {
            answer.success()?;
            return Ok(Welcome::Open);
        }
        let challenges = challenge::parse(&answer.header("www-authenticate"));
        let granted = self.authorize_as(login, &Demand { url, challenges })?;
        let is_anonymous = login.means == Means::Nothing;
        if !granted.showed_login && !is_anonymous {
            // A token for anybody would open this door, and say nothing about the login.
            return Err(Error::denied(what, granted.advice));
        }
        let (_, answer) = self.send(&request, Some(&granted.authorization))?;
        let accepted = answer.success();
        accepted.map_err(|error| advised(error, &granted.advice))?;
        Ok(if is_anonymous {
            Welcome::Token
        } else {
            Welcome::Login
        })
    }
}
