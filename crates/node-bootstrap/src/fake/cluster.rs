//! kubeadm and kubectl of a host in memory, as far as this crate calls them.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::{FakeApi, FakeNode, World, etcd};
use crate::host::{Entry, Kind, Meta, Output, folder_of};
use crate::static_pod;

/// The certificate of every cluster's authority.
pub const AUTHORITY: &str = "\
-----BEGIN CERTIFICATE-----\n\
MIIBgDCCASegAwIBAgIUGk5Q7nBZiQh4olg0dACBaSlwXqUwCgYIKoZIzj0EAwIw\n\
FTETMBEGA1UEAwwKa3ViZXJuZXRlczAgFw0yNjExMjExNzQ4NDhaGA8yMTI2MTAy\n\
ODE3NDg0OFowFTETMBEGA1UEAwwKa3ViZXJuZXRlczBZMBMGByqGSM49AgEGCCqG\n\
SM49AwEHA0IABH1IOEzsalDfQiLfq7PkImLo3sn/DJMM877BEP6JYPnD6NL6+kTN\n\
P2AcuUbYb7wvzmmP9dk6HYFW41mFPisB/xajUzBRMB0GA1UdDgQWBBSRk263GOu5\n\
/cDq9tiyLDmixwp0yjAfBgNVHSMEGDAWgBSRk263GOu5/cDq9tiyLDmixwp0yjAP\n\
BgNVHRMBAf8EBTADAQH/MAoGCCqGSM49BAMCA0cAMEQCIE79srw1GqVn0sV/JOWj\n\
BxNXhFicU3ewsyR4ZmEIi8LuAiBHQjlWKxyrtSqPmFUDP4+OrcFS1scelmgr+WGN\n\
g5B7ow==\n\
-----END CERTIFICATE-----\n\
";

/// A certificate that ended with 2019.
pub(super) const ENDED: &str = "\
-----BEGIN CERTIFICATE-----\n\
MIIBHjCBxaADAgECAgEHMAoGCCqGSM49BAMCMBkxFzAVBgNVBAMMDmt1YmUtYXBp\n\
c2VydmVyMB4XDTE5MDEwMTAwMDAwMFoXDTIwMDEwMTAwMDAwMFowGTEXMBUGA1UE\n\
AwwOa3ViZS1hcGlzZXJ2ZXIwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAASAKom0\n\
qfjodYIBBslGFzkmGBQaCAxCOsS+nSQ85/6vc3b4x+P/IxCooTAlJMNlnZHCL/lC\n\
E8w8CzlXEtxmRopVMAoGCCqGSM49BAMCA0gAMEUCIC6q9YhSGlDpe4jdrgOZZqNK\n\
buTqs3MIF8iVMyyeRHe9AiEAuB7lIPhNNjsW/T0wrL0JzCnSA2gxLto4NhUEPtJl\n\
fOs=\n\
-----END CERTIFICATE-----\n\
";

/// Certificates of a control plane, some of them.
pub(super) const CERTIFICATES: [&str; 2] =
    ["/etc/kubernetes/pki/apiserver.crt", "/etc/kubernetes/pki/etcd/peer.crt"];

/// Whether certificates of the control plane have ended.
pub(super) fn has_ended(world: &World) -> bool {
    let is_ended = |path: &&str| content(world, path).is_some_and(|it| it == ENDED.as_bytes());
    CERTIFICATES.iter().any(is_ended)
}

/// A cluster, as the host in memory knows it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FakeCluster {
    /// Whether its API server answers.
    pub answers: bool,
    /// What kubeadm read.
    pub document: String,
    /// Of `kube-proxy`, and the `taint` and the `label` of a control plane, those that are there.
    pub has: BTreeSet<&'static str>,
    /// Files that were applied, with their content.
    pub applied: BTreeMap<String, Vec<u8>>,
    /// Tokens that were made.
    pub tokens: Vec<String>,
    /// What was read to upload certificates.
    pub uploaded: Option<String>,
    /// The public part of the token that these certificates end with.
    pub certificates_token: Option<String>,
}

fn said(stdout: impl Into<String>) -> Output {
    Output { code: Some(0), stdout: stdout.into(), stderr: String::new() }
}

fn failed(stderr: impl Into<String>) -> Output {
    Output { code: Some(1), stdout: String::new(), stderr: stderr.into() }
}

/// Whether a program changes nothing.
pub(super) fn only_looks(argv: &[&str]) -> bool {
    match argv {
        ["kubeadm", "version", ..]
        | ["kubeadm", "token", "list", ..]
        | ["kubeadm", "certs", "check-expiration", ..] => true,
        ["kubectl", ..] => argv.iter().any(|word| matches!(*word, "get" | "diff" | "wait")),
        _ => false,
    }
}

/// What kubeadm and kubectl do, or a half of it; `None` for other programs.
pub(super) fn run(
    world: &mut World,
    api: &mut FakeApi,
    members: Option<&::etcd::FakeCluster>,
    half: bool,
    argv: &[&str],
) -> Option<Output> {
    let is_own = argv.iter().any(|word| word.starts_with("--server="));
    let joins = argv.starts_with(&["kubeadm", "join"]);
    if api.cut_off && (asks_api(argv) || joins) && !is_own {
        return Some(refused());
    }
    if asks_api(argv) && world.stale.contains(static_pod::API_SERVER) {
        return Some(refused());
    }
    if needs_api(world, argv) && members.is_some_and(|members| !etcd::serves(world, members)) {
        return Some(refused());
    }
    Some(match argv {
        ["kubeadm", "version", "-o", "short"] => said(format!("v{}\n", own_version(world))),
        ["kubeadm", "upgrade", verb, "--config", file] => match document(world, file) {
            Ok(document) => upgrade(world, api, half, verb, &document),
            Err(output) => output,
        },
        ["kubeadm", "certs", verb, ..] => certificates(world, verb),
        ["crictl", _, _, "ps", rest @ ..] => containers(world, rest),
        // `kubeadm reset` has ended them.
        ["crictl", _, _, "pods", ..] => said(""),
        ["kubeadm", "init", "phase", "upload-certs", .., file] => match document(world, file) {
            Ok(document) => world.cluster.as_mut().map_or_else(refused, |cluster| {
                cluster.uploaded = Some(document);
                cluster.certificates_token = Some("certs0".to_owned());
                said("")
            }),
            Err(output) => output,
        },
        ["kubeadm", verb @ ("init" | "join"), "--config", file, ..] => {
            match document(world, file) {
                Ok(document) => node(world, api, members, half, verb, document),
                Err(output) => output,
            }
        }
        ["kubeadm", "reset", "--config", file, ..] => match document(world, file) {
            Ok(document) => reset(world, members, half, &document),
            Err(output) => output,
        },
        ["kubeadm", "reset", "--force", rest @ ..] => {
            reset(world, members, half, &format!("{}\n/etc/kubernetes/pki", rest.join("\n")))
        }
        ["kubeadm", "token", verb, rest @ ..] => token(world, verb, rest),
        ["kubectl", "--kubeconfig", config, rest @ ..] => {
            if !world.files.contains_key(*config) {
                return Some(failed(format!("error: stat {config}: no such file")));
            }
            let words: Vec<&str> = rest
                .iter()
                .copied()
                .filter(|word| {
                    !word.starts_with("--request-timeout") && !word.starts_with("--server=")
                })
                .collect();
            kubectl(world, api, &words)
        }
        _ => return None,
    })
}

/// Whether a program asks an API server.
fn asks_api(argv: &[&str]) -> bool {
    match argv {
        ["kubectl", "--kubeconfig", config, ..] => *config == crate::cluster::ADMIN,
        ["kubeadm", "token", ..] | ["kubeadm", "init", "phase", "upload-certs", ..] => true,
        _ => false,
    }
}

/// Whether a program asks the API server of this very host.
fn needs_api(world: &World, argv: &[&str]) -> bool {
    asks_api(argv) && world.files.contains_key(&static_pod::manifest(static_pod::API_SERVER))
}

fn refused() -> Output {
    failed("The connection to the server was refused - did you specify the right host or port?")
}

/// The file that kubeadm is to read. It may hold secrets.
fn document(world: &World, path: &str) -> Result<String, Output> {
    match world.files.get(path) {
        Some(Entry { kind: Kind::File(content), meta }) if meta.mode == 0o600 => {
            Ok(String::from_utf8_lossy(content).into_owned())
        }
        Some(_) => Err(failed(format!("{path} can be read by others"))),
        None => Err(failed(format!("unable to read config from {path:?}: no such file"))),
    }
}

fn put(world: &mut World, path: &str, content: &str) {
    let mut above = folder_of(path).to_owned();
    while !world.files.contains_key(&above) {
        let folder = Entry { kind: Kind::Folder, meta: Meta::root(0o755) };
        world.files.insert(above.clone(), folder);
        above = folder_of(&above).to_owned();
    }
    let kind = Kind::File(content.as_bytes().to_vec());
    world.files.insert(path.to_owned(), Entry { kind, meta: Meta::root(0o600) });
}

fn kubeconfig(user: &str, credentials: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: {user}@kubernetes\nclusters:\n- name: kubernetes\n  cluster:\n    server: https://10.0.0.1:6443\n    certificate-authority-data: {}\ncontexts:\n- name: {user}@kubernetes\n  context: {{cluster: kubernetes, user: {user}}}\nusers:\n- name: {user}\n  user: {{{credentials}}}\n",
        STANDARD.encode(AUTHORITY)
    )
}

/// The version of the kubeadm that is installed.
fn own_version(world: &World) -> String {
    let version = world.packages.get("kubeadm").map_or("1.35.4", String::as_str);
    crate::agent::upstream(version).to_owned()
}

/// The name of the host as a node.
fn name_of(world: &World) -> String {
    let name = content(world, "/proc/sys/kernel/hostname").unwrap_or_default();
    String::from_utf8_lossy(&name).trim().to_lowercase()
}

fn content(world: &World, path: &str) -> Option<Vec<u8>> {
    match world.files.get(path).map(|entry| &entry.kind) {
        Some(Kind::File(content)) => Some(content.clone()),
        _ => None,
    }
}

/// The kubelet that starts tells its version, and works.
pub(super) fn posts(world: &World, api: &mut FakeApi) {
    if let (Some(node), Some(version)) =
        (api.nodes.get_mut(&name_of(world)), world.packages.get("kubelet"))
    {
        crate::agent::upstream(version).clone_into(&mut node.version);
        node.broken = false;
    }
}

const COMPONENTS: [&str; 3] = ["kube-apiserver", "kube-controller-manager", "kube-scheduler"];

fn manifests(world: &mut World, names: &[&str], version: &str) {
    let own = world.addresses.first().map(|own| {
        format!("    - --advertise-address={own}\n    - --etcd-servers=https://127.0.0.1:2379\n")
    });
    for name in names {
        let own = own.as_deref().filter(|_| *name == static_pod::API_SERVER).unwrap_or_default();
        let text = format!(
            "kind: Pod\nspec:\n  containers:\n  - command:\n    - {name}\n{own}    image: registry.k8s.io/{name}:v{version}\n"
        );
        put(world, &format!("/etc/kubernetes/manifests/{name}.yaml"), &text);
    }
}

/// One that is cut short has brought the API server to its version and nothing else.
fn upgrade(world: &mut World, api: &mut FakeApi, half: bool, verb: &str, document: &str) -> Output {
    if let Some(left) = api.starting.checked_sub(1) {
        api.starting = left;
        return failed(if verb == "apply" {
            "[preflight] Some fatal errors occurred:\n\t[ERROR CreateJob]: Job \"upgrade-health-check-1\" in the namespace \
             \"kube-system\" did not complete in 15s: no condition of type Complete\n"
        } else {
            "error: unable to fetch the kubeadm-config ConfigMap: failed to get config map: configmaps \"kubeadm-config\" is forbidden\n"
        });
    }
    if verb == "apply" {
        let mut lines = document.lines().map(str::trim);
        let Some(version) = lines.find_map(|line| line.strip_prefix("kubernetesVersion: v")) else {
            return failed("no version to upgrade to");
        };
        if !half {
            version.clone_into(&mut api.version);
        }
        manifests(world, if half { &COMPONENTS[..1] } else { &COMPONENTS }, version);
    } else if world.files.contains_key("/etc/kubernetes/manifests/kube-apiserver.yaml") {
        let version = api.version.clone();
        manifests(world, if half { &COMPONENTS[..1] } else { &COMPONENTS }, &version);
    }
    said("upgraded\n")
}

fn certificates(world: &mut World, verb: &str) -> Output {
    if verb == "renew" {
        world.renewed += 1;
        for path in CERTIFICATES {
            if has_ended(world) && content(world, path).is_some() {
                put(world, path, AUTHORITY);
            }
        }
        return said("");
    }
    let date = |year: u32| format!("{year}-01-01T00:00:00Z");
    let one = |name: &str, year: u32, left: i64| json!({"name": name, "expirationDate": date(year), "residualTime": left, "externallyManaged": false});
    let year = 2027 + world.renewed;
    said(
        json!({
            "kind": "CertificateExpirationInfo",
            "certificates": [one("admin.conf", year, 31_535_999), one("apiserver", year, 31_535_999)],
            "certificateAuthorities": [one("ca", 2036, 315_359_999)],
        })
        .to_string(),
    )
}

/// A static pod has one container while its manifest is there.
fn containers(world: &World, words: &[&str]) -> Output {
    let label = "io.kubernetes.container.name=";
    let name = words.iter().find_map(|word| word.strip_prefix(label)).unwrap_or_default();
    let runs = world.files.contains_key(&format!("/etc/kubernetes/manifests/{name}.yaml"));
    let restarts = world.restarts.get(name).copied().unwrap_or_default();
    let id = json!({"id": format!("{name}-{restarts}")});
    said(json!({"containers": if runs { vec![id] } else { Vec::new() }}).to_string())
}

/// The address at which the API server of this host is reached, by what kubeadm read.
fn address_in(document: &str) -> String {
    let mut lines = document.lines().map(str::trim);
    let line = lines.find_map(|line| line.strip_prefix("advertiseAddress: "));
    line.unwrap_or("10.0.0.1").trim_matches('"').to_owned()
}

/// What kubeadm does about etcd on a control plane. Of one that joins and is cut short is left what [`FakeApi`] says.
fn member(
    world: &mut World,
    api: &FakeApi,
    members: Option<&::etcd::FakeCluster>,
    half: bool,
    verb: &str,
    document: &str,
) -> Result<(), String> {
    let Some(members) = members else { return Ok(()) };
    let (name, address) = (name_of(world), address_in(document));
    if verb == "join" {
        return etcd::join(world, members, api, (&name, &address), half && !api.cut_late);
    }
    if half { Ok(()) } else { etcd::found(world, members, &name, &address) }
}

fn node(
    world: &mut World,
    api: &mut FakeApi,
    members: Option<&::etcd::FakeCluster>,
    half: bool,
    verb: &str,
    document: String,
) -> Output {
    for path in ["manifests/kube-apiserver.yaml", "kubelet.conf"] {
        let path = format!("/etc/kubernetes/{path}");
        if world.files.contains_key(&path) {
            let name = path.replace('/', "-");
            return failed(format!("[ERROR FileAvailable-{name}]: {path} already exists"));
        }
    }
    let controls = verb == "init" || document.contains("certificateKey: ");
    let first =
        kubeconfig("system:node:n1", "client-certificate-data: eA==, client-key-data: eQ==");
    if !world.files.contains_key("/etc/kubernetes/pki/ca.crt") {
        put(world, "/etc/kubernetes/pki/ca.crt", AUTHORITY);
    }
    if verb == "join" {
        put(world, "/etc/kubernetes/bootstrap-kubelet.conf", &kubeconfig("b", "token: t"));
    } else {
        put(world, "/etc/kubernetes/pki/ca.key", "a key");
        put(world, "/etc/kubernetes/kubelet.conf", &first);
    }
    if controls {
        let admin = kubeconfig("kubernetes-admin", "client-key-data: c2VjcmV0");
        put(world, "/etc/kubernetes/admin.conf", &admin);
        put(world, "/etc/kubernetes/super-admin.conf", &kubeconfig("super-admin", "token: s"));
        let version = own_version(world);
        manifests(world, if half { &COMPONENTS[..1] } else { &COMPONENTS }, &version);
        if let Err(why) = member(world, api, members, half, verb, &document) {
            return failed(format!("error execution phase etcd-join: {why}"));
        }
    }
    let mut cluster = FakeCluster { document, ..FakeCluster::default() };
    if !half {
        world.files.remove("/etc/kubernetes/bootstrap-kubelet.conf");
        let last = kubeconfig(
            "system:node:n1",
            "client-certificate: /var/lib/kubelet/pki/kubelet-client-current.pem",
        );
        put(world, "/etc/kubernetes/kubelet.conf", &last);
        cluster.answers = true;
        let name = name_of(world);
        if let Some(kubelet) = world.units.get_mut("kubelet.service") {
            kubelet.active = true;
        }
        if verb == "init" {
            api.version = own_version(world);
            cluster
                .document
                .split("---\n")
                .nth(1)
                .unwrap_or_default()
                .clone_into(&mut api.configuration);
        }
        api.register(&name, controls);
        if let Some(node) = api.nodes.get_mut(&name).filter(|_| controls && members.is_some()) {
            node.peer_url = Some(etcd::peer(&address_in(&cluster.document)));
        }
        posts(world, api);
        cluster.has.extend(["kube-proxy", "label"]);
        if !cluster.document.contains("taints: []") {
            cluster.has.insert("taint");
        }
    }
    if half && verb == "join" && controls && members.is_some() && api.cut_late {
        // All but the last: the label of its node.
        world.files.remove("/etc/kubernetes/bootstrap-kubelet.conf");
        cluster.answers = true;
        api.register(&name_of(world), false);
    }
    world.cluster = Some(cluster);
    said("kubeadm join 10.0.0.1:6443 --token <value withheld>\n")
}

fn reset(
    world: &mut World,
    members: Option<&::etcd::FakeCluster>,
    half: bool,
    document: &str,
) -> Output {
    if !document.contains("remove-etcd-member")
        && let Some(members) = members
    {
        etcd::leave(world, members);
    }
    let emptied = ["/etc/kubernetes/manifests/", "/etc/kubernetes/pki/"];
    let emptied =
        if document.contains("/etc/kubernetes/pki") { &emptied[..] } else { &emptied[..1] };
    world.files.retain(|path, _| !emptied.iter().any(|folder| path.starts_with(folder)));
    if !document.contains("remove-etcd-member") {
        world.files.retain(|path, _| !path.starts_with("/var/lib/etcd/"));
    }
    if let Some(cluster) = &mut world.cluster {
        cluster.answers = false;
    }
    if !document.contains("remove-etcd-member") {
        world.files.retain(|path, _| !path.starts_with("/var/lib/etcd/"));
    }
    if !half {
        for name in ["admin", "super-admin", "kubelet", "bootstrap-kubelet"] {
            world.files.remove(&format!("/etc/kubernetes/{name}.conf"));
        }
        world.cluster = None;
    }
    said("")
}

fn token(world: &mut World, verb: &str, rest: &[&str]) -> Output {
    let Some(cluster) = world.cluster.as_mut().filter(|cluster| cluster.answers) else {
        return refused();
    };
    match (verb, rest) {
        ("create", _) => {
            let token = format!("abcde{}.0123456789abcdef", cluster.tokens.len());
            cluster.tokens.push(token.clone());
            said(format!("{token}\n"))
        }
        ("list", _) => said(
            cluster
                .tokens
                .iter()
                .map(|token| {
                    json!({
                        "kind": "BootstrapToken",
                        "token": token,
                        "expires": "2026-01-02T00:00:00Z",
                        "usages": ["authentication", "signing"],
                    })
                    .to_string()
                })
                .collect::<String>(),
        ),
        ("delete", [id, ..]) if cluster.certificates_token.as_deref() == Some(id) => {
            (cluster.certificates_token, cluster.uploaded) = (None, None);
            said("")
        }
        ("delete", [id, ..]) => {
            let before = cluster.tokens.len();
            cluster.tokens.retain(|token| token.split('.').next() != Some(id));
            if cluster.tokens.len() == before {
                return failed(format!("secrets \"bootstrap-token-{id}\" not found"));
            }
            said("")
        }
        _ => failed("unknown command"),
    }
}

fn kubectl(world: &mut World, api: &mut FakeApi, words: &[&str]) -> Output {
    let file = words.last().and_then(|path| content(world, path));
    if !world.files.contains_key("/etc/kubernetes/manifests/kube-apiserver.yaml")
        && [crate::static_pod::PARKED, crate::static_pod::RESTARTING]
            .iter()
            .any(|folder| world.files.contains_key(&format!("{folder}/kube-apiserver.yaml")))
    {
        return refused();
    }
    let Some(cluster) = world.cluster.as_mut().filter(|cluster| cluster.answers) else {
        return refused();
    };
    match (words, file) {
        (["get", "--raw", "/readyz"], _) => said("ok"),
        (["get", "--raw", "/version"], _) => {
            said(json!({"gitVersion": format!("v{}", api.version)}).to_string())
        }
        (["get", "nodes", "-o", "json"], _) => said(api.list()),
        (["-n", "kube-system", "get", "daemonset", ..], _)
            if cluster.has.contains("kube-proxy") =>
        {
            said("daemonset.apps/kube-proxy\n")
        }
        (["-n", "kube-system", "get", "daemonset", name, ..], _) => {
            failed(format!("Error from server (NotFound): daemonsets.apps {name:?} not found"))
        }
        (["-n", "kube-system", "get", "secret", "kubeadm-certs", ..], _) => {
            match &cluster.certificates_token {
                Some(id) => said(format!("bootstrap-token-{id}")),
                None => failed("secrets \"kubeadm-certs\" not found"),
            }
        }
        (["-n", "kube-system", "get", "configmap", ..], _) => said(api.configuration.clone()),
        (["get", "nodes", rest @ ..], _) => {
            let is_asked = |node: &FakeNode| {
                let mut labels = rest.iter().filter_map(|word| word.strip_prefix("--selector="));
                labels.all(|label| node.labels.contains_key(label))
            };
            let names = api.nodes.iter().filter(|(_, node)| is_asked(node)).map(|(name, _)| name);
            said(names.flat_map(|name| ["node/", name, "\n"]).collect::<String>())
        }
        (["get", "node", _, "-o", "json"], _) => {
            let taint =
                json!([{"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"}]);
            let label = json!({"node.kubernetes.io/exclude-from-external-load-balancers": ""});
            said(
                json!({
                    "spec": {"taints": if cluster.has.contains("taint") { taint } else { json!([]) }},
                    "metadata": {"labels": if cluster.has.contains("label") { label } else { json!({}) }},
                })
                .to_string(),
            )
        }
        (["get", ..], _) => said("cni plugin not initialized"),
        (["wait", rest @ ..], _) => {
            let mut plain = rest.iter().filter(|word| !word.starts_with('-'));
            let node = plain.next().copied().unwrap_or_default();
            if api.is_ready(node.strip_prefix("node/").unwrap_or(node)) {
                said(format!("{node} condition met\n"))
            } else {
                failed(format!("error: timed out waiting for the condition on {node}"))
            }
        }
        (["diff", .., path], Some(file)) if cluster.applied.get(*path) == Some(&file) => said(""),
        (["apply", .., path], Some(file)) => {
            cluster.applied.insert((*path).to_owned(), file);
            api.network = true;
            said("")
        }
        (["delete", .., path], Some(_)) => {
            cluster.applied.remove(*path);
            said("")
        }
        (["taint", .., spec], _) if spec.contains("control-plane") => set(cluster, "taint", spec),
        (["label", .., spec], _) if spec.contains("exclude-from") => set(cluster, "label", spec),
        _ => match api.kubectl(words) {
            Some(Ok(text)) => said(text),
            Some(Err(why)) => failed(why),
            None => failed("error"),
        },
    }
}

fn set(cluster: &mut FakeCluster, what: &'static str, spec: &str) -> Output {
    if spec.ends_with('-') {
        cluster.has.remove(what);
    } else {
        cluster.has.insert(what);
    }
    said("")
}
