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

/// How far the clients of a registry may reach: whoever integrated it decides that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reach {
    /// Private networks too: Admins integrate registries for the whole platform.
    Platform,
    /// Private networks as far as they are opened: Workspace Admins integrate registries for themselves.
    Workspace,
}

/// The guards of both reaches.
#[derive(Clone, Debug)]
pub struct Guards {
    platform: Guard,
    workspace: Guard,
}

/// Decides by IP address.
#[derive(Clone, Debug)]
pub struct Guard {
    rules: Arc<Rules>,
}

#[derive(Debug)]
struct Rules {
    allow: Networks,
    deny: Networks,
    /// `Some`: private ranges are closed but for these.
    private: Option<Networks>,
}

/// A list of CIDR networks: `10.0.0.0/8, fd00::/8, 127.0.0.1`.
#[derive(Clone, Debug, Default)]
pub struct Networks(Vec<Network>);

/// A text that is no list of networks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no network: write it like 10.0.0.0/8 or fd00::/8")]
pub struct NetworkError(String);

impl Guards {
    /// At both reaches loopback, link-local, multicast, unspecified and metadata addresses are closed, unless in `allow`;
    /// what is in `deny` is closed in any case. At [`Reach::Workspace`] private ranges are closed too, unless in `allow`
    /// or in `private`, which opens nothing else.
    pub fn new(allow: Networks, deny: Networks, private: Networks) -> Self {
        let guard = |private| Guard { rules: Arc::new(Rules { allow: allow.clone(), deny: deny.clone(), private }) };
        Self { platform: guard(None), workspace: guard(Some(private)) }
    }

    /// The one for registries of this reach.
    pub fn of(&self, reach: Reach) -> &Guard {
        match reach {
            Reach::Platform => &self.platform,
            Reach::Workspace => &self.workspace,
        }
    }
}

impl Guard {
    /// Whether a registry may be at this IP address.
    pub fn permits(&self, ip: IpAddr) -> bool {
        self.rules.permit(ip)
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
        if self.deny.contain(ip) {
            return false;
        }
        if self.allow.contain(ip) {
            return true;
        }
        if is_own(ip) {
            return false;
        }
        match &self.private {
            Some(open) if is_private(ip) => open.contain(ip),
            Some(_) | None => true,
        }
    }
}

/// The IPv4 address inside an IPv6 one, where the network would take it out: mapped, compatible, NAT64 and 6to4
/// addresses.
fn embedded(ip: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = ip else { return ip };
    let canonical = v6.to_canonical();
    if canonical.is_ipv4() {
        return canonical;
    }
    let [a, b, c, d, e, f, g, h] = v6.segments();
    // 64:ff9b:1::/48 is for translators of one's own, which mostly take the last 32 bits, as 64:ff9b::/96 does.
    let is_nat64 = [a, b] == [0x64, 0xff9b] && (c == 1 || [c, d, e, f] == [0; 4]);
    let is_compatible = [a, b, c, d, e, f] == [0; 6] && (g, h) != (0, 0) && (g, h) != (0, 1);
    if is_nat64 || is_compatible {
        let ([g1, g2], [h1, h2]) = (g.to_be_bytes(), h.to_be_bytes());
        return IpAddr::from([g1, g2, h1, h2]);
    }
    if a == 0x2002 {
        let ([b1, b2], [c1, c2]) = (b.to_be_bytes(), c.to_be_bytes());
        return IpAddr::from([b1, b2, c1, c2]);
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
                // Metadata services outside of link-local addresses: Alibaba Cloud, Oracle Cloud, Azure's host.
                || matches!(ip.octets(), [100, 100, 100, 200] | [192, 0, 0, 192] | [168, 63, 129, 16])
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
            let is_benchmark = a == 198 && matches!(b, 18 | 19);
            // 240.0.0.0/4 is reserved, and used inside some networks all the same.
            ip.is_private() || (a == 100 && (64..128).contains(&b)) || is_benchmark || a >= 240
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

impl Networks {
    fn contain(&self, ip: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(ip))
    }

    /// These and the others.
    #[must_use]
    pub fn and(mut self, others: Self) -> Self {
        self.0.extend(others.0);
        self
    }

    /// This host, as far as it is reached through itself.
    pub fn loopback() -> Self {
        Self(vec![
            Network { base: IpAddr::from([127, 0, 0, 0]), prefix: 8 },
            Network { base: IpAddr::V6(Ipv6Addr::LOCALHOST), prefix: 128 },
        ])
    }
}

impl FromStr for Networks {
    type Err = NetworkError;

    /// Separated by commas; nothing is no network.
    fn from_str(list: &str) -> Result<Self, NetworkError> {
        let entries = list.split(',').map(str::trim).filter(|entry| !entry.is_empty());
        entries.map(str::parse).collect::<Result<_, _>>().map(Self)
    }
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

    fn networks(list: &str) -> Networks {
        list.parse().expect("networks")
    }

    fn guards(allow: &str, deny: &str, private: &str) -> Guards {
        Guards::new(networks(allow), networks(deny), networks(private))
    }

    #[track_caller]
    fn check(guard: &Guard, ip: &str, expected: bool) {
        assert_eq!(guard.permits(ip.parse().expect("an IP address")), expected, "{ip}");
    }

    #[test]
    fn what_is_close_to_fairway_is_closed() {
        let guards = guards("127.0.0.5, 169.254.1.0/24", "203.0.113.0/24", "");
        let guard = guards.of(Reach::Platform);
        for ip in [
            "127.0.0.1",
            "0.0.0.0",
            "169.254.169.254",
            "224.0.0.1",
            "255.255.255.255",
            "100.100.100.200",
            "192.0.0.192",
            "168.63.129.16",
            "::1",
            "::",
            "fe80::1",
            "ff02::1",
            "::ffff:127.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b:1::a9fe:a9fe",
            "2002:7f00:1::",
            "::127.0.0.1",
            "fd00:ec2::254",
            "203.0.113.9",
        ] {
            check(guard, ip, false);
        }
        for ip in ["127.0.0.5", "169.254.1.7", "10.0.0.1", "192.168.1.1", "fd00::5", "8.8.8.8", "2001:db8::1"] {
            check(guard, ip, true);
        }
    }

    #[test]
    fn a_workspace_reaches_no_private_range_unless_given() {
        let guards = guards("172.16.0.0/16", "10.1.2.0/24", "10.1.0.0/16,127.0.0.0/8");
        let guard = guards.of(Reach::Workspace);
        for ip in [
            "10.2.0.1",
            "10.1.2.3",
            "192.168.1.1",
            "100.64.0.1",
            "240.0.0.1",
            "fd00::5",
            "::ffff:10.2.0.1",
            "127.0.0.1",
        ] {
            check(guard, ip, false);
        }
        for ip in ["10.1.0.1", "172.16.3.4", "8.8.8.8"] {
            check(guard, ip, true);
        }
    }

    #[test]
    fn denied_wins_over_allowed() {
        for reach in [Reach::Platform, Reach::Workspace] {
            check(guards("10.0.0.0/8", "10.0.0.0/8", "10.0.0.0/8").of(reach), "10.0.0.1", false);
            check(guards("0.0.0.0/0", "", "").of(reach), "127.0.0.1", true);
        }
    }

    #[test]
    fn a_bad_network_is_named() {
        let error = "10.0.0.0/8,10.0.0.0/33".parse::<Networks>().expect_err("33 bits").to_string();
        assert!(error.contains("10.0.0.0/33"), "{error}");
    }
}
