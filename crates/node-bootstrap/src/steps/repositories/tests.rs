use super::*;
use crate::fake::FakeHost;
use crate::fetch::Fetched;
use crate::plan::{Plan, plan_with};
use crate::steps::testing::{carry_out, debian, rocky, shown, take_back};

const KEY: &str =
    "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nbWF5YmU=\n-----END PGP PUBLIC KEY BLOCK-----\n";
const DEB_KEY: &str = "https://pkgs.k8s.io/core:/stable:/v1.35/deb/Release.key";

fn node(version: &str) -> Node {
    serde_json::from_value(serde_json::json!({"kubernetes": {"version": version}})).unwrap()
}

/// Fetches all that is needed, which is always this key.
fn plan_fetched(host: &FakeHost, node: &Node) -> Plan {
    let facts = Facts::of(host).unwrap();
    let fetched: Fetched = needs(host, node, &facts)
        .unwrap()
        .into_iter()
        .map(|need| (need.place, KEY.as_bytes().to_vec()))
        .collect();
    plan_with(host, node, &facts, [&Repositories as &dyn Step], [], &fetched).unwrap()
}

fn places(host: &FakeHost, node: &Node) -> Vec<String> {
    let needs = needs(host, node, &Facts::of(host).unwrap()).unwrap();
    needs.into_iter().map(|need| need.place).collect()
}

/// As `testing::lives`, with what is fetched.
fn lives(prepare: impl Fn() -> FakeHost, node: &Node) -> String {
    for host in [prepare(), prepare().as_tree()] {
        let before = host.snapshot();
        let plan = plan_fetched(&host, node);
        assert!(plan.refusals().next().is_none(), "{}", shown(&plan));
        carry_out(&host, &plan);
        assert_eq!(places(&host, node), [] as [&str; 0], "nothing is fetched again");
        let again = plan_fetched(&host, node);
        assert!(again.is_empty(), "{}", shown(&again));
        take_back(&host);
        assert_eq!(host.snapshot(), before);
    }
    shown(&plan_fetched(&prepare(), node))
}

#[test]
fn debian_has_one_for_the_minor_signed_by_its_own_key() {
    assert_eq!(places(&debian(), &node("1.35")), [DEB_KEY]);
    insta::assert_snapshot!(lives(debian, &node("1.35")), @r"
    make folder /etc/apt (mode 0755)
    make folder /etc/apt/keyrings (mode 0755)
    write /etc/apt/keyrings/kubernetes.asc (mode 0644)
      +-----BEGIN PGP PUBLIC KEY BLOCK-----
      +
      +bWF5YmU=
      +-----END PGP PUBLIC KEY BLOCK-----
    make folder /etc/apt/sources.list.d (mode 0755)
    write /etc/apt/sources.list.d/kubernetes.sources (mode 0644)
      +# Written by node-prep; it is replaced as a whole.
      +Types: deb
      +URIs: https://pkgs.k8s.io/core:/stable:/v1.35/deb/
      +Suites: /
      +Signed-By: /etc/apt/keyrings/kubernetes.asc
    ");
}

#[test]
fn rocky_has_docker_too_and_excludes_what_is_held() {
    let node: Node = serde_json::from_value(serde_json::json!({
        "kubernetes": {"version": "1.35", "repository": {"baseUrl": "http://mirror/k8s/", "keyFile": "/root/key.asc"}},
        "containerd": {},
    }))
    .unwrap();
    let host = rocky();
    assert_eq!(
        places(&host, &node),
        ["/root/key.asc", "https://download.docker.com/linux/rhel/gpg"]
    );
    let plan = plan_fetched(&host, &node);
    insta::assert_snapshot!(shown(&plan), @r"
    make folder /etc/pki (mode 0755)
    make folder /etc/pki/rpm-gpg (mode 0755)
    write /etc/pki/rpm-gpg/RPM-GPG-KEY-kubernetes (mode 0644)
      +-----BEGIN PGP PUBLIC KEY BLOCK-----
      +
      +bWF5YmU=
      +-----END PGP PUBLIC KEY BLOCK-----
    make folder /etc/yum.repos.d (mode 0755)
    write /etc/yum.repos.d/kubernetes.repo (mode 0644)
      +# Written by node-prep; it is replaced as a whole.
      +[kubernetes]
      +name=Kubernetes
      +baseurl=http://mirror/k8s/v1.35/rpm/
      +enabled=1
      +gpgcheck=1
      +repo_gpgcheck=1
      +gpgkey=file:///etc/pki/rpm-gpg/RPM-GPG-KEY-kubernetes
      +exclude=kubelet kubeadm kubectl cri-tools kubernetes-cni
    write /etc/pki/rpm-gpg/RPM-GPG-KEY-docker (mode 0644)
      +-----BEGIN PGP PUBLIC KEY BLOCK-----
      +
      +bWF5YmU=
      +-----END PGP PUBLIC KEY BLOCK-----
    write /etc/yum.repos.d/docker.repo (mode 0644)
      +# Written by node-prep; it is replaced as a whole.
      +[docker]
      +name=Docker
      +baseurl=https://download.docker.com/linux/rhel/9/$basearch/stable
      +enabled=1
      +gpgcheck=1
      +gpgkey=file:///etc/pki/rpm-gpg/RPM-GPG-KEY-docker
    ");
    carry_out(&host, &plan);
    // A file is read each time, for it costs nothing; without it, what is on the host is enough.
    assert_eq!(places(&host, &node), ["/root/key.asc"]);
    let facts = Facts::of(&host).unwrap();
    let again =
        plan_with(&host, &node, &facts, [&Repositories as &dyn Step], [], &Fetched::new()).unwrap();
    assert!(again.is_empty(), "{}", shown(&again));
}

#[test]
fn former_repositories_are_switched_off_and_nothing_else_is() {
    let prepare = || {
        let host = debian();
        host.set(
            "/etc/apt/sources.list",
            "deb http://deb.debian.org/debian bookworm main\ndeb https://apt.kubernetes.io/ kubernetes-xenial main\n",
        );
        host.set(
            "/etc/apt/sources.list.d/kubernetes.list",
            "deb [signed-by=/etc/apt/keyrings/k.gpg] https://pkgs.k8s.io/core:/stable:/v1.34/deb/ /\n\
             deb https://packages.cloud.google.com/apt cloud-sdk main\n",
        );
        host
    };
    let plan = lives(prepare, &node("1.35"));
    let shown: Vec<&str> =
        plan.lines().filter(|line| !line.contains("/keyrings")).take(7).collect();
    insta::assert_snapshot!(shown.join("\n"), @r"
    edit /etc/apt/sources.list.d/kubernetes.list
    edit /etc/apt/sources.list
      -deb https://apt.kubernetes.io/ kubernetes-xenial main
      +#node-prep: deb https://apt.kubernetes.io/ kubernetes-xenial main
      +-----BEGIN PGP PUBLIC KEY BLOCK-----
      +
      +bWF5YmU=
    ");
    let stale = "[kubernetes]\nbaseurl=https://packages.cloud.google.com/yum/repos/kubernetes-el7-x86_64\nenabled=1\n";
    let prepare = || {
        let host = rocky();
        host.set("/etc/yum.repos.d/k8s-old.repo", stale);
        host
    };
    assert!(lives(prepare, &node("1.35")).contains("  -enabled=1\n  +enabled=0\n"));
}

#[test]
fn another_minor_rewrites_the_address_and_shows_it() {
    let host = debian();
    carry_out(&host, &plan_fetched(&host, &node("1.35")));
    let facts = Facts::of(&host).unwrap();
    let places = places(&host, &node("1.36"));
    assert_eq!(places, ["https://pkgs.k8s.io/core:/stable:/v1.36/deb/Release.key"]);
    let plan = plan_with(
        &host,
        &node("1.36"),
        &facts,
        [&Repositories as &dyn Step],
        [],
        &[(places[0].clone(), KEY.as_bytes().to_vec())].into(),
    )
    .unwrap();
    insta::assert_snapshot!(shown(&plan), @r"
    write /etc/apt/sources.list.d/kubernetes.sources (mode 0644)
      -URIs: https://pkgs.k8s.io/core:/stable:/v1.35/deb/
      +URIs: https://pkgs.k8s.io/core:/stable:/v1.36/deb/
    ");
}

#[test]
fn a_key_that_is_not_what_it_should_be_is_refused() {
    let refused = |content: Option<&[u8]>, sum: Option<&str>| {
        let host = debian();
        let mut node = node("1.35");
        let mirror = Repository { key_sha256: sum.map(str::to_owned), ..Repository::default() };
        node.kubernetes.as_mut().unwrap().repository = Some(mirror);
        let fetched: Fetched =
            content.map(|content| (DEB_KEY.to_owned(), content.to_vec())).into_iter().collect();
        let facts = Facts::of(&host).unwrap();
        let plan =
            plan_with(&host, &node, &facts, [&Repositories as &dyn Step], [], &fetched).unwrap();
        assert!(plan.changes().next().is_none(), "{}", shown(&plan));
        plan.refusals().map(|refusal| refusal.why.to_owned()).collect::<String>()
    };
    let sum = "a".repeat(64);
    assert!(refused(None, None).contains("could not be had from https://pkgs.k8s.io"));
    assert!(refused(Some(KEY.as_bytes()), Some(&sum)).contains(&format!("says {sum}")));
    assert!(refused(Some(b"\x99\x01"), None).contains("no armoured OpenPGP key"));
}

#[test]
fn what_others_have_in_a_file_of_ours_is_not_lost() {
    let host = debian();
    host.set(
        "/etc/apt/sources.list.d/kubernetes.sources",
        "Types: deb\nURIs: https://pkgs.k8s.io/addons:/cri-o:/stable:/v1.35/deb/\nSuites: /\n",
    );
    let plan = plan_fetched(&host, &node("1.35"));
    assert!(
        shown(&plan).contains("refused: /etc/apt/sources.list.d/kubernetes.sources:1: another")
    );
}

#[test]
fn a_repository_of_docker_that_is_there_is_used() {
    let host = debian();
    host.set(
        "/etc/apt/sources.list.d/docker.list",
        "deb [signed-by=/x.gpg] https://download.docker.com/linux/debian bookworm stable\n",
    );
    let node: Node =
        serde_json::from_value(serde_json::json!({"containerd": {"source": "docker"}})).unwrap();
    assert_eq!(places(&host, &node), [] as [&str; 0]);
    let plan = plan_fetched(&host, &node);
    assert!(plan.is_empty());
    assert!(shown(&plan).starts_with("note: /etc/apt/sources.list.d/docker.list has"));
}

/// An armoured key that was born at 1 000 000 000 and ends so many seconds later.
fn ending(after: u32) -> String {
    use base64::Engine as _;
    let key = crate::text::openpgp::tests::key(&[(5, Some(after))]);
    let data = base64::engine::general_purpose::STANDARD.encode(key);
    format!("-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n{data}\n-----END PGP PUBLIC KEY BLOCK-----\n")
}

#[test]
fn a_key_that_has_ended_or_ends_soon_is_fetched_again() {
    const DAY: u32 = 86_400;
    let path = "/etc/apt/keyrings/kubernetes.asc";
    let host = debian();
    carry_out(&host, &plan_fetched(&host, &node("1.35")));
    host.set("/proc/stat", "btime 1000000000\n");
    host.set("/proc/uptime", &format!("{}.00 1.00\n", 10 * DAY));
    for (after, said) in [(9 * DAY, "is expired since"), (20 * DAY, "expires on 2001-09-29")] {
        host.set(path, &ending(after));
        assert_eq!(places(&host, &node("1.35")), [DEB_KEY]);
        let told = shown(&unfetched(&host));
        assert!(told.contains(said) && told.contains("fetches it again"), "{told}");
        let mut pinned = node("1.35");
        let key_sha256 = Some(sha256(ending(after).as_bytes()));
        let mirror = Repository { key_sha256, ..Repository::default() };
        pinned.kubernetes.as_mut().unwrap().repository = Some(mirror);
        assert_eq!(places(&host, &pinned), [] as [&str; 0]);
    }
    carry_out(&host, &plan_fetched(&host, &node("1.35")));
    assert_eq!(host.text(path).unwrap().as_deref(), Some(KEY));
    host.set(path, &ending(50 * DAY));
    assert_eq!(places(&host, &node("1.35")), [] as [&str; 0]);
    assert!(unfetched(&host).steps.is_empty());
}

/// As `verify` plans.
fn unfetched(host: &FakeHost) -> Plan {
    let facts = Facts::of(host).unwrap();
    let node = node("1.35");
    crate::plan::plan(host, &node, &facts, [&Repositories as &dyn Step], []).unwrap()
}

#[test]
fn what_is_not_fetched_to_verify_is_left_to_do() {
    let told = shown(&unfetched(&debian()));
    assert!(told.contains("left to do: fetch the key of the repository of Kubernetes"), "{told}");
    assert!(told.contains("/etc/apt/sources.list.d/kubernetes.sources"), "{told}");
    assert!(!told.contains("could not be had"), "{told}");
}
