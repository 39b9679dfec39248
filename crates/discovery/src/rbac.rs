//! What an account needs to find pods.

use thiserror::Error;

/// A name that cannot be used for the account or its namespace.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "`{0}` is no name for {1}: lower-case letters, digits and `-`, at most 63, a letter or digit first and last"
)]
pub struct RbacError(String, &'static str);

/// Names that YAML takes for something else.
const YAML_WORDS: [&str; 9] = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];

/// Manifests of a service account that may list the pods of one namespace and nothing else.
///
/// Waiting asks again and again instead of watching, so that `list` is enough.
///
/// # Errors
/// If namespace or account are no names of RFC 1123.
pub fn rbac(namespace: &str, account: &str) -> Result<String, RbacError> {
    for (name, what) in [(namespace, "a namespace"), (account, "an account")] {
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let is_name = !name.is_empty() && name.len() <= 63 && name.chars().all(fits);
        if !is_name || name.starts_with('-') || name.ends_with('-') {
            return Err(RbacError(name.to_owned(), what));
        }
    }
    // A name that begins with a digit may be a number to YAML.
    let quoted = |name: &str| {
        let is_word =
            name.starts_with(|c: char| c.is_ascii_lowercase()) && !YAML_WORDS.contains(&name);
        if is_word { name.to_owned() } else { format!("\"{name}\"") }
    };
    let (namespace, account) = (quoted(namespace), quoted(account));
    Ok(format!(
        "\
apiVersion: v1
kind: ServiceAccount
metadata:
  name: {account}
  namespace: {namespace}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata:
  name: {account}
  namespace: {namespace}
rules:
  - apiGroups: [\"\"]
    resources: [pods]
    verbs: [list]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  name: {account}
  namespace: {namespace}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: Role
  name: {account}
subjects:
  - kind: ServiceAccount
    name: {account}
    namespace: {namespace}
"
    ))
}

#[cfg(test)]
mod tests {
    use super::rbac;

    #[test]
    fn the_role_may_list_pods_of_one_namespace_and_nothing_else() {
        insta::assert_snapshot!(rbac("hpcc", "hpcc-discovery").unwrap());
    }

    #[test]
    fn names_that_would_break_the_manifest_are_refused() {
        for bad in ["", "a b", "A", "-a", "x\nkind: ClusterRole", &"a".repeat(64)] {
            assert!(rbac(bad, "ok").is_err());
            assert!(rbac("ok", bad).is_err());
        }
        // Purely numeric names are names too, but YAML would read them as numbers.
        assert!(rbac("2024", "ok").unwrap().contains("namespace: \"2024\""));
    }
}
