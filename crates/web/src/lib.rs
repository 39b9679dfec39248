//! Asks HTTP servers for files.
//!
//! The client works in static programs (names are not looked up by the C library) and in empty images (where the
//! system knows no certificates, those of Mozilla's list count).

use std::fmt::Write as _;
use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{Certificate, Client, StatusCode, Url};
use tokio::time::{sleep, timeout};

/// How often a document is asked for.
const TRIES: u32 = 4;
/// How many redirects are followed.
const REDIRECTS: usize = 10;
/// How long it may take to find a server and to connect.
const CONNECT: Duration = Duration::from_secs(10);
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
    /// The server leads away from what is encrypted, or in a circle.
    #[error("{0}")]
    Redirect(String),
    /// There is no connection to the server.
    #[error("the server cannot be reached: {0}")]
    Unreachable(String),
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
    let builder = || {
        let follow = Policy::custom(|next| match refused(next.previous(), next.url()) {
            Some(why) => next.error(why),
            None => next.follow(),
        });
        Client::builder().user_agent(agent).redirect(follow).connect_timeout(CONNECT)
    };
    if let Ok(client) = builder().build() {
        return Ok(client);
    }
    let known = webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter();
    let known = known.filter_map(|der| Certificate::from_der(der).ok());
    builder().tls_certs_only(known).build().map_err(|error| WebError::Client(words(error)))
}

/// Why a redirect is not followed, if it is not. Whoever asks by https has to get what that server, or one that it names
/// by https, has said.
fn refused(previous: &[Url], next: &Url) -> Option<&'static str> {
    if next.scheme() != "https" && previous.iter().any(|url| url.scheme() == "https") {
        Some("the server leads from https to an address that anybody on the way can change")
    } else if previous.len() > REDIRECTS {
        Some("the server leads from one address to the next without end")
    } else {
        None
    }
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
        for tried in 1..TRIES {
            match attempt(client, url, most).await {
                Err(WebError::Broken(_)) => {}
                // Each time takes long where there is no network at all.
                Err(WebError::Unreachable(_)) if tried == 1 => {}
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
        } else if error.is_redirect() {
            WebError::Redirect(words(error))
        } else if error.is_connect() {
            WebError::Unreachable(words(error))
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

    #[test]
    fn a_redirect_never_leaves_https_and_ends() {
        let url = |text: &str| text.parse::<Url>().unwrap();
        let (plain, safe) = (url("http://a.example/"), url("https://a.example/"));
        assert_eq!(refused(std::slice::from_ref(&safe), &url("https://b.example/")), None);
        assert_eq!(refused(std::slice::from_ref(&plain), &safe), None);
        assert_eq!(refused(std::slice::from_ref(&plain), &plain), None);
        assert!(refused(std::slice::from_ref(&safe), &plain).is_some());
        assert!(refused(&[plain.clone(), safe.clone()], &plain).is_some());
        assert!(refused(&vec![safe.clone(); 11], &safe).is_some());
    }

    #[tokio::test]
    async fn redirects_without_end_are_told_at_once() {
        const ROUND: &str = "HTTP/1.1 302 Found\r\nlocation: /key\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
        let error = get(&[ROUND; 11], 9).await.unwrap_err();
        assert!(
            matches!(&error, WebError::Redirect(why) if why.contains("without end")),
            "{error}"
        );
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
