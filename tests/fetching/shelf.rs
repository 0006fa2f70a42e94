//! A server with one archive on it, which plays a fault for each request; the last one for all that follow.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::support::http::{Request, Server, wait_for_hang_up};

/// How one request is answered.
#[derive(Debug, Clone)]
pub enum Play {
    /// As it should be, with ranges.
    Well,
    /// The whole, whatever part was asked for.
    IgnoreRange,
    /// A part that begins one byte too early.
    OtherRange,
    /// 416 to whoever asks for a part.
    NoRange,
    /// The head announces all, and the connection ends after so many bytes of the body.
    Cut(usize),
    /// No length at all, and the connection ends after so many bytes.
    CutWithoutLength(usize),
    /// All is announced to be so long, and sent so.
    Short(usize),
    /// In chunks; the last one never comes after so many bytes.
    CutInChunks(usize),
    /// In chunks, to the end.
    Chunked,
    /// So many bytes, then silence.
    Stall(usize),
    /// A byte every now and then, after so many.
    Drip(usize),
    /// Never a word.
    Silence,
    /// A status with one header more.
    Status(u16, &'static str, String),
    /// Other bytes of the same length, with ranges.
    Other,
    /// Other bytes of the same length, whatever part was asked for.
    OtherWhole,
    /// The right bytes under a `Content-Encoding` that they do not have.
    Encoded,
}

/// One request, as it was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// The `Range` header.
    pub range: Option<String>,
    /// Bytes of the body that went out.
    pub served: usize,
}

/// The `Range` header of a request, and how much of a body it has got.
type Answered = (Option<String>, Arc<AtomicUsize>);

pub struct Shelf {
    server: Server,
    size: usize,
    seen: Arc<Mutex<Vec<Answered>>>,
    plays: Arc<Mutex<Vec<Play>>>,
}

/// Bytes that do not compress.
pub fn noise(seed: &str, length: usize) -> Vec<u8> {
    let mut noise = vec![0; length];
    let mut hasher = blake3::Hasher::new();
    hasher
        .update(seed.as_bytes())
        .finalize_xof()
        .fill(&mut noise);
    noise
}

/// A tar archive with one file of so many bytes.
pub fn archive(length: usize) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    let content = noise("archive", length);
    let mut header = tar::Header::new_ustar();
    header.set_size(length as u64);
    header.set_mode(0o644);
    builder
        .append_data(&mut header, "noise", &content[..])
        .unwrap();
    builder.into_inner().unwrap()
}

impl Shelf {
    /// With an archive whose file has so many bytes.
    pub fn of(length: usize, plays: &[Play]) -> Self {
        let body = Arc::new(archive(length));
        let seen = Arc::<Mutex<Vec<Answered>>>::default();
        let plays = Arc::new(Mutex::new(plays.to_vec()));
        let (log, left, bytes) = (Arc::clone(&seen), Arc::clone(&plays), Arc::clone(&body));
        let server = Server::start(move |request, stream| {
            let play = {
                let mut left = left.lock().unwrap();
                if left.len() > 1 {
                    left.remove(0)
                } else {
                    left[0].clone()
                }
            };
            let count = Arc::new(AtomicUsize::new(0));
            let range = request.header("range").map(str::to_owned);
            log.lock().unwrap().push((range, Arc::clone(&count)));
            answer(&play, request, &bytes, &mut Counting { stream, count })
        });
        Self {
            server,
            size: body.len(),
            seen,
            plays,
        }
    }

    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    pub fn url(&self) -> String {
        format!("http://{}/thing.tar", self.address())
    }

    pub fn size(&self) -> usize {
        self.size
    }

    pub fn seen(&self) -> Vec<Seen> {
        let seen = self.seen.lock().unwrap();
        let one = |(range, count): &Answered| Seen {
            range: range.clone(),
            served: count.load(Ordering::SeqCst),
        };
        seen.iter().map(one).collect()
    }

    /// Bytes of bodies that went out so far.
    pub fn served(&self) -> usize {
        self.seen().iter().map(|seen| seen.served).sum()
    }

    /// What comes from now on.
    pub fn play(&self, plays: &[Play]) {
        *self.plays.lock().unwrap() = plays.to_vec();
        self.seen.lock().unwrap().clear();
    }
}

/// Counts the bytes of a body.
struct Counting<'s> {
    stream: &'s mut TcpStream,
    count: Arc<AtomicUsize>,
}

impl Counting<'_> {
    fn head(&mut self, status: u16, headers: &[(&str, String)]) -> io::Result<()> {
        let mut head = format!("HTTP/1.1 {status} Answer\r\nconnection: close\r\n");
        for (name, value) in headers {
            head += &format!("{name}: {value}\r\n");
        }
        self.stream.write_all(format!("{head}\r\n").as_bytes())
    }

    fn body(&mut self, bytes: &[u8]) -> io::Result<()> {
        // In pieces, so that what a client that went away has not got does not count.
        for piece in bytes.chunks(16 << 10) {
            self.stream.write_all(piece)?;
            self.count.fetch_add(piece.len(), Ordering::SeqCst);
        }
        Ok(())
    }
}

fn answer(play: &Play, request: &Request, body: &[u8], out: &mut Counting<'_>) -> io::Result<()> {
    let asked = request.header("range").map(|range| {
        let from = range.trim_start_matches("bytes=").trim_end_matches('-');
        from.parse::<usize>().unwrap()
    });
    let size = body.len();
    let tag = ("etag", "\"one\"".to_owned());
    let length = |bytes: usize| ("content-length", bytes.to_string());
    let part = |from: usize| ("content-range", format!("bytes {from}-{}/{size}", size - 1));
    let rest = |out: &mut Counting<'_>, from: usize| {
        let head = [length(size - from), part(from), tag.clone()];
        out.head(206, &head)
    };
    let begin = |out: &mut Counting<'_>| match asked {
        Some(from) => rest(out, from).map(|()| from),
        None => out.head(200, &[length(size), tag.clone()]).map(|()| 0),
    };
    let upto = |from: usize, bytes: usize| &body[from..(from + bytes).min(size)];
    match play {
        Play::Well => {
            let from = begin(out)?;
            out.body(&body[from..])
        }
        Play::IgnoreRange => {
            out.head(200, &[length(size)])?;
            out.body(body)
        }
        Play::OtherRange => match asked {
            Some(from) => {
                rest(out, from - 1)?;
                out.body(&body[from - 1..])
            }
            None => answer(&Play::Well, request, body, out),
        },
        Play::NoRange => match asked {
            Some(_) => out.head(416, &[length(0)]),
            None => answer(&Play::Well, request, body, out),
        },
        Play::Cut(bytes) => {
            let from = begin(out)?;
            out.body(upto(from, *bytes))
        }
        Play::CutWithoutLength(bytes) => {
            match asked {
                Some(from) => out.head(206, &[part(from)])?,
                None => out.head(200, &[])?,
            }
            out.body(upto(asked.unwrap_or_default(), *bytes))
        }
        Play::Short(bytes) => {
            out.head(200, &[length(*bytes)])?;
            out.body(&body[..*bytes])
        }
        Play::CutInChunks(bytes) | Play::Stall(bytes) | Play::Drip(bytes) => {
            let from = if matches!(play, Play::CutInChunks(_)) {
                out.head(200, &[("transfer-encoding", "chunked".to_owned())])?;
                write!(out.stream, "{size:x}\r\n")?;
                0
            } else {
                begin(out)?
            };
            out.body(upto(from, *bytes))?;
            match play {
                Play::Stall(_) => wait_for_hang_up(out.stream),
                Play::Drip(_) => drip(out, &body[from + bytes..])?,
                _ => {}
            }
            Ok(())
        }
        Play::Chunked => {
            out.head(200, &[("transfer-encoding", "chunked".to_owned())])?;
            for piece in body.chunks(50_000) {
                write!(out.stream, "{:x}\r\n", piece.len())?;
                out.body(piece)?;
                out.stream.write_all(b"\r\n")?;
            }
            out.stream.write_all(b"0\r\n\r\n")
        }
        Play::Silence => {
            wait_for_hang_up(out.stream);
            Ok(())
        }
        Play::Status(status, name, value) => out.head(*status, &[length(0), (name, value.clone())]),
        Play::Other => {
            let other = noise("other", size);
            answer(&Play::Well, request, &other, out)
        }
        Play::OtherWhole => answer(&Play::IgnoreRange, request, &noise("other", size), out),
        Play::Encoded => {
            out.head(
                200,
                &[length(size), ("content-encoding", "gzip".to_owned())],
            )?;
            out.body(body)
        }
    }
}

/// A byte each time that the client has said nothing for a while.
fn drip(out: &mut Counting<'_>, bytes: &[u8]) -> io::Result<()> {
    out.stream
        .set_read_timeout(Some(Duration::from_millis(100)))?;
    for byte in bytes {
        match out.stream.read(&mut [0]) {
            Ok(_) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
        out.body(&[*byte])?;
    }
    Ok(())
}
