//! Identical work under way is done once: who asks for it meanwhile waits for the same result.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, Weak};

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use tokio::task::AbortHandle;
use tracing::Instrument;

/// The result that everybody who joined waits for.
pub(super) type Flight<T> = Shared<BoxFuture<'static, Option<T>>>;

/// Work under way, by key.
pub(super) struct Flights<K, T> {
    under_way: Arc<Mutex<HashMap<K, UnderWay<T>>>>,
}

struct UnderWay<T> {
    flight: Flight<T>,
    /// Tells it from one that begins later under the same key.
    mark: Arc<()>,
    /// Alive while somebody waits; none of work that nobody need wait for.
    interest: Option<Weak<Interest>>,
}

/// That somebody wants the result of work which is for nobody else. When the last one has gone, it ends.
pub(super) struct Interest {
    task: AbortHandle,
    goes_on: AtomicBool,
}

impl Interest {
    /// Lets the work go on when nobody waits any more.
    pub(super) fn outlive(&self) {
        self.goes_on.store(true, Ordering::Relaxed);
    }
}

impl Drop for Interest {
    fn drop(&mut self) {
        if !self.goes_on.load(Ordering::Relaxed) {
            // Nothing happens where it has landed.
            self.task.abort();
        }
    }
}

impl<K, T> Default for Flights<K, T> {
    fn default() -> Self {
        Self { under_way: Arc::default() }
    }
}

impl<K, T> Flights<K, T>
where
    K: Clone + Eq + Hash + Send + 'static,
    T: Clone + Send + std::marker::Sync + 'static,
{
    /// Joins the work under way for `key`, or starts it as a task of its own, which goes on when everybody who
    /// waits has gone. None if it panicked.
    pub(super) fn join(&self, key: K, work: impl Future<Output = T> + Send + 'static) -> Flight<T> {
        let mut under_way = self.under_way.lock().expect("no panic happens under this lock");
        if let Some(begun) = under_way.get(&key) {
            return begun.flight.clone();
        }
        let (begun, _) = self.begin(key.clone(), work);
        let flight = begun.flight.clone();
        under_way.insert(key, begun);
        flight
    }

    /// The same for work that ends when everybody has gone who holds an interest in it.
    pub(super) fn join_while_wanted(
        &self,
        key: K,
        work: impl Future<Output = T> + Send + 'static,
    ) -> (Flight<T>, Arc<Interest>) {
        let mut under_way = self.under_way.lock().expect("no panic happens under this lock");
        if let Some(begun) = under_way.get(&key)
            && let Some(interest) = begun.interest.as_ref().and_then(Weak::upgrade)
        {
            return (begun.flight.clone(), interest);
        }
        let (mut begun, task) = self.begin(key.clone(), work);
        let interest = Arc::new(Interest { task, goes_on: AtomicBool::new(false) });
        begun.interest = Some(Arc::downgrade(&interest));
        let flight = begun.flight.clone();
        // In place of one that is ending because nobody wanted it.
        under_way.insert(key, begun);
        (flight, interest)
    }

    fn begin(&self, key: K, work: impl Future<Output = T> + Send + 'static) -> (UnderWay<T>, AbortHandle) {
        let mark = Arc::new(());
        let landing = Landing { key, mark: mark.clone(), under_way: self.under_way.clone() };
        let task = tokio::spawn(
            async move {
                let _landing = landing;
                work.await
            }
            .in_current_span(),
        );
        let abort = task.abort_handle();
        (UnderWay { flight: task.map(Result::ok).boxed().shared(), mark, interest: None }, abort)
    }

    /// All work under way.
    pub(super) fn all(&self) -> Vec<Flight<T>> {
        let under_way = self.under_way.lock().expect("no panic happens under this lock");
        under_way.values().map(|begun| begun.flight.clone()).collect()
    }

    /// The work under way for `key`.
    pub(super) fn under_way(&self, key: &K) -> Option<Flight<T>> {
        let under_way = self.under_way.lock().expect("no panic happens under this lock");
        under_way.get(key).map(|begun| begun.flight.clone())
    }
}

/// Takes the flight off the list when it ends, also by panic.
struct Landing<K: Eq + Hash, T> {
    key: K,
    mark: Arc<()>,
    under_way: Arc<Mutex<HashMap<K, UnderWay<T>>>>,
}

impl<K: Eq + Hash, T> Drop for Landing<K, T> {
    fn drop(&mut self) {
        if let Ok(mut under_way) = self.under_way.lock()
            && under_way.get(&self.key).is_some_and(|begun| Arc::ptr_eq(&begun.mark, &self.mark))
        {
            under_way.remove(&self.key);
        }
    }
}
