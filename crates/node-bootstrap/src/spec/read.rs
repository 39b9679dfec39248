//! Reading `node.yaml` with its profile under it.

use std::fmt;
use std::str::FromStr;

use diagnostics::yaml::Tree;
use diagnostics::{DataPath, Problem, Source, Step, nearest, render};
use thiserror::Error;

use super::rules;
use super::{Node, Profile, Sysctl, SysctlWish};

/// All that is wrong with a `node.yaml`: at least one error, and warnings with it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{}", Lines(.0))]
pub struct Problems(pub Vec<Problem>);

impl Problems {
    /// As text, each with its line of the file where it is from there.
    #[must_use]
    pub fn render(&self, file: &str, text: &str) -> String {
        let mut sources = vec![Source { file, text }];
        let names = Profile::ALL.map(|profile| (profile, profile.file()));
        sources.extend(names.iter().map(|(profile, file)| Source { file, text: profile.text() }));
        render(&self.0, &sources)
    }
}

struct Lines<'a>(&'a [Problem]);

impl fmt::Display for Lines<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, problem) in self.0.iter().enumerate() {
            let end = if at > 0 { "\n" } else { "" };
            write!(f, "{end}{problem}")?;
        }
        Ok(())
    }
}

/// A profile that there is not.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{name}` is no profile; {help}")]
pub struct UnknownProfile {
    /// What was asked for.
    pub name: String,
    help: String,
}

impl Profile {
    /// All profiles.
    pub const ALL: [Self; 4] = [Self::HapCentos, Self::Kubeadm, Self::Hpcc, Self::Hyperflow];

    /// Its name in `node.yaml`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::HapCentos => "hap-centos",
            Self::Kubeadm => "kubeadm",
            Self::Hpcc => "hpcc",
            Self::Hyperflow => "hyperflow",
        }
    }

    /// Its file, with comments that say why.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::HapCentos => include_str!("../../profiles/hap-centos.yaml"),
            Self::Kubeadm => include_str!("../../profiles/kubeadm.yaml"),
            Self::Hpcc => include_str!("../../profiles/hpcc.yaml"),
            Self::Hyperflow => include_str!("../../profiles/hyperflow.yaml"),
        }
    }

    /// How problems name its file.
    #[must_use]
    pub fn file(self) -> String {
        format!("profile {}", self.name())
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Profile {
    type Err = UnknownProfile;

    fn from_str(name: &str) -> Result<Self, UnknownProfile> {
        let names = || Self::ALL.map(Self::name);
        Self::ALL.into_iter().find(|profile| profile.name() == name).ok_or_else(|| {
            let help = match nearest(name, names()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("known are {}", names().join(", ")),
            };
            UnknownProfile { name: name.escape_debug().to_string(), help }
        })
    }
}

impl Node {
    /// Reads a `node.yaml`, with the profile that it names under it.
    ///
    /// ```
    /// use node_bootstrap::spec::{Node, Role};
    ///
    /// let node = Node::read("node.yaml", "profile: kubeadm\nrole: worker\n")?;
    /// assert_eq!(node.role, Role::Worker);
    /// assert!(node.containerd.is_some());
    ///
    /// let problems = Node::read("node.yaml", "rôle: worker\nswap: of\n").unwrap_err();
    /// assert_eq!(problems.0.len(), 2);
    /// # Ok::<(), node_bootstrap::spec::Problems>(())
    /// ```
    ///
    /// # Errors
    /// If anything is wrong, with all that is wrong, each with its line and column.
    pub fn read(file: &str, text: &str) -> Result<Self, Problems> {
        Self::read_over(None, file, text).map(|(node, _)| node)
    }

    /// Reads a `node.yaml` over a profile where it names none itself, with what is only suspicious in it.
    ///
    /// # Errors
    /// If anything is wrong, with all that is wrong, each with its line and column.
    pub fn read_over(
        profile: Option<Profile>,
        file: &str,
        text: &str,
    ) -> Result<(Self, Vec<Problem>), Problems> {
        let own = Tree::parse(file, text).map_err(|fault| Problems(vec![*fault.problem]))?;
        // A profile that is not known is found again, with its place, when the whole is read.
        let named = own.text(&DataPath::from(["profile"])).map(str::parse::<Profile>);
        let strange = named.as_ref().is_some_and(Result::is_err);
        let profile = named.map_or(profile, Result::ok);
        let tree = over_profile(own, profile)?;
        let reading = tree.read::<Self>();
        let mut problems = reading.problems;
        // What is missing may be in the profile that was meant.
        problems.retain(|problem| !(strange && problem.code == "missing"));
        if let Some(node) = &reading.value {
            // What was left out would be missed by the rules, which is no news.
            let known =
                |problem: &Problem| !reading.left_out.iter().any(|part| near(part, &problem.path));
            problems.extend(rules::check(node).into_iter().filter(known));
        }
        tree.settle(&mut problems);
        match reading.value {
            Some(node) if !problems.iter().any(Problem::is_error) => {
                // A profile may be over another one; the one that was asked for counts.
                Ok((Self { profile, ..node }, problems))
            }
            _ => Err(Problems(problems)),
        }
    }

    /// A profile alone.
    ///
    /// # Errors
    /// If the profile is not sound by itself; the tests see to it that each is.
    pub fn from_profile(profile: Profile) -> Result<Self, Problems> {
        Self::read_over(Some(profile), "node.yaml", "").map(|(node, _)| node)
    }

    /// Wishes a sysctl to be at least so much, as well. What is wished for already and is enough stays.
    pub fn raise(&mut self, key: &str, least: u64) {
        let enough = self.sysctls.get(key).is_some_and(|sysctl| match &sysctl.wish {
            SysctlWish::Exact(value) => {
                value.trim().parse::<u64>().is_ok_and(|value| value >= least)
            }
            SysctlWish::AtLeast(value) => *value >= least,
        });
        if !enough {
            self.sysctls.insert(key.to_owned(), Sysctl::at_least(least));
        }
    }

    /// Everything that is wrong, in the order of the parts. Each problem names the path of the value, what was
    /// expected, and how to mend it.
    #[must_use]
    pub fn validate(&self) -> Vec<Problem> {
        rules::check(self)
    }
}

/// A file over its profile, and over the one that this is over, and so on.
fn over_profile(own: Tree, profile: Option<Profile>) -> Result<Tree, Problems> {
    let Some(profile) = profile else { return Ok(own.without_nulls()) };
    let text = profile.text();
    let file = profile.file();
    let under = Tree::parse(&file, text).map_err(|fault| Problems(vec![*fault.problem]))?;
    let deeper = under.text(&DataPath::from(["profile"])).and_then(|name| name.parse().ok());
    let under = over_profile(under, deeper.filter(|deeper| *deeper != profile))?;
    Ok(own.laid_over(under, &is_whole))
}

/// What is one value though it is written as a mapping: an entry of `sysctls`, and `cni`.
fn is_whole(path: &DataPath) -> bool {
    match path.steps() {
        [Step::Key(part)] => part == "cni",
        [Step::Key(part), Step::Key(_)] => part == "sysctls",
        _ => false,
    }
}

/// Whether one of two paths is in the other.
fn near(one: &DataPath, other: &DataPath) -> bool {
    one.steps().starts_with(other.steps()) || other.steps().starts_with(one.steps())
}
