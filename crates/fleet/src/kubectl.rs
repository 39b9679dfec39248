//! What is done with nodes, as calls of kubectl on a control plane.

use std::time::Duration;

use node_bootstrap::agent::{Answer, Failure, FailureKind};

use crate::contact::ContactError;
use crate::plan::{Action, CORDONED};

/// How long the API may take for one call.
const REQUEST: Duration = Duration::from_secs(20);
/// What kubectl takes beyond the deadline that it was given.
const MARGIN: Duration = Duration::from_secs(15);

/// The calls for an action, each as arguments; none where it is no action of a node.
pub(crate) fn arguments(action: &Action, node: &str, wait: Duration) -> Vec<Vec<String>> {
    let request = format!("--request-timeout={}s", REQUEST.as_secs());
    let call = |arguments: &[&str]| -> Vec<String> {
        arguments.iter().map(|argument| (*argument).to_owned()).collect()
    };
    let mark = format!("{CORDONED}=true");
    let unmark = format!("{CORDONED}-");
    match action {
        Action::Label { labels } => {
            let mut arguments = call(&["label", "node", node, "--overwrite", &request]);
            arguments.extend(labels.iter().map(|(key, value)| format!("{key}={value}")));
            vec![arguments]
        }
        // First the mark: whoever finds it knows whose the other is.
        Action::Cordon { mark: is_marked } => {
            let mark = call(&["annotate", "node", node, "--overwrite", &mark, &request]);
            let mut calls: Vec<_> = is_marked.then_some(mark).into_iter().collect();
            calls.push(call(&["cordon", node, &request]));
            calls
        }
        Action::Uncordon => vec![
            call(&["uncordon", node, &request]),
            call(&["annotate", "node", node, &unmark, &request]),
        ],
        Action::Drain(drain) => {
            let timeout = format!("--timeout={}s", drain.limit.as_secs());
            let mut arguments = call(&["drain", node, "--ignore-daemonsets", &timeout]);
            if drain.empty_dirs {
                arguments.push("--delete-emptydir-data".to_owned());
            }
            if drain.bare_pods {
                arguments.push("--force".to_owned());
            }
            vec![arguments]
        }
        Action::WaitReady { .. } => {
            let timeout = format!("--timeout={}s", wait.as_secs().max(1));
            let node = format!("node/{node}");
            vec![call(&["wait", "--for=condition=Ready", &node, &timeout])]
        }
        Action::DeleteNode => {
            vec![call(&["delete", "node", node, "--ignore-not-found", &request])]
        }
        _ => Vec::new(),
    }
}

/// How long one such call may take.
pub(crate) fn limit(action: &Action, wait: Duration) -> Duration {
    MARGIN
        + match action {
            Action::Drain(drain) => drain.limit,
            Action::WaitReady { .. } => wait,
            _ => REQUEST,
        }
}

/// What kubectl says of an API server that does not answer: it may have been started again a moment ago.
const NOT_YET: [&str; 8] = [
    "connection refused",
    "was refused - did you specify the right host or port",
    "the server is currently unable to handle the request",
    "TLS handshake timeout",
    "etcdserver: request timed out",
    "etcdserver: leader changed",
    "etcdserver: no leader",
    "unexpected EOF",
];

/// Whether kubectl is to be called again, because the API server did not answer: all that it is called for may be repeated.
pub(crate) fn is_too_early(answer: &Answer) -> bool {
    let Answer::Output { code, stderr, .. } = answer else { return false };
    // What a webhook's server says passes when somebody mends that.
    let is_of_webhook = stderr.contains("failed calling webhook");
    *code != Some(0) && !is_of_webhook && NOT_YET.iter().any(|said| stderr.contains(said))
}

/// Whether kubectl did it; else what it said, and what helps.
pub(crate) fn succeeded(action: &Action, answer: Answer) -> Result<(), ContactError> {
    let Answer::Output { code, stdout, stderr } = answer else {
        return Err(ContactError::Broken("the host answered something else".to_owned()));
    };
    if code == Some(0) {
        return Ok(());
    }
    let said = if stderr.trim().is_empty() { stdout } else { stderr };
    let lines: Vec<&str> = said.lines().filter(|line| !line.trim().is_empty()).collect();
    let said = lines[lines.len().saturating_sub(8)..].join("; ");
    let help = help(action, &said);
    let message = format!("kubectl: {said}{help}");
    Err(Failure { kind: FailureKind::Failed, message, changes: 0 }.into())
}

fn help(action: &Action, said: &str) -> String {
    if !matches!(action, Action::Drain(_)) {
        return String::new();
    }
    let help = if said.contains("emptyDir") || said.contains("local storage") {
        "; --delete-emptydir-data lets their data go"
    } else if said.contains("declare no controller") {
        "; --delete-bare-pods lets pods go that nothing will make anew"
    } else if said.contains("disruption budget") || said.contains("timed out") {
        "; the node stays without new pods: give it longer with --drain-timeout, or see which budget keeps a pod (kubectl get pdb -A)"
    } else {
        ""
    };
    help.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_api_server_that_is_just_starting_is_asked_again_and_a_refusal_is_not() {
        let said = |code, stderr: &str| Answer::Output {
            code: Some(code),
            stdout: String::new(),
            stderr: stderr.to_owned(),
        };
        let refused = "The connection to the server 10.99.0.11:6443 was refused - did you specify the right host or port?\n";
        assert!(is_too_early(&said(1, refused)));
        assert!(!is_too_early(&said(0, refused)));
        assert!(!is_too_early(&said(1, "Error from server (NotFound): nodes \"n1\" not found\n")));
        assert!(!is_too_early(&said(
            1,
            "error: error when evicting pods: global timeout reached: 300s\n"
        )));
    }
}
