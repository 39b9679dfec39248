//! The version of HPCC, from the image of a pod.

use topology::HpccVersion;

/// The version that the tag of an HPCC image names: 7.2.20-1 of `hpccsystems/hpcc:7.2.20-1`. `None` for other images,
/// and for tags that are no version, such as `latest`.
///
/// ```
/// use discovery::image_version;
///
/// let version = |image| image_version(image).map(|version| version.to_string());
/// assert_eq!(version("hpccsystems/platform-ce:6.0.2-1trusty").as_deref(), Some("6.0.2-1trusty"));
/// assert_eq!(version("registry:5000/hpccsystems/platform-core:10.4.2").as_deref(), Some("10.4.2"));
/// assert_eq!(version("registry:5000/hpccsystems/platform"), None);
/// assert_eq!(version("nginx:1.27"), None);
/// ```
#[must_use]
pub fn image_version(image: &str) -> Option<HpccVersion> {
    if !is_hpcc(image) {
        return None;
    }
    let (name, _digest) = image.split_once('@').unwrap_or((image, ""));
    // A colon before the last slash is that of a registry's port.
    let (_, tag) = name.rsplit_once(':').filter(|(_, tag)| !tag.contains('/'))?;
    tag.parse().ok()
}

/// Whether an image is one of HPCC, by its name.
pub(crate) fn is_hpcc(image: &str) -> bool {
    image.to_ascii_lowercase().contains("hpcc")
}
