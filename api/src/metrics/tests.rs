use super::*;

const HARBOR: Uuid = Uuid::from_u128(7);

fn metrics() -> Metrics {
    Metrics::builder().build()
}

/// The lines that begin with `start`, in order: a family keeps its series in none.
fn lines(metrics: &Metrics, start: &str) -> Vec<String> {
    let text = metrics.text().unwrap();
    let mut lines: Vec<String> = text.lines().filter(|line| line.starts_with(start)).map(str::to_owned).collect();
    lines.sort();
    lines
}

#[test]
fn a_new_gateway_has_done_nothing() {
    let metrics = Metrics::builder().reading(Reading::SqlStatements, || 7).reading(Reading::CatalogBytes, || 1024);
    let metrics = metrics.build();
    let text = metrics.text().unwrap();
    assert!(text.ends_with("# EOF\n"), "{text}");
    assert_eq!(
        lines(&metrics, "fairway_graphql_answers"),
        [
            r#"fairway_graphql_answers_total{outcome="executed"} 0"#,
            r#"fairway_graphql_answers_total{outcome="refused"} 0"#,
            r#"fairway_graphql_answers_total{outcome="reused"} 0"#,
        ]
    );
    assert_eq!(lines(&metrics, "fairway_sql"), ["fairway_sql_statements_total 7"]);
    assert_eq!(lines(&metrics, "fairway_catalog"), ["fairway_catalog_bytes 1024"]);
    assert_eq!(
        lines(&metrics, "# HELP fairway_catalog"),
        ["# HELP fairway_catalog_bytes Memory that the images take."]
    );
}

#[test]
fn readings_are_read_at_each_scrape() {
    let counter = Arc::new(AtomicU64::new(1));
    let read = counter.clone();
    let metrics = Metrics::builder()
        .reading(Reading::UpstreamRequests, move || read.load(std::sync::atomic::Ordering::Relaxed))
        .build();
    assert_eq!(lines(&metrics, "fairway_upstream"), ["fairway_upstream_requests_total 1"]);
    counter.store(5, std::sync::atomic::Ordering::Relaxed);
    assert_eq!(lines(&metrics, "fairway_upstream"), ["fairway_upstream_requests_total 5"]);
}

#[test]
fn requests_are_counted_by_route_and_status() {
    let metrics = metrics();
    for status in [200, 200, 504] {
        metrics.http_answered("/graphql", status);
    }
    assert_eq!(
        lines(&metrics, "fairway_http"),
        [
            r#"fairway_http_requests_total{route="/graphql",status="200"} 2"#,
            r#"fairway_http_requests_total{route="/graphql",status="504"} 1"#,
        ]
    );
}

#[test]
fn refusals_are_counted_and_not_timed() {
    let metrics = metrics();
    metrics.graphql_answered(Answer::Executed, Duration::from_micros(300));
    metrics.graphql_answered(Answer::Reused, Duration::from_micros(30));
    metrics.graphql_answered(Answer::Refused, Duration::from_secs(9));
    for answer in ["executed", "reused", "refused"] {
        let line = format!("fairway_graphql_answers_total{{outcome=\"{answer}\"}}");
        assert_eq!(lines(&metrics, &line), [format!("{line} 1")]);
    }
    assert_eq!(lines(&metrics, "fairway_graphql_seconds_count"), ["fairway_graphql_seconds_count 2"]);
    let bucket = |bound: &str| lines(&metrics, &format!("fairway_graphql_seconds_bucket{{le=\"{bound}\"}}"));
    assert_eq!(bucket("0.00025"), [r#"fairway_graphql_seconds_bucket{le="0.00025"} 1"#]);
    assert_eq!(bucket("0.0005"), [r#"fairway_graphql_seconds_bucket{le="0.0005"} 2"#]);
    assert_eq!(bucket("32.768"), [r#"fairway_graphql_seconds_bucket{le="32.768"} 2"#]);
}

#[test]
fn a_sweep_tells_how_it_goes_on() {
    let metrics = metrics();
    let progress = || [lines(&metrics, "fairway_sweep_spaces_done"), lines(&metrics, "fairway_sweep_spaces_total")];
    let series = |name: &str, value: u64| vec![format!("{name}{{registry=\"{HARBOR}\"}} {value}")];
    let standing =
        |done, total| [series("fairway_sweep_spaces_done", done), series("fairway_sweep_spaces_total", total)];

    let sweep = metrics.sweep_began(HARBOR);
    assert_eq!(progress(), standing(0, 0));
    sweep.expects(3);
    sweep.advanced(1);
    assert_eq!(progress(), standing(1, 3));
    sweep.ended(SweepOutcome::Succeeded);
    assert_eq!(progress(), standing(0, 0));
    assert_eq!(lines(&metrics, "fairway_sweep_seconds").len(), 1);
}

#[test]
fn a_sweep_that_is_dropped_was_abandoned() {
    let metrics = metrics();
    metrics.sweep_began(HARBOR).ended(SweepOutcome::Failed);
    let sweep = metrics.sweep_began(HARBOR);
    sweep.expects(3);
    drop(sweep);
    let total = |outcome: &str, count: u64| {
        format!("fairway_sweeps_total{{registry=\"{HARBOR}\",outcome=\"{outcome}\"}} {count}")
    };
    assert_eq!(
        lines(&metrics, "fairway_sweeps_total"),
        [total("abandoned", 1), total("failed", 1), total("succeeded", 0)]
    );
    let spaces = format!("fairway_sweep_spaces_total{{registry=\"{HARBOR}\"}} 0");
    assert_eq!(lines(&metrics, "fairway_sweep_spaces_total"), [spaces]);
}

#[test]
fn a_forgotten_registry_leaves_nothing() {
    let metrics = metrics();
    let other = Uuid::from_u128(8);
    for registry in [HARBOR, other] {
        metrics.registry_seen(registry, true);
        metrics.webhook_received(Some(registry), WebhookOutcome::Accepted);
        metrics.webhook_received(Some(registry), WebhookOutcome::Malformed);
        metrics.sweep_began(registry).ended(SweepOutcome::Succeeded);
    }
    let under_way = metrics.sweep_began(HARBOR);
    metrics.forget_registry(HARBOR);
    under_way.ended(SweepOutcome::Succeeded);

    let text = metrics.text().unwrap();
    assert!(!text.contains(&HARBOR.to_string()), "{text}");
    assert_eq!(text.matches(&other.to_string()).count(), 9, "{text}");
}

#[test]
fn health_is_one_or_nothing() {
    let metrics = metrics();
    for (is_healthy, value) in [(true, 1), (false, 0)] {
        metrics.registry_seen(HARBOR, is_healthy);
        let line = format!("fairway_registry_healthy{{registry=\"{HARBOR}\"}} {value}");
        assert_eq!(lines(&metrics, "fairway_registry_healthy"), [line]);
    }
}

#[test]
fn webhooks_of_nobody_have_no_registry() {
    let metrics = metrics();
    metrics.webhook_received(None, WebhookOutcome::TimedOut);
    let line = r#"fairway_webhooks_total{registry="",outcome="timed_out"} 1"#;
    assert_eq!(lines(&metrics, "fairway_webhooks_total"), [line]);
}
