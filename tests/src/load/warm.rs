//! A selector whose images are known: what one page costs when it is executed, and when it is given again.

use anyhow::ensure;
use serde_json::json;

use super::{
    Options,
    measure::Bench,
    name,
    process::{Baseline, Fairway},
    question::{Asker, Variation, body},
    report::{Report, Verdict},
    seed::World,
};
use crate::gateway::{Client, Token};

const DOCUMENT: &str = "query SelectImage($namespace: NamespaceKey!) {
  availableImages(namespace: $namespace, first: 50) {
    edges { via node { reference repository updatedAt } }
  }
}";

/// 400 images in eight spaces, half of them public and half bound.
const WORLD: World = World { registries: 2, spaces: 8, public: 4, images: 400, workspaces: 1, namespaces: 1, bound: 4 };

pub(super) async fn run(options: &Options, report: &mut Report<'_>) -> anyhow::Result<()> {
    let (connections, seconds) = (options.connections, options.seconds);
    report.title(&format!("warm: the first 50 of 400 images, {connections} connections, {seconds} s each"))?;
    let database = options.database().await;
    WORLD.write(&database).await?;
    let fairway = Fairway::start(&database, &[]).await?;

    let token = Token::new("dora").member(&name::workspace(0), "viewer").mint();
    let (cluster, name) = name::namespace(0);
    let variables = json!({ "namespace": { "cluster": cluster, "name": name } });
    let member = Client::at(fairway.origin(), Some(token.clone()));
    let total = "query ($namespace: NamespaceKey!) { availableImages(namespace: $namespace) { totalCount } }";
    let total = member.query(total, variables.clone()).await.data("availableImages.totalCount").as_u64();
    ensure!(total == Some(400), "{total:?} images are available, not 400");
    let answer = member.query(DOCUMENT, variables.clone()).await;
    ensure!(answer.list("availableImages.edges").len() == 50, "no whole page: {}", answer.text);
    report.step(&format!("one answer has {} bytes", answer.text.len()))?;

    let asker = Asker::new(&token);
    let asking = |variation| {
        let (asker, variables) = (asker.clone(), variables.clone());
        let same = body(DOCUMENT, variables.clone(), Variation::Same, 0);
        move |n| match variation {
            // Made once: the driver shall not cost what it measures.
            Variation::Same => asker.ask(same.clone()),
            _ => asker.ask(body(DOCUMENT, variables.clone(), variation, n)),
        }
    };
    let bench = Bench::of(&fairway, connections, options.length());
    let executed = bench.measure(asking(Variation::Variables)).await?;
    let unseen = bench.measure(asking(Variation::Document)).await?;
    let same = bench.measure(asking(Variation::Same)).await?;
    let baseline = Baseline::start(answer.text.as_bytes())?;
    let bare = bench.at(&baseline).measure(asking(Variation::Same)).await?;

    report.measured(&[
        ("executed, other variables each time", &executed),
        ("executed, another document each time", &unseen),
        ("the same bytes each time", &same),
        ("baseline: a bare handler", &bare),
    ])?;
    let ratio = same.cpu_ms().zip(bare.cpu_ms()).map(|(same, bare)| same / bare);
    report.verdicts(vec![
        Verdict::at_most("CPU of one page, executed", executed.cpu_ms(), 0.25, "ms"),
        Verdict::at_most("CPU of one page, executed, document never seen", unseen.cpu_ms(), 0.25, "ms"),
        Verdict::at_most("CPU of one page, asked again, beside the baseline", ratio, 2.0, "×"),
    ])?;
    fairway.stop().await
}
