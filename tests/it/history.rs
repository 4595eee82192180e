//! Random histories: what happens in the Harbors, to them, and through Fairway, in any order. At any moment R1 holds for
//! what was done through Fairway; and once the Harbors are well and have been looked at, every selector is what a naive
//! model says.
//!
//! A history follows from its seed, which is told when it fails. `FAIRWAY_TEST_HISTORIES` says how many there are in all,
//! and `FAIRWAY_TEST_HISTORY` runs the one with this seed alone.

mod check;
mod model;
mod scene;
mod step;

use std::fmt::Write;

use tokio::task::JoinSet;

use self::model::Model;
use self::scene::{Asker, MAIN, OWN, Scene};
use self::step::STEPS;
use crate::random::Random;

const COUNT_VARIABLE: &str = "FAIRWAY_TEST_HISTORIES";
const SEED_VARIABLE: &str = "FAIRWAY_TEST_HISTORY";

/// How many there are in all when nothing else is said.
const COUNT: u64 = 100;

/// Tests that share them, and scenes that each test has at a time: most of a history is waiting.
const PARTS: u64 = 4;
const SCENES: u64 = 4;

/// How often a Harbor that is well may need to be looked at until Fairway says so: a sweep that trusts what it knew of it
/// fails while the breaker is open, and the next one insists.
const LOOKS: usize = 2;

#[tokio::test]
async fn a_first_quarter_of_histories_ends_in_agreement() {
    run(1, 0).await;
}

#[tokio::test]
async fn a_second_quarter_of_histories_ends_in_agreement() {
    run(1, 1).await;
}

#[tokio::test]
async fn a_third_quarter_of_histories_ends_in_agreement() {
    run(1, 2).await;
}

#[tokio::test]
async fn a_last_quarter_of_histories_ends_in_agreement() {
    run(1, 3).await;
}

#[tokio::test]
async fn a_first_quarter_of_histories_on_two_replicas_ends_in_agreement() {
    run(2, 0).await;
}

#[tokio::test]
async fn a_second_quarter_of_histories_on_two_replicas_ends_in_agreement() {
    run(2, 1).await;
}

#[tokio::test]
async fn a_third_quarter_of_histories_on_two_replicas_ends_in_agreement() {
    run(2, 2).await;
}

#[tokio::test]
async fn a_last_quarter_of_histories_on_two_replicas_ends_in_agreement() {
    run(2, 3).await;
}

/// The seeds of one part: each scene takes every so many.
async fn run(n_replicas: usize, part: u64) {
    let seeds: Vec<Vec<u64>> = match number(SEED_VARIABLE) {
        Some(seed) if seed % PARTS == part => vec![vec![seed]],
        Some(_) => return,
        None => {
            let count = number(COUNT_VARIABLE).unwrap_or(COUNT);
            let of_scene = |scene: u64| (0..count).filter(move |seed| seed % (PARTS * SCENES) == part + PARTS * scene);
            (0..SCENES).map(|scene| of_scene(scene).collect()).collect()
        }
    };
    let mut scenes = JoinSet::new();
    for seeds in seeds {
        scenes.spawn(async move {
            let mut scene = Scene::start(n_replicas).await;
            for seed in seeds {
                History::new(&mut scene, seed).run().await;
            }
        });
    }
    while let Some(ended) = scenes.join_next().await {
        if let Err(failed) = ended {
            // Or they would all tell their stories.
            scenes.shutdown().await;
            std::panic::resume_unwind(failed.into_panic());
        }
    }
}

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok().filter(|text| !text.is_empty())?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable} is no number: {text}")))
}

struct History<'a> {
    scene: &'a mut Scene,
    random: Random,
    model: Model,
    story: Story,
    /// Which registries do not answer, and which answer wrongly.
    down: [bool; 2],
    faulty: [bool; 2],
}

impl<'a> History<'a> {
    fn new(scene: &'a mut Scene, seed: u64) -> Self {
        let story = Story { seed, n_replicas: scene.replicas.len(), text: String::new() };
        let model = Model::new([Some(0), Some(1), None, None]);
        Self { scene, random: Random::new(seed), model, story, down: [false; 2], faulty: [false; 2] }
    }

    async fn run(mut self) {
        for _ in 0..5 + self.random.below(11) {
            let step = self.random.weigh(&STEPS);
            self.take(step).await;
        }
        self.settle().await;
        self.agree().await;
        self.clear().await;
    }

    fn replica(&mut self) -> usize {
        self.random.below(self.scene.replicas.len())
    }

    /// The Harbors are well again, and Fairway knows it: two sweeps of each go well.
    async fn settle(&mut self) {
        self.story.tell("all is well again".to_owned());
        for at in [MAIN, OWN] {
            self.scene.registries[at].harbor.clear_faults();
            if self.down[at] {
                self.scene.registries[at].harbor.restart().await;
            }
            (self.down[at], self.faulty[at]) = (false, false);
            let is_outdated = self.scene.registries[at].password != self.scene.registries[at].stored_password;
            if is_outdated || self.random.percent(10) {
                let replica = self.replica();
                assert!(self.scene.update_password(replica, at).await, "the right password is refused");
                // With new settings, everything is read anew.
                self.model.quiet.retain(|(registry, ..)| *registry != at);
            }
            // Twice in all, and with each replica, as each has a breaker of its own.
            for replica in [0, self.scene.replicas.len() - 1] {
                self.see_well(replica, at).await;
            }
        }
    }

    async fn see_well(&mut self, replica: usize, at: usize) {
        let registry = &self.scene.registries[at];
        let mut answers = String::new();
        for _ in 0..LOOKS {
            let refreshed = self.scene.client(replica, Asker::Admin).refresh(&registry.id).await;
            if scene::is_well(&refreshed) {
                return;
            }
            let _ = writeln!(answers, "{}", refreshed.text);
        }
        panic!("`{}` is well, and replica {replica} does not see it:\n{answers}", registry.name);
    }

    /// Leaves nothing behind: projects are emptied, and deleted through Fairway; what is missing is forgotten.
    async fn clear(mut self) {
        self.story.tell("all is cleared away".to_owned());
        for at in [MAIN, OWN] {
            let harbor = &self.scene.registries[at].harbor;
            for project in harbor.inventory() {
                for repository in project.repositories.keys() {
                    harbor.delete_repository(&project.name, repository);
                }
            }
            harbor.clear_requests();
        }
        let spaces: Vec<String> = self.model.spaces.keys().cloned().collect();
        for space in spaces {
            let replica = self.replica();
            self.scene.delete_space(replica, &space, true).await.succeeded();
            self.model.forget(&space);
        }
        for asker in [Asker::Admin, Asker::Outsider] {
            let left = self.check(asker, 0).await;
            assert!(left.is_empty(), "{left:?} is left");
        }
        let replica = self.replica();
        self.scene.move_namespace(replica, scene::NAMESPACES[2], None).await;
    }
}

/// What has happened so far. Told when the history fails, or was asked for.
struct Story {
    seed: u64,
    n_replicas: usize,
    text: String,
}

impl Story {
    fn tell(&mut self, what: String) {
        let _ = writeln!(self.text, "  {what}");
    }
}

impl Drop for Story {
    fn drop(&mut self) {
        if std::thread::panicking() || number(SEED_VARIABLE).is_some() {
            let Self { seed, n_replicas, text } = self;
            eprintln!("\nHistory {seed} on {n_replicas} replica(s) ({SEED_VARIABLE}={seed} runs it alone):\n{text}");
        }
    }
}
