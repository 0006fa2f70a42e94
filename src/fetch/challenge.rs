//! The `WWW-Authenticate` header: one or more challenges, each a scheme with parameters.
//!
//! `Bearer realm="https://auth.example/token",service="r",scope="a,b", Basic realm="r"`: commas separate both
//! parameters and challenges, and stand inside quotes too. A word is a parameter's name if `=` and a value follow,
//! else it begins a challenge. What does not parse ends the header; what came before it counts.

use std::collections::BTreeMap;

/// One way in that a server offers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Challenge {
    /// In lower case, such as `bearer`.
    pub(super) scheme: String,
    /// Names in lower case; the first of equal ones counts.
    pub(super) parameters: BTreeMap<String, String>,
}

/// All challenges of all headers, in order.
pub(super) fn parse(headers: &[String]) -> Vec<Challenge> {
    headers.iter().flat_map(|header| one(header)).collect()
}

fn one(header: &str) -> Vec<Challenge> {
    let mut found: Vec<Challenge> = Vec::new();
    let mut cursor = Cursor(header);
    loop {
        cursor.skip(|c| c == ',' || c.is_ascii_whitespace());
        let Some(word) = cursor.token() else {
            return found;
        };
        match (cursor.value(), found.last_mut()) {
            (Some(Value::Is(value)), Some(challenge)) => {
                challenge.parameters.entry(word).or_insert(value);
            }
            (None, _) => {
                found.push(Challenge {
                    scheme: word,
                    ..Challenge::default()
                });
                cursor.skip_token68();
            }
            // A parameter before any scheme, or a quote without end.
            (Some(_), _) => return found,
        }
    }
}

enum Value {
    Is(String),
    Broken,
}

struct Cursor<'h>(&'h str);

impl Cursor<'_> {
    fn skip(&mut self, which: impl Fn(char) -> bool) {
        self.0 = self.0.trim_start_matches(which);
    }

    fn token(&mut self) -> Option<String> {
        let end = self.0.find(|c| !is_token(c)).unwrap_or(self.0.len());
        let (token, rest) = self.0.split_at(end);
        self.0 = rest;
        (!token.is_empty()).then(|| token.to_ascii_lowercase())
    }

    /// `= value`; `None`, and nothing consumed, when no `=` follows.
    fn value(&mut self) -> Option<Value> {
        let rest = self.0.trim_start_matches([' ', '\t']);
        let rest = rest.strip_prefix('=')?.trim_start_matches([' ', '\t']);
        let Some(quoted) = rest.strip_prefix('"') else {
            let end = rest.find(|c| !is_token(c)).unwrap_or(rest.len());
            let (value, rest) = rest.split_at(end);
            self.0 = rest;
            return Some(if value.is_empty() {
                Value::Broken
            } else {
                Value::Is(value.to_owned())
            });
        };
        let mut value = String::new();
        let mut characters = quoted.char_indices();
        while let Some((at, c)) = characters.next() {
            match c {
                '"' => {
                    self.0 = &quoted[at + 1..];
                    return Some(Value::Is(value));
                }
                '\\' => value.extend(characters.next().map(|(_, escaped)| escaped)),
                c => value.push(c),
            }
        }
        self.0 = "";
        Some(Value::Broken)
    }

    /// Credentials in one piece, as in `Negotiate YWJj==`: consumed if that is what stands here.
    fn skip_token68(&mut self) {
        let rest = self.0.trim_start_matches(' ');
        let end = rest
            .find(|c: char| !(c.is_ascii_alphanumeric() || "-._~+/".contains(c)))
            .unwrap_or(rest.len());
        let after = rest[end..].trim_start_matches('=');
        let ends = after.trim_start().is_empty() || after.trim_start().starts_with(',');
        // One word before a comma can be only this: a parameter has a value, a scheme a space.
        if end > 0 && ends && rest.len() != self.0.len() {
            self.0 = after;
        }
    }
}

fn is_token(c: char) -> bool {
    c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shown(headers: &[&str]) -> Vec<String> {
        let headers: Vec<_> = headers.iter().map(ToString::to_string).collect();
        parse(&headers)
            .into_iter()
            .map(|challenge| format!("{} {:?}", challenge.scheme, challenge.parameters))
            .collect()
    }

    #[test]
    fn commas_and_escapes_inside_quotes_belong_to_the_value() {
        assert_eq!(
            shown(&[
                r#"Bearer realm="https://a/t",service="x",scope="repository:a:pull,push" , Basic realm="a \"b\" c""#
            ]),
            [
                r#"bearer {"realm": "https://a/t", "scope": "repository:a:pull,push", "service": "x"}"#,
                r#"basic {"realm": "a \"b\" c"}"#,
            ]
        );
    }

    #[test]
    fn several_headers_bare_values_and_other_schemes() {
        assert_eq!(
            shown(&["Negotiate", "Negotiate YWJj==, BASIC Realm = r", "NTLM x1"]),
            [
                "negotiate {}",
                "negotiate {}",
                r#"basic {"realm": "r"}"#,
                "ntlm {}"
            ]
        );
    }

    #[test]
    fn what_does_not_parse_ends_the_header() {
        assert_eq!(shown(&["realm=x", "", ",,", "\u{e9}"]), [""; 0]);
        assert_eq!(shown(&[r#"Basic a=1, b="open"#]), [r#"basic {"a": "1"}"#]);
    }

    fn challenge() -> impl Strategy<Value = Challenge> {
        let parameters = proptest::collection::btree_map("[a-z]{1,8}", "[ -~]{0,12}", 1..4);
        ("[a-z]{1,8}", parameters).prop_map(|(scheme, parameters)| Challenge { scheme, parameters })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(challenges in proptest::collection::vec(challenge(), 1..4)) {
            let written: Vec<String> = challenges.iter().map(|challenge| {
                let parameters: Vec<String> = challenge.parameters.iter().map(|(name, value)| {
                    format!("{name}=\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))
                }).collect();
                format!("{} {}", challenge.scheme, parameters.join(","))
            }).collect();
            prop_assert_eq!(parse(&[written.join(", ")]), challenges.clone());
            prop_assert_eq!(parse(&written), challenges);
        }

        #[test]
        fn nothing_makes_it_panic(header in ".*") {
            parse(&[header]);
        }
    }
}
