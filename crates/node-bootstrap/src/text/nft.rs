//! Rules of nftables, as far as one must know them to add to them.

/// A chain that the kernel itself calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseChain {
    /// The family of its table: `inet`, `ip`, `ip6`.
    pub family: String,
    /// Its table.
    pub table: String,
    /// Its name.
    pub name: String,
    /// When it is called: `input`, `forward`.
    pub hook: String,
    /// Whether it may keep packets out: its policy is to drop them, or a rule drops or rejects them.
    pub closes: bool,
}

/// Words of rules: comments left out, `{`, `}` and `;` and ends of lines on their own.
fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    for line in text.lines() {
        let line = line.split('#').next().unwrap_or_default();
        let line = line.replace('{', " { ").replace('}', " } ").replace(';', " ; ");
        words.extend(line.split_whitespace().map(str::to_owned));
        words.push(";".to_owned());
    }
    words
}

/// The chains of a file of rules that the kernel calls for packets of filters.
#[must_use]
pub fn base_chains(text: &str) -> Vec<BaseChain> {
    let words = words(text);
    let mut chains = Vec::new();
    // What was opened by each `{`: its words.
    let mut open: Vec<Vec<&str>> = Vec::new();
    let mut statement: Vec<&str> = Vec::new();
    let mut current: Option<BaseChain> = None;
    for word in &words {
        match word.as_str() {
            "{" => open.push(std::mem::take(&mut statement)),
            "}" => {
                statement.clear();
                if open.pop().is_some_and(|head| head.first() == Some(&"chain")) {
                    chains.extend(current.take());
                }
            }
            ";" => statement.clear(),
            word => {
                statement.push(word);
                let (table, chain) = match open.as_slice() {
                    [table, chain, ..] => (table.as_slice(), chain.as_slice()),
                    _ => continue,
                };
                match (table, chain, statement.as_slice()) {
                    (["table", place @ ..], ["chain", name], [.., "hook", hook]) => {
                        let (family, table) = match place {
                            [family, table] => (*family, *table),
                            [table] => ("ip", *table),
                            _ => continue,
                        };
                        current = Some(BaseChain {
                            family: family.to_owned(),
                            table: table.to_owned(),
                            name: (*name).to_owned(),
                            hook: (*hook).to_owned(),
                            closes: false,
                        });
                    }
                    (_, _, [.., "drop" | "reject"]) => {
                        if let Some(chain) = &mut current {
                            chain.closes = true;
                        }
                    }
                    _ => {}
                }
            }
        }
    }
    chains
}

/// Whether a file of rules begins by deleting the rules of everybody.
#[must_use]
pub fn flushes(text: &str) -> bool {
    words(text).windows(2).any(|pair| pair == ["flush", "ruleset"])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chains_are_found_with_what_they_keep_out() {
        let text = "#!/usr/sbin/nft -f\n# flush ruleset\ntable inet filter {\n\tset s { type ipv4_addr; }\n\tchain input {\n\
            \t\ttype filter hook input priority 0; policy drop;\n\t\ttcp dport { 22, 80 } accept\n\t}\n\
            \tchain forward { type filter hook forward priority 0; policy accept; counter reject }\n\
            \tchain other { drop }\n}\ntable mine { chain in { type filter hook input priority 1; } }\n";
        let chains: Vec<String> = base_chains(text)
            .iter()
            .map(|chain| {
                let BaseChain { family, table, name, hook, closes } = chain;
                format!("{family} {table} {name} {hook} {closes}")
            })
            .collect();
        assert_eq!(
            chains,
            [
                "inet filter input input true",
                "inet filter forward forward true",
                "ip mine in input false"
            ]
        );
        assert!(!flushes(text) && flushes("flush ruleset\n"));
    }
}
