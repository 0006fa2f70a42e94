//! The clients, each built at its first use: so that a run without network touches no certificate file, and one with
//! `--offline` cannot get one.
//!
//! There is one for loopback, which is never reached through a proxy, one for everything else, and one for each host that
//! has an authority of its own. That is trusted besides the system's, and for this host alone.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, Once, PoisonError};
use std::time::Duration;

use super::super::archive::open_file;
use super::super::error::Error;
use super::super::settings::{Network, Settings};
use super::{Url, failure};

/// A handshake with a port of this machine; one that takes longer is no TLS server.
const LOOPBACK_CONNECT: Duration = Duration::from_secs(3);
/// Longest file of certificates.
const LIMIT: u64 = 16 << 20;

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Reach {
    Loopback,
    Outside,
    /// A host with an authority of its own, by its name and port.
    Own(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Roots {
    System,
    None,
}

#[derive(Debug)]
pub(super) struct Clients {
    settings: Arc<Settings>,
    clients: Mutex<BTreeMap<Reach, reqwest::Client>>,
}

impl Clients {
    pub(super) fn new(settings: Arc<Settings>) -> Self {
        Self {
            settings,
            clients: Mutex::default(),
        }
    }

    /// The file of certificates that is set for a host.
    pub(super) fn authority(&self, url: &Url) -> Option<&Path> {
        let authorities = &self.settings.authorities;
        let mut names = url.names().into_iter();
        names.find_map(|name| authorities.get(&name).map(PathBuf::as_path))
    }

    /// The client for a URL.
    pub(super) fn of(&self, url: &Url, what: &str) -> Result<reqwest::Client, Error> {
        if self.settings.network == Network::Forbidden {
            return Err(Error::Offline { what: what.into() });
        }
        let host = url.authority();
        let authority = self.authority(url);
        let reach = match authority {
            Some(_) => Reach::Own(host),
            None if url.is_loopback() => Reach::Loopback,
            None => Reach::Outside,
        };
        // The map is whole after each insert, whoever panicked later.
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = clients.get(&reach) {
            return Ok(client.clone());
        }
        let own = authority.map(certificates).transpose()?;
        let own = own.unwrap_or_default();
        let build = |roots| build(&self.settings, url.is_loopback(), roots, &own);
        let client = build(Roots::System)
            // A machine without CA certificates still has its own ports and hosts without TLS;
            // against no root at all every certificate fails, with an error that says so.
            .or_else(|_| build(Roots::None))
            .map_err(|error| Error::denied(what, failure::reason(&error)))?;
        clients.insert(reach, client.clone());
        Ok(client)
    }
}

fn build(
    settings: &Settings,
    is_loopback: bool,
    roots: Roots,
    own: &[reqwest::Certificate],
) -> reqwest::Result<reqwest::Client> {
    static PROVIDER: Once = Once::new();
    PROVIDER.call_once(|| {
        // An error means that somebody else in this process was first, which is as good.
        drop(rustls::crypto::ring::default_provider().install_default());
    });
    let mut builder = reqwest::Client::builder()
        .user_agent(&settings.user_agent)
        .redirect(reqwest::redirect::Policy::none())
        .referer(false);
    builder = if is_loopback {
        builder
            .no_proxy()
            .connect_timeout(settings.connect_timeout.min(LOOPBACK_CONNECT))
    } else {
        builder.connect_timeout(settings.connect_timeout)
    };
    builder = match roots {
        Roots::None => builder.tls_certs_only(own.to_vec()),
        Roots::System if own.is_empty() => builder,
        Roots::System => builder.tls_certs_merge(own.to_vec()),
    };
    builder.build()
}

/// Reads the certificates of an authority.
fn certificates(path: &Path) -> Result<Vec<reqwest::Certificate>, Error> {
    let wrong = |why: String| Error::Authority {
        path: path.to_owned(),
        why,
    };
    let (file, _) = match open_file(path) {
        Err(
            Error::Absent { why, .. } | Error::Denied { why, .. } | Error::Unsupported { why, .. },
        ) => {
            return Err(wrong(why));
        }
        opened => opened?,
    };
    let mut bytes = Vec::new();
    let read = file.file().take(LIMIT).read_to_end(&mut bytes);
    read.map_err(|error| Error::io("read", path, error))?;
    match reqwest::Certificate::from_pem_bundle(&bytes) {
        Ok(found) if !found.is_empty() => Ok(found),
        Ok(_) | Err(_) => Err(wrong("it holds no certificate in PEM form".to_owned())),
    }
}
