//! Who holds a path, as a document and in words.

use crate::cli::json::gc as json;
use crate::cli::report::events::escaped;
use crate::gc::Holding;
use crate::store;
use crate::verb::Chain;

/// A root of a path.
#[must_use]
pub fn of_chain(chain: &Chain) -> json::Holder {
    match &chain.holding {
        Holding::Generation(hold) => json::Holder::Generation {
            profile: hold.profile.clone(),
            generation: hold.generation.clone(),
            link: hold.link.clone(),
            current: chain.is_current,
            declaration: chain.declaration.clone(),
        },
        Holding::Root(root) => json::Holder::Root {
            root: root.kind().to_owned(),
            subject: root.subject().to_owned(),
        },
    }
}

/// A process that uses a path.
#[must_use]
pub fn of_process(holder: &store::Holder) -> json::Holder {
    json::Holder::Process {
        pid: holder.pid,
        command: holder.command.clone(),
    }
}

/// The chain from root to path, in one line.
#[must_use]
pub fn line(holder: &json::Holder) -> String {
    match holder {
        json::Holder::Generation {
            profile,
            generation,
            link,
            current,
            declaration,
        } => {
            let current = if *current { " (current)" } else { "" };
            let declaration = declaration
                .as_deref()
                .map(|file| format!(", declared in {}", escaped(file)))
                .unwrap_or_default();
            let (profile, generation) = (escaped(profile), escaped(generation));
            format!(
                "profile {profile}, generation {generation}{current}, link {}{declaration}",
                escaped(link)
            )
        }
        json::Holder::Root { root, subject } => format!("{root} root {}", escaped(subject)),
        json::Holder::Process { pid, command } if command.is_empty() => {
            format!("process {pid}, or one that it started")
        }
        json::Holder::Process { pid, command } => format!("process {pid}: {}", escaped(command)),
    }
}
