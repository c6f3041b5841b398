//! What one connection of the source is subscribed to: asked for, answered in time, and asked for again where the broker
//! refused it.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;
use tracing::{error, info};

use crate::check::covers;
use crate::ledger::{Count, Gauge, Ledger, Problem};
use crate::mqtt::{Backoff, Client, STEADY};
use crate::router::OWN_PREFIX;

/// A filter and its quality of service.
pub(crate) type Filter = (String, u8);

/// What to subscribe to so that no two filters bring one message: brokers may send it once for each of them, and a reading
/// without a time of its own would be learnt twice. Filters that overlap only in part are left as they are.
pub(crate) fn without_covered(wanted: impl IntoIterator<Item = Filter>) -> Arc<[Filter]> {
    let mut least: Vec<Filter> = Vec::new();
    for (filter, mut qos) in wanted {
        if let Some((_, other)) = least.iter_mut().find(|(wide, _)| covers(wide, &filter)) {
            *other = qos.max(*other);
            continue;
        }
        least.retain(|(narrow, other)| {
            let is_covered = covers(&filter, narrow);
            if is_covered {
                qos = qos.max(*other);
            }
            !is_covered
        });
        least.push((filter, qos));
    }
    least.into()
}

/// The subscriptions of one connection.
#[derive(Debug)]
pub(super) struct Subscription {
    client: Client,
    filters: Arc<[Filter]>,
    /// How long the broker may take to answer.
    patience: Duration,
    ledger: Arc<Ledger>,
    phase: watch::Sender<Phase>,
}

/// Where it stands. Numbers are places in the list of filters.
#[derive(Clone, Debug)]
enum Phase {
    /// Nothing was asked for yet, or all of it was granted.
    Idle,
    /// The broker owes an answer, before `until`; `again`: it refused these before.
    Asked { which: Vec<usize>, again: bool, until: Instant },
    /// These were refused.
    Refused(Vec<usize>),
}

impl Subscription {
    pub(super) fn new(
        client: Client,
        filters: Arc<[Filter]>,
        patience: Duration,
        ledger: Arc<Ledger>,
    ) -> Self {
        Self { client, filters, patience, ledger, phase: watch::Sender::new(Phase::Idle) }
    }

    /// Asks for everything: a session may have been kept without its subscriptions.
    pub(super) fn begin(&self) {
        self.ask((0..self.filters.len()).collect(), false);
    }

    /// Should there be no room for the question, then there is no answer in time either.
    fn ask(&self, which: Vec<usize>, again: bool) {
        self.client.subscribe(which.iter().filter_map(|filter| self.filters.get(*filter)));
        self.phase.send_replace(Phase::Asked { which, again, until: Instant::now() + self.patience });
    }

    /// The broker answered: for each filter that was asked for why it is refused, `None` if it is not.
    pub(super) fn answered(&self, refusals: Vec<Option<String>>) {
        let Phase::Asked { which, again, .. } = self.phase.send_replace(Phase::Idle) else { return };
        let mut refused = Vec::new();
        let mut named = Vec::new();
        for (place, why) in which.into_iter().zip(refusals) {
            if let (Some(why), Some((filter, _))) = (why, self.filters.get(place)) {
                if !again {
                    error!(filter, why, "the broker refuses this subscription; check its access rules");
                }
                named.push(format!("{filter} ({why})"));
                refused.push(place);
            }
        }
        if !again {
            self.ledger.add(Count::Subscribed, 1);
            info!(filters = self.filters.len() - refused.len(), "subscribed");
        }
        // Commands alone are no readings, unless these come from elsewhere.
        let of_readings = |filter: &Filter| !filter.0.starts_with(OWN_PREFIX);
        let any = self.filters.iter().any(of_readings);
        let granted = |(place, filter)| !refused.contains(&place) && (!any || of_readings(filter));
        if self.filters.iter().enumerate().any(granted) {
            self.ledger.set(Gauge::Receiving, 1);
        }
        if refused.is_empty() {
            if again {
                info!("the broker grants the subscriptions that it refused");
            }
            self.ledger.solved(Problem::Subscription);
            return;
        }
        let named = named.join(", ");
        self.ledger.problem(
            Problem::Subscription,
            format!("the broker refuses subscriptions, check its access rules: {named}"),
        );
        self.phase.send_replace(Phase::Refused(refused));
    }

    /// Asks again for what was refused, now and then. Ends when the broker does not answer in time.
    pub(super) async fn keep(&self) {
        let mut phase = self.phase.subscribe();
        let mut backoff = Backoff::new();
        let mut steady = false;
        loop {
            let now = phase.borrow_and_update().clone();
            match now {
                Phase::Idle => tokio::select! {
                    () = tokio::time::sleep(STEADY), if !steady => {
                        steady = true;
                        self.ledger.solved(Problem::ClientId);
                        self.ledger.solved(Problem::TooLong);
                    }
                    _ = phase.changed() => {}
                },
                Phase::Asked { until, .. } => tokio::select! {
                    () = tokio::time::sleep_until(until) => return,
                    _ = phase.changed() => {}
                },
                Phase::Refused(which) => {
                    tokio::time::sleep(backoff.next()).await;
                    self.ask(which, true);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_another_filter_brings_is_not_asked_for_again() {
        let filter = |text: &str, qos| (text.to_owned(), qos);
        let least = |wanted: &[(&str, u8)]| {
            without_covered(wanted.iter().map(|(text, qos)| filter(text, *qos))).to_vec()
        };
        assert_eq!(least(&[("#", 0), ("brooklet/gw/cmd/+/+", 1)]), [filter("#", 1)]);
        assert_eq!(least(&[("a/+/t", 1), ("b", 0), ("a/#", 0)]), [filter("b", 0), filter("a/#", 1)]);
        let apart = [filter("a/+/c", 1), filter("a/b/+", 0), filter("$SYS/#", 0)];
        assert_eq!(least(&[("a/+/c", 1), ("a/b/+", 0), ("$SYS/#", 0), ("a/b/c", 0)]), apart);
    }
}
