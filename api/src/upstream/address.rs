//! Where a registry is: an origin and, behind some proxies, a path.
//!
//! People paste what their browser shows. [`Address::parse`] takes what they mean and gives each place one spelling, so
//! that addresses can be compared; it asks nobody whether something answers there.

use std::fmt;

use url::Url;

/// The longest address taken.
const MAX_LENGTH: usize = 2048;

/// Path segments that begin what belongs to a product's API or pages, not to its address. The second one tells
/// Harbor's own pages from a proxy's path `/harbor`.
const TAILS: [&[&str]; 8] = [
    &["api", "v2.0"],
    &["api", "version"],
    &["harbor", "projects"],
    &["harbor", "sign-in"],
    &["harbor", "registries"],
    &["harbor", "users"],
    &["account", "sign-in"],
    &["v2"],
];

/// The place of a registry, in its one spelling: `https://harbor.example.com` or `http://10.0.0.5:8080/registry`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Address {
    url: Url,
    /// Without a slash at the end; empty at the root.
    text: String,
}

/// What is wrong with an address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Nothing was given.
    #[error("the address is empty")]
    Empty,
    /// More than 2,048 bytes.
    #[error("the address is longer than 2048 bytes")]
    TooLong,
    /// It holds a blank or a control character.
    #[error("the address holds a blank or a control character")]
    Blank,
    /// Not a URL.
    #[error("the address is not a URL: {reason}")]
    Invalid {
        /// What the URL standard says is wrong.
        reason: String,
    },
    /// Neither http nor https.
    #[error("the address begins with `{0}:`, but a registry is reached by http or https")]
    Scheme(String),
    /// A user name or password in the address.
    #[error("the address holds a user name or password: give them as username and password")]
    Userinfo,
    /// A `?query`.
    #[error("the address has a query (`?…`): leave it out")]
    Query,
    /// A `#fragment`.
    #[error("the address has a fragment (`#…`): leave it out")]
    Fragment,
}

impl Address {
    /// Takes an address as people write it.
    ///
    /// Without a scheme it is https. The host becomes lower-case ASCII (punycode), a default port, slashes at the end
    /// and the pasted path of an API or a page (`/api/v2.0/…`, `/harbor/projects/…`, `/v2/`) go.
    ///
    /// # Errors
    /// Names the first thing that is wrong.
    pub fn parse(input: &str) -> Result<Self, AddressError> {
        let input = input.trim();
        if input.is_empty() {
            return Err(AddressError::Empty);
        }
        if input.len() > MAX_LENGTH {
            return Err(AddressError::TooLong);
        }
        // The URL standard drops tabs and line ends silently, which would hide a bad paste.
        if input.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return Err(AddressError::Blank);
        }
        let url = if input.contains("://") {
            Url::parse(input)
        } else {
            // `registry.example.com:5000` would parse as the scheme `registry.example.com`.
            Url::parse(&format!("https://{input}"))
        };
        let mut url = url.map_err(invalid)?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(AddressError::Scheme(url.scheme().to_owned()));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(AddressError::Userinfo);
        }
        if url.query().is_some() {
            return Err(AddressError::Query);
        }
        if url.fragment().is_some() {
            return Err(AddressError::Fragment);
        }
        // `harbor.example.com.` is the same host as without the dot, and must not be another registry.
        if let Some(host) = url.host_str().and_then(|host| host.strip_suffix('.')) {
            let host = host.to_owned();
            url.set_host(Some(&host)).map_err(invalid)?;
        }
        let path = own_path(url.path());
        url.set_path(&path);
        let text = url.as_str().trim_end_matches('/').to_owned();
        Ok(Self { url, text })
    }

    /// The whole address, without a slash at the end.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Scheme, host and port: `https://harbor.example.com`, `http://[fd00::5]:8080`.
    pub fn origin(&self) -> String {
        format!("{}://{}", self.url.scheme(), self.host())
    }

    /// `host` or `host:port`, as image references begin.
    pub fn host(&self) -> String {
        let host = self.url.host_str().unwrap_or_default();
        match self.url.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        }
    }

    /// The path in front of the registry's own paths: empty, or `/like/this`.
    pub fn path(&self) -> &str {
        self.url.path().trim_end_matches('/')
    }

    pub(super) fn url(&self) -> &Url {
        &self.url
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({})", self.text)
    }
}

fn invalid(error: url::ParseError) -> AddressError {
    AddressError::Invalid { reason: error.to_string() }
}

/// What of a path belongs to the address: everything before the first tail.
fn own_path(path: &str) -> String {
    let segments: Vec<&str> = path.split('/').filter(|s| !s.is_empty()).collect();
    let end = (0..segments.len())
        .find(|&at| TAILS.iter().any(|tail| segments[at..].starts_with(tail)))
        .unwrap_or(segments.len());
    segments[..end].iter().flat_map(|s| ["/", s]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(input: &str, expected: &str) {
        let address = Address::parse(input).map_err(|error| format!("{input}: {error}"));
        assert_eq!(address.as_ref().map(Address::as_str), Ok(expected));
        // One spelling: parsing what was printed changes nothing.
        assert_eq!(Address::parse(expected).as_ref().map(Address::as_str), Ok(expected));
    }

    #[test]
    fn every_place_has_one_spelling() {
        check("https://harbor.example.com", "https://harbor.example.com");
        check(" https://Harbor.Example.COM:443/ ", "https://harbor.example.com");
        check("HTTP://h:80//", "http://h");
        check("http://h:8080/", "http://h:8080");
        check("harbor.example.com", "https://harbor.example.com");
        check("localhost:5000", "https://localhost:5000");
        check("https://harbor.example.com.", "https://harbor.example.com");
        check("https://bücher.example", "https://xn--bcher-kva.example");
        check("http://[FD00:0::5]:8080/", "http://[fd00::5]:8080");
        check("https://h/a//b/", "https://h/a/b");
    }

    #[test]
    fn pasted_paths_of_apis_and_pages_go() {
        check("https://h/api/v2.0", "https://h");
        check("https://h/api/v2.0/projects/1", "https://h");
        check("https://h/harbor/projects/3/repositories", "https://h");
        check("https://h/v2/", "https://h");
        check("https://h/v2/_catalog", "https://h");
        check("https://h/registry/api/v2.0/ping", "https://h/registry");
        check("https://h/harbor/", "https://h/harbor");
        check("https://h/harbor/harbor/projects", "https://h/harbor");
        check("https://h/apiary/v2.0", "https://h/apiary/v2.0");
    }

    #[test]
    fn what_is_wrong_is_named() {
        let refused = |input: &str| Address::parse(input).expect_err(input).to_string();
        assert!(refused("  ").contains("empty"));
        assert!(refused("ftp://h").contains("`ftp:`"));
        assert!(refused("file:///etc/passwd").contains("`file:`"));
        assert!(refused("https://ann:secret@h").contains("user name"));
        assert!(!refused("https://ann:secret@h").contains("secret"));
        assert!(refused("https://h/?a=1").contains("query"));
        assert!(refused("https://h/#a").contains("fragment"));
        assert!(refused("https://h h").contains("blank"));
        assert!(refused("https://h\n.example").contains("control"));
        assert!(refused("https://").contains("not a URL"));
        assert!(refused("https://h:99999").contains("port"));
        assert!(refused(&format!("https://{}", "h".repeat(3000))).contains("2048"));
    }

    #[test]
    fn an_address_has_parts() {
        let address = Address::parse("http://[fd00::5]:8080/registry/").expect("an address");
        assert_eq!(address.origin(), "http://[fd00::5]:8080");
        assert_eq!(address.host(), "[fd00::5]:8080");
        assert_eq!(address.path(), "/registry");
        let address = Address::parse("https://h").expect("an address");
        assert_eq!((address.host().as_str(), address.path()), ("h", ""));
    }
}
