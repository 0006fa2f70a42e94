//! Logins: where they are looked for, what helpers say, `pyro login` and `pyro logout`, and that none is ever shown.
//!
//! `cfg(test)` always holds here; it tells clippy that these modules may unwrap outside of test functions too.

#[cfg(test)]
#[allow(dead_code, reason = "this binary uses a part of it")]
mod support;

#[cfg(test)]
#[path = "credentials/helpers.rs"]
mod helpers;
#[cfg(test)]
#[path = "credentials/login.rs"]
mod login;
#[cfg(test)]
#[path = "credentials/tokens.rs"]
mod tokens;
#[cfg(test)]
#[path = "credentials/user.rs"]
mod user;
