//! Real members on loopback, asked by the client. `WINDLASS_ETCD` names their program; else it is looked for on the `PATH`.
//! Where there is none, that is told, and nothing is tested.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "helpers of tests fail as tests do, and say what they skip"
)]

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use etcd::{Alarm, Api, Client, Endpoint, EtcdError, Tls, View, rules};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use secret::Secret;
use sha2::{Digest, Sha256};

/// How long anything of this may take.
const LIMIT: Duration = Duration::from_mins(1);

fn program() -> Option<PathBuf> {
    let named = std::env::var_os("WINDLASS_ETCD").map(PathBuf::from);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found =
        || std::env::split_paths(&path).map(|folder| folder.join("etcd")).find(|it| it.is_file());
    let program = named.or_else(found);
    if program.is_none() {
        eprintln!("skipped: there is no etcd on the PATH, and WINDLASS_ETCD names none");
    }
    program
}

/// A member. Its process ends with it.
struct Member {
    program: PathBuf,
    folder: PathBuf,
    name: String,
    client: u16,
    peer: u16,
    scheme: &'static str,
    process: Option<Child>,
}

impl Drop for Member {
    fn drop(&mut self) {
        self.end();
    }
}

/// Ports that nobody listened at a moment ago.
fn ports(count: usize) -> Vec<u16> {
    let held: Vec<TcpListener> =
        (0..count).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
    held.iter().map(|listener| listener.local_addr().unwrap().port()).collect()
}

impl Member {
    fn new(program: &Path, folder: &Path, name: &str) -> Self {
        let free = ports(2);
        let (client, peer) = (free[0], free[1]);
        let (program, folder) = (program.to_owned(), folder.to_owned());
        Self { program, folder, name: name.to_owned(), client, peer, scheme: "http", process: None }
    }

    fn peer_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.peer)
    }

    fn client_url(&self) -> String {
        format!("{}://127.0.0.1:{}", self.scheme, self.client)
    }

    fn start(&mut self, members: &[&str], state: &str) {
        self.start_with(members, state, &[]);
    }

    fn start_with(&mut self, members: &[&str], state: &str, more: &[&str]) {
        let log = File::create(self.folder.join(format!("{}.log", self.name))).unwrap();
        let data = self.folder.join(&self.name).display().to_string();
        let process = Command::new(&self.program)
            .args(["--name", &self.name, "--data-dir", &data])
            .args(["--listen-client-urls", &self.client_url()])
            .args(["--advertise-client-urls", &self.client_url()])
            .args(["--listen-peer-urls", &self.peer_url()])
            .args(["--initial-advertise-peer-urls", &self.peer_url()])
            .args(["--initial-cluster", &members.join(",")])
            .args(["--initial-cluster-state", state])
            .args(more)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        self.process = Some(process);
    }

    /// Kills the process that was started here, and waits for its end.
    fn end(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }

    fn api(&self) -> Client {
        Client::try_new(&Endpoint { url: self.client_url(), tls: None }).unwrap()
    }

    fn named(&self) -> String {
        format!("{}={}", self.name, self.peer_url())
    }
}

/// Asks again until it is so.
fn until<T>(what: &str, mut ask: impl FnMut() -> Result<T, String>) -> T {
    let begin = Instant::now();
    loop {
        match ask() {
            Ok(come) => return come,
            Err(why) if begin.elapsed() > LIMIT => panic!("waited until {what}: {why}"),
            // The pause of a poll, which has its deadline above.
            Err(_) => std::thread::sleep(Duration::from_millis(100)),
        }
    }
}

fn patiently<T>(what: &str, mut ask: impl FnMut() -> Result<T, EtcdError>) -> T {
    until(what, || match ask() {
        Ok(done) => Ok(done),
        Err(error) if error.may_pass() => Err(error.to_string()),
        Err(error) => panic!("{what}: {error:?}"),
    })
}

fn healthy(member: &Member) -> View {
    until(&format!("{} is healthy", member.name), || match member.api().view() {
        Ok(view) if view.healthy => Ok(view),
        Ok(view) => Err(format!("{:?}", view.complaints)),
        Err(error) => Err(error.to_string()),
    })
}

/// Asks the gateway for what the client does not do.
fn post(member: &Member, path: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", member.client)).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    let length = body.len();
    write!(
        stream,
        "POST {path} HTTP/1.1\r\nHost: member\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn an_alarm_is_told_apart_from_members_that_do_not_agree() {
    let Some(program) = program() else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut a = Member::new(&program, folder.path(), "a");
    a.start_with(&[&a.named()], "new", &["--quota-backend-bytes", "300000"]);
    assert_eq!(healthy(&a).alarms, Vec::new());
    // More than there is room for.
    let value = "QUJD".repeat(100_000);
    let answer = post(&a, "/v3/kv/put", &format!(r#"{{"key": "Zm9v", "value": "{value}"}}"#));
    assert!(answer.contains("database space exceeded"), "{answer}");
    let view = until("the alarm is told", || match a.api().view() {
        Ok(view) if !view.healthy => Ok(view),
        other => Err(format!("{other:?}")),
    });
    let alarm = Alarm { kind: "NOSPACE".to_owned(), member: view.member.clone() };
    assert_eq!((&view.alarms, &view.leader), (&vec![alarm], &Some(view.member.clone())));
    assert!(!view.complaints.iter().any(|it| it.contains("alarm")), "{:?}", view.complaints);
    // Members can be changed, and data be had all the same.
    let mut snapshot = Vec::new();
    a.api().snapshot(&mut snapshot).unwrap();
    let id = etcd::number(&view.member).unwrap();
    let disarm = format!(r#"{{"action": "DEACTIVATE", "alarm": "NOSPACE", "memberID": "{id}"}}"#);
    post(&a, "/v3/maintenance/alarm", &disarm);
    assert_eq!(healthy(&a).alarms, Vec::new());
}

#[test]
fn members_come_and_go_and_a_snapshot_is_whole() {
    let Some(program) = program() else { return };
    let folder = tempfile::tempdir().unwrap();
    let [mut a, mut b, mut c] =
        ["a", "b", "c"].map(|name| Member::new(&program, folder.path(), name));
    let unreachable = a.api().view().unwrap_err();
    assert!(matches!(unreachable, EtcdError::Unreachable { .. }), "{unreachable:?}");

    let all = [a.named(), b.named()];
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    a.start(&all, "new");
    b.start(&all, "new");
    let view = healthy(&a);
    healthy(&b);
    assert_eq!(view.members.len(), 2);
    assert!(!view.version.is_empty() && view.db_bytes > 0 && !view.learner);
    let own = rules::by_peer_url(&view.members, &a.peer_url()).unwrap();
    assert_eq!((own.id.as_str(), own.name.as_str()), (view.member.as_str(), "a"));

    // A learner comes in, starts, and gets a vote.
    let api = a.api();
    let id = patiently("a learner is taken in", || api.member_add_learner(&c.peer_url()));
    let again = api.member_add_learner(&c.peer_url()).unwrap_err();
    assert!(matches!(again, EtcdError::TooManyLearners | EtcdError::Refused(_)), "{again:?}");
    let early = api.member_promote(&id).unwrap_err();
    assert!(matches!(early, EtcdError::NotInSync), "{early:?}");
    let all = [a.named(), b.named(), c.named()];
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    c.start(&all, "existing");
    let learner = healthy(&c);
    assert_eq!((learner.learner, learner.members.len()), (true, 0));
    assert!(c.api().members().is_err());
    patiently("the learner has a vote", || api.member_promote(&id));
    let members = api.members().unwrap();
    assert_eq!(members.iter().filter(|member| !member.learner).count(), 3);
    assert_eq!(rules::by_id(&members, &id).unwrap().name, "c");
    let twice = api.member_promote(&id).unwrap_err();
    assert!(matches!(twice, EtcdError::Refused(_)), "{twice:?}");

    // The lead is handed over by the one that has it.
    let view = healthy(&a);
    let leader = view.leader.clone().unwrap();
    let leads = if leader == view.member {
        &a
    } else if leader == id {
        &c
    } else {
        &b
    };
    let next = members.iter().find(|member| member.id != leader).unwrap();
    leads.api().move_leader(&next.id).unwrap();
    until("the other one leads", || {
        let leader = healthy(&a).leader;
        if leader.as_ref() == Some(&next.id) { Ok(()) } else { Err(format!("{leader:?} leads")) }
    });

    // All data, with the checksum that etcd puts at the end.
    let mut snapshot = Vec::new();
    let written = api.snapshot(&mut snapshot).unwrap();
    assert_eq!(written.bytes, snapshot.len() as u64);
    assert_eq!(written.sha256, format!("{:x}", Sha256::digest(&snapshot)));
    let (content, checksum) = snapshot.split_at(snapshot.len() - 32);
    assert_eq!(Sha256::digest(content).as_slice(), checksum);
    assert!(written.revision >= 1);

    // One goes. It ends by itself, and the others go on.
    assert!(matches!(api.member_remove("abc"), Err(EtcdError::NotFound)));
    patiently("a member is taken out", || api.member_remove(&id));
    until("the removed member has ended", || match c.api().view() {
        Err(EtcdError::Unreachable { .. }) => Ok(()),
        other => Err(format!("{other:?}")),
    });
    // If it has led, it takes a while until another one does.
    let agreed =
        until("the others agree", || match api.members().and_then(|it| Ok((it, api.alarms()?))) {
            Ok(agreed) => Ok(agreed),
            Err(EtcdError::NoQuorum(why)) => Err(why),
            Err(error) => panic!("{error:?}"),
        });
    assert_eq!((agreed.0.len(), agreed.1), (2, Vec::new()));

    // One of two is no quorum: it tells, and changes nothing.
    b.end();
    let alone = until("the one that is left knows it", || match a.api().view() {
        Ok(view) if !view.healthy && view.leader.is_none() => Ok(view),
        other => Err(format!("{other:?}")),
    });
    assert_eq!(alone.members.len(), 2);
    assert!(!alone.complaints.is_empty());
    let other = alone.members.iter().find(|member| member.id != alone.member).unwrap();
    let refused = api.member_remove(&other.id).unwrap_err();
    assert!(
        matches!(
            refused,
            EtcdError::NoQuorum(_) | EtcdError::Deadline { .. } | EtcdError::Unhealthy(_)
        ),
        "{refused:?}"
    );
    let mut snapshot = Vec::new();
    assert!(api.snapshot(&mut snapshot).unwrap().bytes > 0);
}

/// An authority of its own.
fn authority() -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

#[test]
fn both_sides_prove_who_they_are() {
    let Some(program) = program() else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut a = Member::new(&program, folder.path(), "a");
    a.scheme = "https";
    let own = authority();
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    let certificate = params.signed_by(&key, &own).unwrap().pem();
    let path = |name: &str, content: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path.display().to_string()
    };
    let (ca, crt) = (path("ca.crt", &own.pem()), path("server.crt", &certificate));
    let secret = path("server.key", &key.serialize_pem());
    let members = a.named();
    let tls = [
        "--trusted-ca-file",
        &ca,
        "--cert-file",
        &crt,
        "--key-file",
        &secret,
        "--client-cert-auth",
    ];
    a.start_with(&[&members], "new", &tls);

    let identity = (certificate, Secret::new(key.serialize_pem()));
    let asked = |authority: String, identity: Option<(String, Secret)>| {
        let tls = Some(Tls { authority, identity });
        Client::try_new(&Endpoint { url: a.client_url(), tls }).unwrap().view()
    };
    let view = until("the member answers", || {
        asked(own.pem(), Some(identity.clone())).map_err(|error| error.to_string())
    });
    assert_eq!(view.members.len(), 1);
    // A stranger on either side is told nothing.
    let nobody = asked(own.pem(), None).unwrap_err();
    assert!(matches!(nobody, EtcdError::Broken(_) | EtcdError::Unreachable { .. }), "{nobody:?}");
    let other = asked(authority().pem(), Some(identity.clone())).unwrap_err();
    assert!(other.to_string().to_lowercase().contains("certificate"), "{other:?}");
    let wrong = Tls { authority: "no certificate".to_owned(), identity: None };
    let unusable = Client::try_new(&Endpoint { url: a.client_url(), tls: Some(wrong) });
    assert!(matches!(unusable, Err(EtcdError::Unusable(_))), "{unusable:?}");
    let wrong = Tls { authority: own.pem(), identity: Some(("x".to_owned(), Secret::new("y"))) };
    let unusable = Client::try_new(&Endpoint { url: a.client_url(), tls: Some(wrong) });
    assert!(matches!(unusable, Err(EtcdError::Unusable(_))), "{unusable:?}");
}

#[test]
fn a_snapshot_makes_a_cluster_again() {
    let Some(program) = program() else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut a = Member::new(&program, folder.path(), "a");
    let members = a.named();
    a.start(&[&members], "new");
    let before = healthy(&a);
    let path = folder.path().join("snapshot.db");
    a.api().snapshot(&mut File::create(&path).unwrap()).unwrap();
    a.end();
    std::fs::remove_dir_all(folder.path().join("a")).unwrap();

    // Since 3.6 etcdctl does not restore any more.
    let own = program.parent().unwrap();
    let Some(tool) =
        ["etcdutl", "etcdctl"].map(|name| own.join(name)).into_iter().find(|it| it.is_file())
    else {
        eprintln!("skipped: there is neither etcdutl nor etcdctl beside {}", program.display());
        return;
    };
    let restored = Command::new(&tool)
        .env("ETCDCTL_API", "3")
        .args(["snapshot", "restore", &path.display().to_string(), "--name", "a"])
        .args(["--initial-cluster", &members, "--initial-cluster-token", "another"])
        .args(["--initial-advertise-peer-urls", &a.peer_url()])
        .args(["--data-dir", &folder.path().join("a").display().to_string()])
        .output()
        .unwrap();
    assert!(restored.status.success(), "{restored:?}");
    a.start(&[&members], "new");
    let after = healthy(&a);
    assert_ne!(after.cluster, before.cluster);
    assert_eq!(after.members.len(), 1);
}
