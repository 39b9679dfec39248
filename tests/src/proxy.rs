//! A proxy before a real API server that makes calls fail, and keeps account of all of them.
//!
//! The client under test uses [`Proxy::kubeconfig`] and needs no credentials: calls go on with those of the kubeconfig
//! that the proxy was started with. Without faults nothing is changed, and watches and logs flow as they come. It
//! listens on loopback, has a thread of its own, and ends when it is dropped.
//!
//! ```no_run
//! use std::time::Duration;
//! use tests::proxy::{Fault, Proxy, Rule};
//!
//! let proxy = Proxy::start(tests::cluster::kubeconfig().unwrap());
//! // The first two applies are told to come back later; the answer of the third write is lost.
//! proxy.fault(Rule::new(Fault::too_many_requests(1)).method("PATCH").times(2));
//! proxy.fault(Rule::new(Fault::lost_answer()).writes().nth(3));
//! // Nothing happens any more from the fifth write on, which the server does without a word.
//! proxy.fault(Rule::new(Fault::stop().after_forwarding()).writes().nth(5));
//!
//! // ... start the program with `--kubeconfig` and `proxy.kubeconfig()` ...
//! assert!(proxy.wait_until_stopped(Duration::from_secs(20)), "{}", proxy.log());
//! // ... kill it ...
//! assert_eq!(proxy.log().writes().len(), 5);
//! proxy.reset(); // and now the next run
//! ```

mod body;
mod fault;
mod log;
mod rule;
mod serve;
mod shared;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tempfile::TempDir;
use tokio::sync::oneshot;

pub use fault::Fault;
pub use log::{Call, Log};
pub use rule::Rule;

use shared::{Shared, State};

/// A proxy that runs.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    folder: TempDir,
    shared: Arc<Shared>,
    end: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Proxy {
    /// Starts a proxy before the server of this kubeconfig.
    ///
    /// # Panics
    /// When the kubeconfig cannot be used, or there is no port.
    #[must_use]
    #[expect(clippy::expect_used, reason = "a test cannot go on without it")]
    pub fn start(kubeconfig: &Path) -> Self {
        let shared = Arc::new(Shared::new());
        let (end, ended) = oneshot::channel();
        let (tell, told) = std::sync::mpsc::channel();
        let (path, state) = (kubeconfig.to_owned(), Arc::clone(&shared));
        let thread = std::thread::Builder::new()
            .name("proxy".to_owned())
            .spawn(move || serve::run(&path, state, &tell, ended))
            .expect("a thread can be had");
        let address = told
            .recv_timeout(Duration::from_secs(20))
            .expect("the proxy starts")
            .expect("the kubeconfig can be used");
        let folder = tempfile::tempdir().expect("there is a place for temporary files");
        std::fs::write(folder.path().join("kubeconfig"), kubeconfig_for(address))
            .expect("the kubeconfig can be written");
        Self { address, folder, shared, end: Some(end), thread: Some(thread) }
    }

    /// A kubeconfig that leads to this proxy, without any credentials.
    #[must_use]
    pub fn kubeconfig(&self) -> PathBuf {
        self.folder.path().join("kubeconfig")
    }

    /// The URL of this proxy.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Adds a rule. Of the rules that are due for a call, the one that was added first is applied; the others count the
    /// call as well.
    pub fn fault(&self, rule: impl Into<Rule>) {
        self.shared.add(rule.into());
    }

    /// Takes away all rules, goes on after a stop, and cuts all calls that hang.
    pub fn clear_faults(&self) {
        self.shared.clear(false);
    }

    /// As [`Self::clear_faults`], and empties the log: the next call is number 1. What still runs from before is not
    /// written into the new log.
    pub fn reset(&self) {
        self.shared.clear(true);
    }

    /// What was called so far.
    #[must_use]
    pub fn log(&self) -> Log {
        self.shared.log()
    }

    /// Whether a [`Fault::stop`] took place: its call has come or, with [`Fault::after_forwarding`], the server has
    /// done it.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.shared.is_stopped()
    }

    /// Waits until [`Self::is_stopped`]. False: it did not come to that in time.
    #[must_use]
    pub fn wait_until_stopped(&self, limit: Duration) -> bool {
        self.shared.wait(limit, State::is_stopped)
    }

    /// Waits until the log is so. False: it did not come to that in time.
    #[must_use]
    pub fn wait_until(&self, limit: Duration, is_so: impl Fn(&Log) -> bool) -> bool {
        self.shared.wait(limit, |state| is_so(&state.log))
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        if let Some(end) = self.end.take() {
            // If nobody listens it has ended.
            let _ = end.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// A kubeconfig for a server that asks for no credentials.
fn kubeconfig_for(address: SocketAddr) -> String {
    format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: proxy\n\
         clusters: [{{name: proxy, cluster: {{server: 'http://{address}'}}}}]\n\
         users: [{{name: nobody, user: {{}}}}]\n\
         contexts: [{{name: proxy, context: {{cluster: proxy, user: nobody}}}}]\n"
    )
}
