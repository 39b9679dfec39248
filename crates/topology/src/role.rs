//! What a machine is for.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use crate::name::{ClusterName, NameError};

/// What a machine is for: one kind of HPCC component, or one of three collections.
///
/// Text forms are the names of [`Role::as_str`]. [`FromStr`] also takes the names that the scripts of 2019
/// gave to their pods: `thor` and `thorslave` for [`Role::ThorSlave`], `thormaster`, `eclcc`, `scheduler`, `backup`,
/// and `master` for [`Role::Support`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Every single-instance component that has no machine of its own.
    Support,
    /// The data store that all other components need.
    Dali,
    /// Archives and cleans up what is in Dali.
    Sasha,
    /// Copies files into, out of and between clusters.
    DfuServer,
    /// Runs hthor workunits, and watches those of thor.
    EclAgent,
    /// Compiles ECL.
    EclCcServer,
    /// Starts workunits on events.
    EclScheduler,
    /// Web services: ECL Watch and others. Clustered.
    Esp,
    /// Answers queries. Clustered.
    Roxie,
    /// The master of a thor cluster.
    ThorMaster,
    /// A slave of a thor cluster. Clustered.
    ThorSlave,
    /// Copies file parts for the DFU server.
    FtSlave,
    /// Serves files of one machine to the others.
    DafileSrv,
    /// A landing zone.
    DropZone,
    /// A directory server.
    Ldap,
    /// Copies parts of a thor cluster to a backup.
    BackupNode,
    /// A Spark cluster beside a thor cluster.
    Spark,
    /// Tells roxie servers of each other.
    TopoServer,
    /// Carries everything.
    Node,
    /// Looks after the cluster and is no part of it.
    Admin,
}

/// A text that is no role.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RoleError {
    /// Nobody knows this role.
    #[error("`{0}` is no role; known are {known}", known = Role::ALL.map(Role::as_str).join(", "))]
    Unknown(String),
    /// What follows the `/` is no name.
    #[error("`{0}` names no cluster after the `/`")]
    Cluster(String, #[source] NameError),
    /// A cluster was named for a role that has none.
    #[error("{0} has no clusters: `{1}` cannot belong to it")]
    NotClustered(Role, ClusterName),
}

impl Role {
    /// All roles, in their order.
    pub const ALL: [Self; 20] = [
        Self::Support,
        Self::Dali,
        Self::Sasha,
        Self::DfuServer,
        Self::EclAgent,
        Self::EclCcServer,
        Self::EclScheduler,
        Self::Esp,
        Self::Roxie,
        Self::ThorMaster,
        Self::ThorSlave,
        Self::FtSlave,
        Self::DafileSrv,
        Self::DropZone,
        Self::Ldap,
        Self::BackupNode,
        Self::Spark,
        Self::TopoServer,
        Self::Node,
        Self::Admin,
    ];

    /// The name of the role: what a label of a pod says.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Support => "support",
            Self::Dali => "dali",
            Self::Sasha => "sasha",
            Self::DfuServer => "dfuserver",
            Self::EclAgent => "eclagent",
            Self::EclCcServer => "eclccserver",
            Self::EclScheduler => "eclscheduler",
            Self::Esp => "esp",
            Self::Roxie => "roxie",
            Self::ThorMaster => "thor-master",
            Self::ThorSlave => "thor-slave",
            Self::FtSlave => "ftslave",
            Self::DafileSrv => "dafilesrv",
            Self::DropZone => "dropzone",
            Self::Ldap => "ldap",
            Self::BackupNode => "backupnode",
            Self::Spark => "spark",
            Self::TopoServer => "toposerver",
            Self::Node => "node",
            Self::Admin => "admin",
        }
    }

    /// The name of the build set in `environment.xml`; `None` for what is no component.
    #[must_use]
    pub fn build_set(self) -> Option<&'static str> {
        Some(match self {
            Self::Dali => "dali",
            Self::Sasha => "sasha",
            Self::DfuServer => "dfuserver",
            Self::EclAgent => "eclagent",
            Self::EclCcServer => "eclccserver",
            Self::EclScheduler => "eclscheduler",
            Self::Esp => "esp",
            Self::Roxie => "roxie",
            Self::ThorMaster | Self::ThorSlave => "thor",
            Self::FtSlave => "ftslave",
            Self::DafileSrv => "dafilesrv",
            Self::DropZone => "DropZone",
            Self::Ldap => "ldapServer",
            Self::BackupNode => "backupnode",
            Self::Spark => "sparkthor",
            Self::TopoServer => "toposerver",
            Self::Support | Self::Node | Self::Admin => return None,
        })
    }

    /// Whether there can be several clusters of this role, each with a name.
    #[must_use]
    pub fn is_clustered(self) -> bool {
        matches!(
            self,
            Self::Esp
                | Self::Roxie
                | Self::ThorMaster
                | Self::ThorSlave
                | Self::EclCcServer
                | Self::EclScheduler
                | Self::Spark
        )
    }

    /// Whether there is at most one machine: of the role, or of each of its clusters.
    #[must_use]
    pub fn is_single(self) -> bool {
        matches!(self, Self::Dali | Self::ThorMaster)
    }

    /// Whether a machine of [`Role::Support`] takes this role where it has no machine of its own.
    ///
    /// `ftslave` and `dafilesrv` run on every machine anyway. Roxie and the slaves of thor are what the
    /// others support.
    #[must_use]
    pub fn falls_to_support(self) -> bool {
        match self {
            Self::Dali
            | Self::Sasha
            | Self::DfuServer
            | Self::EclAgent
            | Self::EclCcServer
            | Self::EclScheduler
            | Self::Esp
            | Self::ThorMaster
            | Self::DropZone
            | Self::TopoServer => true,
            Self::Support
            | Self::Roxie
            | Self::ThorSlave
            | Self::FtSlave
            | Self::DafileSrv
            | Self::Ldap
            | Self::BackupNode
            | Self::Spark
            | Self::Node
            | Self::Admin => false,
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Role {
    type Err = RoleError;

    fn from_str(text: &str) -> Result<Self, RoleError> {
        if let Some(role) = Self::ALL.into_iter().find(|role| role.as_str() == text) {
            return Ok(role);
        }
        Ok(match text {
            "thor" | "thorslave" => Self::ThorSlave,
            "thormaster" => Self::ThorMaster,
            "eclcc" => Self::EclCcServer,
            "scheduler" => Self::EclScheduler,
            "backup" => Self::BackupNode,
            "master" => Self::Support,
            _ => return Err(RoleError::Unknown(text.to_owned())),
        })
    }
}

/// A role, and the cluster where the role has clusters. Shown as `thor-slave/thor1` or `dali`.
///
/// A clustered role without a name is the one cluster that needs none, as in the manifests of 2016.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RoleKey {
    role: Role,
    cluster: Option<ClusterName>,
}

impl RoleKey {
    /// A role without the name of a cluster.
    #[must_use]
    pub fn single(role: Role) -> Self {
        Self { role, cluster: None }
    }

    /// A role of a cluster. The name is left out where the role has no clusters.
    #[must_use]
    pub fn of(role: Role, cluster: &ClusterName) -> Self {
        Self { role, cluster: role.is_clustered().then(|| cluster.clone()) }
    }

    /// A role, and a cluster if it has one.
    ///
    /// # Errors
    /// If a cluster is given for a role that has none.
    pub fn try_new(role: Role, cluster: Option<ClusterName>) -> Result<Self, RoleError> {
        match cluster {
            Some(cluster) if !role.is_clustered() => Err(RoleError::NotClustered(role, cluster)),
            cluster => Ok(Self { role, cluster }),
        }
    }

    /// The role.
    #[must_use]
    pub fn role(&self) -> Role {
        self.role
    }

    /// The cluster, if it has a name.
    #[must_use]
    pub fn cluster(&self) -> Option<&ClusterName> {
        self.cluster.as_ref()
    }

    /// The same cluster in another role: the master of these slaves.
    #[must_use]
    pub fn with_role(&self, role: Role) -> Self {
        Self { role, cluster: self.cluster.clone().filter(|_| role.is_clustered()) }
    }
}

impl fmt::Display for RoleKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.cluster {
            Some(cluster) => f.pad(&format!("{}/{cluster}", self.role)),
            None => self.role.fmt(f),
        }
    }
}

impl FromStr for RoleKey {
    type Err = RoleError;

    fn from_str(text: &str) -> Result<Self, RoleError> {
        match text.split_once('/') {
            None => Ok(Self::single(text.parse()?)),
            Some((role, cluster)) => {
                let name = cluster.parse();
                let name = name.map_err(|source| RoleError::Cluster(text.to_owned(), source))?;
                Self::try_new(role.parse()?, Some(name))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_role_is_read_as_it_is_written() {
        for role in Role::ALL {
            assert_eq!(role.as_str().parse(), Ok(role));
        }
    }

    #[test]
    fn a_key_is_read_as_it_is_written() {
        for text in ["dali", "thor-slave/thor1", "roxie", "esp/esp-a"] {
            assert_eq!(text.parse::<RoleKey>().unwrap().to_string(), text);
        }
        assert_eq!(
            "dali/d1".parse::<RoleKey>().unwrap_err().to_string(),
            "dali has no clusters: `d1` cannot belong to it"
        );
        assert!("nobody".parse::<RoleKey>().unwrap_err().to_string().contains("thor-slave"));
    }
}
