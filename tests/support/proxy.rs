//! A proxy before a registry that misbehaves on purpose: it changes answers, cuts them short, or stops in the middle.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex};

use super::http::{Request, Response, Server, wait_for_hang_up};

/// How an answer goes out.
pub enum Delivery {
    /// All of it.
    Whole,
    /// So many bytes of the body, then the connection ends; the head announces all.
    Cut { after: usize },
    /// So many bytes of the body, then a word to the test, then nothing until the client has hung up.
    Stall { after: usize, reached: Sender<()> },
}

/// A running proxy.
pub struct Proxy {
    server: Server,
    seen: Arc<Mutex<Vec<Request>>>,
}

impl Proxy {
    /// Starts one. `rule` sees each request and its answer, may change that, and says how it goes out.
    pub fn start<R>(registry: SocketAddr, rule: R) -> Self
    where
        R: Fn(&Request, &mut Response) -> Delivery + Send + Sync + 'static,
    {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&seen);
        let server = Server::start(move |request, stream| {
            kept.lock().unwrap().push(request.clone());
            let mut answer = request.send(registry)?;
            let delivery = rule(request, &mut answer);
            deliver(&answer, &request.method, delivery, stream)
        });
        Self { server, seen }
    }

    /// Where it listens; also its name in references.
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// Every request so far.
    pub fn seen(&self) -> Vec<Request> {
        self.seen.lock().unwrap().clone()
    }
}

fn deliver(
    answer: &Response,
    method: &str,
    delivery: Delivery,
    stream: &mut TcpStream,
) -> io::Result<()> {
    match delivery {
        Delivery::Whole => answer.write(method, usize::MAX, stream),
        Delivery::Cut { after } => answer.write(method, after, stream),
        Delivery::Stall { after, reached } => {
            answer.write(method, after, stream)?;
            let _nobody_waits = reached.send(());
            wait_for_hang_up(stream);
            Ok(())
        }
    }
}
