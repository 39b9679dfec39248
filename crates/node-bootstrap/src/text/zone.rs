//! Zones of firewalld: XML files as firewalld.zone(5) describes them. Elements are added, nothing else is touched.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::TextError;

/// An element of a zone.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Element {
    /// Its name: `port`, `source`, `rule`.
    pub name: String,
    /// Its attributes.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, String>,
    /// The elements inside of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub inside: Vec<Self>,
}

impl Element {
    /// An element with attributes and nothing inside.
    #[must_use]
    pub fn new(name: &str, attributes: &[(&str, &str)]) -> Self {
        let attributes =
            attributes.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        Self { name: name.to_owned(), attributes: attributes.collect(), inside: Vec::new() }
    }

    fn render(&self, indent: usize, out: &mut String) {
        let blank = " ".repeat(indent);
        out.extend([&blank, "<", &self.name]);
        for (key, value) in &self.attributes {
            let value = value.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;");
            out.extend([" ", key, "=\"", &value, "\""]);
        }
        if self.inside.is_empty() {
            out.push_str("/>\n");
            return;
        }
        out.push_str(">\n");
        for element in &self.inside {
            element.render(indent + 2, out);
        }
        out.extend([&blank, "</", &self.name, ">\n"]);
    }
}

/// The elements of a zone.
///
/// # Errors
/// If the text is no zone.
pub fn elements(text: &str) -> Result<Vec<Element>, TextError> {
    Ok(read(text)?.0)
}

/// Adds what is missing of `wish` at the end of a zone.
///
/// ```
/// use node_bootstrap::text::zone::{Element, add};
///
/// let text = "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<zone>\n  <service name=\"ssh\"/>\n</zone>\n";
/// let port = Element::new("port", &[("port", "6443"), ("protocol", "tcp")]);
/// let added = add(text, &[port])?;
/// assert!(added.contains("  <service name=\"ssh\"/>\n  <port port=\"6443\" protocol=\"tcp\"/>\n</zone>"));
/// # Ok::<(), node_bootstrap::text::TextError>(())
/// ```
///
/// # Errors
/// If the text is no zone.
pub fn add(text: &str, wish: &[Element]) -> Result<String, TextError> {
    let (standing, end) = read(text)?;
    let mut new = String::new();
    for element in wish.iter().filter(|element| !standing.contains(element)) {
        element.render(2, &mut new);
    }
    if new.is_empty() {
        return Ok(text.to_owned());
    }
    let (before, after) = text.split_at(end);
    let joint = if before.ends_with('\n') { "" } else { "\n" };
    Ok([before, joint, &new, after].concat())
}

/// The elements of a zone, and where its end tag begins (after the blanks before it).
fn read(text: &str) -> Result<(Vec<Element>, usize), TextError> {
    let wrong = || TextError::Unfit {
        what: "a zone of firewalld (<zone> with its elements, up to </zone>)",
        value: text.chars().take(60).collect(),
    };
    // Elements that are not closed yet, the outermost first.
    let mut open: Vec<Element> = Vec::new();
    let mut at = 0;
    while let Some(start) = text[at..].find('<').map(|found| at + found) {
        let rest = &text[start..];
        let closing = if rest.starts_with("<!--") {
            "-->"
        } else if rest.starts_with("<?") {
            "?>"
        } else {
            ">"
        };
        let end = start + rest.find(closing).ok_or_else(wrong)? + closing.len();
        at = end;
        if closing != ">" || rest.starts_with("<!") {
            continue;
        }
        let tag = &text[start + 1..end - 1];
        if let Some(name) = tag.strip_prefix('/') {
            let element = open.pop().filter(|open| open.name == name.trim()).ok_or_else(wrong)?;
            match open.last_mut() {
                Some(parent) => parent.inside.push(element),
                None if element.name == "zone" => {
                    let line = text[..start].trim_end_matches([' ', '\t']).len();
                    return Ok((element.inside, line));
                }
                None => return Err(wrong()),
            }
        } else {
            let (tag, is_whole) = tag.strip_suffix('/').map_or((tag, false), |tag| (tag, true));
            let element = tag_of(tag).ok_or_else(wrong)?;
            match open.last_mut() {
                Some(parent) if is_whole => parent.inside.push(element),
                None if is_whole => return Err(wrong()),
                _ => open.push(element),
            }
        }
    }
    Err(wrong())
}

/// `port port="6443" protocol="tcp"`.
fn tag_of(tag: &str) -> Option<Element> {
    let tag = tag.trim();
    let end = tag.find(char::is_whitespace).unwrap_or(tag.len());
    let mut element = Element::new(&tag[..end], &[]);
    let mut rest = tag[end..].trim_start();
    while !rest.is_empty() {
        let (key, value) = rest.split_once('=')?;
        let value = value.trim_start();
        let mark = value.chars().next().filter(|mark| ['"', '\''].contains(mark))?;
        let (value, more) = value[1..].split_once(mark)?;
        let value = value.replace("&lt;", "<").replace("&quot;", "\"").replace("&amp;", "&");
        element.attributes.insert(key.trim().to_owned(), value);
        rest = more.trim_start();
    }
    Some(element)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PUBLIC: &str = "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<!-- <port/> -->\n<zone target=\"default\">\n  <short>Public</short>\n  \
        <port protocol='tcp' port='6443' />\n  <rule family=\"ipv4\">\n    <source address=\"10.0.0.1\"/>\n    \
        <port port=\"2379\" protocol=\"tcp\"/>\n    <accept/>\n  </rule>\n</zone>\n";

    fn port(port: &str) -> Element {
        Element::new("port", &[("port", port), ("protocol", "tcp")])
    }

    #[test]
    fn what_is_there_in_any_manner_is_not_added_again() {
        let mut rule = Element::new("rule", &[("family", "ipv4")]);
        rule.inside = vec![
            Element::new("source", &[("address", "10.0.0.1")]),
            port("2379"),
            Element::new("accept", &[]),
        ];
        assert_eq!(add(PUBLIC, &[port("6443"), rule.clone()]).unwrap(), PUBLIC);
        rule.inside[1] = port("2380");
        let more = add(PUBLIC, &[rule.clone(), port("22")]).unwrap();
        assert_eq!(add(&more, &[port("22"), rule]).unwrap(), more);
        insta::assert_snapshot!(&more[PUBLIC.len() - 8..], @r#"
          <rule family="ipv4">
            <source address="10.0.0.1"/>
            <port port="2380" protocol="tcp"/>
            <accept/>
          </rule>
          <port port="22" protocol="tcp"/>
        </zone>
        "#);
    }

    #[test]
    fn what_is_no_zone_is_not_touched() {
        for text in [
            "",
            "<zone/>",
            "<zone>",
            "<service></service>",
            "<zone><a></b></zone>",
            "<zone <a b=c/>",
        ] {
            assert!(add(text, &[port("22")]).is_err(), "{text}");
        }
    }
}
