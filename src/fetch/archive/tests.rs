use std::io::Read as _;
use std::path::PathBuf;

use super::super::server::{Recorder, Reply, Server, digest, sha256};
use super::super::{Network, Settings};
use super::*;

const BODY: &[u8] = b"these bytes stand for a tar";

struct Fixture {
    top: tempfile::TempDir,
    recorder: Recorder,
}

impl Fixture {
    fn new() -> Self {
        Self {
            top: tempfile::tempdir().unwrap(),
            recorder: Recorder::default(),
        }
    }

    fn fetcher(&self, network: Network) -> Fetcher<'_> {
        let settings = Settings {
            network,
            retries: 0,
            ..Settings::default()
        };
        Fetcher::new(settings, self.top.path().join("spool"), &self.recorder)
    }

    /// The names in the spool.
    fn spool(&self) -> Vec<String> {
        let folder = fs_err::read_dir(self.top.path().join("spool"));
        let names = folder.into_iter().flatten();
        names
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect()
    }

    fn path(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.top.path().join(name);
        fs_err::write(&path, bytes).unwrap();
        path
    }
}

fn source(locations: &[&str]) -> ArchiveSource {
    ArchiveSource {
        locations: locations.iter().map(|&text| text.into()).collect(),
        sha256: None,
        strip_components: 0,
    }
}

fn pinned(bytes: &[u8]) -> (Sha256, u64) {
    (sha256(bytes), bytes.len() as u64)
}

/// Reads as an unpacker would, and returns the typed error.
fn read(mut reader: Fetched<'_>) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    match reader.read_to_end(&mut bytes) {
        Ok(_) => reader.finish().map(|_| bytes),
        Err(error) => Err(Error::from_io(error).unwrap()),
    }
}

#[test]
fn a_local_file_is_checked_against_its_pin() {
    let fixture = Fixture::new();
    let fetcher = fixture.fetcher(Network::Forbidden);
    let base = fixture.top.path();
    fixture.path("a.tar", BODY);
    let source = source(&["a.tar"]);
    assert_eq!(
        fetcher.archive_pin("e", &source, base).unwrap(),
        pinned(BODY)
    );
    let reader = fetcher
        .archive("e", &source, base, Some(pinned(BODY)))
        .unwrap();
    assert_eq!(read(reader).unwrap(), BODY);
    let provenance = fetcher
        .archive("e", &source, base, None)
        .unwrap()
        .finish()
        .unwrap();
    assert_eq!(provenance.digest, digest(BODY));
    assert_eq!(
        provenance.source,
        format!("file://{}/a.tar", base.display())
    );
    let other = Some((sha256(b"other"), BODY.len() as u64));
    let error = read(fetcher.archive("e", &source, base, other).unwrap()).unwrap_err();
    assert!(matches!(error, Error::Integrity { .. }), "{error}");
    let error = fetcher
        .archive("e", &source, base, Some(pinned(b"x")))
        .unwrap_err();
    assert!(error.to_string().contains("27 bytes"), "{error}");
    assert!(!base.join("spool").exists());
}

#[test]
fn a_file_url_is_decoded() {
    let fixture = Fixture::new();
    let path = fixture.path("a b.tar", BODY);
    let url = format!("file://{}", path.display()).replace(' ', "%20");
    let fetcher = fixture.fetcher(Network::Forbidden);
    let reader = fetcher
        .archive("e", &source(&[&url]), "/".as_ref(), None)
        .unwrap();
    assert_eq!(read(reader).unwrap(), BODY);
}

#[test]
fn what_is_no_ordinary_file_is_refused_without_waiting() {
    let fixture = Fixture::new();
    let base = fixture.top.path();
    let pipe = base.join("pipe");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &pipe,
        rustix::fs::FileType::Fifo,
        Mode::RWXU,
        0,
    )
    .unwrap();
    let fetcher = fixture.fetcher(Network::Forbidden);
    for name in ["pipe", "."] {
        let error = fetcher
            .archive("e", &source(&[name]), base, None)
            .unwrap_err();
        assert!(matches!(error, Error::Unsupported { .. }), "{error}");
    }
}

#[test]
fn the_next_location_is_tried_for_what_is_absent_but_not_for_wrong_bytes() {
    let fixture = Fixture::new();
    let fetcher = fixture.fetcher(Network::Forbidden);
    let base = fixture.top.path();
    fixture.path("good", BODY);
    fixture.path("bad", b"short");
    let all = source(&["missing", "https://user:hunter2@example.invalid/a", "good"]);
    let reader = fetcher
        .archive("e", &all, base, Some(pinned(BODY)))
        .unwrap();
    assert_eq!(read(reader).unwrap(), BODY);
    let told = fixture.recorder.0.lock().unwrap().join("\n");
    assert!(
        told.contains("no such file") && told.contains("forbidden"),
        "{told}"
    );
    assert!(
        told.contains("//example.invalid") && !told.contains("hunter2"),
        "{told}"
    );
    let bad_first = source(&["bad", "good"]);
    let error = fetcher
        .archive("e", &bad_first, base, Some(pinned(BODY)))
        .unwrap_err();
    assert!(matches!(error, Error::Integrity { .. }), "{error}");
    let none = fetcher
        .archive("e", &source(&["missing"]), base, None)
        .unwrap_err();
    assert!(matches!(none, Error::Absent { .. }), "{none}");
}

#[test]
fn a_declared_digest_holds_against_lock_and_bytes() {
    let fixture = Fixture::new();
    let fetcher = fixture.fetcher(Network::Forbidden);
    let base = fixture.top.path();
    fixture.path("a", BODY);
    let declared = ArchiveSource {
        sha256: Some(sha256(b"other")),
        ..source(&["a"])
    };
    for error in [
        fetcher.archive_pin("e", &declared, base).unwrap_err(),
        fetcher
            .archive("e", &declared, base, Some(pinned(BODY)))
            .unwrap_err(),
    ] {
        assert!(matches!(error, Error::Integrity { .. }), "{error}");
    }
}

#[test]
fn a_pinned_url_is_downloaded_once_and_its_spool_goes_after_use() {
    let fixture = Fixture::new();
    let server = Server::start(|_| {
        // Says gzip and is not: the bytes count as they are.
        Reply::of(200, &[("content-encoding", "gzip")], BODY)
    });
    let fetcher = fixture.fetcher(Network::Allowed);
    let url = server.url("a.tar").replace("//", "//user:pw@");
    let source = source(&[&url]);
    let base = "/".as_ref();
    let pin = fetcher.archive_pin("e", &source, base).unwrap();
    assert_eq!(pin, pinned(BODY));
    assert_eq!(fixture.spool(), [format!("sha256-{}", sha256(BODY))]);
    // Also without network, now that it is here.
    let offline = fixture.fetcher(Network::Forbidden);
    let mut reader = offline.archive("e", &source, base, Some(pin)).unwrap();
    let mut bytes = Vec::new();
    reader.read_to_end(&mut bytes).unwrap();
    let provenance = reader.finish().unwrap();
    assert_eq!(bytes, BODY);
    assert_eq!(provenance.source, server.url("a.tar"));
    assert!(fixture.spool().is_empty());
    let requests = server.requests();
    assert_eq!(requests.len(), 1);
    assert_eq!(
        requests[0].header("authorization"),
        Some("Basic dXNlcjpwdw==")
    );
    assert_eq!(requests[0].header("accept-encoding"), Some("identity"));
    let told = fixture.recorder.0.lock().unwrap().join("\n");
    assert!(told.contains("done: 27, total: Some(27)"), "{told}");
}

#[test]
fn without_a_pin_a_url_is_had_whole_first() {
    let fixture = Fixture::new();
    let server = Server::start(|_| Reply::ok(BODY));
    let fetcher = fixture.fetcher(Network::Allowed);
    let source = source(&[&server.url("a")]);
    let reader = fetcher.archive("e", &source, "/".as_ref(), None).unwrap();
    assert_eq!(read(reader).unwrap(), BODY);
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn a_body_that_breaks_off_is_temporary_and_stays_in_the_spool() {
    let fixture = Fixture::new();
    let server = Server::start(|request| match request.path.as_str() {
        "/whole" => Reply::ok(BODY),
        _ => Reply::announcing(200, &[], &BODY[..5], BODY.len()),
    });
    let fetcher = fixture.fetcher(Network::Allowed);
    let open = |path| {
        let source = source(&[&server.url(path)]);
        fetcher
            .archive("e", &source, "/".as_ref(), Some(pinned(BODY)))
            .unwrap()
    };
    let error = read(open("short")).unwrap_err();
    assert!(matches!(error, Error::Temporary { .. }), "{error}");
    assert_eq!(fixture.spool().len(), 1);
    assert_eq!(read(open("whole")).unwrap(), BODY);
    assert!(fixture.spool().is_empty());
}

#[test]
fn wrong_bytes_from_a_server_end_in_an_error_and_are_not_kept() {
    let fixture = Fixture::new();
    let wrong: [&[u8]; 3] = [b"these bytes stand for a TAR", b"short", &[0; 40]];
    for body in wrong {
        let server = Server::start(move |_| Reply::ok(body));
        let fetcher = fixture.fetcher(Network::Allowed);
        let source = source(&[&server.url("a")]);
        let reader = fetcher
            .archive("e", &source, "/".as_ref(), Some(pinned(BODY)))
            .unwrap();
        let error = read(reader).unwrap_err();
        assert!(matches!(error, Error::Integrity { .. }), "{error}");
        assert!(fixture.spool().is_empty(), "{:?}", fixture.spool());
    }
}

#[test]
fn a_failed_request_leaves_no_file_but_keeps_what_was_there() {
    let fixture = Fixture::new();
    let server = Server::start(|_| Reply::of(404, &[], b""));
    let fetcher = fixture.fetcher(Network::Allowed);
    let source = source(&[&server.url("a")]);
    let open = || {
        fetcher
            .archive("e", &source, "/".as_ref(), Some(pinned(BODY)))
            .unwrap_err()
    };
    assert!(matches!(open(), Error::Absent { .. }));
    assert!(fixture.spool().is_empty());
    let partial = fixture
        .top
        .path()
        .join(format!("spool/sha256-{}", sha256(BODY)));
    fs_err::write(&partial, b"part").unwrap();
    open();
    assert_eq!(fs_err::read(&partial).unwrap(), b"part");
}

#[test]
fn a_large_body_arrives_whole_and_a_reader_may_leave_early() {
    let fixture = Fixture::new();
    let body: Vec<u8> = (0..8_u32 << 20)
        .map(|n| (n % 251).to_le_bytes()[0])
        .collect();
    let kept = body.clone();
    let server = Server::start(move |_| Reply::ok(&kept));
    let fetcher = fixture.fetcher(Network::Allowed);
    let source = source(&[&server.url("a")]);
    let open = || {
        fetcher
            .archive("e", &source, "/".as_ref(), Some(pinned(&body)))
            .unwrap()
    };
    let mut first = open();
    first.read_exact(&mut [0; 1000]).unwrap();
    drop(first);
    // The lock comes free when the task notices; what it left is begun anew.
    assert!(read(open()).unwrap() == body);
    let mut rest = open();
    rest.read_exact(&mut [0; 1000]).unwrap();
    assert_eq!(rest.finish().unwrap().size, body.len() as u64);
}
