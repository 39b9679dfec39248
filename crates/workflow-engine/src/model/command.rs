//! What a `command` task runs: the `config.executor` object as typed values.

use std::borrow::Cow;
use std::fmt::{self, Write as _};
use std::time::Duration;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

/// A command: an argument vector with its surroundings. Never a shell line unless `shell` is set.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Command {
    /// Program name (looked up in `PATH`) or path (relative to the task's directory).
    pub executable: String,
    /// Arguments, without the program itself.
    pub args: Vec<String>,
    /// File that standard output goes to, relative to the task's directory.
    pub stdout: Option<Redirect>,
    /// File that standard error goes to, relative to the task's directory.
    pub stderr: Option<Redirect>,
    /// Variables added to the engine's environment.
    pub env: Vec<(String, String)>,
    /// The task's directory, relative to the workflow's work directory.
    pub work_dir: Option<String>,
    /// Where input files are looked for, relative to the task's directory.
    pub input_dir: Option<String>,
    /// Where output files are looked for, relative to the task's directory.
    pub output_dir: Option<String>,
    /// Requested cores. `None`: one slot.
    pub cpu: Option<f64>,
    /// Requested memory in bytes.
    pub memory_bytes: Option<u64>,
    /// Run `executable` and `args`, joined by spaces, by `/bin/sh -c`: only because the task says so.
    pub shell: bool,
    /// Longest run time of one attempt.
    pub timeout: Option<Duration>,
    /// Attempts after the first one; `None`: what the run's options say.
    pub retries: Option<u32>,
    /// Container image (used on a cluster).
    pub image: Option<String>,
}

/// Where an output stream of a task goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redirect {
    /// Path relative to the task's directory.
    pub path: String,
    /// Append instead of truncating.
    pub append: bool,
}

impl Command {
    /// The line for a shell, of a task that asks for one: its words as they stand.
    pub(crate) fn shell_line(&self) -> String {
        let mut line = self.executable.clone();
        for arg in &self.args {
            line.push(' ');
            line.push_str(arg);
        }
        line
    }

    /// The command as a person would type it, quoted where a shell would need it.
    #[must_use]
    pub fn display_line(&self) -> String {
        let words = std::iter::once(self.executable.as_str())
            .chain(self.args.iter().map(String::as_str))
            .map(|word| shlex::try_quote(word).unwrap_or(Cow::Borrowed(word)));
        let mut line = words.collect::<Vec<_>>().join(" ");
        for (redirect, sign) in [(&self.stdout, ">"), (&self.stderr, "2>")] {
            if let Some(redirect) = redirect {
                let sign = if redirect.append { format!("{sign}>") } else { sign.to_owned() };
                let _ = write!(line, " {sign} {}", redirect.path);
            }
        }
        line
    }
}

/// A string of the file, borrowed where it holds no escapes.
#[derive(Debug, Default, Clone)]
pub(crate) struct Str<'a>(pub(crate) Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Str<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct StrVisitor;
        impl<'de> Visitor<'de> for StrVisitor {
            type Value = Str<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }
            fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Str<'de>, E> {
                Ok(Str(Cow::Borrowed(text)))
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Str<'de>, E> {
                Ok(Str(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(StrVisitor)
    }
}

/// A string, number or boolean where HyperFlow's files use all three for one thing.
#[derive(Debug, Clone)]
pub(crate) struct Scalar<'a>(pub(crate) Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Scalar<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ScalarVisitor;
        impl<'de> Visitor<'de> for ScalarVisitor {
            type Value = Scalar<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string, number or boolean")
            }
            fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Scalar<'de>, E> {
                Ok(Scalar(Cow::Borrowed(text)))
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Scalar<'de>, E> {
                Ok(Scalar(Cow::Owned(text.to_owned())))
            }
            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Scalar<'de>, E> {
                Ok(Scalar(Cow::Owned(number.to_string())))
            }
            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Scalar<'de>, E> {
                Ok(Scalar(Cow::Owned(number.to_string())))
            }
            fn visit_f64<E: de::Error>(self, number: f64) -> Result<Scalar<'de>, E> {
                Ok(Scalar(Cow::Owned(number.to_string())))
            }
            fn visit_bool<E: de::Error>(self, value: bool) -> Result<Scalar<'de>, E> {
                Ok(Scalar(Cow::Borrowed(if value { "true" } else { "false" })))
            }
        }
        deserializer.deserialize_any(ScalarVisitor)
    }
}

/// `args`: a vector, or one string (split into words with the quoting of a shell, nothing expanded).
#[derive(Debug, Default)]
pub(crate) struct Args<'a>(pub(crate) Vec<Cow<'a, str>>);

impl<'de: 'a, 'a> Deserialize<'de> for Args<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ArgsVisitor;
        impl<'de> Visitor<'de> for ArgsVisitor {
            type Value = Args<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array of arguments or one string")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Args<'de>, A::Error> {
                let mut args = Vec::with_capacity(8);
                while let Some(Scalar(arg)) = items.next_element()? {
                    args.push(arg);
                }
                Ok(Args(args))
            }
            fn visit_str<E: de::Error>(self, line: &str) -> Result<Args<'de>, E> {
                let words = shlex::split(line)
                    .ok_or_else(|| E::custom("a quote in the string `args` is not closed"))?;
                Ok(Args(words.into_iter().map(Cow::Owned).collect()))
            }
            fn visit_unit<E: de::Error>(self) -> Result<Args<'de>, E> {
                Ok(Args::default())
            }
        }
        deserializer.deserialize_any(ArgsVisitor)
    }
}

/// `env`: names with scalar values.
#[derive(Debug, Default)]
pub(crate) struct Env<'a>(Vec<(Cow<'a, str>, Cow<'a, str>)>);

impl<'de: 'a, 'a> Deserialize<'de> for Env<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct EnvVisitor;
        impl<'de> Visitor<'de> for EnvVisitor {
            type Value = Env<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of environment variables")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut items: A) -> Result<Env<'de>, A::Error> {
                let mut env = Vec::new();
                while let Some((Str(name), Scalar(value))) = items.next_entry()? {
                    if name.is_empty() || name.contains(['=', '\0']) {
                        return Err(de::Error::custom(format!(
                            "`{name}` cannot be the name of an environment variable"
                        )));
                    }
                    env.push((name, value));
                }
                Ok(Env(env))
            }
        }
        deserializer.deserialize_map(EnvVisitor)
    }
}

/// `cpuRequest`: cores as a number, or a Kubernetes quantity such as `"500m"`.
#[derive(Debug)]
struct Cores(f64);

impl<'de> Deserialize<'de> for Cores {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Scalar(text) = Scalar::deserialize(deserializer)?;
        parse_cores(&text).map(Cores).ok_or_else(|| {
            de::Error::custom(format!("`{text}` is not a number of cores such as 2, 0.5 or 500m"))
        })
    }
}

/// `memRequest`: bytes as a number, or a Kubernetes quantity such as `"50Mi"`.
#[derive(Debug)]
struct Bytes(u64);

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Scalar(text) = Scalar::deserialize(deserializer)?;
        parse_bytes(&text).map(Bytes).ok_or_else(|| {
            de::Error::custom(format!("`{text}` is not an amount of memory such as 512Mi or 2Gi"))
        })
    }
}

/// Reads cores: `2`, `0.5`, `500m`. Source: Kubernetes resource quantities.
pub(crate) fn parse_cores(text: &str) -> Option<f64> {
    let (number, scale) = match text.strip_suffix('m') {
        Some(milli) => (milli, 0.001),
        None => (text, 1.0),
    };
    let cores = number.parse::<f64>().ok()? * scale;
    (cores.is_finite() && cores >= 0.0).then_some(cores)
}

/// Reads bytes: `1048576`, `50Mi`, `2G`. Source: Kubernetes resource quantities.
#[must_use]
pub fn parse_bytes(text: &str) -> Option<u64> {
    const SUFFIXES: [(&str, f64); 10] = [
        ("Ki", 1024.0),
        ("Mi", 1_048_576.0),
        ("Gi", 1_073_741_824.0),
        ("Ti", 1_099_511_627_776.0),
        ("k", 1e3),
        ("K", 1e3),
        ("M", 1e6),
        ("G", 1e9),
        ("T", 1e12),
        ("B", 1.0),
    ];
    let (number, scale) = SUFFIXES
        .iter()
        .find_map(|(suffix, scale)| text.strip_suffix(suffix).map(|number| (number, *scale)))
        .unwrap_or((text, 1.0));
    let bytes = number.trim().parse::<f64>().ok()? * scale;
    #[expect(clippy::cast_sign_loss, reason = "checked to be positive")]
    (bytes.is_finite() && bytes >= 0.0).then_some(bytes as u64)
}

/// Seconds as a non-negative number.
#[derive(Debug)]
struct Seconds(Duration);

impl<'de> Deserialize<'de> for Seconds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Scalar(text) = Scalar::deserialize(deserializer)?;
        let seconds = text.parse::<f64>().ok();
        seconds
            .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
            .map(Seconds)
            .ok_or_else(|| de::Error::custom(format!("`{text}` is not a number of seconds")))
    }
}

/// The `config.executor` object as it stands in the file.
#[derive(Debug, serde::Deserialize, Default)]
pub(crate) struct RawExecutor<'a> {
    #[serde(borrow)]
    pub(crate) executable: Option<Str<'a>>,
    #[serde(borrow, default)]
    args: Args<'a>,
    #[serde(borrow)]
    stdout: Option<Str<'a>>,
    #[serde(borrow)]
    stderr: Option<Str<'a>>,
    #[serde(borrow, rename = "stdoutAppend")]
    stdout_append: Option<Str<'a>>,
    #[serde(borrow, rename = "stderrAppend")]
    stderr_append: Option<Str<'a>>,
    #[serde(borrow)]
    env: Option<Env<'a>>,
    #[serde(borrow)]
    work_dir: Option<Str<'a>>,
    #[serde(borrow)]
    input_dir: Option<Str<'a>>,
    #[serde(borrow)]
    output_dir: Option<Str<'a>>,
    #[serde(alias = "cpuRequest")]
    cpu: Option<Cores>,
    #[serde(alias = "memRequest")]
    memory: Option<Bytes>,
    #[serde(borrow)]
    shell: Option<Scalar<'a>>,
    timeout: Option<Seconds>,
    retries: Option<u32>,
    #[serde(borrow)]
    image: Option<Str<'a>>,
}

/// The part of a process's `config` that the engine reads.
#[derive(Debug, serde::Deserialize, Default)]
pub(crate) struct RawConfig<'a> {
    #[serde(borrow)]
    pub(crate) executor: Option<RawExecutor<'a>>,
}

impl RawExecutor<'_> {
    pub(crate) fn into_command(self) -> Command {
        let own = |text: Option<Str<'_>>| text.map(|Str(text)| text.into_owned());
        let redirect = |truncate: Option<Str<'_>>, append: Option<Str<'_>>| match (append, truncate)
        {
            (Some(Str(path)), _) => Some(Redirect { path: path.into_owned(), append: true }),
            (None, Some(Str(path))) => Some(Redirect { path: path.into_owned(), append: false }),
            (None, None) => None,
        };
        let env = self.env.map(|Env(env)| env).unwrap_or_default();
        Command {
            executable: own(self.executable).unwrap_or_default(),
            args: self.args.0.into_iter().map(Cow::into_owned).collect(),
            stdout: redirect(self.stdout, self.stdout_append),
            stderr: redirect(self.stderr, self.stderr_append),
            env: env.into_iter().map(|(k, v)| (k.into_owned(), v.into_owned())).collect(),
            work_dir: own(self.work_dir),
            input_dir: own(self.input_dir),
            output_dir: own(self.output_dir),
            cpu: self.cpu.map(|Cores(cores)| cores),
            memory_bytes: self.memory.map(|Bytes(bytes)| bytes),
            shell: self.shell.is_some_and(|Scalar(text)| text == "true"),
            timeout: self.timeout.map(|Seconds(seconds)| seconds),
            retries: self.retries,
            image: own(self.image),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(json: &str) -> Command {
        serde_json::from_str::<RawExecutor<'_>>(json).unwrap().into_command()
    }

    #[test]
    fn numbers_and_booleans_are_arguments_too() {
        let command = command(r#"{"executable":"sleep","args":[1, 0.5, true, "x y"]}"#);
        assert_eq!(command.args, ["1", "0.5", "true", "x y"]);
        assert_eq!(command.display_line(), "sleep 1 0.5 true 'x y'");
    }

    #[test]
    fn a_string_of_arguments_is_split_into_words() {
        assert_eq!(command(r#"{"executable":"e","args":"a 'b c' d"}"#).args, ["a", "b c", "d"]);
    }

    #[test]
    fn append_wins_over_truncate() {
        let command = command(r#"{"executable":"e","stdout":"a","stdoutAppend":"b"}"#);
        assert_eq!(command.stdout, Some(Redirect { path: "b".into(), append: true }));
    }

    #[test]
    fn requests_are_kubernetes_quantities() {
        let command = command(r#"{"executable":"e","cpuRequest":"500m","memRequest":"50Mi"}"#);
        assert_eq!((command.cpu, command.memory_bytes), (Some(0.5), Some(52_428_800)));
    }
}
