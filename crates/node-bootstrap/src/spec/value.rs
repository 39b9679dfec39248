//! Values with a form of their own: versions, networks, ports, modes.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use thiserror::Error;

/// Why a text is not the value that is expected. What follows `; ` is how to mend it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{text}` is no {what}; give one such as {example}")]
pub struct ValueError {
    /// What was written.
    pub text: String,
    /// What is expected.
    pub what: &'static str,
    /// What one looks like.
    pub example: &'static str,
}

impl ValueError {
    fn new(text: &str, what: &'static str, example: &'static str) -> Self {
        Self { text: text.escape_debug().to_string(), what, example }
    }
}

/// Serialises a type as its text (`Display`), reads it back from it (`FromStr`), and gives it a schema.
macro_rules! as_text {
    ($($type:ident: $kinds:tt, $pattern:literal, $description:literal;)+) => {$(
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
            }
        }

        impl JsonSchema for $type {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($type).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "description": $description, "type": $kinds, "pattern": $pattern })
            }
        }
    )+};
}

as_text! {
    Minor: ["string", "number"], "^v?[0-9]+[.][0-9]+$", "A minor version of Kubernetes: 1.35.";
    KubernetesVersion: ["string", "number"], "^v?[0-9]+[.][0-9]+([.][0-9]+)?$",
        "A version of Kubernetes: 1.35 is the newest patch of the minor, 1.35.4 exactly this one.";
    Cidr: "string", "^[0-9A-Fa-f.:]+/[0-9]{1,3}$", "A network: 10.244.0.0/16.";
    Subnets: "string", "^[0-9A-Fa-f.:]+/[0-9]{1,3}(,[0-9A-Fa-f.:]+/[0-9]{1,3})?$",
        "A network, or two with a comma between, one of each IP version: 10.244.0.0/16.";
    PortRange: ["string", "integer"], "^[0-9]{1,5}(-[0-9]{1,5})?$", "A port, or a range of ports: 443 or 30000-32767.";
    FileMode: ["string", "integer"], "^0?[0-7]{3,4}$", "The mode of a file in octal digits: 0755.";
}

/// A minor version of Kubernetes, such as 1.35.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Minor {
    /// Before the dot; 1.
    pub major: u32,
    /// After the dot.
    pub minor: u32,
}

impl Minor {
    /// The minor 1.`minor`.
    #[must_use]
    pub const fn new(minor: u32) -> Self {
        Self { major: 1, minor }
    }
}

impl fmt::Display for Minor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

impl FromStr for Minor {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        match text.parse() {
            Ok(KubernetesVersion { minor, patch: None }) => Ok(minor),
            _ => Err(ValueError::new(text, "minor version of Kubernetes", "1.35")),
        }
    }
}

/// A version of Kubernetes. `1.35` is the newest patch of this minor, `1.35.4` exactly this one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KubernetesVersion {
    /// The minor version.
    pub minor: Minor,
    /// The patch, where exactly one is wanted.
    pub patch: Option<u32>,
}

impl fmt::Display for KubernetesVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.minor)?;
        self.patch.map_or(Ok(()), |patch| write!(f, ".{patch}"))
    }
}

impl FromStr for KubernetesVersion {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let wrong = || ValueError::new(text, "version of Kubernetes", "1.35 or 1.35.4");
        let numbers: Vec<u32> = text
            .strip_prefix('v')
            .unwrap_or(text)
            .split('.')
            .map(|part| digits(part).ok_or_else(wrong))
            .collect::<Result<_, _>>()?;
        match numbers[..] {
            [major, minor] => Ok(Self { minor: Minor { major, minor }, patch: None }),
            [major, minor, patch] => Ok(Self { minor: Minor { major, minor }, patch: Some(patch) }),
            _ => Err(wrong()),
        }
    }
}

/// A number of digits alone: no sign, no space.
fn digits<T: FromStr>(text: &str) -> Option<T> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}

/// A network: an address and how many of its bits count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cidr {
    /// The address, as it was written.
    pub address: IpAddr,
    /// How many bits are those of the network; at most 32 or 128.
    pub prefix: u8,
}

impl Cidr {
    /// The network of one address.
    #[must_use]
    pub fn host(address: IpAddr) -> Self {
        Self { address, prefix: if address.is_ipv4() { 32 } else { 128 } }
    }

    /// Whether an address is in this network.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        self.overlaps(&Self::host(address))
    }

    /// Whether two networks share an address.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        let bits = self.prefix.min(other.prefix);
        self.network_of(bits) == other.network_of(bits)
    }

    /// Whether the bits after the prefix are 0, as a network is written.
    #[must_use]
    pub fn is_network(&self) -> bool {
        self.network_of(self.prefix) == self.address
    }

    /// The same network, its other bits 0.
    #[must_use]
    pub fn network(&self) -> Self {
        Self { address: self.network_of(self.prefix), prefix: self.prefix }
    }

    fn network_of(&self, bits: u8) -> IpAddr {
        match self.address {
            IpAddr::V4(address) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(bits)).unwrap_or(0);
                IpAddr::V4((u32::from(address) & mask).into())
            }
            IpAddr::V6(address) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(bits)).unwrap_or(0);
                IpAddr::V6((u128::from(address) & mask).into())
            }
        }
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

impl FromStr for Cidr {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let parse = || {
            let (address, prefix) = text.split_once('/')?;
            let address: IpAddr = address.parse().ok()?;
            let prefix: u8 = digits(prefix)?;
            (prefix <= Self::host(address).prefix).then_some(Self { address, prefix })
        };
        parse().ok_or_else(|| ValueError::new(text, "network", "10.244.0.0/16"))
    }
}

/// One network, or two, one of each IP version.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Subnets(Vec<Cidr>);

impl Subnets {
    /// The networks: one or two.
    #[must_use]
    pub fn networks(&self) -> &[Cidr] {
        &self.0
    }
}

impl fmt::Display for Subnets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, network) in self.0.iter().enumerate() {
            let comma = if at > 0 { "," } else { "" };
            write!(f, "{comma}{network}")?;
        }
        Ok(())
    }
}

impl FromStr for Subnets {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let networks: Vec<Cidr> =
            text.split(',').map(|part| part.trim().parse()).collect::<Result<_, _>>()?;
        match networks[..] {
            [_] => Ok(Self(networks)),
            [one, other] if one.address.is_ipv4() != other.address.is_ipv4() => Ok(Self(networks)),
            _ => Err(ValueError::new(
                text,
                "network, nor two of different IP versions",
                "10.244.0.0/16 or 10.244.0.0/16,fd00:10::/56",
            )),
        }
    }
}

/// A port, or all from one to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PortRange {
    /// The first port; at least 1.
    pub first: u16,
    /// The last port; the same as the first where there is one.
    pub last: u16,
}

impl PortRange {
    /// One port.
    #[must_use]
    pub const fn one(port: u16) -> Self {
        Self { first: port, last: port }
    }

    /// Whether a port is among them.
    #[must_use]
    pub fn contains(&self, port: u16) -> bool {
        (self.first..=self.last).contains(&port)
    }
}

impl fmt::Display for PortRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.first == self.last {
            write!(f, "{}", self.first)
        } else {
            write!(f, "{}-{}", self.first, self.last)
        }
    }
}

impl FromStr for PortRange {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        match (digits::<u16>(first), digits::<u16>(last)) {
            (Some(first), Some(last)) if 0 < first && first <= last => Ok(Self { first, last }),
            _ => Err(ValueError::new(
                text,
                "port from 1 to 65535 and no range of ports",
                "443 or 30000-32767",
            )),
        }
    }
}

/// The mode of a file: `0755` or `755`, always octal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileMode(pub u32);

impl fmt::Display for FileMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04o}", self.0)
    }
}

impl FromStr for FileMode {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let fits =
            (3..=5).contains(&text.len()) && text.bytes().all(|b| (b'0'..=b'7').contains(&b));
        match u32::from_str_radix(text, 8) {
            Ok(mode) if fits && mode <= 0o7777 => Ok(Self(mode)),
            _ => Err(ValueError::new(text, "mode of a file", "0755")),
        }
    }
}

/// Reading addresses with an error that says what was written.
pub(super) mod address {
    use std::net::IpAddr;

    use serde::{Deserialize, Deserializer, de};

    use super::ValueError;

    struct Address(IpAddr);

    impl<'de> Deserialize<'de> for Address {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            let text = String::deserialize(deserializer)?;
            let wrong = |_| de::Error::custom(ValueError::new(&text, "IP address", "10.0.0.5"));
            text.parse().map(Self).map_err(wrong)
        }
    }

    pub(in super::super) fn one<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<IpAddr, D::Error> {
        Address::deserialize(deserializer).map(|address| address.0)
    }

    pub(in super::super) fn maybe<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<IpAddr>, D::Error> {
        Option::<Address>::deserialize(deserializer).map(|address| address.map(|address| address.0))
    }

    pub(in super::super) fn list<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<IpAddr>, D::Error> {
        let addresses = Vec::<Address>::deserialize(deserializer)?;
        Ok(addresses.into_iter().map(|address| address.0).collect())
    }
}
