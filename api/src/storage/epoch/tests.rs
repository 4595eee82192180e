use std::sync::atomic::{AtomicI64, Ordering};

use futures_util::future::join_all;
use tokio::sync::Semaphore;

use super::*;

/// A database whose reads take until they are let through, and answer how many began before them.
#[derive(Clone)]
struct Slow {
    reads: Arc<Reads>,
    begun: Arc<AtomicI64>,
    gate: Arc<Semaphore>,
}

impl Slow {
    fn new() -> Self {
        Self { reads: Arc::default(), begun: Arc::default(), gate: Arc::new(Semaphore::new(0)) }
    }

    fn ask(&self) -> task::JoinHandle<Result<i64, DbErr>> {
        self.ask_for(|access| Ok(Epoch { access, content: 0 }))
    }

    fn ask_for(&self, answer: fn(i64) -> Result<Epoch, DbErr>) -> task::JoinHandle<Result<i64, DbErr>> {
        let Self { reads, begun, gate } = self.clone();
        let read = move || {
            let (begun, gate) = (begun.clone(), gate.clone());
            async move {
                let number = begun.fetch_add(1, Ordering::SeqCst);
                gate.acquire().await.unwrap().forget();
                answer(number)
            }
        };
        task::spawn(async move { reads.next(read).await.map(|epoch| epoch.access) })
    }

    /// Until this many reads have begun, and everybody who can has asked.
    async fn begins(&self, n_reads: i64) {
        while self.begun.load(Ordering::SeqCst) < n_reads {
            task::yield_now().await;
        }
        for _ in 0..100 {
            task::yield_now().await;
        }
    }
}

#[tokio::test]
async fn who_comes_during_a_read_waits_for_the_next() {
    let slow = Slow::new();
    let first = slow.ask();
    slow.begins(1).await;
    let late: Vec<_> = (0..50).map(|_| slow.ask()).collect();
    slow.begins(1).await;
    slow.gate.add_permits(1);
    assert_eq!(first.await.unwrap(), Ok(0));
    slow.begins(2).await;
    slow.gate.add_permits(1);
    for answer in join_all(late).await {
        assert_eq!(answer.unwrap(), Ok(1));
    }
    assert_eq!(slow.begun.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn who_stops_waiting_takes_nothing_from_the_others() {
    let slow = Slow::new();
    let (first, second) = (slow.ask(), slow.ask());
    slow.begins(1).await;
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    slow.gate.add_permits(1);
    assert_eq!(second.await.unwrap(), Ok(0));
}

#[tokio::test]
async fn an_error_reaches_all_and_the_next_read_is_tried() {
    let slow = Slow::new();
    slow.gate.add_permits(2);
    let first_fails = |number| match number {
        0 => Err(DbErr::RecordNotFound("no row".to_owned())),
        _ => Ok(Epoch { access: number, content: 0 }),
    };
    let answers = join_all([slow.ask_for(first_fails), slow.ask_for(first_fails)]).await;
    for answer in answers {
        assert_eq!(answer.unwrap(), Err(DbErr::RecordNotFound("no row".to_owned())));
    }
    assert_eq!(slow.ask_for(first_fails).await.unwrap(), Ok(1));
}

#[tokio::test]
async fn a_read_that_hangs_is_given_up() {
    let mut slow = Slow::new();
    slow.reads = Arc::new(Reads { patience: Duration::from_millis(10), ..Reads::default() });
    assert!(slow.ask().await.unwrap().is_err());
    slow.gate.add_permits(1);
    assert_eq!(slow.ask().await.unwrap(), Ok(1));
}

#[tokio::test]
async fn a_read_that_panics_leaves_nobody_waiting() {
    let reads: Arc<Reads> = Arc::default();
    let broken = reads.next(|| async { panic!("a bug") }).await;
    assert!(broken.is_err());
    let epoch = Epoch { access: 1, content: 2 };
    assert_eq!(reads.next(move || async move { Ok(epoch) }).await, Ok(epoch));
}
