//! Most of the control planes burn.

use std::time::Duration;

use etcd::Api as _;
use fleet::etcd::{Goal, Orders, Pace, plan};
use fleet::run::members;

use crate::desk::{Command, done, made, run};
use crate::lab::{Lab, Mood, six};

const WITHOUT: &str = "`k8s-cluster etcd restore --from SNAPSHOT --without cp2 --without cp3`";

fn orders<R>(lab: &Lab, snapshot: Option<&[u8]>, work: impl FnOnce(&Orders<'_>) -> R) -> R {
    let hosts = members(&six());
    let none = Duration::ZERO;
    let whole = Duration::from_mins(1);
    let pace = Pace { whole, pause: none, settle: none, rounds: 200 };
    work(&Orders { contact: lab, watch: lab, hosts: &hosts, snapshot, pace })
}

#[test]
fn a_cluster_whose_control_planes_burned_goes_on_by_what_the_messages_say() {
    let inventory = six();
    let lab = made(&inventory);
    let whole = lab.state();
    lab.with("cp1", |host| host.set("/usr/local/bin/etcdutl", ""));
    let mut snapshot = Vec::new();
    lab.members.member("https://10.20.0.1:2380").snapshot(&mut snapshot).unwrap();
    for name in ["cp2", "cp3"] {
        lab.mood(name, Mood::Burned);
    }
    // Whatever is tried first, it leads to the same.
    let mend = Goal::Mend { hosts: vec!["cp2".to_owned()], snapshot: "/s".to_owned() };
    let restore = |all: [&str; 3], count: usize| Goal::Restore {
        hosts: all[..count].iter().map(ToString::to_string).collect(),
        without: all[count..].iter().map(ToString::to_string).collect(),
        path: "/var/lib/node-prep/etcd/restore-1.db".to_owned(),
        token: "t1".to_owned(),
        revision: None,
        force: false,
    };
    let all = ["cp1", "cp2", "cp3"];
    let situation = orders(&lab, None, |orders: &Orders<'_>| Orders::survey(orders));
    let lost = situation.lost().unwrap();
    assert!(lost.contains(WITHOUT), "{lost}");
    let refused =
        plan(&Goal::Mend { hosts: vec!["cp1".to_owned()], snapshot: "/s".to_owned() }, &situation);
    assert_eq!(refused.refusal(), Some(lost.as_str()));
    let refused = plan(&mend, &situation).refusal().unwrap().to_owned();
    assert!(refused.contains("`k8s-cluster remove cp2 --gone`"), "{refused}");
    let refused = run(&lab, &inventory, &Command::GiveUp(&["cp2", "cp3"])).unwrap_err().join("\n");
    assert!(refused.contains("no API server") && refused.contains(WITHOUT), "{refused}");
    let refused = plan(&restore(all, 3), &situation).refusal().unwrap().to_owned();
    assert!(refused.contains(WITHOUT), "{refused}");

    let notes = plan(&restore(all, 1), &situation).notes.join("\n");
    assert!(notes.contains("afterwards `k8s-cluster remove cp2 cp3 --gone`"), "{notes}");
    orders(&lab, Some(&snapshot), |orders| orders.carry_out(&restore(all, 1))).unwrap();
    let one = "true cp1 https://10.20.0.1:2380 false";
    assert_eq!(lab.state()["etcd cp1"], one);
    done(&lab, &inventory, &Command::GiveUp(&["cp2", "cp3"]), "after the restore");
    assert!(!lab.state().contains_key("node cp2"));
    for name in ["cp2", "cp3"] {
        lab.replace(&inventory, name);
    }
    done(&lab, &inventory, &Command::Add("cp2"), "");
    done(&lab, &inventory, &Command::Add("cp3"), "");
    let now = lab.state();
    for key in ["etcd cp1", "etcd cp2", "etcd cp3", "node cp2", "node cp3", "host lb"] {
        assert_eq!(now.get(key), whole.get(key), "{key}");
    }
}
