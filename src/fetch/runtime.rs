//! The one owner of the asynchronous runtime: started at the first use of the network, two workers.
//!
//! Everything above is ordinary blocking code; only the transfer of a body is a task of its own.

use std::future::Future;
use std::path::Path;
use std::sync::OnceLock;

use tokio::task::AbortHandle;

use super::error::Error;

/// One for the transfer's bytes and one for the connection under it.
const WORKERS: usize = 2;

/// Starts on demand and stops without waiting: a name lookup that hangs must not delay the end of the process.
#[derive(Debug, Default)]
pub(super) struct Runtime(OnceLock<tokio::runtime::Runtime>);

impl Runtime {
    fn started(&self) -> Result<&tokio::runtime::Runtime, Error> {
        if let Some(running) = self.0.get() {
            return Ok(running);
        }
        let built = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(WORKERS)
            .thread_name("pyro-fetch")
            .enable_all()
            .build()
            .map_err(|error| Error::io("start threads of", Path::new("/proc/self"), error))?;
        Ok(self.0.get_or_init(|| built))
    }

    /// Runs `future` here and waits for it.
    pub(super) fn block_on<F: Future>(&self, future: F) -> Result<F::Output, Error> {
        Ok(self.started()?.block_on(future))
    }

    /// Lets `future` run beside the caller until it ends or the runtime does.
    pub(super) fn spawn<F>(&self, future: F) -> Result<AbortHandle, Error>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        Ok(self.started()?.spawn(future).abort_handle())
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}
