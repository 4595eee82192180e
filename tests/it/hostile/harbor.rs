//! A Harbor that was well when it was integrated, and then goes wrong in every way that the simulated one can.

use tests::harbor::{ErrorPage, Fault, SimulatedHarbor};

use super::{Outcome, Scene, meet_all};

/// What a whole reading of a Harbor with two projects takes, several times over: every list is read twice where it does not
/// agree with itself, and each request is sent three times where that may help.
const FEW_REQUESTS: usize = 250;

/// What the simulated Harbor's repositories are called.
const TRUE_NAMES: [&str; 2] = ["library/one", "library/two"];

/// Whether what is wrong must be told, or need not be as what is shown is true all the same.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Expected {
    Cause,
    Truth,
    /// It lies about itself in a way that nobody can tell from the truth.
    Anything,
}

fn cases() -> Vec<(&'static str, Fault, Expected)> {
    use Expected::{Anything, Cause, Truth};
    vec![
        ("status-200-nothing", Fault::Status(200, ErrorPage::Empty), Cause),
        ("status-401", Fault::Status(401, ErrorPage::Html), Cause),
        ("status-403", Fault::Status(403, ErrorPage::Text), Cause),
        ("status-404", Fault::Status(404, ErrorPage::Html), Cause),
        ("status-418", Fault::Status(418, ErrorPage::Text), Cause),
        ("status-500", Fault::Status(500, ErrorPage::Html), Cause),
        ("status-503", Fault::Status(503, ErrorPage::Empty), Cause),
        ("status-999", Fault::Status(999, ErrorPage::Text), Cause),
        ("hang", Fault::Hang, Cause),
        ("slow-body", Fault::SlowBody, Cause),
        ("truncated", Fault::Truncated, Cause),
        ("wrong-length", Fault::WrongContentLength, Cause),
        ("html", Fault::HtmlPage, Cause),
        ("login", Fault::LoginRedirect, Cause),
        ("redirect", Fault::RedirectTo("http://169.254.169.254".to_owned(), 307), Cause),
        ("redirect-to-another-port", Fault::RedirectTo("http://127.0.0.1:1".to_owned(), 301), Cause),
        ("count-too-low", Fault::WrongTotalCount(1), Truth),
        ("count-too-high", Fault::WrongTotalCount(1_000_000_000), Truth),
        ("count-of-all-numbers", Fault::WrongTotalCount(i64::MAX), Truth),
        ("count-below-zero", Fault::WrongTotalCount(-5), Truth),
        ("no-count", Fault::NoTotalCount, Truth),
        ("duplicate-rows", Fault::DuplicateRowsWhilePaging, Truth),
        ("vanishing-rows", Fault::RowsVanishWhilePaging, Truth),
        ("endless-list", Fault::EndlessList, Truth),
        ("huge-body", Fault::HugeBody(100 << 20), Cause),
        ("gzip-bomb", Fault::GzipBomb(100 << 20), Cause),
        ("deep-json", Fault::DeepJson, Cause),
        ("half-json", Fault::HalfJson, Cause),
        ("lists-swapped", Fault::ListsSwapped, Cause),
        ("null-values", Fault::NullValues, Cause),
        ("null-arrays", Fault::NullArrays, Truth),
        ("numbers-below-zero", Fault::Numbers("-9223372036854775808"), Truth),
        ("numbers-too-large", Fault::Numbers("99999999999999999999"), Truth),
        ("numbers-of-none", Fault::Numbers("1e308"), Truth),
        ("numbers-that-are-texts", Fault::Numbers("\"7\""), Truth),
        ("times-that-are-none", Fault::Times("yesterday"), Truth),
        ("times-far-away", Fault::Times("9999-12-31T23:59:59.999999999Z"), Truth),
        ("times-before-time", Fault::Times("-262143-01-01T00:00:00Z"), Truth),
        ("names-that-climb", Fault::Names("../../etc"), Anything),
        ("names-of-nothing", Fault::Names(""), Anything),
        ("names-that-ring", Fault::Names("a\u{7}\u{0}\nb"), Anything),
        ("names-that-inject", Fault::Names("library/x\" OR 1=1 -- <script>"), Anything),
        ("long-names", Fault::LongNames(100_000), Anything),
        ("invalid-utf8", Fault::InvalidUtf8, Anything),
        ("byte-order-mark", Fault::Bom, Truth),
        ("long-header", Fault::LongHeader(1 << 20), Cause),
        ("many-headers", Fault::ManyHeaders(10_000), Cause),
        ("content-type", Fault::ContentType("image/png"), Truth),
        ("no-metadata", Fault::NoMetadata, Truth),
        ("stringy-metadata", Fault::StringyMetadata("perhaps"), Truth),
        ("database-down", Fault::DatabaseDown, Cause),
        ("read-only", Fault::ReadOnly, Truth),
        ("too-many-requests", Fault::TooManyRequests { retry_after: 1_000_000_000 }, Cause),
        ("no-version", Fault::NotHarborVersionString("\u{1b}[31mv2"), Truth),
        ("old-version", Fault::NotHarborVersionString("v1.10.0"), Anything),
        ("unhealthy", Fault::Unhealthy("database"), Truth),
        ("nginx-in-front", Fault::NginxInFront, Truth),
        ("freeze", Fault::FreezeOnBadPassword, Truth),
        ("anonymous-only", Fault::AnonymousProjectsOnly, Truth),
        ("page-cap", Fault::PageCap(1), Truth),
        ("page-cap-of-none", Fault::PageCap(0), Truth),
        ("path-prefix", Fault::PathPrefix("/elsewhere"), Cause),
    ]
}

pub(super) async fn meet(scene: &Scene) -> Vec<Outcome> {
    meet_all(cases(), async |(name, fault, expected)| {
        let harbor = SimulatedHarbor::start().await;
        harbor.push("library", "one", "1.0");
        harbor.push("library", "two", "1.0");
        harbor.create_project("private", false);
        harbor.push("private", "three", "1.0");
        let id = scene.admin.integrate_harbor(name, &harbor).await;
        harbor.clear_requests();
        harbor.fault(fault);
        let cause = scene.refresh(name, &id).await;
        let host = harbor.host();
        let tags = format!(
            "{{ availableImage(namespace: {{ name: \"stray\" }}, reference: \"{host}/library/one\") {{ node {{ tags {{ nodes {{ name pushedAt }} }} artifact(reference: \"1.0\") {{ digest }} }} }} }}"
        );
        let reply = scene.admin.ask(&tags).await;
        assert_ne!(reply.code(), Some("INTERNAL_SERVER_ERROR"), "{name}: {}", reply.text);
        assert!(reply.text.len() < 10_000, "{name}: {} bytes", reply.text.len());
        let (shown, _) = scene.shown(&id).await;
        let n_requests = harbor.requests().len();
        assert!(n_requests <= FEW_REQUESTS, "{name}: {n_requests} requests");
        let is_true = shown.iter().all(|shown| TRUE_NAMES.iter().any(|name| *shown == format!("{host}/{name}")));
        match expected {
            Expected::Cause => assert!(cause.is_some() && is_true, "{name}: {cause:?}, and {shown:?} is shown"),
            Expected::Truth => assert!(is_true, "{name}: {shown:?} is shown"),
            Expected::Anything => {}
        }
        scene.honest_is_whole(name).await;
        Outcome { name, cause, shown, n_requests, _registry: Box::new(harbor) }
    })
    .await
}
