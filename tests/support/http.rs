//! HTTP on the loopback device, as little as the tests need: one request a connection, bodies in memory.
//!
//! Requests go out as HTTP/1.0, so that no server answers in chunks and the body ends where the connection does.
//! Servers have a thread for each connection; what comes in and is no HTTP (a TLS hello, say) is answered as Go's
//! servers do it: with 400, in plain text.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// Nothing here takes long; a test must fail, not hang.
const PATIENCE: Duration = Duration::from_secs(60);

/// One header; names are lower case.
pub type Header = (String, String);

fn find<'h>(headers: &'h [Header], name: &str) -> Option<&'h str> {
    let found = headers.iter().find(|(known, _)| known == name);
    found.map(|(_, value)| value.as_str())
}

/// What a client asks.
#[derive(Debug, Clone, Default)]
pub struct Request {
    pub method: String,
    /// Path and query.
    pub target: String,
    pub headers: Vec<Header>,
    pub body: Vec<u8>,
}

impl Request {
    pub fn new(method: &str, target: &str) -> Self {
        Self {
            method: method.to_owned(),
            target: target.to_owned(),
            ..Self::default()
        }
    }

    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn with_body(mut self, body: &[u8]) -> Self {
        self.body = body.to_vec();
        self
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        find(&self.headers, name)
    }

    /// Asks a server and waits for all of its answer.
    pub fn send(&self, server: SocketAddr) -> io::Result<Response> {
        let mut stream = TcpStream::connect_timeout(&server, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut head = Vec::new();
        write!(head, "{} {} HTTP/1.0\r\n", self.method, self.target)?;
        if self.header("host").is_none() {
            write!(head, "host: {server}\r\n")?;
        }
        for (name, value) in &self.headers {
            if name != "connection" && name != "content-length" {
                write!(head, "{name}: {value}\r\n")?;
            }
        }
        write!(head, "content-length: {}\r\n\r\n", self.body.len())?;
        stream.write_all(&head)?;
        stream.write_all(&self.body)?;
        let mut reader = BufReader::new(stream);
        let first = line(&mut reader)?;
        let status = first.split(' ').nth(1).and_then(|word| word.parse().ok());
        let status = status.ok_or_else(|| io::Error::other(format!("not a status: {first}")))?;
        let headers = headers(&mut reader)?;
        let mut body = Vec::new();
        reader.read_to_end(&mut body)?;
        Ok(Response {
            status,
            headers,
            body,
        })
    }
}

/// What a server says.
#[derive(Debug, Clone, Default)]
pub struct Response {
    pub status: u16,
    pub headers: Vec<Header>,
    pub body: Vec<u8>,
}

impl Response {
    pub fn new(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self {
            status,
            headers: vec![("content-type".to_owned(), content_type.to_owned())],
            body: body.into(),
        }
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        find(&self.headers, name)
    }

    /// Writes the head, with the length of the whole body unless a header says otherwise, and `bytes` of the body.
    pub fn write(&self, method: &str, bytes: usize, stream: &mut TcpStream) -> io::Result<()> {
        let mut head = Vec::new();
        write!(
            head,
            "HTTP/1.1 {} Answer\r\nconnection: close\r\n",
            self.status
        )?;
        if self.header("content-length").is_none() {
            write!(head, "content-length: {}\r\n", self.body.len())?;
        }
        for (name, value) in &self.headers {
            if name != "connection" {
                write!(head, "{name}: {value}\r\n")?;
            }
        }
        head.extend_from_slice(b"\r\n");
        stream.write_all(&head)?;
        if method != "HEAD" {
            stream.write_all(&self.body[..bytes.min(self.body.len())])?;
        }
        stream.flush()
    }
}

fn line(reader: &mut impl BufRead) -> io::Result<String> {
    let mut line = Vec::new();
    reader.take(64 << 10).read_until(b'\n', &mut line)?;
    let line = String::from_utf8_lossy(&line);
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

fn headers(reader: &mut impl BufRead) -> io::Result<Vec<Header>> {
    let mut headers = Vec::new();
    loop {
        let line = line(reader)?;
        let Some((name, value)) = line.split_once(':') else {
            return Ok(headers);
        };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
}

/// Reads one request; `None` for what is no HTTP.
fn receive(stream: &TcpStream) -> io::Result<Option<Request>> {
    let mut reader = BufReader::new(stream);
    let begins = reader.fill_buf()?.first().copied();
    if !begins.is_some_and(|byte| byte.is_ascii_uppercase()) {
        return Ok(None);
    }
    let first = line(&mut reader)?;
    let mut words = first.split(' ');
    let (Some(method), Some(target)) = (words.next(), words.next()) else {
        return Ok(None);
    };
    let mut request = Request::new(method, target);
    request.headers = headers(&mut reader)?;
    let length = request.header("content-length").unwrap_or("0").parse();
    request.body = vec![0; length.map_err(io::Error::other)?];
    reader.read_exact(&mut request.body)?;
    Ok(Some(request))
}

/// Waits until the other side has gone, killed or not.
pub fn wait_for_hang_up(stream: &mut TcpStream) {
    let mut sink = [0; 4096];
    while stream.read(&mut sink).is_ok_and(|count| count > 0) {}
}

/// A server on a free port, until dropped.
pub struct Server {
    address: SocketAddr,
    stopping: Arc<AtomicBool>,
    listener: Option<JoinHandle<()>>,
}

impl Server {
    /// Starts one; `answer` runs on a thread of its own for each connection, and its errors are the client's trouble.
    pub fn start<F>(answer: F) -> Self
    where
        F: Fn(&Request, &mut TcpStream) -> io::Result<()> + Send + Sync + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let stopping = Arc::new(AtomicBool::new(false));
        let (stop, answer) = (Arc::clone(&stopping), Arc::new(answer));
        let listener = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if stop.load(Ordering::SeqCst) {
                    return;
                }
                let Ok(mut stream) = stream else { continue };
                let answer = Arc::clone(&answer);
                std::thread::spawn(move || {
                    let _client_trouble = serve(&mut stream, answer.as_ref());
                });
            }
        });
        Self {
            address,
            stopping,
            listener: Some(listener),
        }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

fn serve(
    stream: &mut TcpStream,
    answer: &dyn Fn(&Request, &mut TcpStream) -> io::Result<()>,
) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    match receive(stream)? {
        Some(request) => answer(&request, stream)?,
        None => stream.write_all(b"HTTP/1.0 400 Bad Request\r\n\r\nThis is an HTTP server.\n")?,
    }
    stream.shutdown(Shutdown::Both)
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stopping.store(true, Ordering::SeqCst);
        // Wakes the listener, which then sees the flag.
        let _it_may_be_gone = TcpStream::connect_timeout(&self.address, PATIENCE);
        if let Some(listener) = self.listener.take() {
            let _it_panicked = listener.join();
        }
    }
}
