//! The services of ESP: `-listespservices`.

use std::borrow::Cow;
use std::fmt;

use serde::Serialize;

use super::{Row, elements, localised, value};
use crate::tree::Document;

/// One service that one ESP offers: a row of `configgen -listespservices`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EspService<'d> {
    /// The name of the ESP process.
    pub component: Cow<'d, str>,
    /// The service that is bound.
    pub service: Cow<'d, str>,
    /// The name of the binding.
    pub binding: Cow<'d, str>,
    /// The address of the instance.
    pub address: Cow<'d, str>,
    /// The port of the binding.
    pub port: Cow<'d, str>,
    /// `http` or `https`.
    pub protocol: Cow<'d, str>,
}

impl Row for EspService<'_> {
    const HEADER: &'static [&'static str] =
        &["COMPONENT", "SERVICE", "BINDING", "ADDRESS", "PORT", "PROTOCOL"];

    fn cells(&self) -> Vec<Cow<'_, str>> {
        let Self { component, service, binding, address, port, protocol } = self;
        [component, service, binding, address, port, protocol]
            .map(|cell| Cow::Borrowed(cell.as_ref()))
            .into()
    }
}

impl fmt::Display for EspService<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EspProcess,{}", self.cells().join(","))
    }
}

/// All services of all ESP instances: `configgen -listespservices`.
#[must_use]
pub fn esp_services<'d>(document: &'d Document, local: &str) -> Vec<EspService<'d>> {
    let mut rows = Vec::new();
    for esp in elements(&document.root, &["Software", "EspProcess"]) {
        for instance in esp.children("Instance") {
            for binding in esp.children("EspBinding") {
                rows.push(EspService {
                    component: value(esp, "name"),
                    service: value(binding, "service"),
                    binding: value(binding, "name"),
                    address: localised(value(instance, "netAddress"), local),
                    port: value(binding, "port"),
                    protocol: value(binding, "protocol"),
                });
            }
        }
    }
    rows
}
