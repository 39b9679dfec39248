//! The role definition: components that there are, of files that are known.

use std::collections::HashSet;

use diagnostics::{Problem, nearest};

use crate::config::RoleDefinition;
use crate::fields::shown;
use crate::legacy;

pub(crate) fn check(roles: &RoleDefinition, faults: &mut Vec<Problem>) {
    let names = || roles.components.iter().map(|component| component.name.value.as_str());
    let mut used = HashSet::new();
    for role in &roles.roles {
        let mut seen = HashSet::new();
        for component in &role.components {
            let name = component.value.as_str();
            used.insert(name);
            if !seen.insert(name) {
                let message =
                    format!("the role {} has {} twice", shown(&role.name.value), shown(name));
                faults.push(component.warning("duplicate-component", message, "leave one of them"));
            }
            if !names().any(|known| known == name) {
                let message = format!("there is no component `{}` in component-list", shown(name));
                let help = match nearest(name, names()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("known are {}", names().collect::<Vec<_>>().join(", ")),
                };
                faults.push(component.error("role-with-unknown-component", message, help));
            }
        }
    }
    for component in roles.components.iter().filter(|one| used.contains(one.name.value.as_str())) {
        for file in &component.files {
            if !legacy::TEMPLATES.contains(&file.src.value.as_str()) {
                let message = format!("`{}` is no template of OpenPAI", shown(&file.src.value));
                let help = format!("known are {}", legacy::TEMPLATES.join(", "));
                faults.push(file.src.error("unknown-template", message, help));
            }
            if legacy::folder_on_host(&file.dst.value).is_none() {
                let message = format!("`{}` is no folder of the package", shown(&file.dst.value));
                let help = "give src/, or a folder below it such as src/etc/kubernetes/manifests";
                faults.push(file.dst.error("destination", message, help));
            }
        }
    }
}
