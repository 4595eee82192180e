//! A Docker Registry that speaks its protocol, and lies in it.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use tests::hostile::{Answer, Asked, Hostile};

use super::{Outcome, Scene, meet_all};

/// Lists have at most 2,000 pages, and are read twice at most.
const PAGES: usize = 2_000;

type Script = fn(&Asked, elsewhere: &str) -> Answer;

const VERSION: &str = "docker-distribution-api-version: registry/2.0\r\n";

fn json(body: &str) -> Answer {
    Answer::json(200, VERSION, body)
}

/// Well, until somebody asks for the catalog.
fn catalog(asked: &Asked, answer: impl FnOnce() -> Answer) -> Answer {
    if asked.target.starts_with("/v2/_catalog") { answer() } else { json("{}") }
}

fn next(asked: &Asked, target: &str, body: &str) -> Answer {
    let _ = asked;
    Answer::json(200, &format!("{VERSION}link: <{target}>; rel=\"next\"\r\n"), body)
}

fn challenge(realm: &str) -> Answer {
    let header = format!("{VERSION}www-authenticate: Bearer realm=\"{realm}\",service=\"s\"\r\n");
    Answer::json(401, &header, "{\"errors\":[{\"code\":\"UNAUTHORIZED\"}]}")
}

/// A full page of names that nobody has seen.
fn page(number: usize, length: usize) -> String {
    let names: Vec<String> = (0..1_000).map(|row| format!("\"{}{number:06}/{row:04}\"", "x".repeat(length))).collect();
    format!("{{\"repositories\":[{}]}}", names.join(","))
}

/// Each with how many requests it may get.
fn cases() -> Vec<(&'static str, usize, Script)> {
    vec![
        ("endless-catalog", 2 * PAGES, |asked, _| {
            catalog(asked, || {
                next(asked, &format!("/v2/_catalog?n=1000&last={}", asked.number), &page(asked.number, 0))
            })
        }),
        ("endless-catalog-of-long-names", 2 * PAGES, |asked, _| {
            catalog(asked, || {
                next(asked, &format!("/v2/_catalog?n=1000&last={}", asked.number), &page(asked.number, 200))
            })
        }),
        ("endless-links", 2 * PAGES, |asked, _| {
            catalog(asked, || next(asked, &format!("/v2/_catalog?last={}", asked.number), "{\"repositories\":[]}"))
        }),
        ("a-link-to-itself", 50, |asked, _| {
            catalog(asked, || next(asked, &asked.target.clone(), "{\"repositories\":[\"a\"]}"))
        }),
        ("a-link-elsewhere", 50, |asked, elsewhere| {
            catalog(asked, || match asked.target.contains("last") {
                true => json("{\"repositories\":[\"b\"]}"),
                false => next(asked, &format!("{elsewhere}/v2/_catalog?last=a"), "{\"repositories\":[\"a\"]}"),
            })
        }),
        ("a-realm-elsewhere", 50, |_, elsewhere| challenge(&format!("{elsewhere}/token"))),
        ("a-realm-at-a-metadata-service", 50, |_, _| challenge("http://169.254.169.254/latest/meta-data")),
        ("a-realm-that-refuses", 50, |asked, _| challenge(&format!("http://{}/token", asked.host))),
        ("tokens-that-open-nothing", 50, |asked, _| match asked.target.starts_with("/token") {
            true => json("{\"token\":\"t\",\"expires_in\":18446744073709551615}"),
            false => challenge(&format!("http://{}/token", asked.host)),
        }),
        ("tokens-with-line-ends", 50, |asked, _| match asked.target.starts_with("/token") {
            true => json("{\"token\":\"a\\r\\nx-evil: 1\",\"expires_in\":-1}"),
            false => challenge(&format!("http://{}/token", asked.host)),
        }),
        ("a-huge-token", 50, |asked, _| match asked.target.starts_with("/token") {
            true => json(&format!("{{\"token\":\"{}\"}}", "x".repeat(20 << 20))),
            false => challenge(&format!("http://{}/token", asked.host)),
        }),
        ("challenges-without-end", 50, |_, _| {
            Answer::json(401, &format!("www-authenticate: {}\r\n", "Bearer realm=\"/t\",".repeat(2_000)), "{}")
        }),
        ("names-that-climb", 50, |asked, _| catalog(asked, || json("{\"repositories\":[\"../../v2/secret\",\"a\"]}"))),
        ("names-that-are-none", 50, |asked, _| {
            catalog(asked, || json("{\"repositories\":[\"\",\".\",\"a\\u0000b\",\"a\\nb\"]}"))
        }),
        ("names-that-are-numbers", 50, |asked, _| catalog(asked, || json("{\"repositories\":[1,null,{}]}"))),
        ("the-same-name-again", 50, |asked, _| {
            catalog(asked, || json(&format!("{{\"repositories\":[{}\"a\"]}}", "\"a\",".repeat(100_000))))
        }),
        ("no-list", 50, |asked, _| catalog(asked, || json("{\"repositories\":{}}"))),
        ("nothing-at-all", 50, |asked, _| catalog(asked, || json("null"))),
        ("a-deep-list", 50, |asked, _| catalog(asked, || json(&"[".repeat(1_000_000)))),
        ("millions-of-names", 50, |asked, _| {
            catalog(asked, || json(&format!("{{\"repositories\":[{}\"z\"]}}", numbers(2_000_000))))
        }),
        ("a-redirect-to-itself", 50, |asked, _| {
            Answer::json(307, &format!("location: http://{}{}\r\n", asked.host, asked.target), "")
        }),
        ("a-redirect-elsewhere", 50, |_, elsewhere| Answer::json(302, &format!("location: {elsewhere}/v2/\r\n"), "")),
        ("another-product", 50, |_, _| Answer::json(200, "", "{\"jobs\":[]}")),
    ]
}

fn numbers(count: usize) -> String {
    use std::fmt::Write as _;
    (0..count).fold(String::with_capacity(count * 11), |mut text, number| {
        let _ = write!(text, "\"r{number}\",");
        text
    })
}

pub(super) async fn meet(scene: &Scene) -> Vec<Outcome> {
    // Where nobody may be led to.
    let n_led = Arc::new(AtomicUsize::new(0));
    let counting = n_led.clone();
    let elsewhere = Hostile::start_at("127.0.0.2", move |_| {
        counting.fetch_add(1, Ordering::Relaxed);
        json("{\"token\":\"t\",\"repositories\":[]}")
    })
    .await;
    let address = elsewhere.url();
    let wrong = std::cell::RefCell::new(Vec::new());
    let outcomes = meet_all(cases(), async |(name, most, script)| {
        let address = address.clone();
        let registry = Hostile::start(move |asked| script(asked, &address)).await;
        let (cause, shown) = match scene.integrate(name, "DOCKER_REGISTRY", &registry.url()).await {
            Ok(id) => {
                let cause = scene.refresh(name, &id).await;
                let (shown, error) = scene.shown(&id).await;
                (cause.or(error), shown)
            }
            Err(cause) => (Some(cause), Vec::new()),
        };
        let n_requests = registry.requests();
        assert!(n_requests <= most, "{name}: {n_requests} requests");
        let is_well = cause.is_none() && !matches!(name, "a-link-elsewhere" | "the-same-name-again");
        if is_well {
            wrong.borrow_mut().push(format!("{name} is well after {n_requests} requests, with {shown:?}"));
        }
        scene.honest_is_whole(name).await;
        Outcome { name, cause, shown, n_requests, _registry: Box::new(registry) }
    })
    .await;
    assert_eq!(wrong.into_inner(), Vec::<String>::new());
    assert_eq!((elsewhere.connections(), n_led.load(Ordering::Relaxed)), (0, 0), "somebody was led elsewhere");
    outcomes
}
