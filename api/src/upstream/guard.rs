//! Which networks registries may be in.
//!
//! An address is typed by a person, so without a guard Fairway would be a way into whatever its own host can reach:
//! itself, its neighbours, a cloud's metadata service. Names are checked when they are resolved, at each connection, so
//! that a name cannot change its mind after it was checked.

use std::{
    net::{IpAddr, Ipv6Addr, SocketAddr},
    str::FromStr,
    sync::Arc,
};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::Host;

use super::{Address, Error};

/// Decides by IP address. The default guard lets everything through.
#[derive(Clone, Debug, Default)]
pub struct Guard {
    rules: Option<Arc<Rules>>,
}

#[derive(Debug)]
struct Rules {
    allow: Vec<Network>,
    deny: Vec<Network>,
    /// `Some`: private ranges are closed but for these.
    private: Option<Vec<Network>>,
}

/// A text that is no list of networks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no network: write it like 10.0.0.0/8 or fd00::/8")]
pub struct NetworkError(String);

impl Guard {
    /// For registries that Admins integrate: loopback, link-local (a cloud's metadata service among them), multicast
    /// and unspecified addresses are closed, unless in `allow`; what is in `deny` is closed in any case. Both are CIDR
    /// lists separated by commas.
    ///
    /// # Errors
    /// Names the first entry that is no network.
    pub fn platform(allow: &str, deny: &str) -> Result<Self, NetworkError> {
        Self::new(allow, deny, None)
    }

    /// For registries that Workspace Admins integrate: as [`Guard::platform`], and private ranges are closed too, unless
    /// in `allow` or in `private`.
    ///
    /// # Errors
    /// Names the first entry that is no network.
    pub fn workspace(allow: &str, deny: &str, private: &str) -> Result<Self, NetworkError> {
        Self::new(allow, deny, Some(private))
    }

    fn new(allow: &str, deny: &str, private: Option<&str>) -> Result<Self, NetworkError> {
        let rules =
            Rules { allow: networks(allow)?, deny: networks(deny)?, private: private.map(networks).transpose()? };
        Ok(Self { rules: Some(Arc::new(rules)) })
    }

    /// Whether a registry may be at this IP address.
    pub fn permits(&self, ip: IpAddr) -> bool {
        self.rules.as_ref().is_none_or(|rules| rules.permit(ip))
    }

    /// Whether everything is let through, so that nothing needs asking.
    pub(super) fn is_open(&self) -> bool {
        self.rules.is_none()
    }

    /// Checks an address that is written as an IP address: such a one is never resolved.
    pub(super) fn check_address(&self, address: &Address) -> Result<(), Error> {
        let ip = match address.url().host() {
            Some(Host::Ipv4(ip)) => IpAddr::V4(ip),
            Some(Host::Ipv6(ip)) => IpAddr::V6(ip),
            Some(Host::Domain(_)) | None => return Ok(()),
        };
        if self.permits(ip) { Ok(()) } else { Err(Error::Blocked { host: address.host() }) }
    }
}

impl Rules {
    fn permit(&self, ip: IpAddr) -> bool {
        let ip = embedded(ip);
        let within = |networks: &[Network]| networks.iter().any(|network| network.contains(ip));
        if within(&self.deny) {
            return false;
        }
        if within(&self.allow) {
            return true;
        }
        if is_own(ip) {
            return false;
        }
        match &self.private {
            Some(open) if is_private(ip) => within(open),
            Some(_) | None => true,
        }
    }
}

/// The IPv4 address inside an IPv6 one, where the network would take it out: mapped, compatible and NAT64 addresses.
fn embedded(ip: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = ip else { return ip };
    let canonical = v6.to_canonical();
    if canonical.is_ipv4() {
        return canonical;
    }
    let [a, b, c, d, e, f, g, h] = v6.segments();
    let is_nat64 = [a, b, c, d, e, f] == [0x64, 0xff9b, 0, 0, 0, 0];
    let is_compatible = [a, b, c, d, e, f] == [0; 6] && (g, h) != (0, 0) && (g, h) != (0, 1);
    if is_nat64 || is_compatible {
        let ([g1, g2], [h1, h2]) = (g.to_be_bytes(), h.to_be_bytes());
        return IpAddr::from([g1, g2, h1, h2]);
    }
    ip
}

/// Addresses that mean this host, this link, or many hosts at once.
fn is_own(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => {
            ip.is_loopback()
                || ip.is_link_local()
                || ip.is_multicast()
                || ip.is_broadcast()
                || ip.octets()[0] == 0
                // Alibaba Cloud's metadata service stands in shared address space.
                || ip.octets() == [100, 100, 100, 200]
        }
        IpAddr::V6(ip) => {
            ip.is_loopback()
                || ip.is_unspecified()
                || ip.is_multicast()
                || ip.is_unicast_link_local()
                // Amazon's metadata service over IPv6.
                || ip == Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)
        }
    }
}

/// Addresses that are not routed on the internet.
fn is_private(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => {
            let [a, b, ..] = ip.octets();
            // 100.64.0.0/10 is shared address space, used inside clusters.
            ip.is_private() || (a == 100 && (64..128).contains(&b)) || (a == 198 && matches!(b, 18 | 19))
        }
        // fec0::/10 is the older site-local range.
        IpAddr::V6(ip) => ip.is_unique_local() || (ip.segments()[0] & 0xffc0) == 0xfec0,
    }
}

/// A CIDR network.
#[derive(Clone, Copy, Debug)]
struct Network {
    base: IpAddr,
    prefix: u8,
}

impl Network {
    fn contains(self, ip: IpAddr) -> bool {
        match (self.base, ip) {
            (IpAddr::V4(base), IpAddr::V4(ip)) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(self.prefix)).unwrap_or(0);
                u32::from(base) & mask == u32::from(ip) & mask
            }
            (IpAddr::V6(base), IpAddr::V6(ip)) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(self.prefix)).unwrap_or(0);
                u128::from(base) & mask == u128::from(ip) & mask
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }
}

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let wrong = || NetworkError(text.to_owned());
        let (base, prefix) = match text.split_once('/') {
            Some((base, prefix)) => (base, Some(prefix)),
            None => (text, None),
        };
        let base: IpAddr = base.parse().map_err(|_| wrong())?;
        let bits = if base.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            Some(prefix) => prefix.parse().map_err(|_| wrong())?,
            None => bits,
        };
        if prefix > bits {
            return Err(wrong());
        }
        Ok(Self { base, prefix })
    }
}

fn networks(list: &str) -> Result<Vec<Network>, NetworkError> {
    list.split(',').map(str::trim).filter(|entry| !entry.is_empty()).map(str::parse).collect()
}

/// A name of which every address is closed. Found again in the chain of a connection error.
#[derive(Debug, thiserror::Error)]
#[error("every address of the host is in a closed network")]
pub(super) struct BlockedName;

/// Resolves names by the system and drops addresses that the guard closes.
pub(super) struct GuardedResolver(pub(super) Guard);

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = self.0.clone();
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let open: Vec<SocketAddr> = found.iter().copied().filter(|address| guard.permits(address.ip())).collect();
            if open.is_empty() && !found.is_empty() {
                return Err(BlockedName.into());
            }
            Ok(Box::new(open.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(guard: &Guard, ip: &str, expected: bool) {
        assert_eq!(guard.permits(ip.parse().expect("an IP address")), expected, "{ip}");
    }

    #[test]
    fn what_is_close_to_fairway_is_closed() {
        let guard = Guard::platform("127.0.0.5, 169.254.1.0/24", "203.0.113.0/24").expect("networks");
        for ip in [
            "127.0.0.1",
            "0.0.0.0",
            "169.254.169.254",
            "224.0.0.1",
            "255.255.255.255",
            "100.100.100.200",
            "::1",
            "::",
            "fe80::1",
            "ff02::1",
            "::ffff:127.0.0.1",
            "64:ff9b::7f00:1",
            "::127.0.0.1",
            "fd00:ec2::254",
            "203.0.113.9",
        ] {
            check(&guard, ip, false);
        }
        for ip in ["127.0.0.5", "169.254.1.7", "10.0.0.1", "192.168.1.1", "fd00::5", "8.8.8.8", "2001:db8::1"] {
            check(&guard, ip, true);
        }
    }

    #[test]
    fn a_workspace_reaches_no_private_range_unless_given() {
        let guard = Guard::workspace("172.16.0.0/16", "10.1.2.0/24", "10.1.0.0/16,127.0.0.0/8").expect("networks");
        for ip in ["10.2.0.1", "10.1.2.3", "192.168.1.1", "100.64.0.1", "fd00::5", "::ffff:10.2.0.1", "127.0.0.1"] {
            check(&guard, ip, false);
        }
        for ip in ["10.1.0.1", "172.16.3.4", "8.8.8.8"] {
            check(&guard, ip, true);
        }
    }

    #[test]
    fn denied_wins_and_the_default_is_open() {
        check(&Guard::platform("10.0.0.0/8", "10.0.0.0/8").expect("networks"), "10.0.0.1", false);
        check(&Guard::platform("0.0.0.0/0", "").expect("networks"), "127.0.0.1", true);
        check(&Guard::default(), "127.0.0.1", true);
    }

    #[test]
    fn a_bad_network_is_named() {
        let error = Guard::platform("10.0.0.0/8,10.0.0.0/33", "").expect_err("33 bits").to_string();
        assert!(error.contains("10.0.0.0/33"), "{error}");
    }
}
