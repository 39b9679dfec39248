//! Which ports are listened on, from `/proc/net/tcp`, `tcp6`, `udp` and `udp6`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The sockets that listen, as `/proc/net/tcp` or `/proc/net/tcp6` tells: the local addresses in state `0A`.
#[must_use]
pub fn listening(proc_net_tcp: &str) -> Vec<SocketAddr> {
    sockets(proc_net_tcp, "0A")
}

/// The sockets of `/proc/net/udp` or `/proc/net/udp6` that are bound to no peer: state `07`.
#[must_use]
pub fn bound(proc_net_udp: &str) -> Vec<SocketAddr> {
    sockets(proc_net_udp, "07")
}

fn sockets(text: &str, state: &str) -> Vec<SocketAddr> {
    let parse = |line: &str| {
        let mut fields = line.split_whitespace();
        let (local, _, there) = (fields.nth(1)?, fields.next()?, fields.next()?);
        (there == state).then(|| address(local)).flatten()
    };
    text.lines().skip(1).filter_map(parse).collect()
}

/// `0100007F:1F90` is 127.0.0.1:8080: words of 32 bits in the byte order of the host, then the port.
fn address(text: &str) -> Option<SocketAddr> {
    let (ip, port) = text.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let word = |at: usize| Some(u32::from_str_radix(ip.get(at..at + 8)?, 16).ok()?.to_ne_bytes());
    let ip = match ip.len() {
        8 => IpAddr::from(Ipv4Addr::from(word(0)?)),
        32 => {
            let mut bytes = [0; 16];
            for (index, part) in bytes.chunks_exact_mut(4).enumerate() {
                part.copy_from_slice(&word(index * 8)?);
            }
            IpAddr::from(Ipv6Addr::from(bytes))
        }
        _ => return None,
    };
    Some(SocketAddr::new(ip, port))
}

#[cfg(all(test, target_endian = "little"))]
mod tests {
    use super::*;

    const HEAD: &str = "  sl  local_address rem_address   st tx_queue rx_queue\n";

    #[test]
    fn only_sockets_that_listen_count() {
        let text = format!(
            "{HEAD}   0: 00000000:192B 00000000:0000 0A 0:0\n   1: 0100007F:2710 00000000:0000 0A 0:0\n\
             \x20  2: 0100007F:0016 0100007F:8C2A 01 0:0\n   3: broken\n"
        );
        let texts: Vec<_> = listening(&text).iter().map(ToString::to_string).collect();
        assert_eq!(texts, ["0.0.0.0:6443", "127.0.0.1:10000"]);
    }

    #[test]
    fn addresses_of_version_6_are_four_words() {
        let text = format!(
            "{HEAD}   0: 00000000000000000000000000000000:280A 0:0 0A\n   1: 00000000000000000000000001000000:094B 0:0 0A\n\
             \x20  2: B80D0120000000000000000001000000:0050 0:0 0A\n"
        );
        let texts: Vec<_> = listening(&text).iter().map(ToString::to_string).collect();
        assert_eq!(texts, ["[::]:10250", "[::1]:2379", "[2001:db8::1]:80"]);
        assert_eq!(bound(&format!("{HEAD} 1: 00000000:2118 00000000:0000 07 0\n")).len(), 1);
    }

    #[test]
    fn a_real_listener_is_found() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let text = std::fs::read_to_string("/proc/self/net/tcp").unwrap();
        assert!(listening(&text).contains(&listener.local_addr().unwrap()));
    }
}
