//! What is to be set in the generated environment, and where each setting was said.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Result;
use cli::{InvalidInput, say};
use diagnostics::yaml::{self, Places};
use diagnostics::{DataPath, Problem};
use envxml::compat::EnvgenArgs;
use envxml::compat::arguments::fields;
use envxml::edit::{Assignment, Category, Edit, Selector, Subject};
use envxml::tree::XPath;
use topology::spec::EspService;
use topology::{ClusterName, ClusterSpec};

use crate::cli::Generate;
use crate::file;
use crate::problems::Report;
use crate::source::Machines;

/// One change and where it was asked for.
#[derive(Debug, Clone)]
pub(crate) struct Change {
    /// What to do.
    pub(crate) edit: Edit,
    /// `hpcc.yaml:12:5`, `-override roxie,...`.
    pub(crate) origin: String,
}

/// All settings of a command line.
#[derive(Default)]
pub(crate) struct Settings {
    /// The content of hpcc.yaml, with what the command line says of clusters that it does not name.
    pub(crate) spec: ClusterSpec,
    /// What `-o`, `-override` and `-set_xpath_attrib_value` ask for; they apply last.
    pub(crate) typed: Vec<Change>,
    /// What hpcc.yaml and the configuration directory ask for.
    pub(crate) from_files: Vec<Change>,
}

impl Settings {
    /// Reads hpcc.yaml, the configuration directory and the settings of the command line.
    pub(crate) fn read(
        arguments: &Generate,
        typed: &EnvgenArgs,
        report: &mut Report,
    ) -> Result<Self> {
        let mut settings =
            Self::of_files(arguments.cluster.as_deref(), arguments.config_dir.as_deref(), report)?;
        settings.typed = typed_changes(typed)?;
        // Folders of instances follow the directories, so these must be known before anything is generated.
        for change in settings.from_files.iter().chain(&settings.typed) {
            if let Edit::SetDirectory { category, folder } = &change.edit {
                settings.spec.directories.insert(category.clone(), folder.clone());
            }
        }
        Ok(settings)
    }

    /// Reads hpcc.yaml and the configuration directory.
    pub(crate) fn of_files(
        cluster: Option<&Path>,
        folder: Option<&Path>,
        report: &mut Report,
    ) -> Result<Self> {
        let mut settings = Self::default();
        if let Some(path) = cluster {
            let (spec, places) = self::spec(path, report)?;
            settings.from_files = changes_of(&spec, &places);
            settings.spec = spec;
        }
        if let Some(folder) = folder {
            settings.from_files.extend(config_dir(folder)?);
        }
        Ok(settings)
    }

    /// The changes before those of the command line, in their order: what pods need, hpcc.yaml, the configuration
    /// directory.
    pub(crate) fn changes(&self, machines: &Machines) -> Vec<Change> {
        let mut changes = Vec::new();
        if let Machines::Roles { from_pods: true, .. } = machines {
            // There is no multicast on pod networks: roxie would wait for servers that never answer.
            changes.push(Change {
                edit: over("roxie", "roxieMulticastEnabled", "false"),
                origin: "pods have no multicast".to_owned(),
            });
        }
        changes.extend(self.from_files.iter().cloned());
        let has = |build_set: &str| match machines {
            Machines::Roles { placement, .. } => {
                let nodes = !placement.nodes().is_empty();
                build_set != "roxie"
                    || nodes
                    || placement.keys(topology::Role::Roxie).next().is_some()
            }
            Machines::List(_) => true,
        };
        changes.retain(|change| match &change.edit {
            Edit::Override { build_set, .. } if change.origin.starts_with("pods") => has(build_set),
            _ => true,
        });
        changes
    }
}

/// Reads and checks an hpcc.yaml.
fn spec(path: &Path, report: &mut Report) -> Result<(ClusterSpec, Places)> {
    let name = path.display().to_string();
    let text = file::text(path)?;
    report.keep(&name, &text);
    let fail = |problems: &[Problem]| -> anyhow::Error {
        report.show(problems);
        InvalidInput(format!("{name} cannot be used")).into()
    };
    let spec: ClusterSpec = yaml::read(&name, &text).map_err(|error| fail(&[*error.problem]))?;
    let places = Places::of(&name, &text).map_err(|error| fail(&[*error.problem]))?;
    let mut problems = spec.validate();
    places.settle(&mut problems);
    if problems.iter().any(Problem::is_error) {
        return Err(fail(&problems));
    }
    report.show(&problems);
    Ok((spec, places))
}

/// The changes of a configuration directory. Hidden files, which a mounted ConfigMap has, are passed over.
fn config_dir(folder: &Path) -> Result<Vec<Change>> {
    let fail = |path: &Path, error: &std::io::Error| {
        InvalidInput(format!("failed to read {}: {error}", path.display()))
    };
    let mut files = BTreeMap::new();
    let mut folders = vec![(folder.to_owned(), String::new())];
    while let Some((path, prefix)) = folders.pop() {
        for entry in std::fs::read_dir(&path).map_err(|error| fail(&path, &error))? {
            let entry = entry.map_err(|error| fail(&path, &error))?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.starts_with('.') {
                continue;
            }
            let path = entry.path();
            if path.is_dir() {
                if prefix.is_empty() {
                    folders.push((path, format!("{name}/")));
                }
            } else {
                let is_read =
                    [".properties", ".envgen2", ".xml"].iter().any(|end| name.ends_with(end));
                // What nobody reads is only named, whatever it holds.
                let text = if is_read { file::text(&path)? } else { String::new() };
                let text = text.strip_prefix('\u{feff}').unwrap_or(&text).to_owned();
                files.insert(format!("{prefix}{name}"), text);
            }
        }
    }
    let shown = |finding: &envxml::config_dir::Finding| {
        folder.join(finding.to_string()).display().to_string()
    };
    let config = envxml::config_dir::read(&files).map_err(|error| {
        for warning in &error.warnings {
            say(&format!("warning: {}", shown(warning)));
        }
        let lines: Vec<String> = error.errors.iter().map(shown).collect();
        InvalidInput(lines.join("\n"))
    })?;
    for warning in &config.warnings {
        say(&format!("warning: {}", shown(warning)));
    }
    let origins =
        config.sources.iter().map(|source| folder.join(source.to_string()).display().to_string());
    Ok(config
        .edits
        .into_iter()
        .zip(origins)
        .map(|(edit, origin)| Change { edit, origin })
        .collect())
}

fn over(build_set: &str, attribute: &str, value: &str) -> Edit {
    Edit::Override {
        build_set: build_set.to_owned(),
        path: XPath { steps: Vec::new(), attribute: None },
        attribute: attribute.to_owned(),
        value: value.to_owned(),
    }
}

fn set(component: &str, name: Option<&ClusterName>, attribute: &str, value: &str) -> Edit {
    Edit::Modify {
        subject: Subject {
            category: Category::Software,
            component: component.to_owned(),
            name: name.map(ClusterName::to_string),
        },
        selector: None,
        attributes: vec![assign(attribute, value)],
    }
}

fn assign(name: &str, value: &str) -> Assignment {
    Assignment { name: name.to_owned(), value: value.to_owned(), old: None }
}

/// The changes that an hpcc.yaml asks for.
fn changes_of(spec: &ClusterSpec, places: &Places) -> Vec<Change> {
    let mut changes = Vec::new();
    let at = |path: &DataPath| places.find(path).to_string();
    let root = DataPath::root();
    let mut attributes = |part: &str,
                          build_set: &str,
                          name: &ClusterName,
                          all: &topology::spec::Attributes| {
        for (attribute, value) in all {
            let path =
                root.join(part).join(name.to_string()).join("attributes").join(attribute.as_str());
            changes.push(Change {
                edit: set(build_set, Some(name), attribute, value),
                origin: at(&path),
            });
        }
    };
    for (name, thor) in &spec.thor {
        attributes("thor", "thor", name, &thor.attributes);
    }
    for (name, roxie) in &spec.roxie {
        attributes("roxie", "roxie", name, &roxie.attributes);
    }
    for (name, esp) in &spec.esp {
        attributes("esp", "esp", name, &esp.attributes);
    }
    // These are in the generated environment already; here they tell `explain` where they were said.
    for (category, folder) in &spec.directories {
        changes.push(Change {
            edit: Edit::SetDirectory { category: category.clone(), folder: folder.clone() },
            origin: at(&root.join("directories").join(category.as_str())),
        });
    }
    let mut number = |part: &str, name: &ClusterName, key: &str, attribute: &str, value: u32| {
        changes.push(Change {
            edit: set(part, Some(name), attribute, &value.to_string()),
            origin: at(&root.join(part).join(name.to_string()).join(key)),
        });
    };
    for (name, thor) in &spec.thor {
        number("thor", name, "slavesPerNode", "slavesPerNode", thor.slaves_per_node);
        number("thor", name, "channelsPerSlave", "channelsPerSlave", thor.channels_per_slave);
    }
    for (name, roxie) in &spec.roxie {
        number("roxie", name, "channelsPerSlave", "channelsPerSlave", roxie.channels_per_slave);
    }
    for (name, thor) in &spec.thor {
        if let Some(group) = &thor.node_group {
            let path = root.join("thor").join(name.to_string()).join("nodeGroup");
            changes.push(Change {
                edit: set("thor", Some(name), "nodeGroup", group.as_str()),
                origin: at(&path),
            });
        }
    }
    for (name, esp) in &spec.esp {
        for (service, port) in &esp.ports {
            let binding = match service {
                EspService::EclWatch => "myespsmc",
                EspService::WsEcl => "myws_ecl",
                EspService::WsSql => "myws_sql",
            };
            let path = root.join("esp").join(name.to_string()).join("ports");
            changes.push(Change {
                edit: Edit::Modify {
                    subject: Subject {
                        category: Category::Software,
                        component: "esp".to_owned(),
                        name: Some(name.to_string()),
                    },
                    selector: Some(Selector {
                        path: vec!["EspBinding".to_owned()],
                        key: Some(binding.to_owned()),
                    }),
                    attributes: vec![assign("port", &port.to_string())],
                },
                origin: at(&path),
            });
        }
    }
    for (component, wanted) in &spec.components {
        let Some(build_set) = component.role().build_set() else { continue };
        // The key in the file is the role's name, which may be spelt otherwise than the build set.
        let key = component.role().as_str();
        for (attribute, value) in &wanted.attributes {
            let path =
                root.join("components").join(key).join("attributes").join(attribute.as_str());
            changes.push(Change { edit: over(build_set, attribute, value), origin: at(&path) });
        }
    }
    for (index, one) in spec.overrides.iter().enumerate() {
        changes.push(Change {
            edit: over(&one.build_set, &one.attribute, &one.value),
            origin: at(&root.join("overrides").join(index)),
        });
    }
    for (index, one) in spec.xpath_attributes.iter().enumerate() {
        // Checked with the rest of the file.
        let Ok(path) = one.xpath.parse::<XPath>() else { continue };
        changes.push(Change {
            edit: Edit::SetPath {
                path,
                attribute: one.attribute.clone(),
                value: one.value.clone(),
            },
            origin: at(&root.join("xpathAttributes").join(index)),
        });
    }
    changes
}

/// The changes of `-o`, `-override` and `-set_xpath_attrib_value`.
fn typed_changes(typed: &EnvgenArgs) -> Result<Vec<Change>> {
    let mut changes = Vec::new();
    for (category, folder) in &typed.directories {
        changes.push(Change {
            edit: Edit::SetDirectory { category: category.clone(), folder: folder.clone() },
            origin: format!("-o {category}={folder}"),
        });
    }
    let mut faults = Vec::new();
    for text in &typed.overrides {
        // Their number was checked when the arguments were read.
        let Ok([build_set, property, value]) = <[String; 3]>::try_from(fields(text, ',')) else {
            continue;
        };
        let origin = format!("-override {text}");
        match property.parse::<XPath>() {
            Ok(XPath { steps, attribute: Some(attribute) }) => changes.push(Change {
                edit: Edit::Override {
                    build_set,
                    path: XPath { steps, attribute: None },
                    attribute,
                    value,
                },
                origin,
            }),
            Ok(_) => faults.push(format!("{origin}: expected an attribute, as @name")),
            Err(error) => faults.push(format!("{origin}: {error}")),
        }
    }
    for (text, attribute, value) in &typed.xpath_values {
        let origin = format!("-set_xpath_attrib_value {text} {attribute} {value}");
        match text.parse::<XPath>() {
            Ok(path) => changes.push(Change {
                edit: Edit::SetPath {
                    path,
                    attribute: attribute.strip_prefix('@').unwrap_or(attribute).to_owned(),
                    value: value.clone(),
                },
                origin,
            }),
            Err(error) => faults.push(format!("{origin}: {error}")),
        }
    }
    if faults.is_empty() { Ok(changes) } else { Err(InvalidInput(faults.join("\n")).into()) }
}
