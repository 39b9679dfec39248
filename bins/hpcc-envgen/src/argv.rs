//! Argument vectors in envgen's style, translated into what clap can read.
//!
//! envgen's options have one dash, any case, and one to three values that may begin with a dash or be empty
//! (`-assign_ips thor "10.0.0.1;10.0.0.2"`). Our own have two dashes. Both may be mixed. [`translate`] sorts them:
//! what is ours comes first, and everything in envgen's style follows a `--`, in its order and untouched. The
//! subcommand takes that as its last argument:
//!
//! ```
//! use clap::{Arg, ArgAction, Command};
//! use hpcc_envgen::argv::translate;
//!
//! let compat = Arg::new("compat").long("compat").action(ArgAction::SetTrue);
//! let old_style = Arg::new("envgen").last(true).num_args(0..);
//! let generate = Command::new("generate").arg(compat).arg(old_style);
//! let command = Command::new("hpcc-envgen").subcommand(generate);
//!
//! let typed = ["hpcc-envgen", "-env", "e.xml", "--compat", "-IP", "10.0.0.1"];
//! let translated = translate(typed.map(Into::into).to_vec(), &command);
//! let expected = ["hpcc-envgen", "generate", "--compat", "--", "-env", "e.xml", "-IP", "10.0.0.1"];
//! assert_eq!(translated, expected);
//! ```

use std::ffi::{OsStr, OsString};

use clap::Command;

use envxml::compat::arguments::value_count;

/// The subcommand that takes envgen's options, and that is meant where the first argument is an option.
const GENERATE: &str = "generate";
/// The subcommand that takes configgen's options.
const LIST: &str = "list";
/// The subcommand that takes envgen2's operations.
const EDIT: &str = "edit";
/// Our flag for exact likeness: with it only what has two dashes is ours.
const COMPAT: &str = "--compat";

/// Translates an argument vector, the program's name included. `command` knows our own options.
///
/// - `generate` is put in where the first argument is an option, other than `-h`, `--help`, `-V` and `--version`.
/// - Of `generate`'s arguments the options that `command` knows, `--help` and (without `--compat`) `-h` are ours,
///   with their values, which are joined to them by `=`. The rest goes behind a `--`, unknown options
///   too: there they are reported together with what else is wrong.
/// - `list` takes configgen's options for the names of lists.
/// - Of `edit`'s arguments the options with two dashes that `command` knows come first, wherever they were typed:
///   envgen2's operations have one dash and take all that follows.
/// - The arguments of other subcommands stay as they are.
#[must_use]
pub fn translate(mut arguments: Vec<OsString>, command: &Command) -> Vec<OsString> {
    if let (Some(first), Some(edit)) = (arguments.get(1), command.find_subcommand(EDIT))
        && first == EDIT
    {
        let typed = arguments.split_off(2);
        let (mut ours, mut operations) = own_first(&typed, edit);
        arguments.append(&mut ours);
        arguments.append(&mut operations);
        return arguments;
    }
    let Some(generate) = command.find_subcommand(GENERATE) else {
        return arguments;
    };
    if arguments.get(1).is_some_and(|first| is_option(first) && !is_general(first)) {
        arguments.insert(1, GENERATE.into());
    }
    if arguments.get(1).is_some_and(|first| first == LIST) {
        return listed(arguments);
    }
    if arguments.get(1).is_none_or(|first| first != GENERATE) {
        return arguments;
    }
    let typed = arguments.split_off(2);
    let mut sorted = Sorted::new(&typed, generate, true);
    if sorted.ours.iter().any(|argument| argument == COMPAT) {
        sorted = Sorted::new(&typed, generate, false);
    }
    arguments.append(&mut sorted.ours);
    if !sorted.old_style.is_empty() {
        arguments.push("--".into());
        arguments.append(&mut sorted.old_style);
    }
    arguments
}

/// `list -env FILE -listall` is `list listall FILE`: configgen's options name a list, and the file follows `-env`.
fn listed(arguments: Vec<OsString>) -> Vec<OsString> {
    let mut kinds = Vec::new();
    let mut others = Vec::new();
    for argument in arguments.iter().skip(2) {
        let name = argument.to_str().and_then(|text| text.strip_prefix('-'));
        match name {
            Some("env") => {}
            Some(name) if name == "machines" || name.starts_with("list") => kinds.push(name.into()),
            _ => others.push(argument.clone()),
        }
    }
    let head = arguments.into_iter().take(2);
    head.chain(kinds).chain(others).collect()
}

fn is_option(argument: &OsStr) -> bool {
    argument.as_encoded_bytes().starts_with(b"-")
}

fn is_general(argument: &OsStr) -> bool {
    ["-h", "--help", "-V", "--version"].iter().any(|general| argument == *general)
}

/// Options with two dashes that a command knows, with their values, and all other arguments.
fn own_first(typed: &[OsString], command: &Command) -> (Vec<OsString>, Vec<OsString>) {
    let (mut ours, mut others) = (Vec::new(), Vec::new());
    let mut rest = typed.iter();
    while let Some(argument) = rest.next() {
        let has_two_dashes = argument.as_encoded_bytes().starts_with(b"--");
        let own = if has_two_dashes { own_option(argument, command) } else { None };
        match own {
            Some(own) => {
                ours.push(argument.clone());
                if let Own::ValueFollows = own {
                    ours.extend(rest.next().cloned());
                }
            }
            None if argument == "--help" => ours.push(argument.clone()),
            None => others.push(argument.clone()),
        }
    }
    (ours, others)
}

#[derive(Default)]
struct Sorted {
    ours: Vec<OsString>,
    old_style: Vec<OsString>,
}

impl Sorted {
    fn new(typed: &[OsString], generate: &Command, short_help_is_ours: bool) -> Self {
        let mut sorted = Self::default();
        let mut rest = typed.iter();
        while let Some(argument) = rest.next() {
            if argument == "--" {
                sorted.old_style.extend(rest.by_ref().cloned());
            } else if let Some(values) = value_count(argument) {
                sorted.old_style.push(argument.clone());
                sorted.old_style.extend(rest.by_ref().take(values).cloned());
            } else if argument == "--help" || (argument == "-h" && short_help_is_ours) {
                sorted.ours.push(argument.clone());
            } else {
                match own_option(argument, generate) {
                    Some(Own::Complete) => sorted.ours.push(argument.clone()),
                    Some(Own::ValueFollows) => {
                        let mut option = argument.clone();
                        // Joined, so that a value may begin with a dash here as well.
                        if let Some(value) = rest.next() {
                            option.push("=");
                            option.push(value);
                        }
                        sorted.ours.push(option);
                    }
                    None => sorted.old_style.push(argument.clone()),
                }
            }
        }
        sorted
    }
}

/// One of our options.
enum Own {
    /// A flag, or an option with its value behind a `=`.
    Complete,
    /// The next argument is its value.
    ValueFollows,
}

fn own_option(argument: &OsStr, command: &Command) -> Option<Own> {
    // `-n NAME`: short names are ours where envgen has no such option.
    if let [b'-', letter] = argument.as_encoded_bytes() {
        let known =
            command.get_arguments().find(|known| known.get_short() == Some(char::from(*letter)))?;
        let takes_value = known.get_action().takes_values();
        return Some(if takes_value { Own::ValueFollows } else { Own::Complete });
    }
    let bytes = argument.as_encoded_bytes().strip_prefix(b"--")?;
    let name = bytes.split(|byte| *byte == b'=').next()?;
    let known = command.get_arguments().find(|known| {
        let names = known.get_long().into_iter().chain(known.get_all_aliases().unwrap_or_default());
        names.into_iter().any(|long| long.as_bytes() == name)
    })?;
    let has_value = name.len() < bytes.len();
    let takes_value = known.get_action().takes_values();
    Some(if takes_value && !has_value { Own::ValueFollows } else { Own::Complete })
}

#[cfg(test)]
mod tests;
