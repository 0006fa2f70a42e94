//! Reads a whole declaration.

use std::collections::BTreeMap;
use std::path::Path;

use toml::de::DeTable;

use super::environment;
use super::ledger::Ledger;
use super::mistake::Mistakes;
use super::reader::{self, Fields};
use crate::model::environment::Environment;
use crate::model::name::{EnvName, ProfileName};

/// The newest schema of declarations that this program reads.
pub(super) const SCHEMA: u32 = 1;

/// The keys at the top of the file.
pub(super) const KEYS: &[&str] = &["schema", "profile", "environments"];

/// What a declaration says, checked.
///
/// ```
/// let text = r#"
/// schema = 1
/// [environments.tools]
/// version = "1.0.0"
/// sources = [{ local = "tools" }]
/// "#;
/// let declaration = pyro::declare::parse(text, "envs.toml".as_ref())?;
/// assert_eq!(declaration.get(&"tools".parse()?).map(|tools| tools.sources.len()), Some(1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Declaration {
    profile: Option<ProfileName>,
    environments: BTreeMap<EnvName, Environment>,
}

impl Declaration {
    /// The profile that it names itself.
    #[must_use]
    pub fn profile(&self) -> Option<&ProfileName> {
        self.profile.as_ref()
    }

    /// The environments; no two of them map to one file name.
    #[must_use]
    pub fn environments(&self) -> &BTreeMap<EnvName, Environment> {
        &self.environments
    }

    /// The environment of that name.
    #[must_use]
    pub fn get(&self, name: &EnvName) -> Option<&Environment> {
        self.environments.get(name)
    }
}

/// Reads the text of `file`, which is named in mistakes and not opened.
///
/// # Errors
/// All mistakes at once: those of TOML, or else those of the declaration. A schema this program does not know is
/// the only mistake told, since everything else may mean something there.
pub fn parse(text: &str, file: &Path) -> Result<Declaration, Mistakes> {
    let mut ledger = Ledger::new();
    let declaration = read(text, &mut ledger);
    ledger.finish(declaration, file, text)
}

fn read(text: &str, ledger: &mut Ledger) -> Option<Declaration> {
    let (document, errors) = DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        ledger.note_syntax(&errors, text);
        return None;
    }
    let table = document.get_ref();
    schema(table, ledger)?;
    let fields = Fields::open(table, 0..0, KEYS, ledger);
    let profile = match fields.get("profile") {
        None => Some(None),
        Some(value) => reader::parsed(value, ledger).map(Some),
    };
    let environments = match fields.get("environments") {
        None => Some(BTreeMap::new()),
        Some(value) => reader::table(value, ledger).and_then(|table| environments(table, ledger)),
    };
    Some(Declaration {
        profile: profile?,
        environments: environments?,
    })
}

/// `None` when the rest of the text cannot be judged.
fn schema(table: &DeTable<'_>, ledger: &mut Ledger) -> Option<()> {
    let Some(value) = table.get("schema") else {
        let hint = format!("write `schema = {SCHEMA}` on the first line");
        ledger.note_with_hint(0..0, "missing key `schema`", hint);
        return Some(());
    };
    match reader::count(value, ledger) {
        Some(SCHEMA) | None => Some(()),
        Some(other) => {
            let message = format!("schema: found {other}, this pyro reads up to {SCHEMA}");
            if other > SCHEMA {
                ledger.note_with_hint(value.span(), message, "a newer pyro may read it");
            } else {
                ledger.note(value.span(), message);
            }
            None
        }
    }
}

fn environments(
    table: &DeTable<'_>,
    ledger: &mut Ledger,
) -> Option<BTreeMap<EnvName, Environment>> {
    // In the order of the text, so that of two names in conflict the second is the mistake.
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    let mut stems: BTreeMap<String, EnvName> = BTreeMap::new();
    let mut read = Vec::with_capacity(entries.len());
    for (key, value) in entries {
        if let Ok(name) = key.get_ref().parse::<EnvName>() {
            let stem = name.file_stem();
            if let Some(other) = stems.get(&stem) {
                let message = format!("`{name}` and `{other}` would share the file name `{stem}`");
                ledger.note_with_hint(key.span(), message, "rename one of them");
            } else {
                stems.insert(stem, name);
            }
        }
        read.push(environment::read(key, value, ledger));
    }
    read.into_iter()
        .map(|environment| environment.map(|found| (found.name.clone(), found)))
        .collect()
}
