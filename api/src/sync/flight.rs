//! Identical work under way is done once: who asks for it meanwhile waits for the same result.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex};

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};

/// The result that everybody who joined waits for.
pub(super) type Flight<T> = Shared<BoxFuture<'static, Option<T>>>;

/// Work under way, by key.
pub(super) struct Flights<K, T> {
    under_way: Arc<Mutex<HashMap<K, Flight<T>>>>,
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
        use tracing::Instrument;
        let mut under_way = self.under_way.lock().expect("no panic happens under this lock");
        if let Some(flight) = under_way.get(&key) {
            return flight.clone();
        }
        let landed = Landing { key: key.clone(), under_way: self.under_way.clone() };
        let task = tokio::spawn(
            async move {
                let _landed = landed;
                work.await
            }
            .in_current_span(),
        );
        let flight = task.map(Result::ok).boxed().shared();
        under_way.insert(key, flight.clone());
        flight
    }

    /// All work under way.
    pub(super) fn all(&self) -> Vec<Flight<T>> {
        self.under_way.lock().expect("no panic happens under this lock").values().cloned().collect()
    }

    /// The work under way for `key`.
    pub(super) fn under_way(&self, key: &K) -> Option<Flight<T>> {
        self.under_way.lock().expect("no panic happens under this lock").get(key).cloned()
    }
}

/// Takes the flight off the list when it ends, also by panic.
struct Landing<K: Eq + Hash, T> {
    key: K,
    under_way: Arc<Mutex<HashMap<K, Flight<T>>>>,
}

impl<K: Eq + Hash, T> Drop for Landing<K, T> {
    fn drop(&mut self) {
        if let Ok(mut under_way) = self.under_way.lock() {
            under_way.remove(&self.key);
        }
    }
}
