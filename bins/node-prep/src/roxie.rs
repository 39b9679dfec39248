//! What Roxie demands of the kernel, from the environment.xml of its cluster.

use std::path::Path;

use ::cli::invalid;
use anyhow::Result;
use envxml::tree::{Document, Element};
use envxml::view::Environment;
use node_bootstrap::data::roxie::RoxieBuffers;
use node_bootstrap::spec::Node;

/// Raises the socket buffers that `node` wishes to what each Roxie cluster of this environment demands.
pub(crate) fn raise(node: &mut Node, path: &Path) -> Result<()> {
    let file = path.display();
    let text = std::fs::read_to_string(path)
        .map_err(|error| invalid(format!("failed to read {file}: {error}")))?;
    let document = Document::parse(&text).map_err(|error| invalid(format!("{file}: {error}")))?;
    let environment = Environment::new(&document);
    let mut clusters = 0;
    for cluster in environment.of_process("RoxieCluster") {
        let usual = RoxieBuffers::default();
        let number = |name: &str, usual: u64| number(path, cluster.element, name, usual);
        let buffers = RoxieBuffers {
            udp_queue_size: number("udpQueueSize", usual.udp_queue_size)?,
            udp_flow_sockets_size: number("udpFlowSocketsSize", usual.udp_flow_sockets_size)?,
            udp_local_write_socket_size: number(
                "udpLocalWriteSocketSize",
                usual.udp_local_write_socket_size,
            )?,
        };
        let floor = buffers.floor();
        node.raise("net.core.rmem_max", floor.rmem_max);
        node.raise("net.core.wmem_max", floor.wmem_max);
        clusters += 1;
    }
    if clusters == 0 {
        return Err(invalid(format!("{file} has no RoxieCluster: leave --environment out")));
    }
    Ok(())
}

fn number(path: &Path, cluster: &Element, name: &str, usual: u64) -> Result<u64> {
    let Some(attribute) = cluster.attribute(name) else { return Ok(usual) };
    let value = attribute.value();
    value.trim().parse().map_err(|_| {
        let file = path.display();
        let place = attribute
            .position()
            .map_or_else(|| file.to_string(), |at| format!("{file}:{}:{}", at.line, at.column));
        invalid(format!("{place}: {name} is `{value}`, and a number is expected"))
    })
}
