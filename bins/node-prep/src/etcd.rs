//! What asks the member of etcd on this host.

use etcd::{Api, Client, Endpoint, EtcdError};

/// A client of its JSON gateway.
pub(crate) fn connect(endpoint: &Endpoint) -> Result<Box<dyn Api>, EtcdError> {
    Ok(Box::new(Client::try_new(endpoint)?))
}
