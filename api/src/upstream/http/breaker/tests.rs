//! When a registry is left alone, and how it comes back.

use wiremock::ResponseTemplate;

use super::*;
use crate::upstream::{
    Address, Endpoint, Kind, Reach, Registry, Settings, Tls, UnreachableKind, Upstream,
    testing::{Fake, complaint, settings, upstream},
};

const PROJECT: &str = "GET /api/v2.0/projects/1";
const LONGEST: Duration = Duration::from_secs(15);

/// Calls to an origin, at moments counted from the first.
struct Calls {
    breaker: Breaker,
    start: Instant,
}

impl Calls {
    fn new() -> Self {
        Self { breaker: Breaker::new(LONGEST), start: Instant::now() }
    }

    fn enter(&self, seconds: f64) -> Result<Pass<'_>, Error> {
        self.breaker.enter_at(self.start + Duration::from_secs_f64(seconds))
    }

    /// Whether a call at this moment was sent. If so it ended like this.
    fn call(&self, seconds: f64, outcome: Result<(), Error>) -> bool {
        let now = self.start + Duration::from_secs_f64(seconds);
        self.breaker.enter_at(now).map(|pass| pass.settle_at(&outcome, now)).is_ok()
    }

    /// With a pause of at least half a second behind it.
    fn opened() -> Self {
        let calls = Self::new();
        assert!(calls.call(0.0, Err(Error::Timeout)));
        assert!(calls.call(0.0, Err(Error::Timeout)));
        assert!(calls.breaker.is_open());
        calls
    }
}

fn unavailable(status: u16, seconds: Option<u64>) -> Error {
    Error::Unavailable { status, retry_after: seconds.map(Duration::from_secs) }
}

fn unreachable(kind: UnreachableKind) -> Error {
    Error::Unreachable { kind, source: None }
}

#[test]
fn two_failures_in_a_row_open_it() {
    let calls = Calls::new();
    assert!(calls.call(0.0, Err(Error::Timeout)));
    assert!(calls.call(0.0, Err(unavailable(503, None))));
    let error = calls.enter(0.4).err();
    assert!(matches!(error, Some(Error::Unavailable { status: 503, .. })), "{error:?}");
}

#[test]
fn an_answer_in_between_keeps_it_closed() {
    for answer in [Ok(()), Err(Error::TooLarge), Err(unavailable(429, None))] {
        let calls = Calls::new();
        assert!(calls.call(0.0, Err(unreachable(UnreachableKind::Refused))));
        assert!(calls.call(0.0, answer));
        assert!(calls.call(0.0, Err(Error::Timeout)));
        assert!(calls.call(0.0, Ok(())));
    }
}

#[test]
fn what_only_one_client_sees_is_no_failure_and_no_answer() {
    let blocked = || Error::Blocked { host: "h".to_owned() };
    for error in [unreachable(UnreachableKind::UnknownAuthority), unreachable(UnreachableKind::Tls), blocked()] {
        let calls = Calls::new();
        assert!(calls.call(0.0, Err(error.clone())));
        assert!(calls.call(0.0, Err(error.clone())));
        assert!(!calls.breaker.is_open(), "{error:?}");
        assert!(calls.call(0.0, Err(Error::Timeout)));
        assert!(calls.call(0.0, Err(error.clone())));
        assert!(calls.call(0.0, Err(Error::Timeout)));
        assert!(calls.breaker.is_open(), "{error:?}");
    }
}

#[test]
fn one_call_tries_while_the_others_fail() {
    let calls = Calls::opened();
    let trial = calls.enter(1.0).expect("a trial");
    assert!(trial.is_trial());
    assert!(calls.enter(1.0).is_err());
    assert!(calls.enter(60.0).is_err());
    trial.settle(&Ok(()));
    assert!(!calls.breaker.is_open());
    assert!(!calls.enter(1.0).expect("a call").is_trial());
}

#[test]
fn each_pause_is_twice_the_last_up_to_the_longest() {
    let calls = Calls::opened();
    let mut now = 1.0;
    for pause in [2.0, 4.0, 8.0, 15.0, 15.0] {
        assert!(calls.call(now, Err(Error::Timeout)), "after {now} s");
        // Replicas come back between half of the pause and its end.
        assert!(!calls.call(now + pause * 0.49, Ok(())), "{pause} s");
        now += pause;
    }
    assert!(calls.call(now, Ok(())));
    // From the beginning.
    assert!(calls.call(now, Err(Error::Timeout)));
    assert!(calls.call(now, Err(Error::Timeout)));
    assert!(calls.call(now + 1.0, Ok(())));
}

#[test]
fn a_registry_that_asks_for_a_pause_gets_a_minute_at_most() {
    for (asked, pause) in [(30, 30.0), (3600, 60.0)] {
        for status in [429, 503] {
            let calls = Calls::new();
            assert!(calls.call(0.0, Err(unavailable(status, Some(asked)))));
            assert!(calls.call(0.0, Err(unavailable(status, Some(asked)))));
            assert!(!calls.call(pause - 0.1, Ok(())));
            assert!(calls.call(pause, Ok(())));
        }
    }
}

#[test]
fn a_trial_that_is_given_up_leaves_its_place_to_another() {
    let calls = Calls::opened();
    drop(calls.enter(1.0).expect("a trial"));
    // Not at once: it may have been given up because nothing came.
    assert!(calls.enter(0.4).is_err());
    assert!(calls.enter(2.0).expect("another trial").is_trial());
    // Nor is it stuck after one that found nothing out.
    assert!(calls.call(4.0, Err(unreachable(UnreachableKind::Expired))));
    assert!(calls.call(6.0, Ok(())));
    assert!(!calls.breaker.is_open());
}

#[test]
fn a_call_that_is_insisted_on_is_a_trial_at_any_time() {
    let calls = Calls::opened();
    let trial = calls.enter(1.0).expect("a trial");
    let second = calls.breaker.insist();
    assert!(second.is_trial());
    assert!(calls.enter(1.0).is_err());
    drop(trial);
    second.settle(&Ok(()));
    assert!(!calls.breaker.is_open());
    assert!(!calls.breaker.insist().is_trial());
}

#[test]
fn calls_from_before_it_opened_close_it_and_do_not_lengthen_it() {
    let calls = Calls::new();
    let (early, late) = (calls.enter(0.0).expect("a call"), calls.enter(0.0).expect("a call"));
    assert!(calls.call(0.0, Err(Error::Timeout)));
    assert!(calls.call(0.0, Err(Error::Timeout)));
    early.settle_at(&Err::<(), _>(Error::Timeout), calls.start + Duration::from_secs(1));
    let trial = calls.enter(1.0).expect("a trial");
    late.settle(&Ok(()));
    assert!(!calls.breaker.is_open());
    trial.settle(&Err::<(), _>(Error::Timeout));
    assert!(calls.call(1.0, Ok(())));
}

fn harbor(upstream: &Upstream, fake: &Fake) -> Registry {
    let endpoint = Endpoint {
        kind: Kind::Harbor,
        address: Address::parse(&fake.uri()).expect("an address"),
        credentials: None,
        tls: Tls::default(),
        reach: Reach::Platform,
    };
    upstream.registry(endpoint).expect("a registry")
}

#[tokio::test]
async fn all_clients_of_an_origin_leave_it_alone() {
    let fake = Fake::start().await;
    fake.reply(PROJECT, ResponseTemplate::new(503).insert_header("Retry-After", "60")).await;
    let upstream = upstream(settings());
    let (one, two) = (harbor(&upstream, &fake), harbor(&upstream, &fake));
    assert!(one.get_space("1").await.is_err() && !one.is_suspended());
    assert!(two.get_space("1").await.is_err() && one.is_suspended());
    for registry in [&one, &two] {
        let error = registry.get_space("1").await.expect_err("left alone");
        assert!(matches!(error, Error::Unavailable { status: 503, .. }), "{error:?}");
    }
    assert_eq!(fake.sent().await.len(), 2);
    // Calls that were not sent count as nothing.
    assert_eq!((upstream.requests(), upstream.failures()), (2, 2));
    // But for the one that a person asks for.
    let error = one.probe().await.expect_err("no Harbor");
    assert!(matches!(error, Error::NotTheProduct { .. }) && !two.is_suspended(), "{error:?}");
}

#[tokio::test]
async fn a_registry_that_is_back_is_used_again() {
    const MAKE: &str = "POST /api/v2.0/projects";
    let fake = Fake::start().await;
    for _ in 0..3 {
        fake.once(MAKE, ResponseTemplate::new(500)).await;
    }
    fake.reply(MAKE, complaint(409, "CONFLICT", "The project named x already exists")).await;
    let upstream = upstream(Settings { breaker_pause: Duration::ZERO, ..settings() });
    let registry = harbor(&upstream, &fake);
    for is_suspended in [false, true, true] {
        let error = registry.create_space("x", true).await.expect_err("unavailable");
        assert!(matches!(error, Error::Unavailable { status: 500, .. }), "{error:?}");
        assert_eq!(registry.is_suspended(), is_suspended);
    }
    let error = registry.create_space("x", true).await.expect_err("a refusal, which is an answer");
    assert!(matches!(error, Error::Conflict { .. }), "{error:?}");
    assert!(!registry.is_suspended());
    assert_eq!((upstream.requests(), upstream.failures()), (4, 3));
}

#[tokio::test]
async fn who_waits_for_a_registry_that_hangs_is_let_go_when_it_is_known_to() {
    let fake = Fake::start().await;
    fake.reply(PROJECT, ResponseTemplate::new(200).set_delay(Duration::from_secs(60))).await;
    let upstream = upstream(Settings { concurrency: 1, timeout: Duration::from_millis(50), ..settings() });
    let registry = harbor(&upstream, &fake);
    let call = || registry.get_space("1");
    let outcomes = futures_util::future::join_all([call(), call(), call(), call()]).await;
    assert!(outcomes.iter().all(|outcome| outcome.as_ref().is_err_and(Error::is_timeout)), "{outcomes:?}");
    assert_eq!(upstream.requests(), 2);
}
