//! The way of one request: journal, gate, latency, faults, proxy, identity, handler, distortion.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::body::to_bytes;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use uuid::Uuid;

use super::call::Call;
use super::distortion::{distort, instead};
use super::fault::{Fault, FaultBoard};
use super::identity::{Identity, basic_credentials, bearer_token, identify};
use super::journal::Journal;
use super::reply::Reply;
use super::route;
use super::state::State;

/// More than any request of a client; Harbor's own limit is far higher.
const MAX_BODY: usize = 4 * 1024 * 1024;
/// How long a failed login is held, and its user frozen.
const FREEZE: Duration = Duration::from_millis(1500);
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What the control API and the server share.
pub(super) struct Shared {
    pub(super) state: Mutex<State>,
    pub(super) journal: Journal,
    pub(super) faults: FaultBoard,
    /// How long each request is held before it is looked at.
    pub(super) latency: Mutex<Duration>,
}

impl Shared {
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn latency(&self) -> Duration {
        *self.latency.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn set_latency(&self, latency: Duration) {
        *self.latency.lock().unwrap_or_else(PoisonError::into_inner) = latency;
    }
}

pub(super) async fn answer(shared: Arc<Shared>, request: Request) -> Response {
    let target = request.uri().path_and_query().map_or("/", |target| target.as_str()).to_owned();
    let user = user_of(&shared, request.headers());
    let line = format!("{} {target}", request.method());
    let _in_flight = shared.journal.arrive(line, user);
    shared.journal.pass_gate().await;
    let latency = shared.latency();
    if !latency.is_zero() {
        tokio::time::sleep(latency).await;
    }

    let faults = shared.faults.take_for(&target);
    if let Some(response) = instead(&faults, &target).await {
        return response;
    }
    let Some((path, query)) = behind_proxies(&faults, &target) else {
        let mut reply = Reply::portal();
        if faults.contains(&Fault::NginxInFront) {
            reply = reply.with(header::SERVER, "nginx".to_owned());
        }
        return reply.into_response();
    };
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, MAX_BODY).await else {
        return Reply::empty(StatusCode::PAYLOAD_TOO_LARGE).into_response();
    };
    let mut call = Call::new(parts.method, &path, query.as_deref(), parts.headers, body, faults);
    call.identity = log_in(&shared, &call).await;
    let mut reply = route::answer(&mut shared.lock(), &call);
    dress(&call, &mut reply);
    distort(&call.faults, reply)
}

/// The user name that the request carries, right or wrong.
fn user_of(shared: &Shared, headers: &HeaderMap) -> Option<String> {
    if let Some((name, _)) = basic_credentials(headers) {
        return Some(name);
    }
    let token = bearer_token(headers)?;
    shared.lock().tokens.get(token).map(|grant| grant.user.clone())
}

/// Path and query as they reach Harbor; `None` where a proxy answers with the portal's page.
fn behind_proxies(faults: &[Fault], target: &str) -> Option<(String, Option<String>)> {
    let (path, query) = match target.split_once('?') {
        Some((path, query)) => (path, Some(query.to_owned())),
        None => (target, None),
    };
    let mut path = path.to_owned();
    for fault in faults {
        match fault {
            Fault::PathPrefix(prefix) => {
                let rest = path.strip_prefix(prefix)?;
                if !rest.starts_with('/') {
                    return None;
                }
                path = rest.to_owned();
            }
            Fault::NginxInFront => {
                path = path.replace("%2F", "/").replace("%2f", "/");
                let served = ["/api/", "/c/", "/v2/", "/service/", "/v1/"];
                if !served.iter().any(|prefix| path.starts_with(prefix)) {
                    return None;
                }
            }
            _ => {}
        }
    }
    Some((path, query))
}

/// Who is asking. Under [`Fault::FreezeOnBadPassword`] a failure takes its time, and freezes.
async fn log_in(shared: &Shared, call: &Call) -> Identity {
    let registry = call.segments.first().is_some_and(|first| first == "v2");
    let freezes = call.faulty(&Fault::FreezeOnBadPassword);
    let (identity, name) = {
        let state = shared.lock();
        let name = basic_credentials(&call.headers).map(|(name, _)| name);
        let held = |name: &String| state.frozen.get(name).is_some_and(|until| *until > Instant::now());
        if freezes && name.as_ref().is_some_and(held) {
            return Identity::Anonymous;
        }
        (identify(&state, &call.headers, registry), name)
    };
    if let Some(name) = name.filter(|_| freezes && identity.is_anonymous()) {
        shared.lock().frozen.insert(name, Instant::now() + FREEZE);
        tokio::time::sleep(FREEZE).await;
    }
    identity
}

/// The headers that every answer carries, whoever gave it.
fn dress(call: &Call, reply: &mut Reply) {
    let id = call
        .header("x-request-id")
        .filter(|id| !id.is_empty())
        .map_or_else(|| Uuid::new_v4().to_string(), str::to_owned);
    reply.headers.push((REQUEST_ID, id));
    if call.faulty(&Fault::NginxInFront) {
        reply.headers.push((header::SERVER, "nginx".to_owned()));
    }
    // Sessions are for clients without one; those with one meet the CSRF protection.
    let cookie = if call.has_session() {
        Some("_gorilla_csrf=simulated; Path=/; Max-Age=43200; HttpOnly; SameSite=Strict".to_owned())
    } else if reply.sets_session {
        Some(format!("sid={}; Path=/; HttpOnly", Uuid::new_v4().simple()))
    } else {
        None
    };
    if let Some(cookie) = cookie {
        reply.headers.push((header::SET_COOKIE, cookie));
    }
    if call.method == Method::HEAD {
        // The server sends the length of the body it was given, and no body.
        let manifest = call.path.contains("/manifests/");
        if !manifest {
            reply.body.clear();
        }
    }
}
