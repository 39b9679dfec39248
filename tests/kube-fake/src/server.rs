//! The same server for other programs: plain HTTP on loopback.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::thread::JoinHandle;
use std::time::Duration;

use http::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use crate::KubeFake;

/// A server that listens, in a thread of its own, until it is dropped.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    folder: TempDir,
    end: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    #[expect(clippy::expect_used, reason = "a test cannot go on without it")]
    pub(crate) fn start(fake: KubeFake) -> Self {
        let (end, ended) = oneshot::channel();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("there is a port");
        let address = listener.local_addr().expect("it has an address");
        listener.set_nonblocking(true).expect("it can be waited for");
        let folder = tempfile::tempdir().expect("there is a place for temporary files");
        let kubeconfig = format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: fake\n\
             clusters: [{{name: fake, cluster: {{server: 'http://{address}'}}}}]\n\
             users: [{{name: nobody, user: {{}}}}]\n\
             contexts: [{{name: fake, context: {{cluster: fake, user: nobody}}}}]\n"
        );
        std::fs::write(folder.path().join("kubeconfig"), kubeconfig)
            .expect("the kubeconfig can be written");
        let thread = std::thread::Builder::new()
            .name("kube-fake".to_owned())
            .spawn(move || run(fake, listener, ended))
            .expect("a thread can be had");
        Self { address, folder, end: Some(end), thread: Some(thread) }
    }

    /// A kubeconfig that leads here, without any credentials.
    #[must_use]
    pub fn kubeconfig(&self) -> PathBuf {
        self.folder.path().join("kubeconfig")
    }

    /// The URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Server {
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

#[expect(clippy::expect_used, reason = "a test cannot go on without it")]
fn run(fake: KubeFake, listener: std::net::TcpListener, end: oneshot::Receiver<()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime can be had");
    runtime.block_on(async {
        let listener = TcpListener::from_std(listener).expect("the port can be used");
        tokio::select! {
            () = serve(fake, listener) => {}
            _ = end => {}
        }
    });
    runtime.shutdown_timeout(Duration::from_secs(1));
}

async fn serve(fake: KubeFake, listener: TcpListener) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else { continue };
                let _ = stream.set_nodelay(true);
                let fake = fake.clone();
                let service = service_fn(move |request: Request<Incoming>| {
                    let answer = fake.clone().answer(request);
                    async { Ok::<_, std::convert::Infallible>(answer.await) }
                });
                connections.spawn(async move {
                    // The client may leave when it wants to.
                    let _ = hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
            Some(_) = connections.join_next() => {}
        }
    }
}
