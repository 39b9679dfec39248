//! The server's thread: takes calls, passes them on, and has things go wrong.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::Duration;

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt;
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use kube::client::Body as ServerBody;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;

use super::body::{Cut, Limit, Passing};
use super::fault::{What, status};
use super::shared::{Arrival, Entry, Shared};
use super::{Call, Fault};

/// What starting it comes to.
type Started = Result<SocketAddr, Box<dyn std::error::Error + Send + Sync>>;

/// Serves until it is told to end. Tells where it listens, or why it does not.
pub(super) fn run(
    kubeconfig: &Path,
    shared: Arc<Shared>,
    tell: &Sender<Started>,
    end: oneshot::Receiver<()>,
) {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            let _ = tell.send(Err(error.into()));
            return;
        }
    };
    runtime.block_on(async {
        match start(kubeconfig).await {
            Ok((client, listener, address)) => {
                let _ = tell.send(Ok(address));
                // Either the test ends it, or the test is gone.
                tokio::select! {
                    () = serve(client, listener, shared) => {}
                    _ = end => {}
                }
            }
            Err(error) => {
                let _ = tell.send(Err(error));
            }
        }
    });
    runtime.shutdown_timeout(Duration::from_secs(1));
}

async fn start(
    kubeconfig: &Path,
) -> Result<(Client, TcpListener, SocketAddr), Box<dyn std::error::Error + Send + Sync>> {
    let file = Kubeconfig::read_from(kubeconfig)?;
    let mut config = Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await?;
    // The proxy is to be seen through: it neither asks again nor gives up.
    config.default_retry = false;
    config.read_timeout = None;
    config.write_timeout = None;
    let client = Client::try_from(config)?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    Ok((client, listener, address))
}

async fn serve(client: Client, listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else { continue };
                let _ = stream.set_nodelay(true);
                let (client, shared) = (client.clone(), Arc::clone(&shared));
                let service = service_fn(move |request| {
                    answer(client.clone(), Arc::clone(&shared), request)
                });
                connections.spawn(async move {
                    // A connection that breaks is what this is for.
                    let _ = hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .with_upgrades()
                        .await;
                });
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

/// Answers one call. An error ends the connection.
async fn answer(
    client: Client,
    shared: Arc<Shared>,
    mut request: Request<Incoming>,
) -> Result<Response<Passing>, Cut> {
    let upgrade = request
        .headers()
        .get(header::UPGRADE)
        .cloned()
        .map(|to| (to, hyper::upgrade::on(&mut request)));
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map_err(|_| Cut)?.to_bytes();
    let query = parts.uri.query().unwrap_or_default();
    let mut call = Call::new(parts.method.as_str(), parts.uri.path(), query, &body);
    let agent = parts.headers.get(header::USER_AGENT);
    call.user_agent =
        agent.map(|name| String::from_utf8_lossy(name.as_bytes()).into_owned()).unwrap_or_default();

    let Arrival { entry, fault, release } = shared.arrived(call);
    let before = fault.as_ref().filter(|fault| !fault.is_after);
    if let Some(made) = instead(before, &entry, &release).await? {
        return Ok(answered(made, Limit::None, entry));
    }
    entry.is_forwarded();
    let to = upgrade.as_ref().map(|(to, _)| to);
    let response = match forward(client, parts, body, to).await {
        Ok(response) => {
            entry.server_answered(response.status().as_u16());
            response
        }
        Err(error) => {
            let message = format!("the proxy has no answer from the server: {error}");
            let body = status(502, &message, &json!({})).to_string().into_bytes();
            made(502, None, "application/json", body)
        }
    };
    let after = fault.as_ref().filter(|fault| fault.is_after);
    if let Some(made) = instead(after, &entry, &release).await? {
        return Ok(answered(made, Limit::None, entry));
    }
    if let Some((to, upgrading)) = upgrade
        && response.status() == StatusCode::SWITCHING_PROTOCOLS
    {
        return Ok(switched(response, to, upgrading, entry));
    }
    let limit = match fault.map(|fault| fault.what) {
        Some(What::CutBody { bytes }) => Limit::Bytes(bytes),
        Some(What::Watch { events, then }) if response.status().is_success() => {
            Limit::Events(events, then, Box::pin(hang(release)))
        }
        _ => Limit::None,
    };
    Ok(answered(response, limit, entry))
}

/// What happens in place of going on. None: the call goes on.
async fn instead(
    fault: Option<&Fault>,
    entry: &Entry,
    release: &watch::Receiver<()>,
) -> Result<Option<Response<ServerBody>>, Cut> {
    match fault.map(|fault| &fault.what) {
        None | Some(What::CutBody { .. } | What::Watch { .. }) => Ok(None),
        Some(What::Cut) => Err(Cut),
        Some(What::Answer { code, retry_after, content_type, body }) => {
            Ok(Some(made(*code, *retry_after, content_type, body.clone())))
        }
        Some(What::Stall(Some(time))) => {
            tokio::select! {
                () = tokio::time::sleep(*time) => Ok(None),
                () = hang(release.clone()) => Err(Cut),
            }
        }
        Some(What::Stall(None)) => {
            hang(release.clone()).await;
            Err(Cut)
        }
        Some(What::Stop) => {
            entry.stop_reached();
            hang(release.clone()).await;
            Err(Cut)
        }
    }
}

/// Waits until calls that hang are cut.
async fn hang(mut release: watch::Receiver<()>) {
    // An error: the test has ended.
    let _ = release.changed().await;
}

/// Sends a call on, with the credentials of the proxy.
async fn forward(
    client: Client,
    mut parts: http::request::Parts,
    body: Bytes,
    upgrade: Option<&HeaderValue>,
) -> Result<Response<ServerBody>, kube::Error> {
    without_connection_headers(&mut parts.headers);
    if let Some(to) = upgrade {
        parts.headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
        parts.headers.insert(header::UPGRADE, to.clone());
    }
    for name in [header::HOST, header::AUTHORIZATION] {
        parts.headers.remove(name);
    }
    // Only what comes after the host: the client knows the host.
    let target = parts.uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    parts.uri = target.parse().unwrap_or_default();
    parts.version = http::Version::HTTP_11;
    parts.extensions = http::Extensions::new();
    let body = if body.is_empty() { ServerBody::empty() } else { ServerBody::from(body) };
    client.send(Request::from_parts(parts, body)).await
}

/// The answer to a call after which the connection speaks another protocol, whose bytes are passed on both ways.
fn switched(
    mut response: Response<ServerBody>,
    to: HeaderValue,
    upgrading: hyper::upgrade::OnUpgrade,
    entry: Entry,
) -> Response<Passing> {
    let server = hyper::upgrade::on(&mut response);
    let (mut parts, _) = response.into_parts();
    without_connection_headers(&mut parts.headers);
    parts.headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    parts.headers.insert(header::UPGRADE, to);
    parts.version = http::Version::HTTP_11;
    parts.extensions = http::Extensions::new();
    entry.is_answered(parts.status.as_u16());
    tokio::spawn(async move {
        if let (Ok(client), Ok(server)) = tokio::join!(upgrading, server) {
            let (mut client, mut server) = (TokioIo::new(client), TokioIo::new(server));
            // Its end is the end of the call, however it ends.
            let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
        }
        drop(entry);
    });
    Response::from_parts(parts, Passing::nothing())
}

/// Takes out what is about one connection only (RFC 9110 7.6.1).
fn without_connection_headers(headers: &mut HeaderMap) {
    for name in [
        "connection",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    ] {
        headers.remove(HeaderName::from_static(name));
    }
}

/// An answer of the proxy's own.
fn made(
    code: u16,
    retry_after: Option<u64>,
    content_type: &'static str,
    body: Vec<u8>,
) -> Response<ServerBody> {
    let mut response = Response::new(ServerBody::from(body));
    *response.status_mut() = StatusCode::from_u16(code).unwrap_or(StatusCode::BAD_GATEWAY);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    if let Some(seconds) = retry_after {
        headers.insert(header::RETRY_AFTER, seconds.into());
    }
    response
}

/// The answer as the client gets it.
fn answered(mut response: Response<ServerBody>, limit: Limit, entry: Entry) -> Response<Passing> {
    without_connection_headers(response.headers_mut());
    *response.version_mut() = http::Version::HTTP_11;
    entry.is_answered(response.status().as_u16());
    response.map(|body| Passing::new(body, limit, entry))
}
