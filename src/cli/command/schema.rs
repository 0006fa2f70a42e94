//! `pyro schema`: JSON Schemas of what pyro reads and writes.

use std::path::{Path, PathBuf};

use clap::Args;

use crate::cli::failure::{Failure, usage};
use crate::cli::json::schema::SchemaAnswer;
use crate::cli::report::Outcome;
use crate::cli::report::table::lines;
use crate::cli::schemas;
use crate::cli::session::Session;

/// Print the JSON Schema of a file or document
///
/// Without NAME the names are printed: those of the files (`declaration`, `lock`, `manifest`, `config`, …) and of
/// the documents of `--json` (`pyro.realize`, `pyro.env-list`, …).
///
/// Example: `pyro schema manifest`
#[derive(Debug, Args)]
pub struct SchemaArgs {
    /// Which one
    #[arg(conflicts_with_all = ["list", "all"])]
    name: Option<String>,
    /// Print the names only, as without NAME
    #[arg(long, conflicts_with = "all")]
    list: bool,
    /// Write every schema into a folder, as NAME.schema.json
    #[arg(long, value_name = "DIR")]
    all: Option<PathBuf>,
}

impl SchemaArgs {
    /// Prints or writes.
    ///
    /// # Errors
    /// When there is no such schema, or something cannot be written.
    pub fn run(self, session: &Session) -> Result<Outcome, Failure> {
        let answer = match (self.name, self.all) {
            (Some(name), _) => one(&name)?,
            (None, Some(folder)) => write_all(&folder)?,
            (None, None) => SchemaAnswer {
                names: schemas::entries()
                    .iter()
                    .map(|entry| entry.name.to_owned())
                    .collect(),
                json_schema: None,
                written: None,
            },
        };
        session.report().answer(&answer, text)?;
        Ok(Outcome::Done)
    }
}

fn one(name: &str) -> Result<SchemaAnswer, Failure> {
    let entry = schemas::entries()
        .into_iter()
        .find(|entry| entry.name == name)
        .ok_or_else(|| {
            usage::mistake(format!("no schema is called `{name}`"))
                .hint("`pyro schema --list` prints the names")
        })?;
    Ok(SchemaAnswer {
        names: vec![entry.name.to_owned()],
        json_schema: Some(entry.schema()),
        written: None,
    })
}

fn write_all(folder: &Path) -> Result<SchemaAnswer, Failure> {
    fs_err::create_dir_all(folder)?;
    let mut answer = SchemaAnswer {
        names: Vec::new(),
        json_schema: None,
        written: None,
    };
    let mut written = Vec::new();
    for entry in schemas::entries() {
        let path = folder.join(format!("{}.schema.json", entry.name));
        fs_err::write(&path, schemas::text(&entry.schema()))?;
        written.push(path.to_string_lossy().into_owned());
        answer.names.push(entry.name.to_owned());
    }
    answer.written = Some(written);
    Ok(answer)
}

fn text(answer: &SchemaAnswer) -> String {
    let rows = match (&answer.json_schema, &answer.written) {
        (Some(schema), _) => return schemas::text(schema),
        (None, Some(written)) => written,
        (None, None) => &answer.names,
    };
    lines(rows)
}
