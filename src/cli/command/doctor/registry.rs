//! What a look at one registry finds, and how it is told.

use std::fmt::Write as _;

use super::finding;
use crate::cli::failure::Failure;
use crate::cli::json::doctor as json;
use crate::cli::report::events::escaped;
use crate::cli::session::Session;
use crate::cli::settings::Settings;
use crate::cli::workbench::outside;
use crate::fetch::{Seen, Welcome};
use crate::model::escape::Line;

/// Asks every place, and gives what keeps all of them from being used.
pub(super) fn look(
    session: &Session,
    settings: &Settings,
    host: &str,
) -> (json::Registry, Option<Failure>) {
    let observer = session.report().observer("doctor");
    let found = outside(settings, observer.as_ref()).look_at(host);
    let mut last = None;
    let mut usable = false;
    let mut place = |seen: Seen| {
        let (answer, failure) = match seen.answer {
            Ok(welcome) => (Some(welcome), None),
            Err(error) => (None, Some(Failure::from(error))),
        };
        usable |= answer.is_some();
        let place = json::Place {
            name: seen.name,
            role: if seen.is_mirror {
                json::RoleWord::Mirror
            } else {
                json::RoleWord::Registry
            },
            url: seen.url,
            login: seen.login,
            ca: seen
                .authority
                .map(|path| path.to_string_lossy().into_owned()),
            proxy: seen.proxy,
            answer: answer.map(|welcome| match welcome {
                Welcome::Open => json::WelcomeWord::Open,
                Welcome::Token => json::WelcomeWord::Token,
                Welcome::Login => json::WelcomeWord::Login,
            }),
            duration_ms: u64::try_from(seen.took.as_millis()).unwrap_or(u64::MAX),
            problem: failure.as_ref().map(|failure| finding(true, failure)),
        };
        last = failure;
        place
    };
    let places = found.into_iter().map(&mut place).collect();
    let registry = settings.registries.get(host);
    let registry = json::Registry {
        usable,
        fallback: registry.is_none_or(|registry| registry.fallback.value),
        places,
        host: host.to_owned(),
    };
    (registry, last.filter(|_| !usable))
}

/// The registry in words, below those on the store.
pub(super) fn text(registry: &json::Registry) -> String {
    let mut text = format!("\nregistry     {}\n", escaped(&registry.host));
    if !registry.fallback {
        text.push_str("fallback     no: only its mirrors are asked\n");
    }
    for (n, place) in (1..).zip(&registry.places) {
        for (key, value) in rows(n, place) {
            let _infallible = writeln!(text, "{key:<13}{value}");
        }
        if let Some(problem) = &place.problem {
            for cause in &problem.causes {
                let _infallible = writeln!(text, "  caused by: {}", Line(cause));
            }
            if let Some(hint) = &problem.hint {
                let _infallible = writeln!(text, "  hint: {}", Line(hint));
            }
        }
    }
    text
}

fn rows(n: usize, place: &json::Place) -> Vec<(String, String)> {
    let role = match place.role {
        json::RoleWord::Mirror => "mirror",
        json::RoleWord::Registry => "the registry itself",
    };
    let took = place.duration_ms;
    let answer = match (place.answer, &place.problem) {
        (Some(json::WelcomeWord::Open), _) => format!("to everybody, in {took} ms"),
        (Some(json::WelcomeWord::Token), _) => {
            format!("with a token that everybody gets, in {took} ms")
        }
        (Some(json::WelcomeWord::Login), _) => format!("with this login, in {took} ms"),
        (None, Some(problem)) => format!("no: {}", Line(&problem.message)),
        (None, None) => "no".to_owned(),
    };
    let authority = match &place.ca {
        Some(path) => format!("the system's, and {}", escaped(path)),
        None => "the system's".to_owned(),
    };
    let row = |key: &str, value: String| (format!("  {key}"), value);
    let url = place.url.as_deref();
    let is_plain = url.is_some_and(|url| url.starts_with("http://"));
    let mut rows = vec![(
        format!("asked {n}"),
        format!("{}, {role}", escaped(&place.name)),
    )];
    rows.extend(url.map(|url| row("url", escaped(url).to_string())));
    rows.push(row("login", escaped(&place.login).to_string()));
    if !is_plain {
        rows.push(row("ca", authority));
    }
    let proxy = place.proxy.as_deref().unwrap_or("none");
    rows.push(row("proxy", escaped(proxy).to_string()));
    rows.push(row("answers", answer));
    rows
}
