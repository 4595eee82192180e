//! Why no connection came about, read off the errors of the layers below.

use std::{error::Error as StdError, io};

/// How far a connection came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UnreachableKind {
    /// The host name has no address.
    Dns,
    /// Nothing listens there.
    Refused,
    /// No answer to connecting.
    Timeout,
    /// The connection broke.
    Reset,
    /// The certificate is by an unknown authority, or signed by itself.
    UnknownAuthority,
    /// The certificate is no longer valid.
    Expired,
    /// The certificate is not valid yet.
    NotYetValid,
    /// The certificate is for other names.
    WrongName,
    /// TLS failed otherwise: no common version, or not TLS at all.
    Tls,
    /// The network is not reachable, or another fault of the system.
    Other,
}

impl UnreachableKind {
    pub(super) fn cause(self) -> &'static str {
        match self {
            Self::Dns => "the host name has no address: check its spelling and the DNS",
            Self::Refused => "nothing listens at the address: check host and port",
            Self::Timeout => "the host does not answer: check the address and the firewalls on the way",
            Self::Reset => "the connection broke before the reply was complete: look at the proxies on the way",
            Self::UnknownAuthority => {
                "the certificate is signed by an authority that Fairway does not know: give its PEM in tls.caCertificate"
            }
            Self::Expired => "the certificate of the registry has expired: renew it",
            Self::NotYetValid => "the certificate of the registry is not valid yet: check the clocks",
            Self::WrongName => {
                "the certificate of the registry is for another host name: give the address by a name that it has"
            }
            Self::Tls => "TLS failed: the port may not speak TLS, or has no version in common with Fairway",
            Self::Other => "the network does not lead to the registry: check routes and firewalls",
        }
    }

    pub(super) fn of(error: &reqwest::Error) -> Self {
        if let Some(tls) = chain(error).find_map(|cause| cause.downcast_ref::<rustls::Error>()) {
            return Self::of_tls(tls);
        }
        if error.is_dns() || chain(error).any(|cause| cause.to_string() == "dns error") {
            return Self::Dns;
        }
        if error.is_timeout() {
            return if error.is_connect() { Self::Timeout } else { Self::Other };
        }
        let fault = chain(error).filter_map(|cause| cause.downcast_ref::<io::Error>()).last().map(io::Error::kind);
        match fault {
            Some(io::ErrorKind::ConnectionRefused) => Self::Refused,
            Some(io::ErrorKind::TimedOut) => Self::Timeout,
            Some(
                io::ErrorKind::ConnectionReset
                | io::ErrorKind::ConnectionAborted
                | io::ErrorKind::BrokenPipe
                | io::ErrorKind::UnexpectedEof,
            ) => Self::Reset,
            // Whatever ends a connection that stood is worth the same second try.
            Some(_) | None if !error.is_connect() => Self::Reset,
            Some(_) | None => Self::Other,
        }
    }

    fn of_tls(error: &rustls::Error) -> Self {
        use rustls::CertificateError as Fault;
        let rustls::Error::InvalidCertificate(fault) = error else {
            return Self::Tls;
        };
        match fault {
            Fault::Expired | Fault::ExpiredContext { .. } => Self::Expired,
            Fault::NotValidYet | Fault::NotValidYetContext { .. } => Self::NotYetValid,
            Fault::NotValidForName | Fault::NotValidForNameContext { .. } => Self::WrongName,
            Fault::UnknownIssuer | Fault::BadSignature => Self::UnknownAuthority,
            // What webpki says of a certificate that signed itself as an authority does.
            Fault::Other(other) if other.to_string().contains("CaUsedAsEndEntity") => Self::UnknownAuthority,
            _ => Self::Tls,
        }
    }
}

/// An error and what is behind it. An I/O error made from another error hides that one from `source`.
pub(super) fn chain<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    fn behind<'a>(error: &&'a (dyn StdError + 'static)) -> Option<&'a (dyn StdError + 'static)> {
        match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(inner) => Some(inner),
            // Of the error itself: a reference to an error is an error too, and would answer for itself.
            None => (**error).source(),
        }
    }
    // No chain is this long unless it is a circle.
    std::iter::successors(Some(error), behind).take(32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_of_certificates_have_their_own_texts() {
        use rustls::{CertificateError, Error as Tls};
        let kind = |fault| {
            let inner = io::Error::other(Tls::InvalidCertificate(fault));
            let outer = io::Error::other(inner);
            let found = chain(&outer).find_map(|cause| cause.downcast_ref::<Tls>()).map(UnreachableKind::of_tls);
            found.expect("a TLS error in the chain")
        };
        assert_eq!(kind(CertificateError::UnknownIssuer), UnreachableKind::UnknownAuthority);
        assert_eq!(kind(CertificateError::Expired), UnreachableKind::Expired);
        assert_eq!(kind(CertificateError::NotValidYet), UnreachableKind::NotYetValid);
        assert_eq!(kind(CertificateError::NotValidForName), UnreachableKind::WrongName);
        assert_eq!(kind(CertificateError::Revoked), UnreachableKind::Tls);
        assert!(UnreachableKind::UnknownAuthority.cause().contains("tls.caCertificate"));
    }
}
