//! Asks HTTP servers for files.
//!
//! The client works in static programs (names are not looked up by the C library) and in empty images (where the
//! system knows no certificates, those of Mozilla's list count).

use std::fmt::Write as _;
use std::time::Duration;

use reqwest::{Certificate, Client, StatusCode};
use tokio::time::{sleep, timeout};

/// How often a document is asked for.
const TRIES: u32 = 4;
/// How long is waited before the second time; doubles.
const PAUSE: Duration = Duration::from_millis(500);

/// Why something could not be fetched.
#[derive(Debug, thiserror::Error)]
pub enum WebError {
    /// No client could be made.
    #[error("cannot make HTTP requests: {0}")]
    Client(String),
    /// It did not come in time.
    #[error("it did not come within {} s", .0.as_secs())]
    Deadline(Duration),
    /// It is longer than allowed.
    #[error("it is longer than {0} bytes")]
    TooLong(usize),
    /// The server refused.
    #[error("the server answered {0}")]
    Status(StatusCode),
    /// The connection failed.
    #[error("{0}")]
    Broken(String),
}

/// What asks the servers. `agent` is the program's name and version.
///
/// # Errors
/// If no client can be made.
pub fn client(agent: &str) -> Result<Client, WebError> {
    // An earlier one is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let builder = || Client::builder().user_agent(agent);
    if let Ok(client) = builder().build() {
        return Ok(client);
    }
    let known = webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter();
    let known = known.filter_map(|der| Certificate::from_der(der).ok());
    builder().tls_certs_only(known).build().map_err(|error| WebError::Client(words(error)))
}

/// An error with its causes, without its URL: that may have a secret.
#[must_use]
pub fn words(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(error) = cause {
        // Writing to a String cannot fail.
        let _ = write!(text, ": {error}");
        cause = error.source();
    }
    text
}

/// A document of at most `most` bytes, within `limit` in all. What may pass is tried again.
///
/// # Errors
/// If it does not come whole.
pub async fn document(
    client: &Client,
    url: &str,
    most: usize,
    limit: Duration,
) -> Result<Vec<u8>, WebError> {
    let tries = async {
        let mut pause = PAUSE;
        for _ in 1..TRIES {
            match attempt(client, url, most).await {
                Err(WebError::Broken(_)) => {}
                Err(WebError::Status(status))
                    if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS => {}
                other => return other,
            }
            sleep(pause).await;
            pause *= 2;
        }
        attempt(client, url, most).await
    };
    timeout(limit, tries).await.unwrap_or(Err(WebError::Deadline(limit)))
}

async fn attempt(client: &Client, url: &str, most: usize) -> Result<Vec<u8>, WebError> {
    let broken = |error: reqwest::Error| {
        // What is no URL stays none.
        if error.is_builder() {
            WebError::Client(words(error))
        } else {
            WebError::Broken(words(error))
        }
    };
    let mut answer = client.get(url).send().await.map_err(broken)?;
    if !answer.status().is_success() {
        return Err(WebError::Status(answer.status()));
    }
    let mut document = Vec::new();
    while let Some(part) = answer.chunk().await.map_err(broken)? {
        document.extend_from_slice(&part);
        if document.len() > most {
            return Err(WebError::TooLong(most));
        }
    }
    Ok(document)
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    /// Gives these answers, one for each connection.
    async fn serve(answers: &'static [&'static str]) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/key", listener.local_addr().unwrap());
        tokio::spawn(async move {
            for answer in answers {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut request = [0; 1024];
                let _ = stream.read(&mut request).await.unwrap();
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        });
        url
    }

    const BUSY: &str = "HTTP/1.1 503 Busy\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
    const GONE: &str = "HTTP/1.1 404 Gone\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
    const KEY: &str = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 3\r\n\r\nkey";
    const HALF: &str = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 9\r\n\r\nkey";

    async fn get(answers: &'static [&'static str], most: usize) -> Result<Vec<u8>, WebError> {
        let url = serve(answers).await;
        let client = client("test").unwrap();
        document(&client, &url, most, Duration::from_secs(20)).await
    }

    #[tokio::test]
    async fn what_may_pass_is_tried_again() {
        assert_eq!(get(&[BUSY, HALF, KEY], 100).await.unwrap(), b"key");
    }

    #[tokio::test]
    async fn what_will_not_pass_is_told_at_once() {
        assert_eq!(
            get(&[GONE], 100).await.unwrap_err().to_string(),
            "the server answered 404 Not Found"
        );
        assert!(matches!(get(&[KEY], 2).await, Err(WebError::TooLong(2))));
        let client = client("test").unwrap();
        let limit = Duration::from_secs(5);
        assert!(matches!(document(&client, "no url", 1, limit).await, Err(WebError::Client(_))));
    }

    #[tokio::test]
    async fn a_server_that_says_nothing_has_a_deadline() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let client = client("test").unwrap();
        let limit = Duration::from_millis(50);
        assert!(matches!(document(&client, &url, 9, limit).await, Err(WebError::Deadline(_))));
    }
}
