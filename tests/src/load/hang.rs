//! One Harbor of four hangs while many ask: nobody waits longer than the deadline, and the others' images are all there.

use std::time::Duration;

use anyhow::ensure;
use serde_json::json;

use super::{
    Options,
    driver::is_whole,
    measure::Bench,
    name,
    process::{Fairway, admin_token},
    question::{Asker, Variation, body},
    report::{Report, Verdict},
};
use crate::harbor::SimulatedHarbor;

const HARBORS: usize = 4;
const IMAGES: usize = 20;
/// How long a registry may take to answer, and a request waits for registries in all.
const DEADLINE: Duration = Duration::from_secs(1);
/// What a request may take beyond that, in milliseconds.
const GRACE_MS: f64 = 100.0;

const SELECTOR: &str = "query SelectImage($namespace: NamespaceKey!) {
  availableImages(namespace: $namespace, first: 100) { edges { via node { reference repository updatedAt } } }
}";
/// What is not kept, and has to be asked for: of any registry, the one that hangs included.
const TAGS: &str = "query Tags($namespace: NamespaceKey!, $reference: String!) {
  availableImage(namespace: $namespace, reference: $reference) { node { reference tags(first: 5) { nodes { name } } } }
}";

pub(super) async fn run(options: &Options, report: &mut Report<'_>) -> anyhow::Result<()> {
    let (connections, seconds) = (options.connections, options.seconds);
    report.title(&format!(
        "hang: one Harbor of {HARBORS} does not answer, {connections} connections, {seconds} s each"
    ))?;
    let mut harbors = Vec::new();
    for _ in 0..HARBORS {
        let harbor = SimulatedHarbor::start().await;
        for place in 0..IMAGES {
            harbor.push("library", &name::repository(0, place), "1.0");
        }
        harbors.push(harbor);
    }
    let database = options.database().await;
    let timeout = format!("{}s", DEADLINE.as_secs());
    let fairway = Fairway::start(&database, &[("FAIRWAY_UPSTREAM_TIMEOUT", &timeout)]).await?;
    let admin = fairway.admin();
    for (place, harbor) in harbors.iter().enumerate() {
        admin.integrate_harbor(&format!("harbor-{place}"), harbor).await;
    }
    let variables = json!({ "namespace": { "name": "stray" } });
    let known = admin.query(SELECTOR, variables.clone()).await;
    let n_known = known.list("availableImages.edges").len();
    ensure!(n_known == HARBORS * IMAGES, "{n_known} images are known, not {}", HARBORS * IMAGES);

    let (silent, living) = harbors.split_last().expect("there are four");
    silent.pause();
    let bench = Bench::of(&fairway, connections, options.length());
    let asker = Asker::new(&admin_token());
    let selecting = {
        let (asker, variables) = (asker.clone(), variables.clone());
        move |n| asker.ask(body(SELECTOR, variables.clone(), Variation::Variables, n))
    };
    let prefixes: Vec<String> = living.iter().map(|harbor| format!("\"reference\":\"{}/", harbor.host())).collect();
    let selected = bench
        .judge(selecting, move |_, answer| {
            is_whole(answer)?;
            let text = std::str::from_utf8(answer)?;
            for prefix in &prefixes {
                let n = text.matches(prefix.as_str()).count();
                ensure!(n == IMAGES, "{n} images of {IMAGES} in {prefix}");
            }
            Ok(())
        })
        .await?;
    let hosts: Vec<String> = harbors.iter().map(SimulatedHarbor::host).collect();
    let asking_for_tags = move |n: u64| {
        let place = name::mix(n as usize) as usize;
        let (host, image) = (&hosts[place % HARBORS], name::repository(0, place / HARBORS % IMAGES));
        let reference = format!("{host}/library/{image}");
        let variables = json!({ "namespace": { "name": "stray" }, "reference": reference });
        asker.ask(body(TAGS, variables, Variation::Variables, n))
    };
    let living: Vec<String> = living.iter().map(SimulatedHarbor::host).collect();
    let tags = bench
        .judge(asking_for_tags, move |_, answer| {
            let text = std::str::from_utf8(answer)?;
            // Who hangs may be told by an error; the others must answer.
            let is_living = living.iter().any(|host| text.contains(&format!("\"reference\":\"{host}/")));
            if is_living { is_whole(answer) } else { Ok(()) }
        })
        .await?;
    silent.resume();

    report.measured(&[("the selector", &selected), ("the tags of an image drawn by lot", &tags)])?;
    for (what, measured) in [("selector", &selected), ("tags", &tags)] {
        if let Some(failure) = &measured.outcome.failure {
            report.step(&format!("{what}: the first answer that was not whole: {failure}"))?;
        }
    }
    let limit = DEADLINE.as_secs_f64() * 1e3 + GRACE_MS;
    report.verdicts(vec![
        Verdict::at_most("the longest that a selector took", selected.latency_ms(1.0), limit, "ms"),
        Verdict::exactly("selectors without all images of the others", &selected.outcome.n_failed, &0),
        Verdict::at_most("the longest that tags took", tags.latency_ms(1.0), limit, "ms"),
        Verdict::exactly("tags of the others that were not told", &tags.outcome.n_failed, &0),
    ])?;
    fairway.stop().await
}
