//! Adding and removing elements so that the file keeps its look: white space goes with the element.

use super::{Document, Element, Node};

/// How a file is laid out.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Layout {
    /// White space of one level; `None` when elements follow each other without line breaks.
    unit: Option<String>,
    /// Whether many attributes stand on lines of their own, aligned under the first.
    aligned: bool,
}

impl Document {
    /// Adds a child after the last sibling with its tag, or after all others, laid out as its
    /// surroundings are. Gives the index among the parent's nodes, or `None` when `parent` names nothing.
    ///
    /// [`Document::remove`] of that place brings back the former text.
    pub fn insert(&mut self, parent: &[usize], mut child: Element) -> Option<usize> {
        let layout = self.layout();
        let depth = parent.len() + 1;
        let unit = layout.unit.clone();
        let indent = unit.as_ref().map(|_| self.indent_of(parent));
        let element = self.root.at_mut(parent)?;
        let own = match (&indent, &unit) {
            (Some(indent), Some(unit)) => Some(format!("{indent}{unit}")),
            _ => None,
        };
        // A sibling knows its indentation best.
        let last = element.children.iter().rposition(|n| n.as_element().is_some());
        let alike = element
            .children
            .iter()
            .rposition(|n| n.as_element().is_some_and(|e| e.name == child.name))
            .or(last);
        let own = match alike.and_then(|index| index.checked_sub(1)) {
            Some(before) => element.children.get(before).and_then(indentation),
            None if alike.is_some() => None,
            None => own,
        };
        lay_out(&mut child, own.as_deref(), unit.as_deref().unwrap_or(" "), layout.aligned);
        let mut nodes = Vec::new();
        if let Some(own) = &own {
            nodes.push(Node::Text(format!("\n{own}").into()));
        }
        nodes.push(Node::Element(child));
        let at = match alike {
            Some(index) => index + 1,
            None => {
                // The first element: before it what is there (a comment), after it the parent's end.
                if element.children.last().is_none_or(|node| !node.is_blank())
                    && let Some(indent) = &indent
                    && own.is_some()
                    && depth > 0
                {
                    nodes.push(Node::Text(format!("\n{indent}").into()));
                    element.children.len()
                } else {
                    element.children.len().saturating_sub(1)
                }
            }
        };
        let offset = usize::from(own.is_some());
        element.children.splice(at..at, nodes);
        Some(at + offset)
    }

    /// Removes an element with the white space before it, and tells whether it was there.
    pub fn remove(&mut self, place: &[usize]) -> bool {
        let Some((&index, parent)) = place.split_last() else { return false };
        let Some(parent) = self.root.at_mut(parent) else { return false };
        if parent.children.get(index).and_then(Node::as_element).is_none() {
            return false;
        }
        parent.children.remove(index);
        if index > 0 && parent.children[index - 1].is_blank() {
            parent.children.remove(index - 1);
        }
        if parent.self_closing && parent.children.iter().all(Node::is_blank) {
            parent.children.clear();
        }
        true
    }

    /// The indentation of the element at a place.
    fn indent_of(&self, place: &[usize]) -> String {
        let Some((&index, parent)) = place.split_last() else { return String::new() };
        let parent = self.root.at(parent);
        let before = index.checked_sub(1).and_then(|i| parent?.children.get(i));
        before.and_then(indentation).unwrap_or_default()
    }

    fn layout(&self) -> Layout {
        let first = self.root.children.first().filter(|node| node.is_blank());
        let unit = first.and_then(indentation);
        Layout { unit, aligned: has_aligned(&self.root) }
    }
}

/// What stands after the last line break of blank text.
fn indentation(node: &Node) -> Option<String> {
    match node {
        Node::Text(text) if node.is_blank() => {
            text.rsplit_once('\n').map(|(_, indent)| indent.to_owned())
        }
        _ => None,
    }
}

fn has_aligned(element: &Element) -> bool {
    let broken = |a: &super::Attribute| a.lead.as_ref().is_some_and(|lead| lead.contains('\n'));
    element.attributes.iter().any(broken) || element.elements().any(has_aligned)
}

/// Gives a new element the white space that its place asks for.
fn lay_out(element: &mut Element, indent: Option<&str>, unit: &str, aligned: bool) {
    let many = element.attributes.len() > 3;
    let name_length = element.name.chars().count();
    for (index, attribute) in element.attributes.iter_mut().enumerate() {
        attribute.lead = match indent {
            Some(indent) if aligned && many && index > 0 => {
                Some(format!("\n{indent}{}", " ".repeat(name_length + 2)).into())
            }
            _ => None,
        };
    }
    let Some(indent) = indent else { return };
    let inner = format!("{indent}{unit}");
    if element.elements().next().is_none() {
        return;
    }
    let children = std::mem::take(&mut element.children);
    for mut node in children.into_iter().filter(|node| !node.is_blank()) {
        if let Node::Element(child) = &mut node {
            lay_out(child, Some(&inner), unit, aligned);
        }
        element.children.push(Node::Text(format!("\n{inner}").into()));
        element.children.push(node);
    }
    element.children.push(Node::Text(format!("\n{indent}").into()));
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "<E>\n <S>\n  <C a=\"1\"\n     b=\"2\"\n     c=\"3\"\n     d=\"4\"/>\n  <D/>\n </S>\n</E>\n";

    #[test]
    fn an_element_is_added_beside_its_like_and_removed_without_a_trace() {
        let mut document = Document::parse(FILE).unwrap();
        let place = document.root.select_paths(&"S".parse().unwrap()).remove(0);
        let child = Element::new("C").with("a", "5").with("b", "6").with("c", "7").with("d", "8");
        let index = document.insert(&place, child).unwrap();
        let expected = FILE.replace(
            "\n  <D/>",
            "\n  <C a=\"5\"\n     b=\"6\"\n     c=\"7\"\n     d=\"8\"/>\n  <D/>",
        );
        assert_eq!(document.to_text(), expected);
        let mut added = place.clone();
        added.push(index);
        assert!(document.remove(&added));
        assert_eq!(document.to_text(), FILE);
    }

    #[test]
    fn a_first_child_opens_its_parent_and_its_removal_closes_it() {
        let mut document = Document::parse(FILE).unwrap();
        let place = document.root.select_paths(&"S/D".parse().unwrap()).remove(0);
        let mut child = Element::new("X").with("a", "1");
        child.push(Element::new("Y"));
        let index = document.insert(&place, child).unwrap();
        let expected = FILE.replace("<D/>", "<D>\n   <X a=\"1\">\n    <Y/>\n   </X>\n  </D>");
        assert_eq!(document.to_text(), expected);
        let added: Vec<usize> = place.iter().copied().chain([index]).collect();
        assert!(document.remove(&added));
        assert_eq!(document.to_text(), FILE);
    }

    #[test]
    fn a_file_without_line_breaks_gets_none() {
        let mut document = Document::parse("<E><S><C/></S></E>").unwrap();
        document.insert(&[0], Element::new("C").with("a", "1")).unwrap();
        document.insert(&[0, 0], Element::new("D")).unwrap();
        assert_eq!(document.to_text(), "<E><S><C><D/></C><C a=\"1\"/></S></E>");
    }
}
