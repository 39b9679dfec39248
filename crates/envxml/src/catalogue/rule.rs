//! Where the value of a generated attribute comes from.

use serde::Deserialize;

/// A rule of the catalogue.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Rule {
    /// The schema's default; empty when it has none.
    Default,
    /// A value that `envgen` prefers to the schema's default.
    Value(String),
    /// One value for a component on one machine, another for more.
    Nodes {
        /// On one machine.
        one: String,
        /// On more than one.
        many: String,
    },
    /// The component's name.
    Name,
    /// The build's name.
    Build,
    /// The build set's name.
    BuildSet,
    /// The name of the dali.
    Dali,
    /// The path of `environment.xml`: `configs` of the settings.
    EnvironmentFile,
    /// The folder `componentfiles` below the installation.
    ComponentsFolder,
    /// The component's name and `_queue`.
    Queue,
    /// `/var/lib/HPCCSystems/` and the component's name.
    Folder,
    /// The machine of the thor master.
    MasterComputer,
    /// Whether all thor slaves are on the master's machine.
    LocalThor,
    /// Slaves on each thor machine.
    SlavesPerNode,
    /// Channels of each thor slave.
    ThorChannelsPerSlave,
    /// Channels of each roxie server.
    RoxieChannelsPerSlave,
    /// The drop zone's machine.
    DropZoneServer,
    /// The name of the first thor cluster; the schema's default when there is none.
    Thor,
    /// The name of an instance.
    InstanceName,
    /// The computer of an instance.
    Computer,
    /// The address of an instance's computer.
    Address,
    /// The run folder of the component.
    RunFolder,
    /// The name of an ESP binding.
    BindingName,
    /// The service of an ESP binding.
    BindingService,
    /// The service's default port.
    BindingPort,
    /// The service's branch in LDAP.
    BindingResources,
}

impl TryFrom<String> for Rule {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if let Some(value) = text.strip_prefix("value:") {
            return Ok(Self::Value(value.to_owned()));
        }
        if let Some((one, many)) = text.strip_prefix("nodes:").and_then(|v| v.split_once('|')) {
            return Ok(Self::Nodes { one: one.to_owned(), many: many.to_owned() });
        }
        Ok(match text.as_str() {
            "default" => Self::Default,
            "name" => Self::Name,
            "build" => Self::Build,
            "build-set" => Self::BuildSet,
            "dali" => Self::Dali,
            "environment-file" => Self::EnvironmentFile,
            "components-folder" => Self::ComponentsFolder,
            "queue" => Self::Queue,
            "folder" => Self::Folder,
            "master-computer" => Self::MasterComputer,
            "local-thor" => Self::LocalThor,
            "slaves-per-node" => Self::SlavesPerNode,
            "thor-channels-per-slave" => Self::ThorChannelsPerSlave,
            "roxie-channels-per-slave" => Self::RoxieChannelsPerSlave,
            "drop-zone-server" => Self::DropZoneServer,
            "thor" => Self::Thor,
            "instance-name" => Self::InstanceName,
            "computer" => Self::Computer,
            "address" => Self::Address,
            "run-folder" => Self::RunFolder,
            "binding-name" => Self::BindingName,
            "binding-service" => Self::BindingService,
            "binding-port" => Self::BindingPort,
            "binding-resourcesbasedn" => Self::BindingResources,
            _ => return Err(format!("unknown rule {text:?}")),
        })
    }
}
