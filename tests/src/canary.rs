//! Every way to make Fairway connect to where no registry may be, tried on a running program, with canaries there.
//!
//! Runs in a network namespace that `tests/canary` makes: there a metadata service's address and loopback are ours to
//! listen at, and names lead where the file of hosts says. A canary that is hit is a hole; so that a canary that is not
//! hit means something, the same is done at the end with the addresses allowed, and then each must be.

mod attempt;
mod listener;

use std::{
    io::Write,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, ensure};

use self::{
    attempt::Attempts,
    listener::{Canary, Lure, Trap},
};
use crate::{
    database::TemporaryDatabase,
    gateway::{Client, Token},
    harbor::{Fault, SimulatedHarbor},
    program::Program,
};

const METADATA: Ipv4Addr = Ipv4Addr::new(169, 254, 169, 254);
const METADATA_V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);
/// A private address, where registries may be: here are those that mean no good.
const OPEN: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);
/// What the file of hosts begins with, so that no other is ever overwritten.
const MARK: &str = "# fairway canary\n";
/// Several sweeps, as there is one each second.
const SOME_SWEEPS: Duration = Duration::from_secs(4);

/// All who must not be reached.
struct Canaries(Vec<Canary>);

impl Canaries {
    async fn listen() -> anyhow::Result<Self> {
        let mut all = Vec::new();
        for ip in [METADATA.into(), METADATA_V6.into(), Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()] {
            let canary = Canary::listen(SocketAddr::new(ip, 80)).await;
            all.push(canary.with_context(|| format!("nobody can listen at {ip}: is this the namespace?"))?);
        }
        Ok(Self(all))
    }

    fn hits(&self) -> usize {
        self.0.iter().map(Canary::hits).sum()
    }
}

/// The names that lead anywhere, and where.
struct Hosts(PathBuf);

impl Hosts {
    fn lead(&self, rebound: &str) -> anyhow::Result<()> {
        let before = std::fs::read_to_string(&self.0).context("the file of hosts cannot be read")?;
        ensure!(before.starts_with(MARK), "{} is not the namespace's own file of hosts", self.0.display());
        let names = [
            ("localhost", "127.0.0.1"),
            ("localhost", "::1"),
            ("metadata.test", "169.254.169.254"),
            ("metadata6.test", "fd00:ec2::254"),
            ("inside.test", "127.0.0.1"),
            ("mapped.test", "::ffff:169.254.169.254"),
            ("rebound.test", rebound),
        ];
        let lines: String = names.iter().map(|(name, ip)| format!("{ip} {name}\n")).collect();
        std::fs::write(&self.0, format!("{MARK}{lines}")).context("the file of hosts cannot be written")
    }
}

/// Where the registries were that were stored before their networks were closed.
const BEFORE: [Ipv4Addr; 2] = [Ipv4Addr::LOCALHOST, METADATA];
const BEFORE_PORT: u16 = 8081;

/// How closed addresses can be written.
const CLOSED: [&str; 15] = [
    "http://169.254.169.254",
    "http://127.0.0.1",
    "http://[::1]",
    "http://[fd00:ec2::254]",
    "http://[::ffff:169.254.169.254]",
    "http://[::127.0.0.1]",
    "http://2852039166",
    "http://0xa9fea9fe",
    "http://127.1",
    "http://0.0.0.0",
    "http://localhost",
    "http://metadata.test",
    "http://metadata6.test",
    "http://inside.test",
    "http://mapped.test",
];

/// Tries everything, and says of each what came of it.
///
/// # Errors
/// Names the first way that leads to a canary, or the control that does not.
pub async fn run(hosts: &Path, out: &mut impl Write) -> anyhow::Result<()> {
    let hosts = Hosts(hosts.to_owned());
    hosts.lead("10.77.0.1")?;
    let mut canaries = Canaries::listen().await?;
    let open = |port| SocketAddr::new(OPEN.into(), port);
    let trap = Trap::listen(open(5000)).await?;
    let harbor = SimulatedHarbor::builder().listen(open(80)).start().await;
    harbor.push("library", "nginx", "1.27");
    let database = TemporaryDatabase::in_folder();

    let inside = before(&database).await?;
    for ip in BEFORE {
        canaries.0.push(Canary::listen(SocketAddr::new(ip.into(), BEFORE_PORT)).await?);
    }
    let program = serve(&database, "").await;
    let admin = client(&program, Token::new("ada").admin());
    let shop = admin.create_workspace("shop").await;
    let mut attempts = Attempts { canaries: &canaries, program: &program, viewers: 0, shop: &shop, count: 0, out };

    attempts.say("Addresses, as Admin and as Workspace Admin")?;
    for address in CLOSED {
        attempts.all_refused(address).await?;
    }
    attempts.say("An open registry that sends its clients away")?;
    for target in ["http://169.254.169.254", "http://127.0.0.1", "http://metadata.test", "//169.254.169.254"] {
        for lure in [Lure::Realm, Lure::Link, Lure::Location, Lure::Redirect(301), Lure::Redirect(307)] {
            trap.lure(lure, target);
            attempts.all_lured(&format!("{lure:?} to {target}"), &trap).await?;
        }
    }
    attempts.say("A registry that was there before and turns")?;
    const WEBHOOKS: &str = "/api/v2.0/projects/1/webhook";
    let fault = harbor.fault(Fault::RedirectTo("http://169.254.169.254".to_owned(), 307).on(WEBHOOKS));
    let id = admin.integrate_harbor("turncoat", &harbor).await;
    attempts.swept("redirect of webhook policies", &id).await?;
    ensure!(harbor.requests().iter().any(|request| request.contains(WEBHOOKS)), "no webhook policy was written");
    harbor.clear_fault(fault);
    for status in [301, 302, 303, 307, 308] {
        for target in ["http://169.254.169.254", "http://127.0.0.1"] {
            let fault = harbor.fault(Fault::RedirectTo(target.to_owned(), status));
            attempts.swept(&format!("redirect {status} to {target}"), &id).await?;
            harbor.clear_fault(fault);
        }
    }
    admin
        .query(
            "mutation ($id: ID!) { removeRegistry(input: { id: $id, force: true }) { removedBindings } }",
            serde_json::json!({ "id": id }),
        )
        .await;

    attempts.say("A name that leads elsewhere after it was checked")?;
    let id = admin.integrate_and_refresh(attempt::harbor("rebound", "http://rebound.test")).await;
    for ip in ["127.0.0.1", "169.254.169.254", "::1", "::ffff:127.0.0.1"] {
        hosts.lead(ip)?;
        // Connections that stand were checked when they were made: these are to be made anew.
        harbor.restart().await;
        attempts.swept(&format!("rebound.test to {ip}"), &id).await?;
    }
    attempts.say("Registries stored before their network was closed, webhooks and sweeps in the background")?;
    for id in &inside {
        attempts.swept("stored", id).await?;
    }
    tokio::time::sleep(SOME_SWEEPS).await;
    attempts.unhit("sweeps")?;
    let count = attempts.count;
    stop(program).await?;

    let program = serve(&database, "0.0.0.0/8,127.0.0.0/8,::1/128,169.254.0.0/16,fd00:ec2::/32").await;
    let admin = client(&program, Token::new("ada").admin());
    // The one form that this system leads nowhere.
    for address in CLOSED.into_iter().filter(|address| !address.contains("[::127")) {
        let before = canaries.hits();
        attempt::test(&admin, address, None).await;
        ensure!(canaries.hits() > before, "{address} is allowed, and no canary noticed: the check is broken");
    }
    for id in &inside {
        admin.refresh(id).await;
    }
    for canary in &canaries.0 {
        ensure!(canary.hits() > 0, "the canary at {} was never hit: the check is broken", canary.address);
    }
    stop(program).await?;
    writeln!(out, "\n{count} ways tried, no canary hit; with their addresses allowed, {} hits", canaries.hits())?;
    Ok(())
}

/// Registries that were integrated while their addresses were allowed. They are gone afterwards, for canaries to come.
async fn before(database: &TemporaryDatabase) -> anyhow::Result<Vec<String>> {
    let program = serve(database, "127.0.0.0/8,169.254.0.0/16").await;
    let admin = client(&program, Token::new("ada").admin());
    let mut ids = Vec::new();
    let mut harbors = Vec::new();
    for ip in BEFORE {
        let harbor = SimulatedHarbor::builder().listen(SocketAddr::new(ip.into(), BEFORE_PORT)).start().await;
        let input = attempt::harbor(&format!("before-{ip}"), &harbor.url());
        ids.push(admin.integrate_and_refresh(input).await);
        harbors.push(harbor);
    }
    stop(program).await?;
    for harbor in harbors {
        harbor.stop().await;
    }
    Ok(ids)
}

async fn serve(database: &TemporaryDatabase, allow: &str) -> Program {
    // A proxy of the environment would be one more way around.
    let settings = [
        ("FAIRWAY_UPSTREAM_ALLOW", allow),
        ("FAIRWAY_UPSTREAM_ALLOW_WORKSPACE", "10.77.0.0/24"),
        ("FAIRWAY_SYNC_INTERVAL", "1s"),
        ("FAIRWAY_UPSTREAM_TIMEOUT", "2s"),
        ("FAIRWAY_PUBLIC_URL", "http://10.77.0.1:8080"),
        ("http_proxy", "http://127.0.0.1:80"),
        ("HTTP_PROXY", "http://127.0.0.1:80"),
        ("ALL_PROXY", "http://169.254.169.254:80"),
    ];
    Program::serve_on(database, &settings).await
}

async fn stop(program: Program) -> anyhow::Result<()> {
    program.terminate();
    let (is_well, log) = program.ended().await;
    ensure!(is_well, "`fairway` did not end in good order:\n{log}");
    Ok(())
}

fn client(program: &Program, token: Token) -> Client {
    Client::at(program.origin(), Some(token.mint()))
}
