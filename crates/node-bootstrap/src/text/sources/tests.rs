use proptest::prelude::*;

use super::*;

#[test]
fn hosts_are_told_whatever_the_address_looks_like() {
    let cases = [
        ("https://apt.kubernetes.io/", Some("apt.kubernetes.io")),
        ("http://user:pw@apt.kubernetes.io:8080/x?y", Some("apt.kubernetes.io")),
        ("mirror+https://apt.kubernetes.io", Some("apt.kubernetes.io")),
        ("http://[::1]:80/", Some("[::1]")),
        ("file:/srv/x", None),
    ];
    for (uri, host) in cases {
        assert_eq!(host_of(uri), host, "{uri}");
    }
}

#[test]
fn entries_of_one_line_become_comments() {
    let text = "# deb https://apt.kubernetes.io/ old main\ndeb [signed-by=/k.gpg arch=amd64]  https://apt.kubernetes.io/ kubernetes-xenial main # x\n\
                deb-src http://packages.cloud.google.com/apt s main\r\ndeb http://deb.debian.org/debian bookworm main\ndebian https://apt.kubernetes.io/\n";
    assert_eq!(in_use_at(Format::OneLine, text, &STALE_HOSTS).len(), 2);
    insta::assert_snapshot!(disable(Format::OneLine, text, &STALE_HOSTS).replace('\r', "^M"), @"
    # deb https://apt.kubernetes.io/ old main
    #node-prep: deb [signed-by=/k.gpg arch=amd64]  https://apt.kubernetes.io/ kubernetes-xenial main # x
    #node-prep: deb-src http://packages.cloud.google.com/apt s main^M
    deb http://deb.debian.org/debian bookworm main
    debian https://apt.kubernetes.io/
    ");
}

#[test]
fn stanzas_get_enabled_no() {
    let text = "# head\nTypes: deb\nURIs:\n  https://APT.kubernetes.io/\nSuites: /\n\n\
                Enabled: yes\nTypes: deb\nuris: https://packages.cloud.google.com/apt\nSuites: x\n\n\n\
                Types: deb\nURIs: https://apt.kubernetes.io/\nEnabled: no\n\nTypes: deb\nURIs: https://pkgs.k8s.io/x/\nSuites: /\n";
    insta::assert_snapshot!(disable(Format::Deb822, text, &STALE_HOSTS), @"
    # head
    Enabled: no
    Types: deb
    URIs:
      https://APT.kubernetes.io/
    Suites: /

    Enabled: no
    Types: deb
    uris: https://packages.cloud.google.com/apt
    Suites: x


    Types: deb
    URIs: https://apt.kubernetes.io/
    Enabled: no

    Types: deb
    URIs: https://pkgs.k8s.io/x/
    Suites: /
    ");
    let lines: Vec<_> =
        in_use_at(Format::Deb822, text, &STALE_HOSTS).iter().map(|found| found.line).collect();
    assert_eq!(lines, [2, 7]);
}

#[test]
fn sections_get_enabled_0() {
    let text = "[kubernetes]\nname=Kubernetes\nbaseurl=https://packages.cloud.google.com/yum/repos/kubernetes-el7-x86_64\nenabled=1\ngpgcheck=1\n\n\
                # more\n[other]\nbaseurl =\n    http://packages.cloud.google.com/\n    http://yum.kubernetes.io/x\n\n[base]\nmirrorlist=http://mirrors.example/x\n\
                [off]\nbaseurl=http://yum.kubernetes.io/y\nenabled = false";
    insta::assert_snapshot!(disable(Format::Yum, text, &STALE_HOSTS), @"
    [kubernetes]
    name=Kubernetes
    baseurl=https://packages.cloud.google.com/yum/repos/kubernetes-el7-x86_64
    enabled=0
    gpgcheck=1

    # more
    [other]
    enabled=0
    baseurl =
        http://packages.cloud.google.com/
        http://yum.kubernetes.io/x

    [base]
    mirrorlist=http://mirrors.example/x
    [off]
    baseurl=http://yum.kubernetes.io/y
    enabled = false
    ");
}

#[test]
fn a_repository_with_other_addresses_too_is_left_on_and_still_named() {
    let text =
        "Types: deb\nURIs: http://deb.debian.org/debian https://apt.kubernetes.io/\nSuites: /\n";
    assert_eq!(disable(Format::Deb822, text, &STALE_HOSTS), text);
    assert_eq!(in_use_at(Format::Deb822, text, &STALE_HOSTS).len(), 1);
}

#[test]
fn our_own_files_name_one_minor_and_a_key() {
    insta::assert_snapshot!(kubernetes_sources(&deb_url(KUBERNETES_BASE, 35), "/etc/apt/keyrings/kubernetes.asc"), @"
    # Written by node-prep; it is replaced as a whole.
    Types: deb
    URIs: https://pkgs.k8s.io/core:/stable:/v1.35/deb/
    Suites: /
    Signed-By: /etc/apt/keyrings/kubernetes.asc
    ");
    let repo = kubernetes_repo(
        &rpm_url("https://mirror.example/k8s/", 34),
        "/etc/pki/rpm-gpg/kubernetes.asc",
        &["kubelet", "kubeadm"],
    );
    insta::assert_snapshot!(repo, @"
    # Written by node-prep; it is replaced as a whole.
    [kubernetes]
    name=Kubernetes
    baseurl=https://mirror.example/k8s/v1.34/rpm/
    enabled=1
    gpgcheck=1
    repo_gpgcheck=1
    gpgkey=file:///etc/pki/rpm-gpg/kubernetes.asc
    exclude=kubelet kubeadm
    ");
    assert!(repositories(Format::Yum, &repo)[0].is_at("mirror.example"));
    assert_eq!(Format::of("/etc/apt/sources.list"), Some(Format::OneLine));
    assert_eq!(Format::of("/etc/yum.repos.d/x.repo.bak"), None);
}

proptest! {
    #[test]
    fn disabling_is_idempotent_complete_and_leaves_others(
        format in prop::sample::select(vec![Format::OneLine, Format::Deb822, Format::Yum]),
        parts in prop::collection::vec(
            "(\\[[ab]\\]\n|Types: deb\n|URIs: https?://(apt\\.kubernetes\\.io|x\\.example)/\n|baseurl=http://(yum\\.kubernetes\\.io|x\\.example)/\n|\
             deb http://(apt\\.kubernetes\\.io|x\\.example)/ s m\n|[Ee]nabled: (yes|no)\n|enabled=[01]\n|#x\n|\n)", 0..10),
    ) {
        let text = parts.concat();
        let once = disable(format, &text, &STALE_HOSTS);
        prop_assert_eq!(&disable(format, &once, &STALE_HOSTS), &once);
        let others = in_use_at(format, &text, &["x.example"]).len();
        prop_assert_eq!(in_use_at(format, &once, &["x.example"]).len(), others);
        prop_assert!(in_use_at(format, &once, &STALE_HOSTS).iter().all(|found| found.is_at("x.example")));
    }
}

#[test]
fn other_repositories_of_the_same_host_stay() {
    let text = "deb https://packages.cloud.google.com/apt kubernetes-xenial main\n\
                deb https://packages.cloud.google.com/apt cloud-sdk main\n";
    let off = disable(Format::OneLine, text, &["packages.cloud.google.com kubernetes"]);
    assert_eq!(off, format!("#node-prep: {text}"));
}

#[test]
fn a_place_may_be_the_beginning_of_an_address() {
    let text = "URIs: https://pkgs.k8s.io/core:/stable:/v1.34/deb/\nSuites: /\n\n\
                URIs: https://pkgs.k8s.io/addons:/cri-o:/stable:/v1.34/deb/\nSuites: /\n";
    let off = disable(Format::Deb822, text, &["https://pkgs.k8s.io/core:/stable:/v1."]);
    assert_eq!(off, format!("Enabled: no\n{text}"));
}
