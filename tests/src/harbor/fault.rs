//! What can go wrong in front of and inside a Harbor, and for which requests it is armed.
//!
//! Faults that need the handlers (paging, visibility) are read by them from the call; those that
//! replace or distort whole answers live in [`super::distortion`].

use std::sync::{Mutex, MutexGuard, PoisonError};

/// A misbehaviour. Every name tells what the client meets.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Fault {
    /// This status for every request, from something in front of Harbor.
    Status(u16, ErrorPage),
    /// The request is read and never answered.
    Hang,
    /// Headers at once, then the body byte by byte, one each 50 ms.
    SlowBody,
    /// The connection is cut in the middle of the body.
    Truncated,
    /// `Content-Length` says half of the body, and half is what arrives.
    WrongContentLength,
    /// 200 `text/html`, a single-page application, for everything.
    HtmlPage,
    /// 302 to the login page of an identity provider at a foreign origin.
    LoginRedirect,
    /// A redirect with this status to this origin; path and query are kept.
    RedirectTo(String, u16),
    /// `X-Total-Count` says this, whatever is true.
    WrongTotalCount(i64),
    /// Lists without `X-Total-Count`.
    NoTotalCount,
    /// Each page begins with the last row of the page before it.
    DuplicateRowsWhilePaging,
    /// One row is skipped between two pages.
    RowsVanishWhilePaging,
    /// Lists start again at their end: there is always a full next page.
    EndlessList,
    /// 200 with a JSON array of about this many bytes.
    HugeBody(usize),
    /// 200 with this many bytes of JSON, in a thousandth of that (gzip).
    GzipBomb(usize),
    /// 200 with JSON nested 100,000 deep.
    DeepJson,
    /// JSON that ends in its middle, in a body that is whole.
    HalfJson,
    /// A list is an object, and an object a list.
    ListsSwapped,
    /// Every value is `null`.
    NullValues,
    /// Every number but an id is this.
    Numbers(&'static str),
    /// Every time is this text.
    Times(&'static str),
    /// Every name is this text, and so the same.
    Names(&'static str),
    /// Every name has this many bytes.
    LongNames(usize),
    /// A header of this many bytes.
    LongHeader(usize),
    /// This many headers.
    ManyHeaders(usize),
    /// `Content-Type` says this, whatever the body is.
    ContentType(&'static str),
    /// The first name in the answer is no UTF-8.
    InvalidUtf8,
    /// A byte order mark in front of the JSON.
    Bom,
    /// Arrays inside objects, and an empty list, are `null`.
    NullArrays,
    /// Lists do not know this key of `q`, and so return everything.
    UnknownKey(&'static str),
    /// Projects without `metadata`, so that their visibility is unknown.
    NoMetadata,
    /// Public projects spell `metadata.public` like this: `True`, `1`.
    StringyMetadata(&'static str),
    /// The database is stopped: 401 where rights are looked up, 500 where rows are.
    DatabaseDown,
    /// Read-only mode: every write is 403 `DENIED`.
    ReadOnly,
    /// 429 with `Retry-After` in seconds, from a proxy; Harbor itself never limits.
    TooManyRequests { retry_after: u64 },
    /// `harbor_version` says this; a custom build shows just `-`.
    NotHarborVersionString(&'static str),
    /// `/health` is 200 and says that this component, and so the whole, is unhealthy.
    Unhealthy(&'static str),
    /// The nginx that Harbor ships: decodes `%2F` in paths, gives the portal for unknown ones.
    NginxInFront,
    /// A failed login holds that user name for 1.5 s, and right passwords fail meanwhile.
    FreezeOnBadPassword,
    /// Whoever asks for projects is answered as an anonymous caller, while logins succeed.
    AnonymousProjectsOnly,
    /// A proxy lowers `page_size` to this without saying so.
    PageCap(i64),
    /// Served below this path by a proxy, which rewrites no `Location` and no `Link`.
    PathPrefix(&'static str),
}

/// The body of [`Fault::Status`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorPage {
    Html,
    Empty,
    Text,
}

impl Fault {
    /// Only for requests whose path and query begin like this.
    pub fn on(self, prefix: &str) -> ArmedFault {
        ArmedFault::from(self).on(prefix)
    }

    /// Only for this many requests.
    pub fn times(self, times: usize) -> ArmedFault {
        ArmedFault::from(self).times(times)
    }
}

/// A fault and the requests that it is for.
#[derive(Clone, Debug)]
pub struct ArmedFault {
    id: FaultId,
    fault: Fault,
    prefix: String,
    remaining: Option<usize>,
}

impl ArmedFault {
    /// Only for requests whose path and query begin like this.
    #[must_use]
    pub fn on(mut self, prefix: &str) -> Self {
        prefix.clone_into(&mut self.prefix);
        self
    }

    /// Only for this many requests.
    #[must_use]
    pub fn times(mut self, times: usize) -> Self {
        self.remaining = Some(times);
        self
    }
}

impl From<Fault> for ArmedFault {
    fn from(fault: Fault) -> Self {
        Self { id: FaultId(0), fault, prefix: String::new(), remaining: None }
    }
}

/// Names an armed fault, to clear it alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FaultId(u64);

#[derive(Debug, Default)]
struct Board {
    armed: Vec<ArmedFault>,
    last_id: u64,
}

/// All faults that are armed.
#[derive(Debug, Default)]
pub(super) struct FaultBoard(Mutex<Board>);

impl FaultBoard {
    pub(super) fn arm(&self, mut fault: ArmedFault) -> FaultId {
        let mut board = self.lock();
        board.last_id += 1;
        fault.id = FaultId(board.last_id);
        let id = fault.id;
        board.armed.push(fault);
        id
    }

    pub(super) fn clear(&self, id: FaultId) {
        self.lock().armed.retain(|fault| fault.id != id);
    }

    pub(super) fn clear_all(&self) {
        self.lock().armed.clear();
    }

    /// The faults for a request, each counted as used once.
    pub(super) fn take_for(&self, target: &str) -> Vec<Fault> {
        let mut taken = Vec::new();
        for armed in &mut self.lock().armed {
            let exhausted = armed.remaining == Some(0);
            if exhausted || !target.starts_with(&armed.prefix) {
                continue;
            }
            armed.remaining = armed.remaining.map(|remaining| remaining - 1);
            taken.push(armed.fault.clone());
        }
        taken
    }

    fn lock(&self) -> MutexGuard<'_, Board> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
