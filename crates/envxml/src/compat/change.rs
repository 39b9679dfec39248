//! `-override` and `-set_xpath_attrib_value`: changes to the generated environment.

use super::CompatError;
use crate::tree::{Document, Element, XPath, is_name};

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

/// Sets a property as jlib's `setProp` does: `@name` is an attribute, `A/@name` one of a child that must be there, `A` the
/// text of a child that is made where it is missing.
fn set(component: &mut Element, property: &str, value: &str) -> Result<(), CompatError> {
    if property.is_empty() {
        return Ok(());
    }
    let fault =
        |text: String| CompatError::new(format!("IPropertyTree: UNKNOWN ERROR CODE: -1\n{text}"));
    let (head, last) =
        property.rsplit_once('/').map_or(("", property), |(head, last)| (head, last));
    let mut element = component;
    if !head.is_empty() {
        let place = {
            let found = element.select_paths(&path(head)?);
            match found.as_slice() {
                [only] => only.clone(),
                [] => {
                    return Err(fault(format!(
                        "path {head}/ not found, when setting prop {property}"
                    )));
                }
                _ => return Err(ambiguous(&format!("{head}/"))),
            }
        };
        let Some(child) = element.at_mut(&place) else { return Ok(()) };
        element = child;
    }
    match last.strip_prefix('@') {
        Some(name) if is_name(name) => element.set(name, value),
        Some(_) => return Err(fault(format!("Invalid xml attribute: {last}"))),
        None => {
            let found = element.select_paths(&path(last)?);
            let place = match found.as_slice() {
                [only] => only.clone(),
                [] => {
                    element.push(Element::new(last));
                    vec![element.nodes().len() - 1]
                }
                _ => return Err(ambiguous(property)),
            };
            if let Some(child) = element.at_mut(&place) {
                child.set_text(value);
            }
        }
    }
    Ok(())
}

/// A path to elements.
fn path(text: &str) -> Result<XPath, CompatError> {
    let refused = |error: &dyn std::fmt::Display| {
        CompatError::new(format!("IPropertyTree: unsupported xpath syntax used\n{error}"))
    };
    let path: XPath = text.parse().map_err(|error| refused(&error))?;
    match path.attribute {
        Some(_) => Err(refused(&format!("{text} names an attribute"))),
        None => Ok(path),
    }
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
        let path = path(text.strip_suffix('/').unwrap_or(text))?;
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
                if last.tag == "*" {
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
            set(element, attribute, value)?;
        }
    }
    Ok(())
}
