use proptest::prelude::*;

use super::*;

fn admin(server: &str, authority: &str, key: &str) -> Kubeconfig {
    let text = format!(
        "apiVersion: v1\nkind: Config\npreferences: {{}}\ncurrent-context: kubernetes-admin@kubernetes\n\
         clusters:\n- name: kubernetes\n  cluster:\n    certificate-authority-data: {authority}\n    server: {server}\n\
         contexts:\n- name: kubernetes-admin@kubernetes\n  context: {{cluster: kubernetes, user: kubernetes-admin}}\n\
         users:\n- name: kubernetes-admin\n  user:\n    client-certificate-data: Y2VydA==\n    client-key-data: {key}\n"
    );
    Kubeconfig::read("admin.conf", &text).unwrap()
}

#[test]
fn a_second_cluster_with_the_same_names_is_renamed_and_the_first_stays_current() {
    let mut mine = admin("https://a:6443", "QQ==", "a2V5");
    let before = mine.clone();
    let context = mine.merge(&admin("https://b:6443", "Qg==", "azI="), false).unwrap();
    assert_eq!(context, "kubernetes-admin@kubernetes-2");
    insta::assert_snapshot!(mine.write().unwrap().expose(), @"
    apiVersion: v1
    clusters:
    - cluster:
        certificate-authority-data: QQ==
        server: https://a:6443
      name: kubernetes
    - cluster:
        certificate-authority-data: Qg==
        server: https://b:6443
      name: kubernetes-2
    contexts:
    - context:
        cluster: kubernetes
        user: kubernetes-admin
      name: kubernetes-admin@kubernetes
    - context:
        cluster: kubernetes-2
        user: kubernetes-admin-2
      name: kubernetes-admin@kubernetes-2
    current-context: kubernetes-admin@kubernetes
    kind: Config
    preferences: {}
    users:
    - name: kubernetes-admin
      user:
        client-certificate-data: Y2VydA==
        client-key-data: a2V5
    - name: kubernetes-admin-2
      user:
        client-certificate-data: Y2VydA==
        client-key-data: azI=
    ");
    let other = Endpoint { server: "https://b:6443".to_owned(), authority: "Qg==".to_owned() };
    assert!(mine.points_to(&other) && !before.points_to(&other));
    assert!(mine.remove(&other));
    assert_eq!(mine, before);
    assert!(!mine.remove(&other));
}

#[test]
fn an_empty_file_becomes_what_is_merged() {
    let mut mine = Kubeconfig::read("config", "# nothing\n\n").unwrap();
    let new = admin("https://a:6443", "QQ==", "a2V5");
    mine.merge(&new, false).unwrap();
    assert_eq!(mine.endpoint(), new.endpoint());
    assert!(mine.remove(&new.endpoint().unwrap()));
    assert!(mine.is_empty());
    assert_eq!(mine.current_context(), None);
}

#[test]
fn another_server_or_another_authority_is_another_cluster() {
    let mine = admin("https://a:6443/", "QQ==", "a2V5");
    assert!(mine.points_to(&admin("https://a:6443", "QQ==", "other").endpoint().unwrap()));
    assert!(!mine.points_to(&admin("https://a:6443", "Qg==", "a2V5").endpoint().unwrap()));
    assert!(!mine.points_to(&admin("https://b:6443", "QQ==", "a2V5").endpoint().unwrap()));
}

#[test]
fn a_user_of_two_clusters_outlives_one_of_them() {
    let mut mine = admin("https://a:6443", "QQ==", "a2V5");
    mine.merge(&admin("https://b:6443", "Qg==", "a2V5"), true).unwrap();
    assert_eq!(mine.list("users").len(), 1);
    assert!(
        mine.remove(&Endpoint {
            server: "https://b:6443".to_owned(),
            authority: "Qg==".to_owned()
        })
    );
    assert_eq!(mine.list("users").len(), 1);
    assert_eq!(mine.current_context(), None);
}

#[test]
fn faults_are_told_without_the_content() {
    let hidden = "token: abcdef.0123456789abcdef\nclusters: 3\n";
    let error = Kubeconfig::read("config", hidden).unwrap_err().to_string();
    assert_eq!(error, "config is no kubeconfig: `clusters` must be a list of things with a name");
    assert!(Kubeconfig::read("config", "- a\n").is_err());
    let mine = admin("https://a:6443", "QQ==", "a2V5");
    assert_eq!(format!("{mine:?}"), "Kubeconfig(<secret>)");
    let mut empty = Kubeconfig::read("config", "").unwrap();
    assert!(matches!(empty.clone().merge(&empty, false), Err(KubeconfigError::NoContext { .. })));
    assert!(empty.merge(&mine, false).is_ok());
}

proptest! {
    #[test]
    fn merging_again_changes_nothing_and_keeps_all_others(
        merges in prop::collection::vec(("[ab]", "[AB]", "[kl]"), 1..5), current in any::<bool>(),
    ) {
        let mut mine = Kubeconfig::read("config", "x-mine: {a: [1, on]}\n").unwrap();
        for (server, authority, key) in &merges {
            let new = admin(&format!("https://{server}"), authority, key);
            let before = mine.clone();
            mine.merge(&new, current).unwrap();
            let once = mine.clone();
            mine.merge(&new, current).unwrap();
            prop_assert_eq!(&mine, &once);
            for (list, _) in LISTS {
                prop_assert!(mine.list(list).starts_with(before.list(list)));
            }
            prop_assert_eq!(mine.0.get("x-mine"), before.0.get("x-mine"));
            prop_assert!(mine.points_to(&new.endpoint().unwrap()));
            prop_assert_eq!(&Kubeconfig::read("again", mine.write().unwrap().expose()).unwrap(), &mine);
        }
    }
}
