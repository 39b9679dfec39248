//! What components of an HPCC version consist of: elements, attributes, their types, defaults and
//! where generated values come from.
//!
//! There is one file for each version under `catalogue/`; `catalogue/derive.py` makes one. A new version is
//! one more file and one more line in [`Catalogue::versions`].

use std::collections::BTreeMap;
use std::sync::OnceLock;

use serde::Deserialize;

mod rule;

pub use rule::Rule;

/// The catalogue of one HPCC version.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Catalogue {
    /// The version that it describes: `7.2`, `10`.
    pub version: String,
    /// `Programs/Build`.
    pub build: Build,
    /// Text that this version writes into `Build` by mistake; mostly empty.
    pub stray_text: String,
    /// `EnvSettings`: names and values in their order.
    pub settings: Vec<(String, String)>,
    /// `Software/Directories`.
    pub directories: Directories,
    /// The build sets in the order in which `envgen` visits them.
    pub build_sets: Vec<BuildSet>,
}

/// The build of a catalogue.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Build {
    /// `7.2.20_1`.
    pub name: String,
    /// Where HPCC is installed.
    pub url: String,
}

/// The common directories.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Directories {
    /// What `[NAME]` stands for.
    pub name: String,
    /// Categories and their folders, with `[NAME]`, `[INST]` and `[COMPONENT]` in them.
    pub categories: Vec<(String, String)>,
}

/// A kind of component as HPCC's build sets name it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BuildSet {
    /// The attributes of `Programs/Build/BuildSet`.
    pub attributes: BTreeMap<String, String>,
    /// `Properties` of an ESP service.
    pub properties: Option<Template>,
    /// The component's own element, when the build set has one.
    pub component: Option<ComponentKind>,
}

/// A fixed element: tag, attributes, children.
#[derive(Debug, Deserialize)]
pub struct Template(pub String, pub BTreeMap<String, String>, pub Vec<Template>);

/// The element of a component below `Software`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ComponentKind {
    /// The tag: `ThorCluster`.
    pub tag: String,
    /// Whether `envgen` writes one without being asked.
    #[serde(default)]
    pub generate: bool,
    /// Its attributes.
    pub attributes: Attributes,
    /// The attributes of its `Instance` elements.
    pub instance: Option<Attributes>,
    /// Its other children.
    #[serde(default)]
    pub children: Vec<ChildKind>,
    /// The attributes of an `EspBinding`.
    pub binding: Option<Attributes>,
}

/// A fixed child of a component: `SSH`, `Authentication`, ...
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChildKind {
    /// The tag.
    pub tag: String,
    /// Whether it is written with the component.
    #[serde(default)]
    pub generate: bool,
    /// Its attributes.
    pub attributes: Attributes,
}

/// Attributes by name.
pub type Attributes = BTreeMap<String, AttributeKind>;

/// What is known of an attribute.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AttributeKind {
    /// The type in the schema's words: `boolean`, `nonNegativeInteger`, `daliServersType`, ...
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// The values that an enumeration allows.
    #[serde(default)]
    pub values: Vec<String>,
    /// The schema's default.
    pub default: Option<String>,
    /// Whether the schema requires it.
    #[serde(default)]
    pub required: bool,
    /// Where a generated value comes from; `None` when it is not generated.
    pub generate: Option<Rule>,
}

/// A catalogue and whether it is the one that was asked for.
#[derive(Debug, Clone, Copy)]
pub struct Found {
    /// The catalogue.
    pub catalogue: &'static Catalogue,
    /// Whether it describes the version that was asked for, and not only the nearest one.
    pub exact: bool,
}

impl Catalogue {
    /// All versions, from the oldest to the newest.
    #[must_use]
    pub fn versions() -> &'static [Self] {
        static ALL: OnceLock<Vec<Catalogue>> = OnceLock::new();
        ALL.get_or_init(|| {
            [include_str!("../catalogue/7.2.json"), include_str!("../catalogue/10.json")]
                .iter()
                .filter_map(|text| serde_json::from_str(text).ok())
                .collect()
        })
    }

    /// The newest catalogue.
    #[must_use]
    pub fn newest() -> &'static Self {
        let versions = Self::versions();
        &versions[versions.len() - 1]
    }

    /// The catalogue for a version such as `7.2`, `7.2.20-1` or `10`, or the nearest one; `None` when the text is not a
    /// version.
    #[must_use]
    pub fn for_version(version: &str) -> Option<Found> {
        let wanted = numbers(version)?;
        let distance = |one: &Self| {
            let (major, minor) = numbers(&one.version).unwrap_or_default();
            // Major versions are further apart than all minor versions of one.
            (major.abs_diff(wanted.0), minor.abs_diff(wanted.1))
        };
        let catalogue = Self::versions().iter().min_by_key(|one| distance(one))?;
        let (major, minor) = numbers(&catalogue.version)?;
        // `10` stands for every 10.x, `7.2` for 7.2.x.
        let exact = major == wanted.0 && (!catalogue.version.contains('.') || minor == wanted.1);
        Some(Found { catalogue, exact })
    }

    /// A build set by name.
    #[must_use]
    pub fn build_set(&self, name: &str) -> Option<&BuildSet> {
        self.build_sets.iter().find(|set| set.name() == name)
    }

    /// The kind of a component: by its build set, else by its tag when only one build set has that.
    #[must_use]
    pub fn component(&self, tag: &str, build_set: Option<&str>) -> Option<&ComponentKind> {
        let of_tag = |set: &&BuildSet| set.component.as_ref().is_some_and(|kind| kind.tag == tag);
        let found = match build_set {
            Some(name) => self.build_set(name).filter(of_tag),
            None => None,
        };
        let found = found.or_else(|| {
            let mut all = self.build_sets.iter().filter(of_tag);
            let first = all.next();
            if all.next().is_none() { first } else { None }
        });
        found.and_then(|set| set.component.as_ref())
    }

    /// The folder of a directory category for a component, as jlib's `getConfigurationDirectory` names
    /// it.
    #[must_use]
    pub fn folder(&self, dir: &str, component: &str, instance: &str) -> String {
        dir.replace("[NAME]", &self.directories.name)
            .replace("[INST]", instance)
            .replace("[COMPONENT]", component)
    }
}

impl BuildSet {
    /// The name: `dali`, `espsmc`, ...
    #[must_use]
    pub fn name(&self) -> &str {
        self.attributes.get("name").map_or("", String::as_str)
    }

    /// Whether components of it run on machines.
    #[must_use]
    pub fn is_deployable(&self) -> bool {
        self.attributes.get("deployable").is_none_or(|value| value != "no")
    }
}

/// The first two numbers of a version.
fn numbers(version: &str) -> Option<(u32, u32)> {
    let mut parts = version.trim().split(|c: char| !c.is_ascii_digit());
    let major = parts.next()?.parse().ok()?;
    let minor = match parts.next() {
        Some(digits) if !digits.is_empty() => digits.parse().ok()?,
        _ => 0,
    };
    Some((major, minor))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_catalogue_is_read() {
        let versions: Vec<&str> = Catalogue::versions().iter().map(|c| &*c.version).collect();
        assert_eq!(versions, ["7.2", "10"]);
        for catalogue in Catalogue::versions() {
            for name in ["dali", "thor", "roxie", "esp", "dafilesrv", "ldapServer"] {
                assert!(catalogue.build_set(name).unwrap().component.is_some(), "{name}");
            }
            assert!(catalogue.component("EspService", None).is_none(), "many build sets have it");
            assert!(catalogue.component("ThorCluster", None).is_some());
        }
    }

    #[test]
    fn a_version_between_two_catalogues_takes_the_nearest() {
        let found = |version: &str| {
            Catalogue::for_version(version).map(|f| (f.catalogue.version.as_str(), f.exact))
        };
        assert_eq!(found("7.2.20-1"), Some(("7.2", true)));
        assert_eq!(found("7.2"), Some(("7.2", true)));
        assert_eq!(found("6.0.2-1trusty"), Some(("7.2", false)));
        assert_eq!(found("7.4"), Some(("7.2", false)));
        assert_eq!(found("10"), Some(("10", true)));
        assert_eq!(found("10.6.14"), Some(("10", true)));
        assert_eq!(found("9.2"), Some(("10", false)));
        assert_eq!(found("latest"), None);
    }
}
