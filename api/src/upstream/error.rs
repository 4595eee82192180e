//! What can go wrong with a registry, told apart as far as anybody acts on it differently.

mod unreachable;

use std::{sync::Arc, time::Duration};

pub use self::unreachable::UnreachableKind;
use self::unreachable::chain;
use super::guard::BlockedName;

/// The longest text of a registry that is shown to people.
const MAX_MESSAGE: usize = 200;

/// Why a registry did not do what it was asked.
///
/// `Display` is one clause for logs; [`Error::cause`] is the sentence for people. Neither holds a secret, nor more of
/// what the registry wrote than its short messages.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// No connection came about, or it broke.
    #[error("the registry cannot be reached")]
    Unreachable {
        /// How far it came.
        kind: UnreachableKind,
        /// What the operating system or TLS said.
        #[source]
        source: Option<Arc<reqwest::Error>>,
    },
    /// Connected, but the reply or the rest of it did not come in time.
    #[error("the registry did not answer in time")]
    Timeout,
    /// The address is in a network that registries may not be in.
    #[error("the address of the registry is in a closed network")]
    Blocked {
        /// The host of the address.
        host: String,
    },
    /// The registry refuses the account, and was asked in more than one way.
    #[error("the registry refuses the account")]
    Unauthorized,
    /// The account is good and may not do this.
    #[error("the account may not do this")]
    Forbidden {
        /// The registry's own words, or ours.
        message: String,
    },
    /// What was asked for is not there, and the registry is to be believed.
    #[error("not found at the registry")]
    NotFound,
    /// The name is taken, or others depend on what would go.
    #[error("the registry reports a conflict")]
    Conflict {
        /// The registry's own words.
        message: String,
    },
    /// The registry takes no changes for now.
    #[error("the registry is read-only")]
    ReadOnly,
    /// The registry understood and refused.
    #[error("the registry refused the request with status {status}")]
    Rejected {
        /// The HTTP status.
        status: u16,
        /// The registry's error code, where it gave one.
        code: Option<String>,
        /// The registry's own words.
        message: String,
    },
    /// The registry, or a proxy before it, cannot serve now. Status 401 means that it could not check the account.
    #[error("the registry is unavailable with status {status}")]
    Unavailable {
        /// The HTTP status.
        status: u16,
        /// How long it asks to be left alone.
        retry_after: Option<Duration>,
    },
    /// Something else answers at the address.
    #[error("the address is not of such a registry")]
    NotTheProduct {
        /// What was found instead, a noun phrase.
        found: String,
    },
    /// The product, but too old.
    #[error("version {version} of the registry is not supported")]
    UnsupportedVersion {
        /// The version as reported, shortened.
        version: String,
    },
    /// This product cannot do that at all.
    #[error("this kind of registry cannot do that")]
    Unsupported {
        /// What it cannot do, a clause.
        what: String,
    },
    /// The reply makes no sense.
    #[error("the registry sent what cannot be read")]
    Malformed {
        /// What was wrong, a clause.
        what: String,
    },
    /// A list changed while it was read, twice.
    #[error("the list changed while it was read")]
    Changed {
        /// What was read, a noun phrase.
        what: String,
    },
    /// A reply or a list beyond every bound.
    #[error("the reply is too large")]
    TooLarge,
    /// What is kept of the registry's settings cannot be used.
    #[error("the settings of the registry cannot be used")]
    Unusable {
        /// What is wrong with them, a sentence.
        what: String,
    },
    /// The CA certificate given for the registry is no certificate.
    #[error("the CA certificate cannot be used")]
    InvalidCertificate {
        /// What is wrong with it, a clause.
        what: &'static str,
    },
}

impl Error {
    /// One sentence on what is wrong that a person can act on, without a full stop.
    pub fn cause(&self) -> String {
        match self {
            Self::Unreachable { kind, .. } => kind.cause().to_owned(),
            Self::Timeout => "the registry did not answer in time: look whether it is overloaded".to_owned(),
            Self::Blocked { host } => {
                format!("{host} is in a network that registries may not be in: whoever operates Fairway can open it")
            }
            Self::Unauthorized => "the registry refuses the account: check username and password".to_owned(),
            Self::Forbidden { message } if message.is_empty() => {
                "the account may not do this at the registry".to_owned()
            }
            Self::Forbidden { message } => {
                format!("the account may not do this at the registry: {message}")
            }
            Self::NotFound => "the registry does not know it".to_owned(),
            Self::Conflict { message } if message.is_empty() => "the registry reports a conflict".to_owned(),
            Self::Conflict { message } => format!("the registry reports a conflict: {message}"),
            Self::ReadOnly => "the registry is in read-only mode: its administrator can end that".to_owned(),
            Self::Rejected { status, message, .. } if message.is_empty() => {
                format!("the registry refused the request with status {status}")
            }
            Self::Rejected { status, message, .. } => {
                format!("the registry refused the request with status {status}: {message}")
            }
            Self::Unavailable { status: 401, .. } => {
                "the registry cannot check the account at the moment, as when its database is down".to_owned()
            }
            Self::Unavailable { status: 429, .. } => {
                "the registry asks for fewer requests (status 429): raise its limit for Fairway's account".to_owned()
            }
            Self::Unavailable { status, .. } => {
                format!("the registry is unavailable (status {status}): look at its logs, and at the proxy before it")
            }
            Self::NotTheProduct { found } => format!("the address leads to {found}: check it"),
            Self::UnsupportedVersion { version } => {
                format!("Harbor {version} is not supported, the oldest that is, is 2.4: upgrade it")
            }
            Self::Unsupported { what } => what.clone(),
            Self::Malformed { what } => {
                format!("the registry sent what cannot be read, {what}: look for a proxy that changes its answers")
            }
            Self::Changed { what } => format!("{what} changed while it was read: try again"),
            Self::TooLarge => "the registry sent more than Fairway reads".to_owned(),
            Self::Unusable { what } => what.clone(),
            Self::InvalidCertificate { what } => {
                format!("tls.caCertificate cannot be used: {what}")
            }
        }
    }

    /// Whether the same request may do better later, with nothing changed by anybody.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Unreachable { kind, .. } => match kind {
                UnreachableKind::Dns
                | UnreachableKind::Refused
                | UnreachableKind::Timeout
                | UnreachableKind::Reset
                | UnreachableKind::Other => true,
                UnreachableKind::UnknownAuthority
                | UnreachableKind::Expired
                | UnreachableKind::NotYetValid
                | UnreachableKind::WrongName
                | UnreachableKind::Tls => false,
            },
            Self::Timeout | Self::Unavailable { .. } | Self::Changed { .. } | Self::ReadOnly => true,
            Self::Blocked { .. }
            | Self::Unauthorized
            | Self::Forbidden { .. }
            | Self::NotFound
            | Self::Conflict { .. }
            | Self::Rejected { .. }
            | Self::NotTheProduct { .. }
            | Self::UnsupportedVersion { .. }
            | Self::Unsupported { .. }
            | Self::Malformed { .. }
            | Self::TooLarge
            | Self::Unusable { .. }
            | Self::InvalidCertificate { .. } => false,
        }
    }

    /// Whether the account was refused for certain: asking again with it may lock its owner out.
    pub fn is_unauthorized(&self) -> bool {
        matches!(self, Self::Unauthorized)
    }

    /// Whether time ran out.
    pub fn is_timeout(&self) -> bool {
        matches!(self, Self::Timeout | Self::Unreachable { kind: UnreachableKind::Timeout, .. })
    }

    /// Whether the registry says that the thing is not there.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::NotFound)
    }

    /// Whether it is about this one thing or act, and says nothing against the registry's health.
    pub fn is_about_request(&self) -> bool {
        matches!(
            self,
            Self::Forbidden { .. }
                | Self::NotFound
                | Self::Conflict { .. }
                | Self::ReadOnly
                | Self::Rejected { .. }
                | Self::Unsupported { .. }
        )
    }

    pub(super) fn malformed(what: impl Into<String>) -> Self {
        Self::Malformed { what: what.into() }
    }

    pub(super) fn unsupported(what: &str) -> Self {
        Self::Unsupported { what: what.to_owned() }
    }

    /// A failure before a reply came.
    pub(super) fn from_exchange(error: reqwest::Error, host: &str) -> Self {
        if chain(&error).any(|cause| cause.is::<BlockedName>()) {
            return Self::Blocked { host: host.to_owned() };
        }
        let kind = UnreachableKind::of(&error);
        if error.is_timeout() && kind != UnreachableKind::Timeout {
            return Self::Timeout;
        }
        Self::Unreachable {
            kind,
            // Our URLs hold no secret, but the address is for some readers only.
            source: Some(Arc::new(error.without_url())),
        }
    }

    /// A failure while the body came.
    pub(super) fn from_body(error: reqwest::Error) -> Self {
        Self::Unreachable { kind: UnreachableKind::Reset, source: Some(Arc::new(error.without_url())) }
    }
}

/// What of a registry's own text may be shown: one short line without control and direction characters.
pub(super) fn presentable(text: &str) -> String {
    if text.contains("<html") || text.contains("<!DOCTYPE") || text.contains("<!doctype") {
        return String::new();
    }
    let plain: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .filter(
            |c| !matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}'),
        )
        .collect();
    let words: Vec<&str> = plain.split_whitespace().collect();
    let line = words.join(" ");
    match line.char_indices().nth(MAX_MESSAGE) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registrys_words_are_shown_short_and_plain() {
        assert_eq!(presentable("no\nsuch \u{202e}project\u{0} "), "no such project");
        assert_eq!(presentable("<html><body>502</body></html>"), "");
        assert_eq!(presentable(&"x".repeat(900)).chars().count(), MAX_MESSAGE + 1);
    }
}
