//! What the name of a pod, an `app` label or an address file says.

use topology::{ClusterName, Role, RoleKey};

/// What made a pod, as far as its name and its owner tell.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Origin {
    /// The name of the controller: `thor-thor1` of `thor-thor1-2` and of `thor-thor1-7d9f8b-x2x9z`.
    pub stem: Option<String>,
    /// The number of a stateful pod.
    pub ordinal: Option<u32>,
}

/// Takes a pod's name apart. `owner` is kind and name of its controller.
pub(crate) fn origin(
    name: &str,
    generate_name: Option<&str>,
    owner: Option<(&str, &str)>,
    template_hash: Option<&str>,
) -> Origin {
    let generated = generate_name.map(|text| text.strip_suffix('-').unwrap_or(text));
    let made_by = generated.filter(|stem| !stem.is_empty()).or(owner.map(|(_, name)| name));
    // A Deployment's pods are made by a ReplicaSet, which has the hash of the template in its name.
    let stem = made_by.map(|stem| {
        let bare = template_hash.and_then(|hash| stem.strip_suffix(hash)?.strip_suffix('-'));
        bare.unwrap_or(stem)
    });
    let stateful = match owner {
        Some((kind, _)) => kind == "StatefulSet",
        // Without an owner the number counts if it cannot be the random end of a name, which has five letters.
        None => name.rsplit('-').next().is_some_and(|end| end.len() < 5),
    };
    let ordinal = name
        .rsplit_once('-')
        .map(|(_, end)| end)
        .filter(|end| stateful && !end.is_empty() && end.chars().all(|c| c.is_ascii_digit()));
    Origin { stem: stem.map(str::to_owned), ordinal: ordinal.and_then(|end| end.parse().ok()) }
}

/// Which generation of manifests a name belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Generation {
    /// `thor-controller`, `master-controller`.
    Of2016,
    /// `<type>-<cluster>-<suffix>`.
    Of2019,
}

/// How much of a name is the name of a cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    /// Everything after the type.
    Whole,
    /// The field after the type; the rest is a suffix.
    Field,
}

/// The roles that a name stands for, and the word that says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Meaning {
    /// One key, or two for a machine that is both slave and server.
    pub keys: Vec<RoleKey>,
    /// By which contract.
    pub generation: Generation,
    /// Whether other software uses this word too.
    pub is_common_word: bool,
}

/// What a name means by the contract of 2019, else by the prefixes of 2016.
pub(crate) fn meaning(name: &str, extent: Extent) -> Option<Meaning> {
    contract_2019(name, extent).or_else(|| prefix_2016(name))
}

fn contract_2019(name: &str, extent: Extent) -> Option<Meaning> {
    let (kind, rest) = name.split_once('-').unwrap_or((name, ""));
    if name == "hpcc" || kind == "hpcc" {
        let keys = match rest {
            rest if rest.chars().all(|c| c.is_ascii_digit()) => vec![RoleKey::single(Role::Node)],
            rest if rest == "admin" || rest.starts_with("admin-") => {
                vec![RoleKey::single(Role::Admin)]
            }
            _ => return None,
        };
        return Some(Meaning { keys, generation: Generation::Of2019, is_common_word: false });
    }
    if rest == "controller" || rest.starts_with("controller-") {
        return None;
    }
    // Nobody calls a cluster `master`: `thor-master-thor1` is a role with a dash in it.
    let (roles, rest) = match rest.split_once('-').unwrap_or((rest, "")) {
        ("master", cluster) if kind == "thor" => (vec![Role::ThorMaster], cluster),
        ("slave", cluster) if kind == "thor" => (vec![Role::ThorSlave], cluster),
        // `master` alone is a word of 2016.
        _ => (roles_of(kind).filter(|_| kind != "master")?, rest),
    };
    let field = match extent {
        Extent::Whole => rest,
        Extent::Field => rest.split('-').next().unwrap_or_default(),
    };
    // `esp-0` is the first pod of a set without a cluster.
    let is_number = !field.is_empty() && field.chars().all(|c| c.is_ascii_digit());
    let cluster: Option<ClusterName> = if is_number { None } else { field.parse().ok() };
    Some(Meaning {
        keys: keys(&roles, cluster.as_ref()),
        generation: Generation::Of2019,
        is_common_word: roles.iter().all(|role| is_common(*role)),
    })
}

fn prefix_2016(name: &str) -> Option<Meaning> {
    // The longer word first: every thormaster begins with thor.
    let words = [
        ("thormaster", Role::ThorMaster),
        ("thor", Role::ThorSlave),
        ("roxie", Role::Roxie),
        ("esp", Role::Esp),
        ("master", Role::Support),
    ];
    let (word, role) = words.into_iter().find(|(word, _)| name.starts_with(word))?;
    // A prefix, not the beginning of a longer word: `espresso` is none.
    let next = name[word.len()..].chars().next();
    if next.is_some_and(|c| c != '-' && !c.is_ascii_digit()) {
        return None;
    }
    Some(Meaning {
        keys: vec![RoleKey::single(role)],
        generation: Generation::Of2016,
        is_common_word: role == Role::Support,
    })
}

/// The roles of a type of 2019, or of a role by its own name.
pub(crate) fn roles_of(kind: &str) -> Option<Vec<Role>> {
    match kind {
        "thor_roxie" => Some(vec![Role::ThorSlave, Role::Roxie]),
        kind => kind.parse().ok().map(|role| vec![role]),
    }
}

/// The keys of roles in a cluster.
pub(crate) fn keys(roles: &[Role], cluster: Option<&ClusterName>) -> Vec<RoleKey> {
    let key = |role: &Role| match cluster {
        Some(cluster) => RoleKey::of(*role, cluster),
        None => RoleKey::single(*role),
    };
    roles.iter().map(key).collect()
}

/// Whether other software names its pods so.
fn is_common(role: Role) -> bool {
    matches!(
        role,
        Role::Support
            | Role::EclScheduler
            | Role::DropZone
            | Role::Ldap
            | Role::BackupNode
            | Role::Spark
            | Role::Node
            | Role::Admin
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(name: &str, extent: Extent) -> String {
        match meaning(name, extent) {
            None => "-".to_owned(),
            Some(meaning) => {
                let keys: Vec<String> = meaning.keys.iter().map(ToString::to_string).collect();
                let year = if meaning.generation == Generation::Of2016 { 2016 } else { 2019 };
                format!("{} {year}", keys.join("+"))
            }
        }
    }

    #[test]
    fn names_of_bare_pods_follow_the_contract() {
        let name = |name| shown(name, Extent::Field);
        assert_eq!(name("roxie-roxie1-7d9f8b-x2x9z"), "roxie/roxie1 2019");
        assert_eq!(name("thor-thor1-0"), "thor-slave/thor1 2019");
        assert_eq!(name("thormaster-thor1"), "thor-master/thor1 2019");
        assert_eq!(name("thormaster-thor1-x"), "thor-master/thor1 2019");
        assert_eq!(name("esp-0"), "esp 2019");
        assert_eq!(name("support"), "support 2019");
        assert_eq!(name("support-x-4tbd2"), "support 2019");
        assert_eq!(name("dali-0"), "dali 2019");
        assert_eq!(name("eclcc-e1-0"), "eclccserver/e1 2019");
        assert_eq!(name("scheduler-s1-0"), "eclscheduler/s1 2019");
        assert_eq!(name("backup-b1-0"), "backupnode 2019");
        assert_eq!(name("thor_roxie-tr1"), "thor-slave/tr1+roxie/tr1 2019");
        assert_eq!(name("thor-master-thor1-0"), "thor-master/thor1 2019");
        assert_eq!(name("thor-slave-0"), "thor-slave 2019");
        assert_eq!(name("hpcc"), "node 2019");
        assert_eq!(name("hpcc-0"), "node 2019");
        assert_eq!(name("hpcc-admin"), "admin 2019");
        assert_eq!(name("hpcc-web"), "-");
        assert_eq!(name("nginx-1"), "-");
    }

    #[test]
    fn the_whole_rest_of_a_controllers_name_is_the_cluster() {
        let name = |name| shown(name, Extent::Whole);
        assert_eq!(name("thor-prod-east"), "thor-slave/prod-east 2019");
        assert_eq!(name("thor"), "thor-slave 2019");
        assert_eq!(name("support"), "support 2019");
    }

    #[test]
    fn names_of_2016_are_prefixes() {
        let name = |name| shown(name, Extent::Field);
        assert_eq!(name("thor-controller-2sbe5"), "thor-slave 2016");
        assert_eq!(name("roxie-controller"), "roxie 2016");
        assert_eq!(name("esp-controller-bbgqu"), "esp 2016");
        assert_eq!(name("master-controller-wa5z8"), "support 2016");
        assert_eq!(name("master"), "support 2016");
        assert_eq!(name("thormaster1"), "thor-master 2016");
        assert_eq!(name("thor2-x"), "thor-slave 2016");
        assert_eq!(name("espresso-1"), "-");
    }

    #[test]
    fn what_made_a_pod_is_told_by_its_metadata() {
        let made = |stem: Option<&str>, ordinal| Origin { stem: stem.map(str::to_owned), ordinal };
        let set = Some(("StatefulSet", "thor-thor1"));
        assert_eq!(
            origin("thor-thor1-12", Some("thor-thor1-"), set, None),
            made(Some("thor-thor1"), Some(12))
        );
        // Only the owner is known.
        assert_eq!(origin("thor-thor1-12", None, set, None), made(Some("thor-thor1"), Some(12)));
        let replicas = Some(("ReplicaSet", "roxie-roxie1-7d9f8b"));
        assert_eq!(
            origin(
                "roxie-roxie1-7d9f8b-x2x9z",
                Some("roxie-roxie1-7d9f8b-"),
                replicas,
                Some("7d9f8b")
            ),
            made(Some("roxie-roxie1"), None)
        );
        // Five digits by chance.
        let controller = Some(("ReplicationController", "thor-controller"));
        assert_eq!(
            origin("thor-controller-24567", Some("thor-controller-"), controller, None),
            made(Some("thor-controller"), None)
        );
        assert_eq!(origin("thor-x-24567", None, None, None), made(None, None));
        assert_eq!(origin("thor-x-24", None, None, None), made(None, Some(24)));
        assert_eq!(origin("hpcc", None, None, None), made(None, None));
    }
}
