//! How a registry's certificate is checked, and the HTTP client that does it.

use std::sync::Arc;

use reqwest::{Certificate, Client, ClientBuilder, redirect::Policy};

use super::{
    Error, Settings,
    guard::{Guard, GuardedResolver},
};

/// Connections kept open to one host.
const IDLE_CONNECTIONS: usize = 4;

/// The largest CA bundle taken.
const MAX_PEM_BYTES: usize = 256 << 10;

/// How a registry's certificate is checked. Means nothing for `http` addresses.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Tls {
    /// Whether it is checked at all.
    pub verify: bool,
    /// Authorities to trust beside the system's, PEM.
    pub ca_certificate: Option<String>,
}

impl Default for Tls {
    fn default() -> Self {
        Self { verify: true, ca_certificate: None }
    }
}

impl Tls {
    /// Whether the CA certificate can be used, without connecting anywhere.
    ///
    /// # Errors
    /// [`Error::InvalidCertificate`]
    pub fn check(&self) -> Result<(), Error> {
        self.authorities().map(|_| ())
    }

    fn authorities(&self) -> Result<Vec<Certificate>, Error> {
        let Some(pem) = &self.ca_certificate else {
            return Ok(Vec::new());
        };
        let invalid = |what| Error::InvalidCertificate { what };
        if pem.len() > MAX_PEM_BYTES {
            return Err(invalid("it is longer than 256 KiB"));
        }
        if pem.contains("PRIVATE KEY") {
            return Err(invalid("it holds a private key, which Fairway does not need and should not see"));
        }
        let found = Certificate::from_pem_bundle(pem.as_bytes()).map_err(|_| invalid("it is not PEM"))?;
        if found.is_empty() {
            return Err(invalid("it holds no certificate"));
        }
        // PEM around anything parses; only a trust store looks inside.
        let mut store = rustls::RootCertStore::empty();
        for der in rustls::pki_types::pem::PemObject::pem_slice_iter(pem.as_bytes()) {
            let der: rustls::pki_types::CertificateDer<'_> = der.map_err(|_| invalid("it is not PEM"))?;
            store.add(der).map_err(|_| invalid("what it holds is no certificate"))?;
        }
        Ok(found)
    }
}

/// A client that holds to what every request must: no cookies (they turn on Harbor's CSRF check), no redirects, no
/// proxy from the environment (it would see credentials).
pub(super) fn client(tls: &Tls, settings: &Settings, guard: Guard) -> Result<Client, Error> {
    let authorities = tls.authorities()?;
    let builder = || {
        ClientBuilder::new()
            .user_agent(concat!("fairway/", env!("CARGO_PKG_VERSION")))
            .no_proxy()
            .redirect(Policy::none())
            .referer(false)
            .gzip(true)
            // Half of what a reply may take, so that a host that is not there is told apart from a slow one.
            .connect_timeout(settings.timeout / 2)
            .pool_max_idle_per_host(IDLE_CONNECTIONS)
            .tls_danger_accept_invalid_certs(!tls.verify)
            .dns_resolver(Arc::new(GuardedResolver(guard.clone())))
    };
    builder()
        .tls_certs_merge(authorities.clone())
        .build()
        // An image without a CA bundle has no authorities of its own; plain http and own authorities must do there.
        .or_else(|_| builder().tls_certs_only(authorities).build())
        .map_err(|error| Error::from_exchange(error, "the registry"))
}

#[cfg(test)]
mod tests;
