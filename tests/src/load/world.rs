//! A platform of a given size: what a page, a search, a page far on and a restart take, and the memory of it all.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use clap::Args;
use serde_json::{Value, json};

use super::{
    Options, machine,
    measure::Bench,
    name,
    process::Fairway,
    question::{Asker, Variation, body},
    report::{Report, Verdict},
    seed::World,
};
use crate::gateway::{Client, Token};

/// Few, so that what is measured is an answer and not the queue for the machine's cores.
const CONNECTIONS: usize = 4;
const FAR_PAGE: usize = 1_000;
/// No walk to the page far on takes longer.
const WALK: Duration = Duration::from_secs(60);
const MIB: f64 = 1024.0 * 1024.0;

const PAGE: &str = "query SelectImage($namespace: NamespaceKey!, $after: String) {
  availableImages(namespace: $namespace, first: 50, after: $after) {
    edges { via node { reference repository updatedAt } } pageInfo { hasNextPage endCursor }
  }
}";
const COUNTED: &str = "query SelectImage($namespace: NamespaceKey!) {
  availableImages(namespace: $namespace, first: 50) {
    totalCount edges { via node { reference repository updatedAt } } pageInfo { hasNextPage endCursor }
  }
}";
const SEARCH: &str = "query SelectImage($namespace: NamespaceKey!, $search: String!) {
  availableImages(namespace: $namespace, search: $search, first: 50) {
    totalCount edges { via node { reference repository updatedAt } } pageInfo { hasNextPage endCursor }
  }
}";

/// How large the platform is.
#[derive(Args, Clone, Debug)]
pub struct Size {
    #[arg(long, default_value_t = Size::default().registries)]
    registries: usize,
    /// Half of them are public
    #[arg(long, default_value_t = Size::default().spaces)]
    spaces: usize,
    #[arg(long, default_value_t = Size::default().images)]
    images: usize,
    #[arg(long, default_value_t = Size::default().workspaces)]
    workspaces: usize,
    #[arg(long, default_value_t = Size::default().namespaces)]
    namespaces: usize,
    /// Private spaces bound to each workspace
    #[arg(long, default_value_t = Size::default().bound)]
    bound: usize,
    /// Fill the database, start Fairway on it, and measure nothing else
    #[arg(long)]
    seed_only: bool,
}

impl Default for Size {
    fn default() -> Self {
        Self {
            registries: 1_000,
            spaces: 20_000,
            images: 1_000_000,
            workspaces: 200,
            namespaces: 2_000,
            bound: 20,
            seed_only: false,
        }
    }
}

impl Size {
    fn world(&self) -> anyhow::Result<World> {
        let &Self { registries, spaces, images, workspaces, namespaces, bound, .. } = self;
        let public = spaces / 2;
        ensure!(registries > 0 && workspaces > 0 && namespaces > 0, "a world has at least one of each");
        ensure!(spaces >= registries && images >= spaces, "a registry has a space at least, and a space an image");
        ensure!(bound <= spaces - public, "no more spaces can be bound than are private");
        Ok(World { registries, spaces, public, images, workspaces, namespaces, bound })
    }
}

/// Who asks for which namespace: a member of its workspace.
struct People {
    world: World,
    members: Vec<Asker>,
}

impl People {
    fn new(world: World) -> Self {
        let member = |place| Asker::new(&Token::new("dora").member(&name::workspace(place), "viewer").mint());
        Self { world, members: (0..world.workspaces).map(member).collect() }
    }

    /// The member and the variables of the `n`th question, whose namespace looks drawn by lot.
    fn draw(&self, n: u64) -> (&Asker, Value) {
        let namespace = name::mix(n as usize) as usize % self.world.namespaces;
        (&self.members[self.world.workspace_of(namespace)], variables(namespace))
    }
}

fn variables(namespace: usize) -> Value {
    let (cluster, name) = name::namespace(namespace);
    json!({ "namespace": { "cluster": cluster, "name": name } })
}

/// A number that looks drawn by lot, unlike the one by which the `n`th question's namespace is drawn.
fn lot(n: usize) -> usize {
    name::mix(n) as usize >> 16
}

pub(super) async fn run(options: &Options, size: &Size, report: &mut Report<'_>) -> anyhow::Result<()> {
    let world = size.world()?;
    let World { registries, spaces, public, images, workspaces, namespaces, .. } = world;
    report.title(&format!("world: {images} images, {CONNECTIONS} connections, {} s each", options.seconds))?;
    report.step(&format!(
        "{registries} registries, {spaces} spaces ({public} public), {namespaces} namespaces in {workspaces} workspaces; \
         each reaches {} images",
        world.reached()
    ))?;
    let database = options.database().await;
    let begun = Instant::now();
    world.write(&database).await?;
    report.step(&format!("seeded in {:.1} s", begun.elapsed().as_secs_f64()))?;

    let fairway = Fairway::start(&database, &[]).await?;
    report.step(&format!("ready in {:.2} s after the first start", fairway.ready_after.as_secs_f64()))?;
    fairway.stop().await?;
    let fairway = Fairway::start(&database, &[]).await?;
    let ready = fairway.ready_after.as_secs_f64();
    let mib = |bytes: u64| bytes as f64 / MIB;
    let rss = |of: fn(&machine::Usage) -> u64| machine::usage(fairway.id()).map(|usage| mib(of(&usage)));
    if let Some(rss) = rss(|usage| usage.rss_bytes) {
        report.step(&format!("ready in {ready:.2} s after a restart, with {rss:.0} MiB"))?;
    }
    if size.seed_only {
        return fairway.stop().await;
    }

    let people = Arc::new(People::new(world));
    let member = |place| Token::new("dora").member(&name::workspace(place), "viewer").mint();
    let total = Client::at(fairway.origin(), Some(member(0))).query(COUNTED, variables(0)).await;
    let total = total.data("availableImages.totalCount").as_u64();
    ensure!(total == Some(world.reached() as u64), "{total:?} images are available, not {}", world.reached());

    let bench = Bench::of(&fairway, CONNECTIONS, options.length());
    let asking = |document: &'static str, words: Option<fn(usize) -> String>| {
        let people = people.clone();
        move |n: u64| {
            let (asker, mut variables) = people.draw(n);
            if let Some(words) = words {
                variables["search"] = json!(words(n as usize));
            }
            asker.ask(body(document, variables, Variation::Variables, n))
        }
    };
    let first = bench.measure(asking(PAGE, None)).await?;
    let counted = bench.measure(asking(COUNTED, None)).await?;
    let rare = bench.measure(asking(SEARCH, Some(|n| name::rare_word(lot(n)).to_owned()))).await?;
    let common = bench.measure(asking(SEARCH, Some(|n| name::common_word(lot(n)).to_owned()))).await?;
    // What is found is kept for who looks for the same words: here nobody did.
    let fresh = |n| format!("{} {:05}", name::common_word(lot(n)), n % 20_000);
    let unseen = bench.measure(asking(SEARCH, Some(fresh))).await?;

    let (page, cursor) = walk(&fairway, &member(0)).await?;
    let alone = bench.with_connections(1);
    let one_namespace = |cursor: Option<String>| {
        let people = people.clone();
        move |n| {
            let mut variables = variables(0);
            variables["after"] = json!(cursor);
            people.members[0].ask(body(PAGE, variables, Variation::Variables, n))
        }
    };
    let near = alone.measure(one_namespace(None)).await?;
    let far = alone.measure(one_namespace(cursor)).await?;
    let far_name = format!("page {page}, 1 connection");
    report.measured(&[
        ("first page, a namespace drawn by lot", &first),
        ("the same with the count of all", &counted),
        ("search for a word that few have", &rare),
        ("search for a word that many have", &common),
        ("search for words that nobody looked for before", &unseen),
        ("first page, 1 connection", &near),
        (&far_name, &far),
    ])?;
    let ratio = far.latency_ms(0.5).zip(near.latency_ms(0.5)).map(|(far, near)| far / near);
    let mut verdicts = vec![
        Verdict::at_most("first page, p99", first.latency_ms(0.99), 5.0, "ms"),
        Verdict::at_most("search, few hits, p99", rare.latency_ms(0.99), 20.0, "ms"),
        Verdict::at_most("search, many hits, p99", common.latency_ms(0.99), 20.0, "ms"),
        Verdict::at_most("search, never made before, p99", unseen.latency_ms(0.99), 20.0, "ms"),
        Verdict::at_most(&format!("page {page} beside the first, median"), ratio, 1.5, "×"),
        Verdict::at_most("memory after all of this", rss(|usage| usage.rss_bytes), 400.0, "MiB"),
        Verdict::at_most("ready after a restart", Some(ready), 5.0, "s"),
    ];
    if world.reached() > FAR_PAGE * 50 {
        verdicts.push(Verdict::exactly("pages walked to within a minute", &page, &FAR_PAGE));
    }
    report.verdicts(verdicts)?;
    if let Some(peak) = rss(|usage| usage.peak_bytes) {
        report.step(&format!("the most memory it ever held: {peak:.0} MiB"))?;
    }
    fairway.stop().await
}

/// Goes from page to page, as far as there are pages and time: the number of the last page, and the cursor before it.
async fn walk(fairway: &Fairway, token: &str) -> anyhow::Result<(usize, Option<String>)> {
    let member = Client::at(fairway.origin(), Some(token.to_owned()));
    let begun = Instant::now();
    let (mut page, mut cursor) = (1, None);
    while page < FAR_PAGE && begun.elapsed() < WALK {
        let mut variables = variables(0);
        variables["after"] = json!(cursor);
        let answer = member.query(PAGE, variables).await;
        if answer.data("availableImages.pageInfo.hasNextPage") != &json!(true) {
            break;
        }
        let end = answer.data("availableImages.pageInfo.endCursor").as_str().context("a page has an end")?;
        cursor = Some(end.to_owned());
        page += 1;
    }
    Ok((page, cursor))
}
