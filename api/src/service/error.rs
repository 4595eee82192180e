//! What can go wrong with an act or a question, in the words of its user. Knows no GraphQL and no HTTP.

use sea_orm::DbErr;

use crate::upstream;

/// Messages are for the client; a source is for the log alone.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The viewer sees the thing but may not do this with it.
    #[error("{message}")]
    Forbidden { message: String },
    /// It does not exist, or the viewer may not see it: the two must read alike.
    #[error("{what} not found")]
    NotFound { what: &'static str, field: Option<&'static str> },
    /// The act contradicts what is there.
    #[error("{message}")]
    Conflict { message: String, field: Option<&'static str> },
    /// The input is wrong, whatever is there.
    #[error("{message}")]
    Invalid { message: String, field: &'static str },
    /// This kind of registry cannot do it.
    #[error("{message}")]
    Unsupported { message: String, field: Option<&'static str> },
    /// The viewer has tried this too often lately; the message says when to try again.
    #[error("{message}")]
    TooSoon { message: String, field: &'static str },
    /// A registry failed, refused the account or refused the act.
    #[error("{message}")]
    Upstream {
        message: String,
        /// The name of the registry, where it has one already.
        registry: Option<String>,
        field: Option<&'static str>,
        #[source]
        source: upstream::Error,
    },
    /// Not the client's fault, and nothing a client can mend.
    #[error("internal error")]
    Internal(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl Error {
    pub fn forbidden(message: impl Into<String>) -> Self {
        Self::Forbidden { message: message.into() }
    }

    pub fn not_found(what: &'static str) -> Self {
        Self::NotFound { what, field: None }
    }

    pub fn invalid(field: &'static str, message: impl Into<String>) -> Self {
        Self::Invalid { message: message.into(), field }
    }

    pub fn conflict(message: impl Into<String>) -> Self {
        Self::Conflict { message: message.into(), field: None }
    }

    pub fn conflict_on(field: &'static str, message: impl Into<String>) -> Self {
        Self::Conflict { message: message.into(), field: Some(field) }
    }

    pub fn unsupported(message: impl Into<String>) -> Self {
        Self::Unsupported { message: message.into(), field: None }
    }

    pub fn too_soon(field: &'static str, message: impl Into<String>) -> Self {
        Self::TooSoon { message: message.into(), field }
    }

    pub fn internal(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Internal(source.into())
    }

    /// The same, as the fault of `field`.
    pub fn on(mut self, at: &'static str) -> Self {
        match &mut self {
            Self::NotFound { field, .. }
            | Self::Conflict { field, .. }
            | Self::Unsupported { field, .. }
            | Self::Upstream { field, .. } => *field = Some(at),
            Self::Invalid { field, .. } | Self::TooSoon { field, .. } => *field = at,
            Self::Forbidden { .. } | Self::Internal(_) => {}
        }
        self
    }
}

impl From<DbErr> for Error {
    fn from(source: DbErr) -> Self {
        Self::Internal(Box::new(source))
    }
}
