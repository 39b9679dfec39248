//! Types that are one word of text in every file.

/// Serialises types as their text (`Display`) and reads them back from it (`FromStr`).
macro_rules! as_text {
    ($($type:ty),+) => {$(
        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <String as serde::Deserialize>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    )+};
}

as_text!(
    crate::address::Address,
    crate::inventory::Endpoint,
    crate::name::ClusterName,
    crate::network::Network,
    crate::role::Role,
    crate::role::RoleKey,
    crate::version::HpccVersion
);
