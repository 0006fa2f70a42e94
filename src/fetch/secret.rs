//! A text that must never be seen: passwords, tokens, whole `Authorization` headers.

use std::fmt;

/// A text that is never shown: it has no `Display`, and its `Debug` shows nothing of it.
///
/// ```
/// use pyro::fetch::Secret;
/// assert_eq!(format!("{:?}", Secret::new("hunter2")), "Secret(…)");
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Takes it out of sight.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, for the one place that sends it.
    pub(super) fn expose(&self) -> &str {
        &self.0
    }

    /// The `Authorization` header of the Basic scheme.
    pub(super) fn basic(user: &str, password: &Self) -> Self {
        use base64::Engine as _;
        let pair = format!("{user}:{}", password.expose());
        let encoded = base64::engine::general_purpose::STANDARD.encode(pair);
        Self(format!("Basic {encoded}"))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_nothing() {
        let secret = Secret::basic("user", &Secret::new("hunter2"));
        assert_eq!(format!("{secret:?}"), "Secret(…)");
        assert_eq!(secret.expose(), "Basic dXNlcjpodW50ZXIy");
    }
}
