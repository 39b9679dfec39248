use std::collections::BTreeMap;

use etcd::{Member, View};
use insta::assert_snapshot;
use node_bootstrap::agent::{
    EtcdHere, KubernetesNode, ManifestPlace, Outlook, Standing, Survey, Versions, Wish,
};
use topology::Inventory;
use topology::inventory::{Host, HostRole};

use super::*;
use crate::survey::{Seen, Silence, Surveyed, Surveys};
use crate::wish::wishes;

const CLUSTER: &str = "\
version: 1
name: lab
kubernetes: {version: '1.35', podSubnet: 10.244.0.0/16, serviceSubnet: 10.96.0.0/12}
highAvailability: {kind: proxy, endpoint: '10.20.0.30:6443'}
profile: kubeadm
hosts:
- {name: cp1, address: 10.20.0.11, role: control-plane}
- {name: cp2, address: 10.20.0.12, role: control-plane}
- {name: cp3, address: 10.20.0.13, role: control-plane}
- {name: lb, address: 10.20.0.30, role: proxy}
- {name: w1, address: 10.20.0.21, role: worker, labels: {disk: ssd}}
- {name: w2, address: 10.20.0.22, role: worker}
";

/// A cluster in memory: what its hosts would say.
struct Lab {
    inventory: Inventory,
    wishes: BTreeMap<String, Wish>,
    surveys: Surveys,
}

impl Lab {
    /// All hosts are bare.
    fn bare(text: &str) -> Self {
        let (inventory, _) = Inventory::read("cluster.yaml", text).unwrap();
        let wishes = wishes(&inventory, &|_| Ok(String::new())).unwrap();
        let surveys = inventory.hosts.iter().enumerate().map(|(at, host)| {
            let survey = Survey {
                machine_id: format!("{at:032x}"),
                addresses: vec![host.address],
                outlook: Some(Outlook {
                    changes: vec!["files: write /etc/x".to_owned()],
                    ..Outlook::default()
                }),
                ..Survey::default()
            };
            (host.name.clone(), Ok(Surveyed { survey, ahead_ms: 0 }))
        });
        let surveys = surveys.collect();
        Self { inventory, wishes, surveys }
    }

    /// All hosts are what they shall be.
    fn made(text: &str) -> Self {
        let mut lab = Self::bare(text);
        let nodes: Vec<KubernetesNode> = lab
            .inventory
            .hosts
            .iter()
            .filter(|host| host.role != HostRole::Proxy)
            .map(|host| KubernetesNode {
                name: host.name.clone(),
                ready: true,
                version: "1.35.4".to_owned(),
                labels: host.labels.clone(),
                ..KubernetesNode::default()
            })
            .collect();
        for host in lab.inventory.hosts.clone() {
            lab.change(&host.name, |survey| make(survey, &host, &nodes));
        }
        lab
    }

    fn change(&mut self, host: &str, change: impl FnOnce(&mut Survey)) {
        change(&mut self.surveys.get_mut(host).unwrap().as_mut().unwrap().survey);
    }

    /// Nobody answers this host at the address of the API.
    fn cut_off(&mut self, host: &str) {
        self.change(host, |survey| {
            if let Standing::Node { answers, .. } = &mut survey.standing {
                *answers = false;
            }
        });
    }

    fn nodes(&mut self, change: impl Fn(&mut Vec<KubernetesNode>)) {
        for surveyed in self.surveys.values_mut().filter_map(|survey| survey.as_mut().ok()) {
            if let Some(nodes) = &mut surveyed.survey.nodes {
                change(nodes);
            }
        }
    }

    fn silence(&mut self, host: &str) {
        let why = "it cannot be reached: no route".to_owned();
        self.surveys.insert(host.to_owned(), Err(Silence { why, unreachable: true }));
    }

    fn seen(&self) -> Seen<'_> {
        Seen { inventory: &self.inventory, surveys: &self.surveys }
    }

    fn deploy(&self) -> String {
        deploy(self.seen(), &self.wishes).to_string()
    }

    fn remove(&self, names: &[&str], how: &Remove) -> String {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        remove(self.seen(), &self.wishes, &names, how).to_string()
    }

    fn upgrade(&self, to: &str) -> String {
        let mut wishes = self.wishes.clone();
        for wish in wishes.values_mut() {
            if let Some(kubernetes) = &mut wish.node.kubernetes {
                kubernetes.version = to.parse().unwrap();
            }
        }
        upgrade(self.seen(), &wishes, &Drain::default(), "20260131-120000").to_string()
    }
}

fn make(survey: &mut Survey, host: &Host, nodes: &[KubernetesNode]) {
    survey.outlook = Some(Outlook::default());
    if host.role == HostRole::Proxy {
        return;
    }
    let version = || Some("1.35.4".to_owned());
    let control_plane = host.role == HostRole::ControlPlane;
    survey.standing = Standing::Node {
        server: "https://10.20.0.30:6443".to_owned(),
        authority: "sha256:aa".to_owned(),
        control_plane,
        answers: control_plane,
    };
    survey.versions = Versions {
        kubeadm: version(),
        kubelet: version(),
        kubectl: version(),
        api_server: version().filter(|_| control_plane),
    };
    if control_plane {
        survey.serves = true;
        survey.nodes = Some(nodes.to_vec());
        survey.etcd = Some(member(host));
    }
}

/// A healthy member of three; the first one leads.
fn member(host: &Host) -> EtcdHere {
    let url = |at: u8| format!("https://10.20.0.1{at}:2380");
    let members = (1..=3).map(|at| Member {
        id: format!("a{at}"),
        name: format!("cp{at}"),
        peer_urls: vec![url(at)],
        client_urls: vec![url(at).replace("2380", "2379")],
        learner: false,
    });
    let id = host.name.replace("cp", "a");
    EtcdHere {
        manifest: ManifestPlace::InPlace,
        name: host.name.clone(),
        peer_url: format!("https://{}:2380", host.address),
        client_url: format!("https://{}:2379", host.address),
        has_data: true,
        view: Some(View {
            cluster: "c".to_owned(),
            member: id,
            leader: Some("a1".to_owned()),
            healthy: true,
            members: members.collect(),
            ..View::default()
        }),
        ..EtcdHere::default()
    }
}

#[test]
fn bare_hosts_are_prepared_together_and_control_planes_join_one_by_one() {
    assert_snapshot!(Lab::bare(CLUSTER).deploy(), @r"
    proxies
      lb: make 1 change
          files: write /etc/x
    prepare hosts (together)
      cp1: make 1 change
          files: write /etc/x
      cp2: make 1 change
          files: write /etc/x
      cp3: make 1 change
          files: write /etc/x
      w1: make 1 change
          files: write /etc/x
      w2: make 1 change
          files: write /etc/x
    the first control plane
      cp1: become the first control plane (kubeadm init)
    control planes (one by one)
      cp2: make place in etcd, should a killed join have left a member
      cp2: join (kubeadm join)
      cp3: make place in etcd, should a killed join have left a member
      cp3: join (kubeadm join)
    workers (together)
      w1: join (kubeadm join)
      w2: join (kubeadm join)
    labels
      w1: label the node: disk=ssd
    ");
}

#[test]
fn a_cluster_that_is_there_needs_nothing() {
    assert_eq!(Lab::made(CLUSTER).deploy(), "");
}

#[test]
fn a_cluster_that_was_begun_and_has_no_network_plugin_yet_gets_it() {
    let mut lab = Lab::made(CLUSTER);
    lab.change("cp1", |survey| {
        survey.outlook.as_mut().unwrap().after_init.push("network: run kubectl apply".to_owned());
    });
    assert_snapshot!(lab.deploy(), @r"
    what follows the beginning
      cp1: get what follows kubeadm init: access, network plugin
    ");
}

#[test]
fn a_dead_worker_is_left_out_and_a_dead_control_plane_is_not() {
    let mut lab = Lab::bare(CLUSTER);
    lab.silence("w1");
    lab.silence("cp2");
    assert_snapshot!(lab.deploy(), @r"
    left out: w1: it cannot be reached: no route
    refused: cp2: it cannot be reached: no route
    ");
}

#[test]
fn what_is_of_another_cluster_or_another_role_is_refused_before_anything_is_done() {
    let mut lab = Lab::made(CLUSTER);
    lab.change("w1", |survey| {
        survey.standing = Standing::Node {
            server: "https://10.9.9.9:6443".to_owned(),
            authority: "sha256:bb".to_owned(),
            control_plane: false,
            answers: false,
        };
    });
    lab.change("w2", |survey| {
        if let Standing::Node { control_plane, .. } = &mut survey.standing {
            *control_plane = true;
        }
    });
    assert_snapshot!(lab.deploy(), @r"
    refused: w2 is a control plane of the cluster, and has another role in the inventory; remove it and add it again
    refused: hosts are nodes of different clusters: cp1, cp2, cp3, w2 against w1; mend `address` or `ssh.host`, or take the strangers out of the inventory; `node-prep reset` on a host takes it out of its cluster
    ");
}

#[test]
fn a_cluster_whose_control_planes_are_silent_is_never_begun_anew() {
    let mut lab = Lab::made(CLUSTER);
    for host in ["cp1", "cp2", "cp3"] {
        lab.cut_off(host);
        lab.change(host, |survey| survey.serves = false);
    }
    assert_snapshot!(lab.deploy(), @r"refused: there is a control plane on cp1, and no API server answers; look at `journalctl -u kubelet` and `crictl ps -a` there; `k8s-cluster etcd status` shows the members of etcd");
}

#[test]
fn a_proxy_that_leads_nowhere_is_told_and_mended_before_anything_else() {
    let mut lab = Lab::made(CLUSTER);
    for host in ["cp1", "cp2", "cp3"] {
        lab.cut_off(host);
    }
    lab.change("w2", |survey| survey.standing = Standing::Nothing);
    lab.nodes(|nodes| nodes.retain(|node| node.name != "w2"));
    assert_snapshot!(lab.deploy(), @r"
    proxies that lead nowhere
      lb: start haproxy again
    until the API answers
      cp1: wait until https://10.20.0.30:6443 answers
    workers
      w2: join (kubeadm join)
    note: the API servers of cp1, cp2, cp3 answer, https://10.20.0.30:6443 does not: look at haproxy on lb (`journalctl -u haproxy` there)
    ");
    lab.change("lb", |survey| {
        survey.outlook.as_mut().unwrap().changes.push("haproxy: start haproxy.service".to_owned());
    });
    lab.change("cp3", |survey| survey.serves = false);
    assert_snapshot!(lab.deploy(), @r"
    proxies
      lb: make 1 change
          haproxy: start haproxy.service
    until the API answers
      cp1: wait until https://10.20.0.30:6443 answers
    workers
      w2: join (kubeadm join)
    note: the API servers of cp1, cp2 answer, https://10.20.0.30:6443 does not: look at haproxy on lb (`journalctl -u haproxy` there)
    ");
    let repair = |names: &[&str]| {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        repair(lab.seen(), &lab.wishes, &names).to_string()
    };
    assert_snapshot!(repair(&["lb"]), @r"
    proxies
      lb: make 1 change
          haproxy: start haproxy.service
    until the API answers
      cp1: wait until https://10.20.0.30:6443 answers
    note: the API servers of cp1, cp2 answer, https://10.20.0.30:6443 does not: look at haproxy on lb (`journalctl -u haproxy` there)
    ");
    assert_snapshot!(repair(&["w1"]), @r"
    note: w1 is Ready; its runtime and kubelet are not started again
    refused: the API servers of cp1, cp2 answer, https://10.20.0.30:6443 does not: look at haproxy on lb (`journalctl -u haproxy` there); `k8s-cluster repair lb` starts it again
    ");
    assert_snapshot!(lab.remove(&["w1"], &Remove::default()), @r"refused: the API servers of cp1, cp2 answer, https://10.20.0.30:6443 does not: look at haproxy on lb (`journalctl -u haproxy` there); `k8s-cluster repair lb` starts it again");
    assert_snapshot!(add(lab.seen(), &lab.wishes, &["w2".to_owned()]), @r"refused: the API servers of cp1, cp2 answer, https://10.20.0.30:6443 does not: look at haproxy on lb (`journalctl -u haproxy` there); `k8s-cluster repair lb` starts it again");
    // One that is answered is enough for everybody.
    lab.change("cp2", |survey| {
        if let Standing::Node { answers, .. } = &mut survey.standing {
            *answers = true;
        }
    });
    assert_eq!(lab.seen().cut_off(), None);
}

#[test]
fn a_balancer_that_is_elsewhere_is_not_mended_from_here() {
    let lb = "- {name: lb, address: 10.20.0.30, role: proxy}\n";
    let text = CLUSTER.replace("kind: proxy", "kind: external").replace(lb, "");
    let mut lab = Lab::made(&text);
    for host in ["cp1", "cp2", "cp3"] {
        lab.cut_off(host);
    }
    assert_snapshot!(lab.deploy(), @r"refused: the API servers of cp1, cp2, cp3 answer, https://10.20.0.30:6443 does not: look at the balancer that has this address");
}

#[test]
fn hosts_that_are_copies_of_each_other_and_clocks_that_are_apart_are_told() {
    let mut lab = Lab::bare(CLUSTER);
    lab.change("w2", |survey| survey.machine_id = format!("{:032x}", 4));
    lab.change("cp3", |survey| survey.addresses = vec!["10.20.0.99".parse().unwrap()]);
    lab.surveys.get_mut("cp1").unwrap().as_mut().unwrap().ahead_ms = 95_000;
    assert_snapshot!(lab.deploy(), @r"
    refused: w1, w2 have the same machine id, 00000000000000000000000000000004; they are copies of one machine: empty /etc/machine-id on all but one, and boot them again
    refused: cp3 does not have its address 10.20.0.13; mend `address`, or the host's network
    refused: the clock of cp1 is 95 s ahead of most others; set it, and have it kept right by chrony or timesyncd
    ");
}

#[test]
fn deploy_never_changes_the_minor_of_a_node() {
    let mut lab = Lab::made(CLUSTER);
    lab.change("w1", |survey| survey.versions.kubelet = Some("1.34.9".to_owned()));
    assert_snapshot!(lab.deploy(), @r"refused: w1: its kubelet is 1.34.9, and the inventory wants Kubernetes 1.35; `k8s-cluster upgrade` goes there, one minor at a time");
}

#[test]
fn a_new_control_plane_is_told_to_proxies_first() {
    let mut lab = Lab::made(CLUSTER);
    lab.change("cp3", |survey| {
        survey.standing = Standing::Nothing;
        survey.etcd = None;
        survey.nodes = None;
    });
    lab.nodes(|nodes| nodes.retain(|node| node.name != "cp3"));
    lab.change("lb", |survey| {
        survey
            .outlook
            .as_mut()
            .unwrap()
            .changes
            .push("haproxy: write /etc/haproxy/haproxy.cfg".to_owned());
    });
    assert_snapshot!(add(lab.seen(), &lab.wishes, &["cp3".to_owned()]), @r"
    proxies
      lb: make 1 change
          haproxy: write /etc/haproxy/haproxy.cfg
    control planes
      cp3: make place in etcd, should a killed join have left a member
      cp3: join (kubeadm join)
    ");
}

#[test]
fn a_control_plane_leaves_etcd_before_its_node_goes() {
    let lab = Lab::made(CLUSTER);
    assert_snapshot!(lab.remove(&["w1", "cp3"], &Remove::default()), @r"
    remove cp3
      cp3: keep new pods away (cordon)
      cp3: move the pods away within 300 s (drain)
      cp3: take its member out of etcd
      cp3: delete the node
      cp3: take away what the cluster left, and the data of etcd
    remove w1
      w1: keep new pods away (cordon)
      w1: move the pods away within 300 s (drain)
      w1: delete the node
      w1: take away what the cluster left
    note: 2 control planes stay: etcd bears the loss of 0 of them, as with 1
    ");
}

#[test]
fn the_last_control_plane_and_a_silent_host_are_not_removed_by_the_way() {
    let mut lab = Lab::made(CLUSTER);
    assert_snapshot!(lab.remove(&["cp1", "cp2", "cp3"], &Remove::default()), @r"refused: a cluster cannot lose its last control plane; `k8s-cluster clean` takes the whole cluster apart");
    lab.silence("w1");
    assert_snapshot!(lab.remove(&["w1"], &Remove::default()), @r"refused: w1: it cannot be reached: no route; say --gone if it is switched off and will not come back");
    let how = Remove { gone: true, ..Remove::default() };
    assert_snapshot!(lab.remove(&["w1"], &how), @r"
    remove w1
      w1: keep new pods away (cordon)
      w1: delete the node
    note: w1 does not answer: nothing is moved away from it, and nothing cleaned on it
    ");
}

#[test]
fn op_b6_08_a_control_plane_is_not_repaired_and_a_ready_worker_is_left_in_peace() {
    let mut lab = Lab::made(CLUSTER);
    lab.nodes(|nodes| {
        for node in nodes.iter_mut().filter(|node| node.name == "w2") {
            node.ready = false;
        }
    });
    let names = ["cp2", "w1", "w2"].map(str::to_owned);
    assert_snapshot!(repair(lab.seen(), &lab.wishes, &names), @r"
    note: w1 is Ready; its runtime and kubelet are not started again
    refused: cp2 is a control plane: nothing was touched. `k8s-cluster etcdfix cp2` mends its member of etcd, `k8s-cluster remove` and `add` make it anew
    ");
}

#[test]
fn data_of_a_former_cluster_are_told_before_anything_is_prepared() {
    let mut lab = Lab::bare(CLUSTER);
    lab.change("cp2", |survey| survey.etcd_data = vec!["/var/lib/etcd".to_owned()]);
    assert_snapshot!(lab.deploy(), @r"refused: cp2 has data of etcd of a former cluster, in /var/lib/etcd; `k8s-cluster clean --with-data` takes them away");
    let how = Clean { with_data: true, ..Clean::default() };
    assert_snapshot!(clean(lab.seen(), how), @r"
    control planes
      cp2: take away what the cluster left, and the data of etcd
    ");
}

#[test]
fn no_cluster_is_begun_beside_one_that_is_there() {
    let mut lab = Lab::made(CLUSTER);
    for host in ["cp1", "cp2", "cp3"] {
        lab.change(host, |survey| {
            survey.standing = Standing::Nothing;
            survey.etcd = None;
            survey.nodes = None;
        });
    }
    assert_snapshot!(lab.deploy(), @r"refused: w1 is a node of a cluster, and none of the control planes of the inventory is: a new cluster would be begun beside it; mend the addresses of the control planes, or have `node-prep reset` take w1 out");
}

#[test]
fn a_host_joins_with_the_minor_of_the_cluster() {
    let mut lab = Lab::made(CLUSTER);
    lab.change("w2", |survey| survey.standing = Standing::Nothing);
    lab.wishes.get_mut("w2").unwrap().node.kubernetes.as_mut().unwrap().version =
        "1.36".parse().unwrap();
    assert_snapshot!(add(lab.seen(), &lab.wishes, &["w2".to_owned()]), @r"refused: w2: the cluster is Kubernetes 1.35.4, and the inventory wants 1.36 for this host; a host joins with the cluster's minor, and `k8s-cluster upgrade` goes on from there");
}

#[test]
fn a_host_that_answers_is_never_given_up() {
    let mut lab = Lab::made(CLUSTER);
    let why = "its key has changed".to_owned();
    lab.surveys.insert("w1".to_owned(), Err(Silence { why, unreachable: false }));
    let how = Remove { gone: true, ..Remove::default() };
    assert_snapshot!(lab.remove(&["w1"], &how), @r"refused: w1: its key has changed");
}

#[test]
fn what_etcd_would_refuse_is_refused_before_pods_move() {
    let mut lab = Lab::made(CLUSTER);
    lab.change("cp1", |survey| survey.etcd.as_mut().unwrap().view = None);
    lab.change("cp2", |survey| {
        survey.etcd.as_mut().unwrap().view.as_mut().unwrap().leader = Some("a2".to_owned());
    });
    assert_snapshot!(lab.remove(&["cp3"], &Remove::default()), @r"
    note: 2 control planes stay: etcd bears the loss of 0 of them, as with 1
    refused: cp3: without cp3 (https://10.20.0.13:2380) etcd needs 2 healthy voting members and has 1: mend or remove first cp1 (https://10.20.0.11:2380)
    ");
}

#[test]
fn while_etcd_has_an_alarm_nobody_leaves_and_nothing_is_upgraded() {
    let mut lab = Lab::made(CLUSTER);
    for name in ["cp1", "cp2", "cp3"] {
        lab.change(name, |survey| {
            let view = survey.etcd.as_mut().unwrap().view.as_mut().unwrap();
            let (kind, member) = ("NOSPACE".to_owned(), view.members[1].id.clone());
            view.alarms = vec![etcd::Alarm { kind, member }];
            view.healthy = false;
        });
    }
    for plan in [lab.remove(&["w1"], &Remove::default()), lab.upgrade("1.36")] {
        assert!(plan.starts_with("refused: etcd has an alarm"), "{plan}");
        assert!(plan.contains("NOSPACE of cp2 (https://10.20.0.12:2380)"), "{plan}");
    }
}

#[test]
fn where_an_order_left_a_member_parked_that_order_comes_first() {
    let mut lab = Lab::made(CLUSTER);
    lab.change("cp2", |survey| {
        let here = survey.etcd.as_mut().unwrap();
        (here.manifest, here.view) = (ManifestPlace::Parked, None);
        survey.serves = false;
    });
    let seen = Seen { inventory: &lab.inventory, surveys: &lab.surveys };
    for plan in [lab.deploy(), lab.upgrade("1.36"), super::renew(seen).to_string()] {
        assert!(plan.contains("etcdfix cp2` or `etcd restore` goes on"), "{plan}");
    }
}

#[test]
fn a_member_that_a_renewal_has_ended_is_not_one_that_is_gone() {
    let mut lab = Lab::made(CLUSTER);
    lab.change("cp2", |survey| {
        survey.etcd = None;
        survey.ended_pods = vec!["etcd".to_owned()];
    });
    let situation = lab.seen().situation();
    let here = situation.host("cp2").unwrap().here.as_ref();
    assert!(here.unwrap_err().ends_with("`k8s-cluster certs renew` goes on, and starts it again"));
    assert!(!situation.host("cp2").unwrap().unreachable);
}

#[test]
fn hosts_of_two_clusters_are_never_reset_together() {
    let mut lab = Lab::made(CLUSTER);
    lab.change("cp3", |survey| {
        if let Standing::Node { authority, .. } = &mut survey.standing {
            *authority = "sha256:bb".to_owned();
        }
    });
    assert_snapshot!(lab.remove(&["cp3"], &Remove::default()), @r"
    note: 2 control planes stay: etcd bears the loss of 0 of them, as with 1
    refused: hosts are nodes of different clusters: cp1, cp2, w1, w2 against cp3; mend `address` or `ssh.host`, or take the strangers out of the inventory; `node-prep reset` on a host takes it out of its cluster
    ");
    assert_eq!(clean(lab.seen(), Clean::default()).phases, []);
    assert_eq!(renew(lab.seen()).phases, []);
    assert!(lab.upgrade("1.36").starts_with("refused: hosts are nodes of different clusters"));
}

#[test]
fn a_control_plane_neither_comes_nor_goes_where_a_proxy_cannot_be_told() {
    let mut lab = Lab::made(CLUSTER);
    lab.silence("lb");
    assert_snapshot!(lab.remove(&["cp3"], &Remove::default()), @r"
    note: 2 control planes stay: etcd bears the loss of 0 of them, as with 1
    refused: lb: it cannot be reached: no route
    ");
}

#[test]
fn a_node_that_somebody_else_has_cordoned_gets_no_mark_and_stays_cordoned() {
    let mut lab = Lab::made(CLUSTER);
    lab.nodes(|nodes| nodes.iter_mut().for_each(|node| node.cordoned = true));
    let plan = lab.upgrade("1.36");
    assert!(!plan.contains("cordon)"), "{plan}");
}

#[test]
fn an_upgrade_goes_one_minor_control_planes_first() {
    let lab = Lab::made(CLUSTER);
    assert_snapshot!(lab.upgrade("1.36"), @r"
    snapshot
      cp1: take a snapshot of etcd to /var/lib/node-prep/etcd/before-upgrade-20260131-120000.db
    upgrade cp1
      cp1: install kubeadm 1.36
      cp1: upgrade the cluster to 1.36 (kubeadm upgrade apply)
      cp1: keep new pods away (cordon)
      cp1: move the pods away within 300 s (drain)
      cp1: install kubelet and kubectl 1.36, and start the kubelet again
      cp1: wait until the node is Ready with kubelet 1.36
      cp1: let pods come again (uncordon)
    upgrade cp2
      cp2: install kubeadm 1.36
      cp2: upgrade the host to 1.36 (kubeadm upgrade node)
      cp2: keep new pods away (cordon)
      cp2: move the pods away within 300 s (drain)
      cp2: install kubelet and kubectl 1.36, and start the kubelet again
      cp2: wait until the node is Ready with kubelet 1.36
      cp2: let pods come again (uncordon)
    upgrade cp3
      cp3: install kubeadm 1.36
      cp3: upgrade the host to 1.36 (kubeadm upgrade node)
      cp3: keep new pods away (cordon)
      cp3: move the pods away within 300 s (drain)
      cp3: install kubelet and kubectl 1.36, and start the kubelet again
      cp3: wait until the node is Ready with kubelet 1.36
      cp3: let pods come again (uncordon)
    upgrade w1
      w1: install kubeadm 1.36
      w1: upgrade the host to 1.36 (kubeadm upgrade node)
      w1: keep new pods away (cordon)
      w1: move the pods away within 300 s (drain)
      w1: install kubelet and kubectl 1.36, and start the kubelet again
      w1: wait until the node is Ready with kubelet 1.36
      w1: let pods come again (uncordon)
    upgrade w2
      w2: install kubeadm 1.36
      w2: upgrade the host to 1.36 (kubeadm upgrade node)
      w2: keep new pods away (cordon)
      w2: move the pods away within 300 s (drain)
      w2: install kubelet and kubectl 1.36, and start the kubelet again
      w2: wait until the node is Ready with kubelet 1.36
      w2: let pods come again (uncordon)
    ");
}

#[test]
fn an_upgrade_that_was_cut_short_goes_on_where_it_was() {
    let mut lab = Lab::made(CLUSTER);
    let new = || Some("1.36.1".to_owned());
    for host in ["cp1", "cp2", "cp3", "w1"] {
        lab.change(host, |survey| {
            survey.versions.kubeadm = new();
            survey.versions.kubelet = new();
            survey.versions.api_server = new();
        });
    }
    lab.change("cp3", |survey| survey.versions.kubelet = Some("1.35.4".to_owned()));
    lab.nodes(|nodes| {
        for node in nodes.iter_mut().filter(|node| ["cp1", "cp2", "w1"].contains(&&*node.name)) {
            "1.36.1".clone_into(&mut node.version);
        }
        for node in nodes.iter_mut().filter(|node| ["cp3", "w1"].contains(&node.name.as_str())) {
            node.cordoned = true;
            node.annotations.insert(CORDONED.to_owned(), "true".to_owned());
        }
    });
    assert_snapshot!(lab.upgrade("1.36"), @r"
    snapshot
      cp1: take a snapshot of etcd to /var/lib/node-prep/etcd/before-upgrade-20260131-120000.db
    upgrade cp3
      cp3: keep new pods away (cordon)
      cp3: move the pods away within 300 s (drain)
      cp3: install kubelet and kubectl 1.36, and start the kubelet again
      cp3: wait until the node is Ready with kubelet 1.36
      cp3: let pods come again (uncordon)
    upgrade w1
      w1: let pods come again (uncordon)
    upgrade w2
      w2: install kubeadm 1.36
      w2: upgrade the host to 1.36 (kubeadm upgrade node)
      w2: keep new pods away (cordon)
      w2: move the pods away within 300 s (drain)
      w2: install kubelet and kubectl 1.36, and start the kubelet again
      w2: wait until the node is Ready with kubelet 1.36
      w2: let pods come again (uncordon)
    ");
}

#[test]
fn an_upgrade_that_was_cut_short_waits_for_the_api_servers_that_it_has_started_again() {
    let mut lab = Lab::made(CLUSTER);
    let wishes = lab.wishes.clone();
    assert_eq!(coming_back(lab.seen(), &wishes), Vec::<&str>::new());
    for host in ["cp1", "cp2", "cp3"] {
        lab.change(host, |survey| {
            survey.serves = false;
            if let Standing::Node { answers, .. } = &mut survey.standing {
                *answers = false;
            }
        });
    }
    lab.silence("cp2");
    lab.change("cp3", |survey| survey.versions.kubeadm = Some("1.34.9".to_owned()));
    assert_eq!(coming_back(lab.seen(), &wishes), ["cp1"]);
}

#[test]
fn an_upgrade_never_goes_back_nor_over_a_minor_nor_past_a_node_that_is_not_ready() {
    let mut lab = Lab::made(CLUSTER);
    assert_snapshot!(lab.upgrade("1.34"), @r"
    refused: cp1: it has 1.35.4, and Kubernetes is never taken back, to 1.34
    refused: cp2: it has 1.35.4, and Kubernetes is never taken back, to 1.34
    refused: cp3: it has 1.35.4, and Kubernetes is never taken back, to 1.34
    refused: w1: it has 1.35.4, and Kubernetes is never taken back, to 1.34
    refused: w2: it has 1.35.4, and Kubernetes is never taken back, to 1.34
    ");
    lab.nodes(|nodes| nodes[4].ready = false);
    assert_snapshot!(lab.upgrade("1.37"), @r"
    refused: the node w2 is not Ready (); mend it first
    refused: cp1: from 1.35.4 to 1.37 is too far at once; upgrade to 1.36 first
    refused: cp2: from 1.35.4 to 1.37 is too far at once; upgrade to 1.36 first
    refused: cp3: from 1.35.4 to 1.37 is too far at once; upgrade to 1.36 first
    refused: w1: from 1.35.4 to 1.37 is too far at once; upgrade to 1.36 first
    refused: w2: from 1.35.4 to 1.37 is too far at once; upgrade to 1.36 first
    ");
}

#[test]
fn a_cluster_is_taken_apart_workers_first_and_its_data_stay() {
    let lab = Lab::made(CLUSTER);
    assert_snapshot!(clean(lab.seen(), Clean::default()), @r"
    workers (together)
      w1: take away what the cluster left
      w2: take away what the cluster left
    control planes (one by one)
      cp3: take away what the cluster left
      cp2: take away what the cluster left
      cp1: take away what the cluster left
    note: the data of etcd stay on the control planes; --with-data takes them away
    ");
    assert_eq!(clean(Lab::bare(CLUSTER).seen(), Clean::default()).to_string(), "");
}
