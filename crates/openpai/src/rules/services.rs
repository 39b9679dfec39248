//! The services' file, as far as it concerns the cluster.

use diagnostics::Problem;

use crate::config::ServicesConfiguration;

pub(crate) fn check(services: &ServicesConfiguration, faults: &mut Vec<Problem>) {
    let shares =
        || services.virtual_clusters.iter().filter_map(|cluster| cluster.capacity.as_ref());
    let sum: f64 = shares().map(|share| share.value).sum();
    if sum > 100.0
        && let Some(last) = shares().next_back()
    {
        faults.push(last.warning(
            "capacity-over-100",
            format!("the shares of the virtual clusters are {sum} per cent together"),
            "make them 100 or less; OpenPAI scales them to 100, and nothing is left for `default`",
        ));
    }
}
