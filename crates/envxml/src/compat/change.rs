//! `-override` and `-set_xpath_attrib_value`: changes to the generated environment.

use super::CompatError;
use crate::tree::{Document, Element, XPath};

/// Sets an attribute of every component of a build set.
pub(super) fn overrides(
    document: &mut Document,
    overrides: &[String],
    warnings: &mut Vec<String>,
) -> Result<(), CompatError> {
    for text in overrides {
        let parts: Vec<&str> = text.split(',').map(str::trim).collect();
        let &[build_set, property, value] = parts.as_slice() else {
            warnings.push(format!(
                "\nWarning: unable to override {text} as override option needs 3 valid values to override.\n"
            ));
            continue;
        };
        let components =
            document.root.child_mut("Software").into_iter().flat_map(Element::elements_mut);
        let mut found = false;
        for component in components {
            let is_of = component.get("buildSet").is_some_and(|set| set == build_set);
            if is_of && !build_set.is_empty() {
                found = true;
                set(component, property, value)?;
            }
        }
        if !found {
            warnings.push(format!(
                "\nWarning: unable to find components of buildset '{build_set}' for override option '{text}'.\n"
            ));
        }
    }
    Ok(())
}

/// Sets a property as jlib's `setProp` does: `@name` is an attribute, `A/@name` one of a child that is made where it is
/// missing, `A` the text of a child.
fn set(component: &mut Element, property: &str, value: &str) -> Result<(), CompatError> {
    if property.is_empty() {
        return Ok(());
    }
    let path: XPath = property.parse().map_err(|error: crate::tree::XPathError| {
        CompatError::new(format!("IPropertyTree: unsupported xpath syntax used\n{error}"))
    })?;
    let mut element = component;
    for step in &path.steps {
        let single = XPath { steps: vec![step.clone()], attribute: None };
        let place = match element.select_paths(&single).as_slice() {
            [] => {
                element.push(Element::new(step.tag.as_str()));
                vec![element.nodes().len() - 1]
            }
            [only] => only.clone(),
            _ => return Err(ambiguous(property)),
        };
        let Some(child) = element.at_mut(&place) else { return Ok(()) };
        element = child;
    }
    match &path.attribute {
        Some(name) => element.set(name, value),
        None => element.set_text(value),
    }
    Ok(())
}

fn ambiguous(path: &str) -> CompatError {
    CompatError {
        code: 0,
        warnings: Vec::new(),
        message: format!(
            "IPropertyTree: Ambiguous xpath used\ngetProp: ambiguous xpath \"{path}\""
        ),
    }
}

/// Sets attributes of single elements; the last element of a path is made where it is missing.
pub(super) fn xpath_values(
    document: &mut Document,
    values: &[(String, String, String)],
) -> Result<(), CompatError> {
    for (text, attribute, value) in values {
        let attribute = attribute.strip_prefix('@').unwrap_or(attribute);
        if let Some(rest) = text.strip_prefix('/') {
            return Err(CompatError {
                code: 2,
                warnings: Vec::new(),
                message: format!(
                    "IPropertyTree: unsupported xpath syntax used\nXPath Exception: Root specifier \"/\" specifier is \
                     not supported\nin xpath = {rest}\n           ^"
                ),
            });
        }
        let path: XPath = text.parse().map_err(|error: crate::tree::XPathError| {
            CompatError::new(format!("IPropertyTree: unsupported xpath syntax used\n{error}"))
        })?;
        let found = document.root.select_paths(&path);
        let place = match found.as_slice() {
            [only] => only.clone(),
            [] => {
                let not_found = || {
                    CompatError::new(format!(
                        "IPropertyTree: UNKNOWN ERROR CODE: -1\nresolveParentChild: path not found {text}"
                    ))
                };
                let Some((last, parents)) = path.steps.split_last() else {
                    return Err(not_found());
                };
                let parent = XPath { steps: parents.to_vec(), attribute: None };
                let parents = document.root.select_paths(&parent);
                let [parent_place] = parents.as_slice() else { return Err(not_found()) };
                if last.tag == "*" || !last.predicates.is_empty() {
                    return Err(not_found());
                }
                let mut place = parent_place.clone();
                let Some(parent) = document.root.at_mut(&place) else { return Err(not_found()) };
                parent.push(Element::new(last.tag.as_str()));
                place.push(parent.nodes().len() - 1);
                place
            }
            _ => return Err(ambiguous(text)),
        };
        if let Some(element) = document.root.at_mut(&place) {
            element.set(attribute, value);
        }
    }
    Ok(())
}
