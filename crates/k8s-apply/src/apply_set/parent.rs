//! The object that keeps what a set contains.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use thiserror::Error;

use super::history::{self, Revision};
use super::{ParentKind, Reach, SetRef};
use crate::cluster::{Applying, CallError, Cluster, Kind};
use crate::object::{GroupKind, GroupVersionKind, Object};

const ID: &str = "applyset.kubernetes.io/id";
const TOOLING: &str = "applyset.kubernetes.io/tooling";
const GROUP_KINDS: &str = "applyset.kubernetes.io/contains-group-kinds";
const NAMESPACES: &str = "applyset.kubernetes.io/additional-namespaces";
/// Our name as a tool. Sets of other tools are refused.
const TOOL: &str = "k8s-apply";
/// The member of the parent's data that the history is in.
const HISTORY: &str = "history.json.gz";
/// How often a parent that another run writes is read anew.
const TRIES: usize = 8;

/// Why a set cannot be used.
#[derive(Debug, Error)]
pub enum ParentError {
    /// The server does not let us, or does not answer.
    #[error("failed to {doing} the set {set}")]
    Call {
        /// What was tried.
        doing: &'static str,
        /// The set.
        set: SetRef,
        /// What happened.
        #[source]
        source: Box<CallError>,
    },
    /// There is an object of that name which is no set.
    #[error("{0} is there, but it is no set: it has no label {ID}; choose another name")]
    NoSet(SetRef),
    /// It belongs to another tool.
    #[error("the set {set} belongs to {tool}: only that may change it")]
    OtherTool {
        /// The set.
        set: SetRef,
        /// What it says of its tool.
        tool: String,
    },
    /// Its id is that of another name.
    #[error(
        "the set {set} has the id {found}, and should have {expected}: it was copied or renamed"
    )]
    OtherId {
        /// The set.
        set: SetRef,
        /// What it has.
        found: String,
        /// What its name gives.
        expected: String,
    },
    /// The annotation of its kinds is missing or cannot be read.
    #[error(
        "the set {0} does not say which kinds it contains ({GROUP_KINDS}): pruning it would miss some"
    )]
    NoKinds(SetRef),
    /// It is written by others all the time.
    #[error("the set {0} was changed by others again and again; try again when they have ended")]
    Restless(SetRef),
    /// There is no such set.
    #[error("there is no set {0}")]
    Missing(SetRef),
}

impl ParentError {
    pub(crate) fn call(doing: &'static str, set: &SetRef, source: CallError) -> Self {
        Self::Call { doing, set: set.clone(), source: Box::new(source) }
    }
}

/// A set as the cluster knows it.
#[derive(Debug, Clone)]
pub struct Parent {
    /// Which set.
    pub set: SetRef,
    /// Where its members are.
    pub reach: Reach,
    /// What it contained, oldest first.
    pub history: Vec<Revision>,
    /// Whether the object is there.
    pub exists: bool,
    /// Its version when it was last read or written.
    version: Option<String>,
}

impl Parent {
    /// Reads the parent of a set. One that is not there is empty.
    ///
    /// # Errors
    /// If it is no set, if it belongs to another tool, or if the server does not answer.
    pub async fn read(cluster: &Cluster, set: &SetRef) -> Result<Self, ParentError> {
        let found = cluster
            .get(&kind(set.kind), Some(&set.namespace), &set.name)
            .await
            .map_err(|source| ParentError::call("read", set, source))?;
        match found {
            None => Ok(Self {
                set: set.clone(),
                reach: Reach::default(),
                history: Vec::new(),
                exists: false,
                version: None,
            }),
            Some(object) => Self::of(set, &object),
        }
    }

    fn of(set: &SetRef, object: &Object) -> Result<Self, ParentError> {
        let Some(id) = object.label(ID) else { return Err(ParentError::NoSet(set.clone())) };
        let expected = set.id();
        if id != expected {
            let found = id.to_owned();
            return Err(ParentError::OtherId { set: set.clone(), found, expected });
        }
        let tool = object.annotation(TOOLING).unwrap_or("nobody");
        if tool.rsplit_once('/').map_or(tool, |(name, _)| name) != TOOL {
            return Err(ParentError::OtherTool { set: set.clone(), tool: tool.to_owned() });
        }
        let Some(kinds) = object.annotation(GROUP_KINDS) else {
            return Err(ParentError::NoKinds(set.clone()));
        };
        let words = |text: &str| {
            let words = text.split(',').map(str::trim).filter(|word| !word.is_empty());
            words.map(str::to_owned).collect::<Vec<_>>()
        };
        let namespaces = object.annotation(NAMESPACES).map(words).unwrap_or_default();
        let reach = Reach {
            kinds: words(kinds).iter().map(|word| GroupKind::parse(word)).collect(),
            namespaces: namespaces.into_iter().collect(),
        };
        let mut parent = Self {
            set: set.clone(),
            reach,
            history: Vec::new(),
            exists: true,
            version: object.resource_version().map(str::to_owned),
        };
        let packed =
            object.at(&format!("/{}/{HISTORY}", parent.data_field())).and_then(Value::as_str);
        parent.history = packed
            .and_then(|text| STANDARD.decode(text).ok())
            .and_then(|bytes| history::unpacked(&bytes))
            .unwrap_or_default();
        Ok(parent)
    }

    /// The same set, before its parent was written for the first time.
    #[must_use]
    pub(crate) fn as_new(&self) -> Self {
        Self {
            set: self.set.clone(),
            reach: Reach::default(),
            history: self.history.clone(),
            exists: false,
            version: None,
        }
    }

    /// Whether it already says that its members are there.
    #[must_use]
    pub fn covers(&self, reach: &Reach) -> bool {
        self.exists && self.full(&self.reach.with(reach)) == self.full(&self.reach)
    }

    /// The reach without the parent's own namespace, which is not written down.
    fn full(&self, reach: &Reach) -> Reach {
        let mut reach = reach.clone();
        reach.namespaces.remove(&self.set.namespace);
        reach
    }

    /// Writes it with a wider reach, before members are written there. Sends nothing if it has it.
    ///
    /// # Errors
    /// If the server refuses or does not answer.
    pub async fn widen(
        &mut self,
        cluster: &Cluster,
        manager: &str,
        reach: &Reach,
    ) -> Result<bool, ParentError> {
        for _ in 0..TRIES {
            if self.covers(reach) {
                return Ok(false);
            }
            self.reach = self.reach.with(reach);
            if self.write(cluster, manager).await? {
                return Ok(true);
            }
            // Another run was faster: what it wrote stays.
            *self = Self::read(cluster, &self.set).await?;
        }
        Err(ParentError::Restless(self.set.clone()))
    }

    /// Writes what it contains after a run that went to its end. Sends nothing if it says that.
    ///
    /// # Errors
    /// If the server refuses or does not answer.
    pub async fn settle(
        &mut self,
        cluster: &Cluster,
        manager: &str,
        reach: &Reach,
        ended: &RunEnded<'_>,
    ) -> Result<bool, ParentError> {
        let objects = history::entries(ended.objects.iter().copied());
        let mut reach = reach.clone();
        for _ in 0..TRIES {
            let history =
                history::extended(self.history.clone(), objects.clone(), ended.time, ended.by);
            let same = self.full(&reach) == self.full(&self.reach) && history == self.history;
            if self.exists && same {
                return Ok(false);
            }
            self.reach = reach.clone();
            self.history = history;
            if self.write(cluster, manager).await? {
                return Ok(true);
            }
            // Another run wrote it meanwhile, and may have members elsewhere: nothing is taken away from it.
            *self = Self::read(cluster, &self.set).await?;
            reach = reach.with(&self.reach);
        }
        Err(ParentError::Restless(self.set.clone()))
    }

    /// Writes it over what was read. `false` if it was changed since.
    async fn write(&mut self, cluster: &Cluster, manager: &str) -> Result<bool, ParentError> {
        let mut object = self.object();
        if let Some(version) = &self.version {
            object.metadata_mut().insert("resourceVersion".into(), version.as_str().into());
        }
        // Whoever wrote it last, another field manager of ours or somebody by hand: this version was seen to be a set.
        let force = self.version.is_some();
        let how = Applying { manager, force, dry_run: false, just_made: true };
        match cluster.apply(&kind(self.set.kind), &object, &how).await {
            Ok((written, _)) => {
                self.version = written.resource_version().map(str::to_owned);
                self.exists = true;
                Ok(true)
            }
            Err(error) if self.version.is_some() && is_outdated(&error) => Ok(false),
            Err(error) => Err(ParentError::call("write", &self.set, error)),
        }
    }

    fn object(&self) -> Object {
        let reach = self.full(&self.reach);
        let join = |words: Vec<String>| words.join(",");
        let kinds = join(reach.kinds.iter().map(ToString::to_string).collect());
        let parent = kind(self.set.kind).gvk;
        let mut object = Object::new(&parent, Some(&self.set.namespace), &self.set.name);
        object.set_label(ID, &self.set.id());
        object.set_annotation(TOOLING, &format!("{TOOL}/v{}", env!("CARGO_PKG_VERSION")));
        object.set_annotation(GROUP_KINDS, &kinds);
        if !reach.namespaces.is_empty() {
            let namespaces = join(reach.namespaces.iter().cloned().collect());
            object.set_annotation(NAMESPACES, &namespaces);
        }
        if !self.history.is_empty() {
            let history = json!({HISTORY: STANDARD.encode(history::packed(&self.history))});
            // Its identity stays, so it stays an object.
            let _ = object.edit(|value| value[self.data_field()] = history);
        }
        object
    }

    /// The field of the parent that takes bytes.
    fn data_field(&self) -> &'static str {
        match self.set.kind {
            ParentKind::Secret => "data",
            ParentKind::ConfigMap => "binaryData",
        }
    }

    /// Deletes it, after its members.
    ///
    /// # Errors
    /// If the server refuses or does not answer.
    pub async fn delete(&self, cluster: &Cluster) -> Result<bool, ParentError> {
        let target = crate::cluster::Deleting {
            kind: &kind(self.set.kind),
            namespace: Some(&self.set.namespace),
            name: &self.set.name,
            uid: None,
            resource_version: None,
            propagation: kube::api::PropagationPolicy::Background,
            dry_run: false,
        };
        let failed = |source| ParentError::call("delete", &self.set, source);
        cluster.delete(&target).await.map_err(failed)
    }
}

/// What a run that went to its end leaves in the history.
#[derive(Debug, Clone)]
pub struct RunEnded<'a> {
    /// The members.
    pub objects: Vec<(&'a crate::object::ObjectKey, &'a Object)>,
    /// When it ended (RFC 3339).
    pub time: &'a str,
    /// Who ran it.
    pub by: &'a str,
}

/// Whether a write was refused because of the version that it named. Conflicts between managers name fields.
fn is_outdated(error: &CallError) -> bool {
    error.status().is_some_and(|status| {
        status.code == 409
            && status.details.as_ref().is_none_or(|details| details.causes.is_empty())
    })
}

fn kind(parent: ParentKind) -> Kind {
    Kind {
        gvk: GroupVersionKind::of("v1", parent.name()),
        plural: parent.plural().to_owned(),
        short_names: Vec::new(),
        namespaced: true,
        scalable: false,
        verbs: Vec::new(),
        from_set: false,
    }
}
