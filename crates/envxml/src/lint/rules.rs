//! The table of rules.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};
use thiserror::Error;

use super::{Severity, Target};

/// A name that is no rule's.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("no rule is named {0:?}")]
pub struct UnknownRule(pub String);

macro_rules! rules {
    ($($variant:ident $name:literal $severity:ident $target:ident $description:literal)*) => {
        /// What [`lint`](super::lint) looks for. The order is that of the table of rules.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Rule {
            $(#[doc = $description] $variant,)*
        }

        impl Rule {
            /// All rules.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The stable name: `duplicate-computer`.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// How bad it is when the rule is broken.
            #[must_use]
            pub fn severity(self) -> Severity {
                match self { $(Self::$variant => Severity::$severity,)* }
            }

            /// Where the rule applies: [`Target::Host`] means everywhere.
            #[must_use]
            pub fn target(self) -> Target {
                match self { $(Self::$variant => Target::$target,)* }
            }

            /// What is found, in one sentence.
            #[must_use]
            pub fn description(self) -> &'static str {
                match self { $(Self::$variant => $description,)* }
            }
        }
    };
}

rules! {
    DuplicateComputer "duplicate-computer" Error Host
        "Two computers have one name."
    BadAddress "bad-address" Error Host
        "A computer's address is missing, or is neither an IP address nor a host name nor `.`."
    DuplicateAddress "duplicate-address" Error Host
        "Two computers have one address."
    LocalAddress "local-address" Warning Host
        "An address that every machine takes for itself, where there are several machines."
    DuplicateComputerType "duplicate-computer-type" Error Host
        "Two computer types have one name."
    UnknownComputerType "unknown-computer-type" Error Host
        "A computer has a type that is not there."
    BadOperatingSystem "bad-operating-system" Error Host
        "A computer type has an operating system that HPCC does not know."
    DuplicateDomain "duplicate-domain" Error Host
        "Two domains have one name."
    UnknownDomain "unknown-domain" Error Host
        "A computer is in no domain, or in one that is not there."
    UnusedComputer "unused-computer" Info Host
        "Nothing runs on a computer but file services."
    BadName "bad-name" Error Host
        "A name has characters that HPCC refuses."
    MissingName "missing-name" Error Host
        "A computer, an instance, or a component that runs somewhere, has no name."
    DuplicateComponent "duplicate-component" Error Host
        "Two components have one name: of one kind, or on one machine."
    DuplicateInstance "duplicate-instance" Error Host
        "A component runs twice on one machine."
    DuplicateInstanceName "duplicate-instance-name" Error Host
        "Two instances of a component have one name."
    ComponentWithoutInstance "component-without-instance" Info Host
        "A component runs on no machine."
    DuplicateBuild "duplicate-build" Error Host
        "Two builds, or two buildsets of a build, have one name."
    UnknownBuild "unknown-build" Error Host
        "A component's build is not among the programs."
    UnknownBuildSet "unknown-build-set" Error Host
        "A component's buildset is not in its build."
    UnknownServiceBuildSet "unknown-service-build-set" Info Host
        "An ESP service's buildset is not in its build, so it must come from a plug-in."
    MissingBuildSet "missing-build-set" Error Host
        "A component that runs somewhere has no buildset, so it is never started."
    BuildMismatch "build-mismatch" Error Host
        "An ESP binds a service of another build."
    MissingDirectory "missing-directory" Error Host
        "An instance or a Roxie cluster has no folder."
    NoDali "no-dali" Error Host
        "Something runs, but no Dali does."
    SeveralDalis "several-dalis" Warning Host
        "More than one Dali runs."
    MissingDafilesrv "missing-dafilesrv" Warning Host
        "A machine that runs something has no dafilesrv, so its files cannot be read from elsewhere; an error for a thor slave."
    MissingFtslave "missing-ftslave" Warning Host
        "A machine that holds files has no ftslave, so none can be sprayed or copied to it; an error for a thor slave."
    MissingComputer "missing-computer" Error Host
        "An instance names no computer, so it is not started."
    UnknownComputer "unknown-computer" Error Host
        "Something is on a computer that is not there."
    AddressMismatch "address-mismatch" Error Host
        "An instance has no address, or another than its computer."
    UnknownDali "unknown-dali" Error Host
        "A component uses a Dali that is not there."
    MissingDali "missing-dali" Error Host
        "A component that cannot work without Dali names none."
    EspServiceWithoutType "esp-service-without-type" Error Host
        "An ESP binds a service without a type, of which HPCC knows no definition."
    UnknownEspService "unknown-esp-service" Error Host
        "An ESP binding is for no service, or for one that is not there."
    UnknownLdapServer "unknown-ldap-server" Error Host
        "An LDAP server is used that is not there."
    LdapWithoutServer "ldap-without-server" Error Host
        "ESP asks LDAP who a user is, but no LDAP server is named."
    UnknownThorCluster "unknown-thor-cluster" Error Host
        "A Thor cluster is named that is not there."
    IdleBackupnode "idle-backupnode" Info Host
        "A backup node runs nowhere, and there is no Thor cluster for it."
    UnknownComponent "unknown-component" Error Host
        "A component is named that is not there, by a reference of another kind."
    UnknownServiceTarget "unknown-service-target" Error Host
        "An ESP service is for a cluster that is not in the topology."
    UnknownDropZoneServer "unknown-drop-zone-server" Warning Host
        "A drop zone is on an address that no computer has."
    DropZoneWithoutServer "drop-zone-without-server" Info Host
        "A drop zone is on no machine."
    DuplicateTopologyCluster "duplicate-topology-cluster" Error Host
        "Two clusters of the topology have one name."
    UnknownTopologyProcess "unknown-topology-process" Error Host
        "The topology names a component that is not there."
    IncompleteTopologyCluster "incomplete-topology-cluster" Warning Host
        "A cluster of the topology can compile nothing, or run nothing."
    NotInTopology "not-in-topology" Warning Host
        "A component is in no cluster of the topology, so it is never started."
    BadNumber "bad-number" Error Host
        "A value that must be a number is none, or is out of its range."
    BadBoolean "bad-boolean" Error Host
        "A value that must be `true` or `false` is neither."
    NoDirectories "no-directories" Warning Host
        "The folders of the components are not set, or not used for want of a name."
    DuplicateDirectory "duplicate-directory" Error Host
        "Two folders are set for one category."
    SharedDirectory "shared-directory" Warning Host
        "A category's folder is the same for all components."
    ThorWithoutMaster "thor-without-master" Error Host
        "A Thor cluster has no master."
    SeveralThorMasters "several-thor-masters" Error Host
        "A Thor cluster has more than one master."
    ThorWithoutSlaves "thor-without-slaves" Error Host
        "A Thor cluster has no slaves."
    ThorWithoutComputer "thor-without-computer" Error Host
        "A Thor cluster itself names no computer."
    ThorComputerMismatch "thor-computer-mismatch" Warning Host
        "A Thor cluster's own computer is not that of its master."
    LocalThor "local-thor" Error Host
        "A Thor cluster is local, but has a slave on another machine than its master."
    ReplicateWithoutPeer "replicate-without-peer" Warning Host
        "A Thor cluster replicates its outputs, but has no second machine to put them on."
    ReplicateWithoutBackupnode "replicate-without-backupnode" Info Host
        "A Thor cluster replicates its outputs, but no backup node mends missing copies."
    BackupnodeOnThorMaster "backupnode-on-thor-master" Error Host
        "A backup node runs on the master of its Thor cluster."
    RoxieWithoutServers "roxie-without-servers" Error Host
        "A Roxie cluster has no servers."
    RoxieWithoutFarm "roxie-without-farm" Warning Host
        "A Roxie cluster listens on no port."
    RoxieCopies "roxie-copies" Error Host
        "A Roxie cluster keeps more copies of its data than it has servers."
    PortCollision "port-collision" Error Host
        "Two processes of one machine, or two services of an ESP that cannot share, have one port."
    DuplicateBindingPort "duplicate-binding-port" Warning Host
        "Two bindings of one ESP have one port, for services of different types."
    BindingWithoutPort "binding-without-port" Error Host
        "A binding of an ESP has no port."
    ThorSlaveOnRoxie "thor-slave-on-roxie" Warning Host
        "A Thor slave runs on a Roxie server's machine, though there are several machines."
    ThorMasterAmongSlaves "thor-master-among-slaves" Warning Host
        "A Thor master runs on a slave's machine, though there are several machines."
    ThorMasterOnRoxie "thor-master-on-roxie" Info Host
        "A Thor master runs on a Roxie server's machine, though there are several machines."
    DaliOnWorker "dali-on-worker" Info Host
        "Dali runs on a machine of a Thor slave or Roxie server, though there are several machines."
    RoxieMulticast "roxie-multicast" Error Kubernetes
        "A Roxie cluster uses multicast, which pod networks do not have."
    RoxieUdpBuffers "roxie-udp-buffers" Info Kubernetes
        "A Roxie cluster needs UDP buffers that only the node can allow."
    RoxieCopyResources "roxie-copy-resources" Info Kubernetes
        "A Roxie cluster reads its files from other pods instead of copying them."
    UnstableAddress "unstable-address" Warning Kubernetes
        "Computers have IP addresses, which pods lose when they are replaced."
    ThorWithoutReplicas "thor-without-replicas" Warning Kubernetes
        "A Thor cluster does not replicate its outputs, so a lost pod's parts are lost."
    RoleAgainstPod "role-against-pod" Error Kubernetes
        "Something runs on a pod whose labels say that it is for something else."
    AddressWithoutPod "address-without-pod" Error Kubernetes
        "No pod has a computer's address."
    PodWithoutComputer "pod-without-computer" Warning Kubernetes
        "No computer has a pod's address."
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Rule {
    type Err = UnknownRule;

    fn from_str(name: &str) -> Result<Self, UnknownRule> {
        let rule = Self::ALL.iter().find(|rule| rule.name() == name);
        rule.copied().ok_or_else(|| UnknownRule(name.to_owned()))
    }
}

impl Serialize for Rule {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}
