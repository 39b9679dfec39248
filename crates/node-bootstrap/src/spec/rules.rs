//! The rules of `node.yaml` that types cannot express.

mod cluster;
mod haproxy;
mod host;

use std::net::IpAddr;

use diagnostics::{DataPath, Problem};

use super::Node;

/// Everything that is wrong, in the order of the parts.
pub(super) fn check(node: &Node) -> Vec<Problem> {
    let mut rules = Rules { problems: Vec::new() };
    if node.version != 1 {
        rules.push(
            Problem::error(
                "format-version",
                format!("version {} of this format is not known", node.version),
            )
            .at(root("version"))
            .help("this program knows version 1"),
        );
    }
    host::check(&mut rules, node);
    cluster::check(&mut rules, node);
    haproxy::check(&mut rules, node);
    rules.problems
}

fn root(part: &str) -> DataPath {
    DataPath::root().join(part)
}

/// The problems found so far.
struct Rules {
    problems: Vec<Problem>,
}

impl Rules {
    fn push(&mut self, problem: Problem) {
        self.problems.push(problem);
    }

    /// An error at a path, with how to mend it.
    fn error(
        &mut self,
        code: &'static str,
        path: DataPath,
        message: impl Into<String>,
        help: &str,
    ) {
        self.push(Problem::error(code, message).at(path).help(help));
    }

    /// An absolute path that means what it says, and stays on its line in the files that it is written to.
    fn path(&mut self, path: DataPath, text: &str) {
        let up = text.split('/').any(|part| part == ".." || part == ".");
        if !text.starts_with('/') || up || text.contains("//") || text.chars().any(char::is_control)
        {
            self.error(
                "path",
                path,
                format!("`{}` is no plain absolute path", text.escape_debug()),
                "begin with /, and leave out . and .. and double slashes",
            );
        }
    }

    /// The name of a host: RFC 1123 in lower case, as kubeadm demands.
    fn host_name(&mut self, path: DataPath, text: &str) {
        if !is_host_name(text) {
            self.error(
                "name",
                path,
                format!("`{}` is no name of a host (RFC 1123)", text.escape_debug()),
                "use lower case letters, digits and -, a letter or digit at both ends of each part, at most 63 \
                 characters between dots",
            );
        }
    }

    /// One word that stands in a file of the host: no white space, nothing that begins a comment or an option.
    fn word(&mut self, code: &'static str, path: DataPath, text: &str, what: &str) {
        let bad =
            |c: char| c.is_whitespace() || c.is_control() || matches!(c, '#' | '"' | '\'' | '\\');
        if text.is_empty() || text.starts_with('-') || text.chars().any(bad) {
            self.error(
                code,
                path,
                format!("`{}` is no {what}", text.escape_debug()),
                "give one word without quotes, spaces and #",
            );
        }
    }

    /// A URL of the web, of whose parts only the beginning matters here.
    fn url(&mut self, path: DataPath, text: &str) {
        let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
        let bad = |c: char| c.is_whitespace() || c.is_control();
        if rest.is_none_or(|rest| rest.is_empty() || rest.starts_with('/')) || text.chars().any(bad)
        {
            self.error(
                "url",
                path,
                format!("`{}` is no URL", text.escape_debug()),
                "give one that begins with https:// or http://",
            );
        }
    }

    fn sha256(&mut self, path: DataPath, text: &str) {
        if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            self.error(
                "sha256",
                path,
                format!("`{}` is no SHA-256", text.escape_debug()),
                "give 64 hexadecimal digits, as sha256sum prints them",
            );
        }
    }
}

/// A name of a host: parts of letters, digits and `-` with dots between.
fn is_host_name(text: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let part = |part: &str| {
        (1..=63).contains(&part.len())
            && part.bytes().all(inner)
            && !part.starts_with('-')
            && !part.ends_with('-')
    };
    text.len() <= 253 && text.split('.').all(part)
}

/// A host and perhaps a port, as `host`, `host:port` and `[v6]:port`.
fn host_and_port(text: &str) -> Option<(&str, Option<u16>)> {
    if text.parse::<IpAddr>().is_ok() {
        return Some((text, None));
    }
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) => (host, Some(port.parse::<u16>().ok().filter(|port| *port > 0)?)),
        None => (text, None),
    };
    let v6 = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let good = v6.map_or_else(
        || host.parse::<std::net::Ipv4Addr>().is_ok() || is_host_name(host),
        |v6| v6.parse::<std::net::Ipv6Addr>().is_ok(),
    );
    good.then_some((v6.unwrap_or(host), port))
}
