//! Members of etcd on hosts of their own, and a desk.

#![expect(clippy::panic, reason = "a test that cannot go on is to fail")]

use std::collections::BTreeSet;
use std::io::Write;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use fleet::etcd::{Goal, OrderError, Orders, Pace, Report, Situation, Standing};
use fleet::{Contact, ContactError, News, Watch};
use node_bootstrap::agent::{Answer, Call, EtcdRequest, Event, Reply, Request};
use node_bootstrap::secret::exposing;
use tests::hosts::{Host, Hosts};

const MANIFEST: &str = "/etc/kubernetes/manifests/etcd.yaml";
const LONG: Duration = Duration::from_mins(1);

pub(super) struct Members {
    hosts: Vec<Host>,
    calls: AtomicUsize,
    dies_after: Mutex<Option<usize>>,
    silent: Mutex<BTreeSet<String>>,
    taken: Mutex<Option<Vec<u8>>>,
    /// Which hosts have a member now.
    current: Mutex<BTreeSet<String>>,
    said: Mutex<Vec<String>>,
}

pub(super) fn mend(hosts: &[&str]) -> Goal {
    let hosts = hosts.iter().map(|&host| host.to_owned()).collect();
    Goal::Mend { hosts, snapshot: "/root/before.db".to_owned() }
}

pub(super) fn leave(host: &str) -> Goal {
    Goal::Leave { host: host.to_owned(), force: false, snapshot: "/root/before.db".to_owned() }
}

impl Members {
    /// Boots hosts, and works at a desk that is in their network. Without hosts or etcd it is skipped, which is said.
    pub(super) fn with(count: usize, work: impl FnOnce(&Self) + Send) {
        let Some(hosts) = Hosts::needed() else { return };
        let Some(binaries) = hosts.kubernetes_programs() else { return };
        let booted: Option<Vec<Host>> = (0..count).map(|_| hosts.boot_light()).collect();
        let Some(booted) = booted else { return };
        let members = Self {
            hosts: booted,
            calls: AtomicUsize::new(0),
            dies_after: Mutex::default(),
            silent: Mutex::default(),
            taken: Mutex::default(),
            current: Mutex::default(),
            said: Mutex::default(),
        };
        let certificates = members.certificates();
        for host in &members.hosts {
            host.copy_in(tests::node_prep(), "/usr/local/bin/node-prep");
            for program in ["etcd", "etcdutl"] {
                host.copy_in(&binaries.join(program), &format!("/usr/local/bin/{program}"));
            }
            host.write("/usr/local/bin/static-pods", include_str!("static-pods"));
            for (name, text) in &certificates {
                host.write(&format!("/etc/kubernetes/pki/etcd/{name}"), text);
            }
            host.done(&["sh", "-c", "mkdir -p /etc/kubernetes/manifests; chmod +x /usr/local/bin/static-pods; setsid static-pods </dev/null >/dev/null 2>&1 &"]);
        }
        hosts.at_desk(|| work(&members));
    }

    /// One authority; one certificate for all that kubeadm makes several for.
    fn certificates(&self) -> Vec<(&'static str, String)> {
        use rcgen::{
            BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
        };
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(rcgen::DnType::CommonName, "etcd-ca");
        let authority = params.self_signed(&key).unwrap().pem();
        let issuer = Issuer::new(params, key);
        let names = self.hosts.iter().map(|host| host.address().to_owned());
        let names = names.chain(["127.0.0.1".to_owned(), "localhost".to_owned()]);
        let mut params = CertificateParams::new(names.collect::<Vec<_>>()).unwrap();
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        params.distinguished_name.push(rcgen::DnType::CommonName, "member");
        let own = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&own, &issuer).unwrap().pem();
        let mut files = vec![("ca.crt", authority)];
        for name in ["server.crt", "peer.crt", "healthcheck-client.crt"] {
            files.push((name, certificate.clone()));
        }
        for name in ["server.key", "peer.key", "healthcheck-client.key"] {
            files.push((name, own.serialize_pem()));
        }
        files
    }

    pub(super) fn names(&self, count: usize) -> Vec<String> {
        self.hosts[..count].iter().map(|host| host.name().to_owned()).collect()
    }

    /// Where somebody writes.
    pub(super) fn endpoints(&self) -> Vec<String> {
        self.hosts.iter().map(|host| format!("{}:2378", host.address())).collect()
    }

    fn host(&self, name: &str) -> &Host {
        self.hosts.iter().find(|host| host.name() == name).unwrap()
    }

    fn shell(&self, name: &str, script: &str) -> String {
        self.host(name).done(&["sh", "-c", script])
    }

    /// As kubeadm writes it, and one URL more for who writes.
    fn manifest(host: &Host, initial_cluster: &str, state: &str) -> String {
        let (name, address) = (host.name(), host.address());
        let pki = "/etc/kubernetes/pki/etcd";
        format!(
            "apiVersion: v1
kind: Pod
metadata:
  annotations:
    kubeadm.kubernetes.io/etcd.advertise-client-urls: https://{address}:2379
  labels:
    component: etcd
    tier: control-plane
  name: etcd
  namespace: kube-system
spec:
  containers:
  - command:
    - etcd
    - --advertise-client-urls=https://{address}:2379
    - --cert-file={pki}/server.crt
    - --client-cert-auth=true
    - --data-dir=/var/lib/etcd
    - --initial-advertise-peer-urls=https://{address}:2380
    - --initial-cluster={initial_cluster}
    - --initial-cluster-state={state}
    - --key-file={pki}/server.key
    - --listen-client-urls=https://127.0.0.1:2379,https://{address}:2379,http://{address}:2378
    - --listen-metrics-urls=http://127.0.0.1:2381
    - --listen-peer-urls=https://{address}:2380
    - --name={name}
    - --peer-cert-file={pki}/peer.crt
    - --peer-client-cert-auth=true
    - --peer-key-file={pki}/peer.key
    - --peer-trusted-ca-file={pki}/ca.crt
    - --snapshot-count=10000
    - --trusted-ca-file={pki}/ca.crt
    image: registry.k8s.io/etcd:3.6.6-0
    imagePullPolicy: IfNotPresent
    name: etcd
    volumeMounts:
    - mountPath: /var/lib/etcd
      name: etcd-data
    - mountPath: {pki}
      name: etcd-certs
  hostNetwork: true
  priorityClassName: system-node-critical
  volumes:
  - hostPath:
      path: {pki}
      type: DirectoryOrCreate
    name: etcd-certs
  - hostPath:
      path: /var/lib/etcd
      type: DirectoryOrCreate
    name: etcd-data
status: {{}}
"
        )
    }

    /// Members on the first hosts make a cluster.
    pub(super) fn found(&self, count: usize) {
        let hosts = &self.hosts[..count];
        let all: Vec<String> = hosts
            .iter()
            .map(|host| format!("{}=https://{}:2380", host.name(), host.address()))
            .collect();
        for host in hosts {
            host.write(MANIFEST, &Self::manifest(host, &all.join(","), "new"));
            self.current.lock().unwrap().insert(host.name().to_owned());
        }
        self.are_healthy(&self.names(count));
    }

    /// What `k8s-cluster add` and kubeadm do: nothing is in the way, a learner is taken in, started and promoted.
    pub(super) fn add(&self, number: usize) {
        let host = &self.hosts[number];
        let cleared = self
            .run(&Goal::Clear { host: host.name().to_owned(), address: host.address().to_owned() })
            .unwrap();
        assert_eq!(cleared.actions, []);
        // A parked manifest without data, of a host that is no member: to mend it is to take it in.
        host.write(
            "/etc/kubernetes/node-prep/parked/etcd.yaml",
            &Self::manifest(host, "", "existing"),
        );
        self.current.lock().unwrap().insert(host.name().to_owned());
        self.run(&mend(&[host.name()])).unwrap();
    }

    /// The host has no member any more.
    pub(super) fn end(&self, name: &str) {
        self.current.lock().unwrap().remove(name);
        self.shell(name, "rm -f /etc/kubernetes/manifests/etcd.yaml");
    }

    /// Ends the member's process; it is started again unless it is held.
    pub(super) fn kill(&self, name: &str) {
        self.shell(name, "kill -9 $(cat /run/etcd.pid) 2>/dev/null; true");
    }

    /// Ends the member's process, and keeps it from being started.
    pub(super) fn hold(&self, name: &str) {
        self.shell(name, "touch /run/hold; kill -9 $(cat /run/etcd.pid) 2>/dev/null; true");
    }

    pub(super) fn release(&self, name: &str) {
        self.shell(name, "rm -f /run/hold");
    }

    /// Kills the member, and deletes its data. It is not started again before its manifest is parked: as a voter that has forgotten
    /// everything it could come back by itself after an election, and etcd promises nothing then.
    pub(super) fn wipe(&self, name: &str) {
        self.hold(name);
        self.shell(name, "rm -rf /var/lib/etcd");
    }

    /// Kills the member, and makes its data useless.
    pub(super) fn break_data(&self, name: &str) {
        self.hold(name);
        self.shell(
            name,
            "for f in /var/lib/etcd/member/wal/*.wal; do head -c 4096 /dev/urandom >$f; done",
        );
        self.release(name);
    }

    /// Drops all that comes from or goes to other hosts, or no more.
    pub(super) fn isolate(&self, name: &str, is: bool) {
        self.shell(name, if is { "ip link set eth0 down" } else { "ip link set eth0 up" });
    }

    pub(super) fn cannot_be_asked(&self, name: &str) {
        self.silent.lock().unwrap().insert(name.to_owned());
    }

    pub(super) fn has_old_data(&self, name: &str) -> bool {
        let situation = self.survey();
        situation.host(name).unwrap().here.as_ref().unwrap().has_old_data
    }

    /// The one that leads.
    pub(super) fn leader(&self) -> String {
        let begun = Instant::now();
        while begun.elapsed() < LONG {
            let Standing::Agreed(agreed) = self.survey().standing() else { continue };
            let leads = |(_, id): &&(String, String)| Some(id) == agreed.leader.as_ref();
            if let Some((host, _)) = agreed.healthy.iter().find(leads) {
                return host.clone();
            }
        }
        panic!("no member leads");
    }

    /// Waits until exactly these vote, and are healthy.
    #[track_caller]
    pub(super) fn are_healthy(&self, names: &[String]) {
        let mut last = None;
        let wanted: BTreeSet<&String> = names.iter().collect();
        let begun = Instant::now();
        while begun.elapsed() < LONG {
            let standing = self.survey().standing();
            if let Standing::Agreed(agreed) = &standing
                && agreed.healthy.iter().map(|(host, _)| host).collect::<BTreeSet<_>>() == wanted
                && agreed.members.len() == names.len()
            {
                return;
            }
            last = Some(standing);
        }
        panic!("{names:?} are not healthy: {last:#?}\n{:#?}", self.said);
    }

    /// Waits until a host's member is healthy again, and answers whether it came by itself.
    pub(super) fn comes_back(&self, name: &str, limit: Duration) -> bool {
        let begun = Instant::now();
        while begun.elapsed() < limit {
            if let Standing::Agreed(agreed) = self.survey().standing()
                && agreed.healthy.iter().any(|(host, _)| host == name)
            {
                return true;
            }
        }
        false
    }

    /// The desk goes before it asks so many things, and one more.
    pub(super) fn desk_dies_after(&self, calls: usize) {
        self.calls.store(0, Ordering::SeqCst);
        *self.dies_after.lock().unwrap() = Some(calls);
    }

    pub(super) fn desk_lives(&self) {
        *self.dies_after.lock().unwrap() = None;
    }

    pub(super) fn take(&self, snapshot: Vec<u8>) {
        *self.taken.lock().unwrap() = Some(snapshot);
    }

    pub(super) fn fetched(&self, host: &str, path: &str) -> Vec<u8> {
        let mut content = Vec::new();
        self.fetch(host, path, &mut content).unwrap();
        content
    }

    fn orders<R>(&self, work: impl FnOnce(&Orders<'_>) -> R) -> R {
        let current = self.current.lock().unwrap().clone();
        let hosts = self.hosts.iter().filter(|host| current.contains(host.name()));
        let hosts: Vec<(String, String)> =
            hosts.map(|host| (host.name().to_owned(), host.address().to_owned())).collect();
        let snapshot = self.taken.lock().unwrap().clone();
        // A desk that is dead waits for nobody.
        let is_dead = self.dies_after.lock().unwrap().is_some();
        let pace = Pace {
            whole: Duration::from_mins(3),
            pause: Duration::from_millis(200),
            settle: Duration::from_secs(if is_dead { 0 } else { 20 }),
            rounds: 500,
        };
        let snapshot = snapshot.as_deref();
        work(&Orders { contact: self, watch: self, hosts: &hosts, snapshot, pace })
    }

    pub(super) fn run(&self, goal: &Goal) -> Result<Report, OrderError> {
        self.said.lock().unwrap().push(format!("--- {goal:?}"));
        let result = self.orders(|orders| orders.carry_out(goal));
        self.said.lock().unwrap().push(format!("--- {:?}", result.as_ref().map(|_| ())));
        result
    }

    pub(super) fn survey(&self) -> Situation {
        self.orders(|orders: &Orders<'_>| Orders::survey(orders))
    }

    /// What was said, for a test that fails.
    pub(super) fn history(&self) -> String {
        let said = self.said.lock().unwrap();
        let from = said.len().saturating_sub(60);
        said[from..].join("\n")
    }

    /// Whether the desk is there for one more thing that is asked.
    fn is_there(&self, changes: bool) -> Result<(), ContactError> {
        let dead = || ContactError::Broken("the desk was killed".to_owned());
        let Some(after) = *self.dies_after.lock().unwrap() else { return Ok(()) };
        let calls = if changes {
            self.calls.fetch_add(1, Ordering::SeqCst) + 1
        } else {
            self.calls.load(Ordering::SeqCst)
        };
        if calls > after { Err(dead()) } else { Ok(()) }
    }
}

impl Contact for Members {
    fn call(
        &self,
        name: &str,
        request: &Request,
        limit: Duration,
        tell: &mut dyn FnMut(&Event),
    ) -> Result<Answer, ContactError> {
        self.is_there(!matches!(request, Request::Survey { .. }))?;
        if self.silent.lock().unwrap().contains(name) {
            return Err(ContactError::Away("no route to host".to_owned()));
        }
        // Nothing is as slow here as it may be elsewhere.
        let request = match request.clone() {
            Request::Etcd(EtcdRequest::Start { initial_cluster, state, .. }) => {
                Request::Etcd(EtcdRequest::Start { initial_cluster, state, limit: LONG })
            }
            other => other,
        };
        let call = Call { by: "test@desk".to_owned(), request };
        let input = exposing(|| serde_json::to_string(&call)).unwrap();
        let said = self.host(name).run_with(&["node-prep", "agent"], &input, limit);
        let out = String::from_utf8_lossy(&said.stdout);
        for line in out.lines() {
            match serde_json::from_str(line) {
                Ok(Reply::Event(event)) => tell(&event),
                Ok(Reply::Answer(answer)) => return Ok(answer),
                Ok(Reply::Failure(failure)) => return Err(failure.into()),
                Err(error) => return Err(ContactError::Broken(format!("{error}: {line}"))),
            }
        }
        let err = String::from_utf8_lossy(&said.stderr);
        Err(ContactError::Broken(format!("{}: {out}{err}", said.status)))
    }

    fn fetch(&self, host: &str, path: &str, to: &mut dyn Write) -> Result<u64, ContactError> {
        self.is_there(true)?;
        let said = self.host(host).run(&["cat", path]);
        assert!(said.status.success(), "{path}");
        to.write_all(&said.stdout).unwrap();
        Ok(said.stdout.len() as u64)
    }

    fn put(&self, host: &str, path: &str, content: &[u8]) -> Result<(), ContactError> {
        self.is_there(true)?;
        let script = "umask 077; base64 -d >$1";
        let text = STANDARD.encode(content);
        let said = self.host(host).run_with(&["sh", "-c", script, "-", path], &text, LONG);
        assert!(said.status.success(), "{path}");
        Ok(())
    }
}

impl Watch for Members {
    fn hear(&self, news: &News<'_>) {
        let line = match news {
            News::Begun { .. } => return,
            News::Event { host, event } => format!("    {host}: {:?} {}", event.kind, event.text),
            News::Done { host, what } => format!("{host}: {what}"),
            News::Failed { host, what, why } => format!("{host}: {what}: {why}"),
            News::Phase(text) | News::Note(text) => (*text).to_owned(),
        };
        self.said.lock().unwrap().push(line);
    }
}
