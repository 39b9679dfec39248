//! Zones of firewalld: XML files as firewalld.zone(5) describes them. Elements are added, nothing else is touched.

use std::collections::BTreeMap;
use std::ops::Range;

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
    Ok(read(text)?.0.into_iter().map(|(element, _)| element).collect())
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
    let is_there = |wished: &Element| standing.iter().any(|(element, _)| element == wished);
    for element in wish.iter().filter(|element| !is_there(element)) {
        element.render(2, &mut new);
    }
    if new.is_empty() {
        return Ok(text.to_owned());
    }
    let (before, after) = text.split_at(end);
    let joint = if before.ends_with('\n') { "" } else { "\n" };
    Ok([before, joint, &new, after].concat())
}

/// Takes elements out of a zone, each with its line.
///
/// ```
/// use node_bootstrap::text::zone::{Element, remove};
///
/// let text = "<zone>\n  <service name=\"ssh\"/>\n  <port port=\"6443\" protocol=\"tcp\"/>\n</zone>\n";
/// let port = Element::new("port", &[("port", "6443"), ("protocol", "tcp")]);
/// assert_eq!(remove(text, &[port])?, "<zone>\n  <service name=\"ssh\"/>\n</zone>\n");
/// # Ok::<(), node_bootstrap::text::TextError>(())
/// ```
///
/// # Errors
/// If the text is no zone.
pub fn remove(text: &str, unwished: &[Element]) -> Result<String, TextError> {
    let (standing, _) = read(text)?;
    let mut out = text.to_owned();
    for (_, place) in standing.into_iter().rev().filter(|(element, _)| unwished.contains(element)) {
        let begin = text[..place.start].trim_end_matches([' ', '\t']).len();
        let is_line = text[..begin].ends_with('\n') && text[place.end..].starts_with('\n');
        out.replace_range(if is_line { begin..place.end + 1 } else { place }, "");
    }
    Ok(out)
}

/// An element of a zone, and where it stands in the text.
type Placed = (Element, Range<usize>);

/// The elements of a zone with their places, and where its end tag begins (after the blanks before it).
fn read(text: &str) -> Result<(Vec<Placed>, usize), TextError> {
    let wrong = || TextError::Unfit {
        what: "a zone of firewalld (<zone> with its elements, up to </zone>)",
        value: text.chars().take(60).collect(),
    };
    // Elements that are not closed yet, the outermost first.
    let mut open: Vec<Element> = Vec::new();
    let mut places: Vec<Range<usize>> = Vec::new();
    let mut begin = 0;
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
            if open.len() == 1 {
                places.push(begin..end);
            }
            match open.last_mut() {
                Some(parent) => parent.inside.push(element),
                None if element.name == "zone" => {
                    let line = text[..start].trim_end_matches([' ', '\t']).len();
                    return Ok((element.inside.into_iter().zip(places).collect(), line));
                }
                None => return Err(wrong()),
            }
        } else {
            let (tag, is_whole) = tag.strip_suffix('/').map_or((tag, false), |tag| (tag, true));
            let element = tag_of(tag).ok_or_else(wrong)?;
            if open.len() == 1 {
                begin = start;
                places.extend(is_whole.then_some(start..end));
            }
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
    fn what_is_taken_out_leaves_the_rest_as_it_stands() {
        let mut rule = Element::new("rule", &[("family", "ipv4")]);
        rule.inside = vec![
            Element::new("source", &[("address", "10.0.0.9")]),
            port("2379"),
            Element::new("accept", &[]),
        ];
        let wish = [rule, port("22")];
        let more = add(PUBLIC, &wish).unwrap();
        assert_eq!(remove(&more, &wish).unwrap(), PUBLIC);
        assert_eq!(remove(PUBLIC, &wish).unwrap(), PUBLIC);
        let line = "<zone><port port=\"22\" protocol=\"tcp\"/><forward/></zone>";
        assert_eq!(remove(line, &[port("22")]).unwrap(), "<zone><forward/></zone>");
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
