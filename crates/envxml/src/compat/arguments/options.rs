//! The table of envgen's options.

use std::ffi::OsStr;

/// An option, whatever its spelling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EnvgenOption {
    Help,
    Env,
    Ip,
    IpFile,
    SupportNodes,
    RoxieNodes,
    ThorNodes,
    EspNodes,
    SlavesPerNode,
    ThorChannelsPerSlave,
    RoxieChannelsPerSlave,
    RoxieOnDemand,
    Directory,
    Override,
    XpathValue,
    AssignIps,
}

/// Names as they are documented; case does not matter. The second spelling of the xpath option is envgen2's.
const OPTIONS: [(&str, EnvgenOption); 18] = [
    ("-help", EnvgenOption::Help),
    ("-?", EnvgenOption::Help),
    ("-env", EnvgenOption::Env),
    ("-ip", EnvgenOption::Ip),
    ("-ipfile", EnvgenOption::IpFile),
    ("-supportnodes", EnvgenOption::SupportNodes),
    ("-roxienodes", EnvgenOption::RoxieNodes),
    ("-thornodes", EnvgenOption::ThorNodes),
    ("-espnodes", EnvgenOption::EspNodes),
    ("-slavesPerNode", EnvgenOption::SlavesPerNode),
    ("-thorChannelsPerSlave", EnvgenOption::ThorChannelsPerSlave),
    ("-roxieChannelsPerSlave", EnvgenOption::RoxieChannelsPerSlave),
    ("-roxieondemand", EnvgenOption::RoxieOnDemand),
    ("-o", EnvgenOption::Directory),
    ("-override", EnvgenOption::Override),
    ("-set_xpath_attrib_value", EnvgenOption::XpathValue),
    ("-set-xpath-attrib-value", EnvgenOption::XpathValue),
    ("-assign_ips", EnvgenOption::AssignIps),
];

impl EnvgenOption {
    pub(super) fn value_count(self) -> usize {
        match self {
            Self::Help => 0,
            Self::AssignIps => 2,
            Self::XpathValue => 3,
            _ => 1,
        }
    }
}

/// The option that an argument names, with its documented name.
pub(super) fn find(argument: &OsStr) -> Option<(&'static str, EnvgenOption)> {
    OPTIONS.into_iter().find(|(name, _)| argument.eq_ignore_ascii_case(name))
}

/// How many values follow an argument that is one of envgen's options; `None` for everything else.
///
/// ```
/// use envxml::compat::arguments::value_count;
///
/// assert_eq!(value_count("-Assign_IPs".as_ref()), Some(2));
/// assert_eq!(value_count("--compat".as_ref()), None);
/// ```
#[must_use]
pub fn value_count(argument: &OsStr) -> Option<usize> {
    find(argument).map(|(_, option)| option.value_count())
}

/// The names of all options, as they are documented.
pub fn option_names() -> impl Iterator<Item = &'static str> {
    OPTIONS.into_iter().map(|(name, _)| name)
}
