//! Alarms of etcd: no member is healthy while there is one, though they agree, and nothing but a person ends it.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use etcd::rules::called;
use etcd::{Alarm, Member, View};

use super::{Host, Situation, Standing};

/// `etcdctl` of a host that kubeadm has made, for a shell of root there.
const ETCDCTL: &str = "e() { crictl exec \"$(crictl ps -q --name '^etcd$')\" etcdctl --command-timeout=10m \
     --endpoints=https://127.0.0.1:2379 --cacert=/etc/kubernetes/pki/etcd/ca.crt \
     --cert=/etc/kubernetes/pki/etcd/healthcheck-client.crt --key=/etc/kubernetes/pki/etcd/healthcheck-client.key \"$@\"; }";

impl Situation {
    /// Which member has which alarm, and how to mend it; `None` where there is no alarm.
    #[must_use]
    pub fn alarm(&self) -> Option<String> {
        let Standing::Alarmed { alarms } = self.standing() else { return None };
        let views = || self.hosts.iter().filter_map(Host::view);
        let known: Vec<&Member> = views().flat_map(|view| &view.members).collect();
        let told = alarms.iter().map(|alarm| {
            let member = known.iter().find(|member| member.id == alarm.member);
            let name = member.map_or_else(|| format!("member {}", alarm.member), |it| called(it));
            format!("{} of {name}", alarm.kind)
        });
        let told: BTreeSet<String> = told.collect();
        let told: Vec<String> = told.into_iter().collect();
        let mut text = format!(
            "etcd has an alarm, and none of its members is healthy until it is disarmed: {}. On one control plane, as root:\n  {ETCDCTL}\n",
            told.join(", ")
        );
        let has = |kind: &str| alarms.iter().any(|alarm| alarm.kind == kind);
        if has("NOSPACE") {
            let revision = views().map(|view| view.revision).max().unwrap_or_default();
            // To write to a string does not fail.
            let _ = write!(text, "  e compact --physical {revision}\n  e defrag --cluster\n");
        }
        text.push_str("  e alarm disarm");
        if has("NOSPACE") {
            text.push_str(
                "\nWhere the data need more room all the same (`e endpoint status --cluster -w table`), give etcd a larger --quota-backend-bytes before \
                 the last one, in /etc/kubernetes/manifests/etcd.yaml of one control plane after another.",
            );
        }
        for alarm in alarms.iter().filter(|alarm| alarm.kind == "CORRUPT") {
            let owner = self.owner(&known, alarm);
            let _ = write!(
                text,
                "\nThe data of {owner} are not those of the others: then take it out and in again, `k8s-cluster remove {owner}`, `k8s-cluster add {owner}`."
            );
        }
        Some(text)
    }

    /// The host of the member that has an alarm.
    fn owner(&self, known: &[&Member], alarm: &Alarm) -> &str {
        let member = known.iter().find(|member| member.id == alarm.member);
        let host = member.and_then(|member| self.hosts.iter().find(|host| host.owns(member)));
        host.map_or("HOST", |host| host.name.as_str())
    }
}

/// The alarms that members tell of.
pub(super) fn alarms(views: &[(&Host, &View)]) -> Vec<Alarm> {
    let all: BTreeSet<&Alarm> = views.iter().flat_map(|(_, view)| &view.alarms).collect();
    all.into_iter().cloned().collect()
}
