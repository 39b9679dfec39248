//! Finds the machines of an HPCC cluster: from lists of pods, the live API, and the address files of older scripts.
//!
//! The way is always the same: read pods, [`discover`] which are part of the cluster and in what role, and
//! look at what is [`Missing`] before the placement is used.
//!
//! ```
//! use discovery::{Options, discover, read_pods};
//!
//! let list = r#"{"kind": "List", "items": [
//!   {"metadata": {"name": "support-0", "namespace": "hpcc"},
//!    "status": {"phase": "Running", "podIP": "10.1.0.1",
//!               "conditions": [{"type": "Ready", "status": "True"}]}},
//!   {"metadata": {"name": "thor-thor1-0", "namespace": "hpcc"}, "status": {"phase": "Pending"}}]}"#;
//! let pods = read_pods(list, "cluster.local")?;
//! let found = discover(&pods, &Options::default());
//! assert_eq!(found.placement.support().len(), 1);
//! // An incomplete set is refused with what is missing.
//! assert_eq!(
//!     found.missing[0].to_string(),
//!     "pod thor-thor1-0 (thor-slave/thor1) does not run yet"
//! );
//! assert!(found.accept(false).is_err());
//! # Ok::<(), discovery::PodListError>(())
//! ```
//!
//! # How a pod's role is known
//!
//! The first of these that says something counts:
//!
//! 1. The labels [`ROLE_LABEL`] (`windlass.dev/hpcc-role`) and [`CLUSTER_LABEL`] (`windlass.dev/hpcc-cluster`). The
//!    role is one of [`topology::Role`]'s names, or `thor_roxie` for a machine that is both slave and server.
//! 2. The labels `app` and `cluster` of the manifests of 2016 and 2019: `app: thor-thor1`, `app: svc-thor-thor1`,
//!    `app: thor` with `cluster: thor1`, `cluster: support`.
//! 3. The name contract of 2019, `<type>-<cluster>-<suffix>`: `thormaster-thor1`, `roxie-roxie1-7d9f8b-x2x9z`,
//!    `thor-thor1-0`, `support-0`. Where it is known what made the pod, all of its name after the type is the
//!    cluster, else the second field.
//! 4. The prefixes of 2016: `thor-controller-2sbe5`, `master-controller-wa5z8`.
//!
//! Words that other software uses too (`node`, `support`, `scheduler`, ...) count in 2 to 4 only if the image of
//! the pod is one of HPCC, as far as the images are known: a `node-exporter` carries no cluster.

mod address_files;
mod classify;
mod complete;
mod found;
#[cfg(feature = "live")]
pub mod live;
mod name;
mod pod_list;
mod rbac;
mod version;

pub use address_files::{AddressFiles, read_address_files, read_address_folder};
pub use classify::{CLUSTER_LABEL, Evidence, ROLE_LABEL};
pub use complete::{Missing, missing};
pub use found::{Found, FoundPod, LeftOut, Options, Reason, Refused, discover};
pub use pod_list::{PodListError, from_kubernetes, read_pods};
pub use rbac::{RbacError, rbac};
pub use version::image_version;
