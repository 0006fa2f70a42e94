//! From a name to an environment: the declaration that was found, then the built-in catalog.

use std::path::Path;

use super::error::Error;
use super::project::{Project, unknown};
use crate::model::environment::Environment;
use crate::model::name::EnvName;

/// The declarations in which a name is looked for, in this order.
#[derive(Debug, Clone)]
pub struct Scope {
    projects: Vec<Project>,
}

/// An environment and who declares it.
#[derive(Debug, Clone, Copy)]
pub struct Found<'s> {
    /// The declaration.
    pub project: &'s Project,
    /// The environment.
    pub environment: &'s Environment,
}

impl Scope {
    /// The declaration at `file`, where one was found, then the catalog, whose folders stand below `bundle`.
    ///
    /// # Errors
    /// When the declaration or its lock cannot be read.
    pub fn new(file: Option<&Path>, bundle: &Path) -> Result<Self, Error> {
        let mut projects = Vec::new();
        if let Some(file) = file {
            projects.push(Project::load(file)?);
        }
        projects.push(Project::catalog(bundle));
        Ok(Self { projects })
    }

    /// The declarations, in the order in which a name is looked for.
    pub(super) fn projects(&self) -> &[Project] {
        &self.projects
    }

    /// Finds `name`.
    ///
    /// # Errors
    /// When nobody declares it; the message says what is declared.
    pub fn find(&self, name: &EnvName) -> Result<Found<'_>, Error> {
        let found = self.projects.iter().find_map(|project| {
            project.declaration().get(name).map(|environment| Found {
                project,
                environment,
            })
        });
        found.ok_or_else(|| {
            unknown(
                name.as_str(),
                self.all().map(|found| &found.environment.name),
            )
        })
    }

    /// Every environment that a name can mean, by declaration and name; shadowed ones of the catalog are not.
    pub fn all(&self) -> impl Iterator<Item = Found<'_>> {
        self.projects
            .iter()
            .enumerate()
            .flat_map(move |(n, project)| {
                let shadowed = move |name: &EnvName| {
                    self.projects[..n]
                        .iter()
                        .any(|earlier| earlier.declaration().get(name).is_some())
                };
                let environments = project.declaration().environments().values();
                environments
                    .filter(move |environment| !shadowed(&environment.name))
                    .map(move |environment| Found {
                        project,
                        environment,
                    })
            })
    }
}
