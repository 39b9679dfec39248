//! Firewall rules: which of them are Kubernetes' own, and how to delete only these.

use std::collections::BTreeSet;

/// One chain or rule list of `iptables-save`, by table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Table {
    /// `filter`, `nat`, ...
    pub name: String,
    /// Names of the chains.
    pub chains: Vec<String>,
    /// Rules as they are written, without counters: `-A INPUT -j KUBE-FIREWALL`.
    pub rules: Vec<String>,
}

/// Reads what `iptables-save` or `ip6tables-save` prints, with counters or without.
#[must_use]
pub fn parse(saved: &str) -> Vec<Table> {
    let mut tables: Vec<Table> = Vec::new();
    for line in saved.lines() {
        let line = line.trim();
        if let Some(name) = line.strip_prefix('*') {
            tables.push(Table { name: name.to_owned(), ..Table::default() });
        }
        let Some(table) = tables.last_mut() else { continue };
        if let Some(chain) = line.strip_prefix(':') {
            table.chains.extend(chain.split_whitespace().next().map(str::to_owned));
        } else if let Some(at) = rule_start(line) {
            table.rules.push(line[at..].to_owned());
        }
    }
    tables
}

/// Where `-A` begins in a rule that may have counters before it: `[12:3456] -A INPUT ...`.
fn rule_start(line: &str) -> Option<usize> {
    let at = if line.starts_with('[') { line.find("] ")? + 2 } else { 0 };
    line[at..].starts_with("-A ").then_some(at)
}

/// The words of a rule; what stands in double quotes is one word, with `\` before a quote inside of it.
fn words(rule: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let (mut quoted, mut escaped) = (false, false);
    for c in rule.chars() {
        match c {
            _ if escaped => {
                escaped = false;
                word.get_or_insert_default().push(c);
            }
            '\\' if quoted => escaped = true,
            '"' => {
                quoted = !quoted;
                word.get_or_insert_default();
            }
            c if c.is_whitespace() && !quoted => words.extend(word.take()),
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

/// The chain that a rule leads to.
fn target(rule: &str) -> Option<String> {
    let mut words = words(rule).into_iter();
    words.find(|word| ["-j", "--jump", "-g", "--goto"].contains(&word.as_str()))?;
    words.next()
}

/// A text for `iptables-restore --noflush` that deletes the chains whose names begin with one of `prefixes`, and the
/// rules of other chains that lead to them. Nothing else is touched. `None` where there is nothing to delete.
///
/// ```
/// use node_bootstrap::text::firewall::removal;
///
/// let saved = "*filter\n:INPUT ACCEPT [0:0]\n:KUBE-FIREWALL - [0:0]\n-A INPUT -j KUBE-FIREWALL\nCOMMIT\n";
/// assert_eq!(
///     removal(saved, &["KUBE-"]).as_deref(),
///     Some("*filter\n:KUBE-FIREWALL - [0:0]\n-D INPUT -j KUBE-FIREWALL\n-X KUBE-FIREWALL\nCOMMIT\n")
/// );
/// ```
#[must_use]
pub fn removal(saved: &str, prefixes: &[&str]) -> Option<String> {
    let ours = |chain: &str| prefixes.iter().any(|prefix| chain.starts_with(prefix));
    let mut out = String::new();
    for table in parse(saved) {
        let chains: BTreeSet<&String> = table.chains.iter().filter(|chain| ours(chain)).collect();
        let jumps: Vec<&str> = table
            .rules
            .iter()
            .filter_map(|rule| {
                let rest = rule.strip_prefix("-A ")?;
                let from = rest.split_whitespace().next()?;
                (!ours(from) && target(rule).is_some_and(|to| ours(&to))).then_some(rest)
            })
            .collect();
        if chains.is_empty() && jumps.is_empty() {
            continue;
        }
        // Naming a chain empties it, so that all of them can go whatever leads where.
        let line = |text: &str| format!("{text}\n");
        out.push_str(&line(&format!("*{}", table.name)));
        out.extend(chains.iter().map(|chain| line(&format!(":{chain} - [0:0]"))));
        out.extend(jumps.iter().map(|rest| line(&format!("-D {rest}"))));
        out.extend(chains.iter().map(|chain| line(&format!("-X {chain}"))));
        out.push_str("COMMIT\n");
    }
    (!out.is_empty()).then_some(out)
}

/// A table of nftables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NftTable {
    /// `ip`, `ip6`, `inet`, ...
    pub family: String,
    /// Its name.
    pub name: String,
}

/// Reads what `nft list tables` prints.
#[must_use]
pub fn nft_tables(listed: &str) -> Vec<NftTable> {
    let parse = |line: &str| {
        let mut words = line.split_whitespace();
        (words.next()? == "table").then_some(())?;
        Some(NftTable { family: words.next()?.to_owned(), name: words.next()?.to_owned() })
    };
    listed.lines().filter_map(parse).collect()
}

/// A text for `nft -f -` that deletes the tables of kube-proxy: `ip kube-proxy` and `ip6 kube-proxy`. `None` where
/// there are none.
#[must_use]
pub fn nft_removal(listed: &str) -> Option<String> {
    let mut out = String::new();
    for table in nft_tables(listed) {
        if table.name == "kube-proxy" && ["ip", "ip6"].contains(&table.family.as_str()) {
            out.extend(["delete table ", &table.family, " ", &table.name, "\n"]);
        }
    }
    (!out.is_empty()).then_some(out)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PREFIXES: [&str; 5] = ["KUBE-", "cali-", "CNI-", "FLANNEL-", "CILIUM_"];

    #[test]
    fn only_chains_of_kubernetes_and_what_leads_to_them_go() {
        let saved = r#"# Generated by iptables-save v1.8.9
*mangle
:PREROUTING ACCEPT [1:2]
COMMIT
*nat
:PREROUTING ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
:DOCKER - [0:0]
:KUBE-SERVICES - [0:0]
:KUBE-MARK-MASQ - [0:0]
:CNI-1f0a - [0:0]
[5:300] -A PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
-A POSTROUTING -s 10.85.0.2/32 -m comment --comment "name: \"-j KUBE-X\" id: \"1\"" -j CNI-1f0a
-A POSTROUTING -m comment --comment "not -j KUBE-SERVICES" -j MASQUERADE
-A KUBE-SERVICES -j KUBE-MARK-MASQ
-A DOCKER -i docker0 -j RETURN
COMMIT
*filter
:INPUT DROP [0:0]
:cali-INPUT - [0:0]
-A INPUT -p tcp --dport 22 -j ACCEPT
-A INPUT -g cali-INPUT
COMMIT
"#;
        insta::assert_snapshot!(removal(saved, &PREFIXES).unwrap(), @r#"
        *nat
        :CNI-1f0a - [0:0]
        :KUBE-MARK-MASQ - [0:0]
        :KUBE-SERVICES - [0:0]
        -D PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
        -D POSTROUTING -s 10.85.0.2/32 -m comment --comment "name: \"-j KUBE-X\" id: \"1\"" -j CNI-1f0a
        -X CNI-1f0a
        -X KUBE-MARK-MASQ
        -X KUBE-SERVICES
        COMMIT
        *filter
        :cali-INPUT - [0:0]
        -D INPUT -g cali-INPUT
        -X cali-INPUT
        COMMIT
        "#);
        assert_eq!(
            removal("*filter\n:INPUT DROP [0:0]\n-A INPUT -j MYKUBE-X\nCOMMIT\n", &PREFIXES),
            None
        );
    }

    #[test]
    fn of_nftables_only_the_tables_of_kube_proxy_go() {
        let listed = "table ip nat\ntable ip kube-proxy\ntable ip6 kube-proxy\ntable inet firewalld\ntable inet kube-proxy\n";
        assert_eq!(
            nft_removal(listed).unwrap(),
            "delete table ip kube-proxy\ndelete table ip6 kube-proxy\n"
        );
        assert_eq!(nft_removal("table ip nat\n"), None);
    }

    #[test]
    fn a_real_iptables_deletes_what_is_ours_and_keeps_the_rest() {
        // In a network namespace of its own, which ends with the shell.
        let run = |script: &str, files: &std::path::Path| {
            let shell = ["--net", "sh", "-ec", script];
            std::process::Command::new("unshare").args(shell).current_dir(files).output()
        };
        let folder = tempfile::tempdir().unwrap();
        match run("iptables-save", folder.path()) {
            Ok(said) if said.status.success() => {}
            _ => {
                println!("skipped: no iptables, or no right to a network namespace");
                return;
            }
        }
        let rules = "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:KUBE-A - [0:0]\n\
                     :KUBE-B - [0:0]\n:OTHER - [0:0]\n-A INPUT -s 10.0.0.1/32 -j KUBE-A\n-A INPUT -j OTHER\n\
                     -A FORWARD -g KUBE-B\n-A KUBE-A -j KUBE-B\n-A OTHER -s 10.0.0.2/32 -j DROP\n\
                     -A OTHER -j KUBE-B\nCOMMIT\n";
        std::fs::write(folder.path().join("before"), rules).unwrap();
        let saved = run("iptables-restore <before; iptables-save -c", folder.path()).unwrap();
        assert!(saved.status.success(), "{}", String::from_utf8_lossy(&saved.stderr));
        let saved = String::from_utf8(saved.stdout).unwrap();
        std::fs::write(folder.path().join("removal"), removal(&saved, &PREFIXES).unwrap()).unwrap();
        let script = "iptables-restore <before; iptables-restore --noflush <removal; iptables-save";
        let left = run(script, folder.path()).unwrap();
        assert!(left.status.success(), "{}", String::from_utf8_lossy(&left.stderr));
        let left = parse(&String::from_utf8(left.stdout).unwrap());
        assert_eq!(left[0].chains, ["INPUT", "FORWARD", "OUTPUT", "OTHER"]);
        assert_eq!(left[0].rules, ["-A INPUT -j OTHER", "-A OTHER -s 10.0.0.2/32 -j DROP"]);
    }

    proptest! {
        #[test]
        fn nothing_of_others_is_named_in_what_is_deleted(
            rules in prop::collection::vec(("(INPUT|DOCKER|KUBE-A|CNI-b)", "(ACCEPT|DOCKER|KUBE-A|CNI-b)"), 0..8),
        ) {
            let mut saved = "*filter\n:INPUT ACCEPT [0:0]\n:DOCKER - [0:0]\n:KUBE-A - [0:0]\n:CNI-b - [0:0]\n".to_owned();
            for (from, to) in &rules {
                saved.push_str(&["-A ", from, " -j ", to, "\n"].concat());
            }
            let script = removal(&saved, &PREFIXES).unwrap();
            let deleted = rules.iter().filter(|(from, to)| {
                ["INPUT", "DOCKER"].contains(&from.as_str()) && ["KUBE-A", "CNI-b"].contains(&to.as_str())
            });
            prop_assert_eq!(script.lines().filter(|line| line.starts_with("-D ")).count(), deleted.count());
            for line in script.lines() {
                let foreign = line.starts_with(":INPUT") || line.starts_with(":DOCKER") || line.starts_with("-X DOCKER");
                prop_assert!(!foreign && !line.starts_with("-F"), "{line}");
            }
        }
    }
}
