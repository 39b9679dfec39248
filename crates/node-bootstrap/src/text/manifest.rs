//! Manifests of static pods: the command line of a program in them, and what of the host it sees where.

use diagnostics::yaml;
use serde::Deserialize;

use super::TextError;

/// A program in a static pod.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Program {
    /// The image that it is in.
    pub image: String,
    /// Its arguments, without its name.
    pub arguments: Vec<String>,
    /// Folders and files of the host that it sees: where, and which.
    mounts: Vec<(String, String)>,
}

#[derive(Deserialize)]
struct Pod {
    spec: Spec,
}

#[derive(Deserialize)]
struct Spec {
    #[serde(default)]
    containers: Vec<Container>,
    #[serde(default)]
    volumes: Vec<Volume>,
}

#[derive(Deserialize)]
struct Container {
    #[serde(default)]
    name: String,
    #[serde(default)]
    image: String,
    #[serde(default)]
    command: Vec<String>,
    #[serde(default)]
    args: Vec<String>,
    #[serde(default, rename = "volumeMounts")]
    mounts: Vec<Mount>,
}

#[derive(Deserialize)]
struct Mount {
    name: String,
    #[serde(rename = "mountPath")]
    path: String,
}

#[derive(Deserialize)]
struct Volume {
    name: String,
    #[serde(rename = "hostPath")]
    host: Option<HostPath>,
}

#[derive(Deserialize)]
struct HostPath {
    path: String,
}

/// The last part of a path.
fn last(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

impl Program {
    /// Reads of a manifest what it says of a program: the container that has it as its command, or else its name.
    ///
    /// # Errors
    /// If it is no manifest, or has no such program.
    pub fn read(text: &str, program: &str) -> Result<Self, TextError> {
        let pod: Pod = yaml::read("", text).map_err(|error| TextError::Manifest {
            why: format!("it cannot be read: {}", error.problem.message),
        })?;
        let Spec { containers, volumes } = pod.spec;
        let is_command = |container: &Container| {
            container.command.first().is_some_and(|first| last(first) == program)
        };
        let at = containers
            .iter()
            .position(is_command)
            .or_else(|| containers.iter().position(|container| container.name == program));
        let Some(container) = at.and_then(|at| containers.into_iter().nth(at)) else {
            return Err(TextError::Manifest { why: format!("it has no container with {program}") });
        };
        let words = container.command.into_iter().skip(1);
        let host = |mount: &Mount| {
            let volume = volumes.iter().find(|volume| volume.name == mount.name)?;
            Some((mount.path.clone(), volume.host.as_ref()?.path.clone()))
        };
        Ok(Self {
            image: container.image,
            arguments: words.chain(container.args).collect(),
            mounts: container.mounts.iter().filter_map(host).collect(),
        })
    }

    /// The value of an argument: `--name=value`, or two words. The last one counts.
    #[must_use]
    pub fn argument(&self, name: &str) -> Option<&str> {
        self.arguments.iter().enumerate().rev().find_map(|(at, word)| {
            let rest = of_name(word, name)?;
            if let Some(value) = rest.strip_prefix('=') {
                return Some(value);
            }
            let next = self.arguments.get(at + 1).filter(|next| !next.starts_with('-'));
            next.map(String::as_str)
        })
    }

    /// The values of an argument with several, in their order.
    #[must_use]
    pub fn list(&self, name: &str) -> Vec<String> {
        let values = self.argument(name).unwrap_or_default().split(',').map(str::trim);
        values.filter(|value| !value.is_empty()).map(str::to_owned).collect()
    }

    /// Where something is on the host that the program sees at `path`. The same path where nothing of the host is there.
    #[must_use]
    pub fn on_host(&self, path: &str) -> String {
        let below = |mount: &str| {
            let rest = path.strip_prefix(mount.trim_end_matches('/'))?;
            (rest.is_empty() || rest.starts_with('/')).then(|| rest.to_owned())
        };
        let mounts = self.mounts.iter().filter_map(|(at, from)| Some((at.len(), from, below(at)?)));
        match mounts.max_by_key(|(length, ..)| *length) {
            Some((_, from, rest)) => {
                format!("{}{}", from.trim_end_matches('/'), rest.trim_end_matches('/'))
            }
            None => path.trim_end_matches('/').to_owned(),
        }
    }
}

/// What comes after the name of an argument, if the word has it.
fn of_name<'a>(word: &'a str, name: &str) -> Option<&'a str> {
    let bare = word.strip_prefix("--").or_else(|| word.strip_prefix('-'))?;
    bare.strip_prefix(name).filter(|rest| rest.is_empty() || rest.starts_with('='))
}

/// Gives arguments of a program their values; whatever else stands in the manifest stays as it is, byte by byte. Those that
/// are missing come after the others.
///
/// ```
/// use node_bootstrap::text::manifest;
///
/// let text = "spec:\n  containers:\n  - command:\n    - etcd\n    - --name=a # ours\n";
/// let wish = [("name", "b"), ("data-dir", "/var/lib/etcd")];
/// assert_eq!(
///     manifest::set(text, "etcd", &wish)?,
///     "spec:\n  containers:\n  - command:\n    - etcd\n    - --name=b # ours\n    - --data-dir=/var/lib/etcd\n"
/// );
/// # Ok::<(), node_bootstrap::text::TextError>(())
/// ```
///
/// # Errors
/// If the manifest has no such program, a value is no plain word, or the arguments are not one on each line.
pub fn set(text: &str, program: &str, wish: &[(&str, &str)]) -> Result<String, TextError> {
    let before = Program::read(text, program)?;
    let mut lines: Vec<String> = text.split_inclusive('\n').map(str::to_owned).collect();
    for (name, value) in wish {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_=+./:,@%[]".contains(c);
        if value.is_empty() || !value.chars().all(is_plain) {
            let what = "an argument of a static pod";
            return Err(TextError::Unfit { what, value: (*value).to_owned() });
        }
        let now = Program::read(&lines.concat(), program)?;
        if now.argument(name) != Some(*value) {
            put(&mut lines, &now, program, name, value)?;
        }
    }
    let after: String = lines.concat();
    // Whatever the lines look like: this is how it is read.
    let read = Program::read(&after, program)?;
    let others = |one: &Program| -> Vec<String> {
        let kept = one.arguments.iter().filter(|word| {
            wish.iter().all(|(name, value)| of_name(word, name).is_none() && word != value)
        });
        kept.cloned().collect()
    };
    let is_set = wish.iter().all(|(name, value)| read.argument(name) == Some(*value));
    let old: Vec<&str> = wish.iter().filter_map(|(name, _)| before.argument(name)).collect();
    let kept = others(&before).into_iter().filter(|word| !old.contains(&word.as_str()));
    if is_set && kept.eq(others(&read)) {
        return Ok(after);
    }
    let names: Vec<String> = wish.iter().map(|(name, _)| format!("--{name}")).collect();
    Err(TextError::Manifest {
        why: format!(
            "{} cannot be set: write each argument of {program} on a line of its own, as `- --name=value`",
            names.join(" and ")
        ),
    })
}

/// An item of a list on a line of its own.
struct Item<'a> {
    /// All before its text, with a quote.
    head: &'a str,
    text: &'a str,
    /// All after its text.
    tail: &'a str,
}

fn item(line: &str) -> Option<Item<'_>> {
    let dash = line.len() - line.trim_start_matches(' ').len();
    let rest = line[dash..].strip_prefix("- ")?;
    let begin = line.len() - rest.trim_start_matches(' ').len();
    let quote = line[begin..].chars().next().filter(|c| "\"'".contains(*c));
    let begin = begin + quote.map_or(0, char::len_utf8);
    let rest = &line[begin..];
    let length = match quote {
        Some(quote) => rest.find(quote)?,
        None => rest.find(" #").map_or(rest, |end| &rest[..end]).trim_end().len(),
    };
    Some(Item { head: &line[..begin], text: &rest[..length], tail: &rest[length..] })
}

fn put(
    lines: &mut Vec<String>,
    before: &Program,
    program: &str,
    name: &str,
    value: &str,
) -> Result<(), TextError> {
    let is_own = |line: &String| {
        item(line).is_some_and(|it| before.arguments.iter().any(|word| word == it.text))
    };
    let found = |line: &String| item(line).is_some_and(|it| of_name(it.text, name).is_some());
    if let Some(at) = lines.iter().rposition(|line| is_own(line) && found(line)) {
        let line = lines[at].clone();
        let Some(Item { head, tail, .. }) = item(&line) else { return Ok(()) };
        let is_apart = item(&line).is_some_and(|it| !it.text.contains('='));
        if is_apart
            && lines
                .get(at + 1)
                .and_then(|next| item(next))
                .is_some_and(|next| !next.text.starts_with('-'))
        {
            lines.remove(at + 1);
        }
        lines[at] = format!("{head}--{name}={value}{tail}");
        return Ok(());
    }
    // After the last argument, or after the program itself.
    let is_program = |line: &String| item(line).is_some_and(|it| last(it.text) == program);
    let is_argument =
        |line: &String| is_own(line) && item(line).is_some_and(|it| it.text.starts_with("--"));
    let at = lines.iter().rposition(is_argument).or_else(|| lines.iter().position(is_program));
    let Some(at) = at else {
        return Err(TextError::Manifest {
            why: format!("the arguments of {program} are not on lines of their own"),
        });
    };
    let indent = lines[at].len() - lines[at].trim_start_matches(' ').len();
    let new = format!("{}- --{name}={value}\n", " ".repeat(indent));
    if !lines[at].ends_with('\n') {
        lines[at].push('\n');
    }
    lines.insert(at + 1, new);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
apiVersion: v1 # as kubeadm writes it
spec:
  containers:
  - name: other
    command:
    - sidecar
    - --name=x
  - name: etcd
    image: registry.k8s.io/etcd:3.6.6-0
    command:
      - /usr/local/bin/etcd
      - \"--name=a\"   # ours
      - --data-dir
      - /var/etcd/data
    args:
    - --listen-client-urls=https://127.0.0.1:2379,https://10.0.0.1:2379
    volumeMounts:
    - {name: data, mountPath: /var/etcd}
    - {name: pki, mountPath: /var/etcd/pki/}
  volumes:
  - name: data
    hostPath: {path: /srv/etcd/}
  - name: pki
    hostPath: {path: /etc/pki}
  - name: scratch
    emptyDir: {}
";

    #[test]
    fn arguments_and_paths_of_the_host_are_read() {
        let program = Program::read(TEXT, "etcd").unwrap();
        assert_eq!(program.argument("name"), Some("a"));
        assert_eq!(program.argument("data-dir"), Some("/var/etcd/data"));
        assert_eq!(program.argument("data"), None);
        assert_eq!(program.list("listen-client-urls").len(), 2);
        assert_eq!(program.on_host("/var/etcd/data"), "/srv/etcd/data");
        assert_eq!(program.on_host("/var/etcd"), "/srv/etcd");
        assert_eq!(program.on_host("/var/etcd/pki/ca.crt"), "/etc/pki/ca.crt");
        assert_eq!(program.on_host("/var/etcdx/"), "/var/etcdx");
        assert!(Program::read(TEXT, "kube-apiserver").is_err());
        assert!(Program::read("- no\n- manifest\n", "etcd").is_err());
    }

    #[test]
    fn only_the_named_arguments_change() {
        let wish = [
            ("name", "b"),
            ("data-dir", "/d"),
            ("initial-cluster", "a=http://[fd00::1]:1,b=http://h:2"),
        ];
        let after = set(TEXT, "etcd", &wish).unwrap();
        let differ: Vec<String> = similar::TextDiff::from_lines(TEXT, &after)
            .iter_all_changes()
            .filter(|change| change.tag() != similar::ChangeTag::Equal)
            .map(|change| format!("{}{change}", change.tag()))
            .collect();
        insta::assert_snapshot!(differ.concat(), @r#"
        -      - "--name=a"   # ours
        -      - --data-dir
        -      - /var/etcd/data
        +      - "--name=b"   # ours
        +      - --data-dir=/d
        +    - --initial-cluster=a=http://[fd00::1]:1,b=http://h:2
        "#);
        assert_eq!(set(&after, "etcd", &wish).unwrap(), after);
    }

    #[test]
    fn what_cannot_be_set_is_refused() {
        let flow = "spec:\n  containers:\n  - command: [etcd, --name=a]\n";
        for (text, value) in
            [(flow, "b"), (TEXT, "a b"), (TEXT, "a\n    - --x"), (TEXT, ""), (TEXT, "a#b")]
        {
            let error = set(text, "etcd", &[("name", value)]).unwrap_err();
            assert!(!error.to_string().is_empty());
        }
        let error = set(flow, "etcd", &[("name", "b")]).unwrap_err().to_string();
        insta::assert_snapshot!(error, @"the arguments of etcd are not on lines of their own");
    }
}
