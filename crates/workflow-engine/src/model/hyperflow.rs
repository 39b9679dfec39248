//! The fast reading: JSON straight into a [`Builder`], without positions.
//!
//! HyperFlow's format and WfFormat are told apart by content: WfFormat has a `workflow` object.
//! Anything unexpected ends this reading; `check` then reads again with positions.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use serde::de::{
    self, Deserialize, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor,
};
use serde_json::value::RawValue;

use super::builder::{Builder, NewProcess, NewSignal, RawRef, RefList};
use super::command::{RawConfig, Scalar, Str};
use super::wfformat;
use super::{Control, Format, Kind, Rare, Variables};

/// What the file holds at top level.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Seen {
    pub(crate) processes: bool,
    pub(crate) signals: bool,
    pub(crate) wfformat: bool,
}

/// Reads a whole file into the builder.
pub(crate) fn read(text: &str, builder: &mut Builder<'_>) -> Result<Seen, serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let seen = TopLevel { builder }.deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(seen)
}

struct TopLevel<'b, 'v> {
    builder: &'b mut Builder<'v>,
}

impl<'de> DeserializeSeed<'de> for TopLevel<'_, '_> {
    type Value = Seen;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Seen, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for TopLevel<'_, '_> {
    type Value = Seen;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a workflow object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Seen, A::Error> {
        let mut seen = Seen::default();
        while let Some(Str(key)) = map.next_key::<Str<'de>>()? {
            match &*key {
                "name" => {
                    if let Some(Str(name)) = map.next_value::<Option<Str<'de>>>()? {
                        self.builder.set_name(&name);
                    }
                }
                "processes" | "tasks" => {
                    if std::mem::replace(&mut seen.processes, true) {
                        return Err(de::Error::custom(
                            "`processes` (or its alias `tasks`) is there twice",
                        ));
                    }
                    map.next_value_seed(Rows::<RawProcess<'de>>::new(self.builder))?;
                }
                "signals" | "data" => {
                    if std::mem::replace(&mut seen.signals, true) {
                        return Err(de::Error::custom(
                            "`signals` (or its alias `data`) is there twice",
                        ));
                    }
                    map.next_value_seed(Rows::<RawSignal<'de>>::new(self.builder))?;
                }
                "ins" => {
                    let Refs(refs) = map.next_value()?;
                    self.builder.workflow_refs(refs, RefList::WorkflowIns);
                }
                "outs" => {
                    let Refs(refs) = map.next_value()?;
                    self.builder.workflow_refs(refs, RefList::WorkflowOuts);
                }
                "workflow" => {
                    seen.wfformat = true;
                    self.builder.format = Format::WfFormat;
                    let document: wfformat::Document<'de> = map.next_value()?;
                    document.build(self.builder).map_err(de::Error::custom)?;
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        if seen.wfformat && seen.processes {
            return Err(de::Error::custom(
                "both `processes` (HyperFlow) and `workflow` (WfFormat) are there",
            ));
        }
        Ok(seen)
    }
}

/// One item of an array of processes or signals.
trait Row<'de>: Deserialize<'de> + Default {
    fn add(self, builder: &mut Builder<'_>) -> Result<(), String>;
}

/// An array whose items go to the builder one by one, so that no second copy of it is made.
struct Rows<'b, 'v, T> {
    builder: &'b mut Builder<'v>,
    of: PhantomData<T>,
}

impl<'b, 'v, T> Rows<'b, 'v, T> {
    fn new(builder: &'b mut Builder<'v>) -> Self {
        Self { builder, of: PhantomData }
    }
}

impl<'de, T: Row<'de>> DeserializeSeed<'de> for Rows<'_, '_, T> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, T: Row<'de>> Visitor<'de> for Rows<'_, '_, T> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        // `null` stands where a faulty item was taken out before reading again.
        while let Some(item) = items.next_element::<Option<T>>()? {
            item.unwrap_or_default().add(self.builder).map_err(de::Error::custom)?;
        }
        Ok(())
    }

    fn visit_unit<E: de::Error>(self) -> Result<(), E> {
        Ok(())
    }
}

/// A list of references to signals.
#[derive(Default)]
struct Refs<'a>(Vec<RawRef<'a>>);

impl<'de: 'a, 'a> Deserialize<'de> for Refs<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct RefsVisitor;
        impl<'de> Visitor<'de> for RefsVisitor {
            type Value = Refs<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array of signal names or indexes")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Refs<'de>, A::Error> {
                let mut refs = Vec::new();
                while let Some(OneRef(raw)) = items.next_element()? {
                    refs.push(raw);
                }
                Ok(Refs(refs))
            }
            fn visit_unit<E: de::Error>(self) -> Result<Refs<'de>, E> {
                Ok(Refs::default())
            }
        }
        deserializer.deserialize_any(RefsVisitor)
    }
}

struct OneRef<'a>(RawRef<'a>);

impl<'de: 'a, 'a> Deserialize<'de> for OneRef<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct RefVisitor;
        impl<'de> Visitor<'de> for RefVisitor {
            type Value = OneRef<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a signal name or an index from 0")
            }
            fn visit_u64<E: de::Error>(self, index: u64) -> Result<OneRef<'de>, E> {
                Ok(OneRef(RawRef::Index(index)))
            }
            fn visit_borrowed_str<E: de::Error>(self, name: &'de str) -> Result<OneRef<'de>, E> {
                Ok(OneRef(RawRef::Name(Cow::Borrowed(name))))
            }
            fn visit_str<E: de::Error>(self, name: &str) -> Result<OneRef<'de>, E> {
                Ok(OneRef(RawRef::Name(Cow::Owned(name.to_owned()))))
            }
            fn visit_unit<E: de::Error>(self) -> Result<OneRef<'de>, E> {
                Ok(OneRef(RawRef::Ignored))
            }
        }
        deserializer.deserialize_any(RefVisitor)
    }
}

#[derive(serde::Deserialize, Default)]
struct RawProcess<'a> {
    #[serde(borrow)]
    name: Option<Scalar<'a>>,
    #[serde(borrow, rename = "type")]
    kind: Option<Str<'a>>,
    #[serde(borrow)]
    function: Option<Str<'a>>,
    #[serde(borrow, default)]
    ins: Refs<'a>,
    #[serde(borrow, default)]
    outs: Refs<'a>,
    #[serde(borrow)]
    config: Option<&'a RawValue>,
    #[serde(borrow, rename = "firingLimit")]
    firing_limit: Option<Scalar<'a>>,
    #[serde(borrow, rename = "firingInterval")]
    firing_interval: Option<Scalar<'a>>,
    #[serde(borrow)]
    parlevel: Option<Scalar<'a>>,
    #[serde(borrow)]
    ordering: Option<Scalar<'a>>,
    #[serde(borrow, default)]
    sticky: Refs<'a>,
    #[serde(borrow, rename = "joinCount")]
    join_count: Option<Scalar<'a>>,
    #[serde(borrow, rename = "activeBranchesCount")]
    active_branches: Option<Scalar<'a>>,
}

/// The kinds of process that exist, for messages.
pub(crate) const KINDS: [&str; 3] = ["dataflow", "choice", "join"];
/// The kinds of control signal that exist, for messages.
pub(crate) const CONTROLS: [&str; 4] = ["next", "done", "count", "merge"];

/// Reads a process type; HyperFlow ignores case.
pub(crate) fn parse_kind(text: &str) -> Option<Kind> {
    match text.to_ascii_lowercase().as_str() {
        "" | "dataflow" => Some(Kind::Dataflow),
        "choice" => Some(Kind::Choice),
        "join" => Some(Kind::Join),
        _ => None,
    }
}

/// Reads a control kind.
pub(crate) fn parse_control(text: &str) -> Option<Control> {
    match text {
        "next" => Some(Control::Next),
        "done" => Some(Control::Done),
        "count" => Some(Control::Count),
        "merge" => Some(Control::Merge),
        _ => None,
    }
}

fn whole<T: FromStr>(
    variables: &Variables,
    field: &str,
    value: Option<&Scalar<'_>>,
) -> Result<Option<T>, String> {
    match value {
        None => Ok(None),
        Some(Scalar(text)) => match variables.expand(text).trim().parse() {
            Ok(number) => Ok(Some(number)),
            Err(_) => Err(format!("`{field}` is not a whole number from 0")),
        },
    }
}

/// Reads `ordering`: `true`, `"true"`, `1` turn it on; `false`, `"false"`, `0`, `""` do not.
pub(crate) fn parse_flag(text: &str) -> Option<bool> {
    match text {
        "true" | "1" => Some(true),
        "false" | "0" | "" => Some(false),
        _ => None,
    }
}

impl<'a> Row<'a> for RawProcess<'a> {
    fn add(self, builder: &mut Builder<'_>) -> Result<(), String> {
        let variables = builder.variables;
        let kind_text = self.kind.unwrap_or_default().0;
        let kind_text = variables.expand(&kind_text);
        let kind = parse_kind(&kind_text).ok_or("unknown process type")?;
        let config = self.config.map(RawValue::get).filter(|config| *config != "null");
        let config = config.map(|config| variables.expand_json(config));
        if let Some(config) = &config {
            // The executor's types are checked now, so that starting a task cannot fail on them.
            serde_json::from_str::<RawConfig<'_>>(config).map_err(|error| error.to_string())?;
        }
        let ordering = match &self.ordering {
            None => false,
            Some(Scalar(text)) => {
                parse_flag(&variables.expand(text)).ok_or("`ordering` is neither true nor false")?
            }
        };
        let rare = Rare {
            parlevel: whole(variables, "parlevel", self.parlevel.as_ref())?,
            ordering,
            join_count: whole(variables, "joinCount", self.join_count.as_ref())?,
            active_branches: whole(
                variables,
                "activeBranchesCount",
                self.active_branches.as_ref(),
            )?,
            firing_interval_ms: whole(variables, "firingInterval", self.firing_interval.as_ref())?,
            ..Rare::default()
        };
        let is_rare = rare.ordering
            || rare.parlevel.is_some()
            || rare.join_count.is_some()
            || rare.active_branches.is_some()
            || rare.firing_interval_ms.is_some();
        builder.push_process(NewProcess {
            name: self.name.map(|Scalar(name)| name).unwrap_or_default(),
            type_name: None,
            kind,
            function: self.function.unwrap_or_default().0,
            config,
            firing_limit: whole(variables, "firingLimit", self.firing_limit.as_ref())?.unwrap_or(0),
            ins: self.ins.0,
            outs: self.outs.0,
            sticky: self.sticky.0,
            rare: is_rare.then_some(rare),
            runtime: None,
        });
        Ok(())
    }
}

#[derive(serde::Deserialize, Default)]
struct RawSignal<'a> {
    #[serde(borrow)]
    name: Option<Scalar<'a>>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    #[serde(borrow)]
    control: Option<Str<'a>>,
    file: Option<bool>,
    #[serde(rename = "remoteSinks")]
    remote_sinks: Option<IgnoredAny>,
}

/// Counts the items of a JSON array without keeping them.
struct Length(u32);

impl<'de> Deserialize<'de> for Length {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct LengthVisitor;
        impl<'de> Visitor<'de> for LengthVisitor {
            type Value = Length;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array of initial values")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Length, A::Error> {
                let mut length = 0;
                while items.next_element::<IgnoredAny>()?.is_some() {
                    length += 1;
                }
                Ok(Length(length))
            }
        }
        deserializer.deserialize_seq(LengthVisitor)
    }
}

impl<'a> Row<'a> for RawSignal<'a> {
    fn add(self, builder: &mut Builder<'_>) -> Result<(), String> {
        let control = match self.control {
            None => None,
            Some(Str(text)) => Some(parse_control(&text).ok_or("unknown control kind")?),
        };
        let data = self.data.map(RawValue::get).filter(|data| *data != "null");
        let initial = match data {
            None => 0,
            Some("[{}]") => 1,
            Some(text) => {
                serde_json::from_str::<Length>(text).map_err(|error| error.to_string())?.0
            }
        };
        let signal = builder.push_signal(NewSignal {
            name: self.name.map(|Scalar(name)| name).unwrap_or_default(),
            data: data.map(Cow::Borrowed),
            initial,
            control,
            is_file: self.file.unwrap_or(false),
        });
        if self.remote_sinks.is_some() {
            builder.remote_sinks.push(signal);
        }
        Ok(())
    }
}
