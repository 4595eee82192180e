//! A nested graph of what is stored: registries, their spaces, the bindings of each, the workspaces, their namespaces.

use anyhow::ensure;
use serde_json::json;

use super::{
    Options,
    measure::Bench,
    process::{Baseline, Fairway, admin_token},
    question::{Asker, Variation, body},
    report::{Report, Verdict},
    seed::World,
};

const DOCUMENT: &str = "query Platform($registries: Int!) {
  registries(first: $registries) { nodes { name host spaces(first: 6) { nodes { name visibility
    bindings(first: 3) { nodes { workspace { name namespaces(first: 3) { nodes { cluster name } } } } }
  } } } }
}";

/// Each space is bound to three of ten workspaces, which have three namespaces each.
const WORLD: World =
    World { registries: 10, spaces: 60, public: 0, images: 60, workspaces: 10, namespaces: 30, bound: 18 };

pub(super) async fn run(options: &Options, report: &mut Report<'_>) -> anyhow::Result<()> {
    let (connections, seconds) = (options.connections, options.seconds);
    report.title(&format!("nested: a stored graph of five levels, {connections} connections, {seconds} s each"))?;
    let database = options.database().await;
    WORLD.write(&database).await?;
    let fairway = Fairway::start(&database, &[]).await?;

    let answer = fairway.admin().query(DOCUMENT, json!({ "registries": 10 })).await;
    let n_namespaces = answer.succeeded().text.matches("\"cluster\":").count();
    ensure!(n_namespaces == 540, "the graph has {n_namespaces} namespaces, not 540");
    report.step(&format!("one answer has {} bytes", answer.text.len()))?;

    let asker = Asker::new(&admin_token());
    let asking = |registries: usize, variation| {
        let asker = asker.clone();
        move |n| asker.ask(body(DOCUMENT, json!({ "registries": registries }), variation, n))
    };
    let bench = Bench::of(&fairway, connections, options.length());
    let whole = bench.measure(asking(10, Variation::Variables)).await?;
    let tenth = bench.measure(asking(1, Variation::Variables)).await?;
    let same = bench.measure(asking(10, Variation::Same)).await?;
    let baseline = Baseline::start(answer.text.as_bytes())?;
    let bare = bench.at(&baseline).measure(asking(10, Variation::Same)).await?;
    report.measured(&[
        ("executed, 10 registries", &whole),
        ("executed, 1 registry", &tenth),
        ("the same bytes each time, 10 registries", &same),
        ("baseline: a bare handler", &bare),
    ])?;
    // Requests may share a read of the epoch, so that neither is a whole number.
    let more = whole.statements().zip(tenth.statements()).map(|(whole, tenth)| (whole.ceil() - tenth.ceil()).max(0.0));
    report.verdicts(vec![
        Verdict::at_most("CPU of one answer, executed", whole.cpu_ms(), 0.8, "ms"),
        Verdict::at_most("SQL statements of one answer", whole.statements(), 1.0, ""),
        Verdict::at_most("SQL statements that ten times the rows add", more, 0.0, ""),
    ])?;
    fairway.stop().await
}
