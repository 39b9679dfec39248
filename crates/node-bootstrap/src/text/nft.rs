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
    /// Whether its policy does.
    pub by_policy: bool,
}

/// A chain while it is read.
#[derive(Debug, Clone, Default)]
struct Chain {
    family: String,
    table: String,
    name: String,
    hook: Option<String>,
    closes: bool,
    by_policy: bool,
    /// Chains that its rules lead to.
    leads: Vec<String>,
}

/// Words of rules: comments left out; `{`, `}`, `;`, `,`, `:` and ends of lines on their own, strings with their quotes.
fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    for line in text.lines() {
        let (line, goes_on) = line.strip_suffix('\\').map_or((line, false), |line| (line, true));
        let mut word = String::new();
        let mut is_quoted = false;
        for c in line.chars() {
            match c {
                '"' => {
                    is_quoted = !is_quoted;
                    word.push(c);
                }
                c if is_quoted => word.push(c),
                '#' => break,
                '{' | '}' | ';' | ',' | ':' => {
                    words.push(std::mem::take(&mut word));
                    words.push(c.to_string());
                }
                c if c.is_whitespace() => words.push(std::mem::take(&mut word)),
                c => word.push(c),
            }
        }
        words.push(word);
        if !goes_on {
            words.push(";".to_owned());
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// Family, table and what follows.
fn place<'w>(words: &'w [&'w str]) -> Option<(&'w str, &'w str, &'w [&'w str])> {
    match words {
        [family @ ("ip" | "ip6" | "inet" | "arp" | "bridge" | "netdev"), table, rest @ ..] => {
            Some((family, table, rest))
        }
        [table, rest @ ..] => Some(("ip", table, rest)),
        [] => None,
    }
}

/// The chain that is spoken of: by the beginnings of the blocks that are open, or of a command on a line of its own.
fn spoken<'w>(open: &'w [Vec<&'w str>], statement: &'w [&'w str]) -> Option<[&'w str; 3]> {
    let outer = open.first().map_or(statement, Vec::as_slice);
    let outer = match outer {
        ["add" | "create" | "insert" | "replace", rest @ ..] => rest,
        all => all,
    };
    match outer {
        ["table", rest @ ..] => {
            let (family, table, _) = place(rest)?;
            match open.get(1)?.as_slice() {
                ["chain", name] => Some([family, table, name]),
                _ => None,
            }
        }
        ["chain" | "rule", rest @ ..] => {
            let (family, table, rest) = place(rest)?;
            Some([family, table, rest.first()?])
        }
        _ => None,
    }
}

fn chains(text: &str) -> Vec<Chain> {
    let words = words(text);
    let mut chains: Vec<Chain> = Vec::new();
    // What was opened by each `{`: its words.
    let mut open: Vec<Vec<&str>> = Vec::new();
    let mut statement: Vec<&str> = Vec::new();
    for word in &words {
        match word.as_str() {
            "{" => open.push(std::mem::take(&mut statement)),
            // A rule goes on after a set in it.
            "}" => statement = open.pop().unwrap_or_default(),
            ";" => statement.clear(),
            word => {
                let last = statement.last().copied().unwrap_or_default();
                if let Some([family, table, name]) = spoken(&open, &statement) {
                    let at = chains.iter().position(|chain| {
                        chain.family == family && chain.table == table && chain.name == name
                    });
                    let at = at.unwrap_or_else(|| {
                        chains.push(Chain {
                            family: family.to_owned(),
                            table: table.to_owned(),
                            name: name.to_owned(),
                            ..Chain::default()
                        });
                        chains.len() - 1
                    });
                    chains[at].hear(last, word);
                }
                statement.push(word);
            }
        }
    }
    // A chain closes where one does that it leads to.
    loop {
        let closes = |chain: &Chain| {
            chain.leads.iter().any(|lead| {
                let led = chains.iter().find(|other| {
                    other.family == chain.family
                        && other.table == chain.table
                        && other.name == *lead
                });
                led.is_none_or(|led| led.closes)
            })
        };
        let found = chains.iter().position(|chain| !chain.closes && closes(chain));
        let Some(found) = found else { return chains };
        chains[found].closes = true;
    }
}

impl Chain {
    /// Hears a word of one of its rules, after another.
    fn hear(&mut self, last: &str, word: &str) {
        match (last, word) {
            ("hook", hook) => self.hook = Some(hook.to_owned()),
            ("policy", "accept") => {}
            // What a variable says is not known.
            ("policy", _) => (self.closes, self.by_policy) = (true, true),
            // Ours let in, and nothing else.
            ("jump" | "goto", lead) if lead.starts_with("node-prep-") => {}
            ("jump" | "goto", lead) => self.leads.push(lead.to_owned()),
            (_, "drop" | "reject") => self.closes = true,
            // Verdicts of a map with a name.
            ("vmap", map) if map.starts_with('@') => self.closes = true,
            _ => {}
        }
    }
}

/// The chains that the kernel calls for packets, of a file of rules or of what `nft list ruleset` prints. One that cannot
/// be seen through is taken as one that keeps packets out.
#[must_use]
pub fn base_chains(text: &str) -> Vec<BaseChain> {
    let base = |chain: Chain| {
        let Chain { family, table, name, hook, closes, by_policy, .. } = chain;
        Some(BaseChain { family, table, name, hook: hook?, closes, by_policy })
    };
    chains(text).into_iter().filter_map(base).collect()
}

/// What a line takes in, if that is all that it does: a path, or a pattern of paths.
#[must_use]
pub fn include(line: &str) -> Option<&str> {
    let rest = line.trim().strip_prefix("include")?.trim_start();
    let (path, rest) = rest.strip_prefix('"')?.split_once('"')?;
    let rest = rest.trim_start_matches(|c: char| c == ';' || c.is_whitespace());
    (rest.is_empty() || rest.starts_with('#')).then_some(path)
}

/// Whether a file of rules takes in another.
#[must_use]
pub fn includes(text: &str) -> bool {
    let words = words(text);
    let begins = |at: usize| at == 0 || ["{", "}", ";"].contains(&words[at - 1].as_str());
    words.iter().enumerate().any(|(at, word)| word == "include" && begins(at))
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
                let BaseChain { family, table, name, hook, closes, .. } = chain;
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

    #[test]
    fn whatever_may_keep_packets_out_is_seen() {
        let closes = |rules: &str| {
            let text = format!(
                "table inet f {{\n chain input {{\n type filter hook input priority 0; policy accept;\n {rules}\n }}\n \
                 chain no {{\n reject with icmp type host-prohibited\n }}\n chain by {{\n goto no\n }}\n chain ok {{\n accept\n }}\n}}\n"
            );
            base_chains(&text)[0].closes
        };
        for rules in [
            "drop comment \"x\"",
            "tcp dport vmap { 22 : accept, 23 : drop }",
            "tcp dport {22,80} counter drop",
            "ct state vmap @verdicts",
            "jump by",
            "jump elsewhere",
            "ip saddr 10.0.0.1 \\\n drop",
        ] {
            assert!(closes(rules), "{rules}");
        }
        for rules in [
            "tcp dport 22 accept comment \"no drop; { here\"",
            "jump ok",
            "jump node-prep-input",
            "# drop",
        ] {
            assert!(!closes(rules), "{rules}");
        }
    }

    #[test]
    fn commands_on_lines_of_their_own_are_read_as_well() {
        let text = "add table inet f\nadd chain inet f input { type filter hook input priority 0; policy drop; }\n\
                    add chain f out { type filter hook output priority 0; }\nadd rule f out tcp dport { 25 } reject\n";
        let chains: Vec<String> = base_chains(text)
            .iter()
            .map(|chain| format!("{} {} {}", chain.family, chain.name, chain.closes))
            .collect();
        assert_eq!(chains, ["inet input true", "ip out true"]);
    }

    #[test]
    fn files_that_are_taken_in_are_named() {
        assert_eq!(include("include \"/etc/nftables/*.nft\" # all"), Some("/etc/nftables/*.nft"));
        assert_eq!(include("table x { include \"y\"; }"), None);
        assert!(includes("table x { include \"y\"; }") && !includes("# include \"y\"\n"));
    }
}
