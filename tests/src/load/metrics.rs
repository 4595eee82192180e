//! What Fairway itself counts, read from `/metrics`.

use crate::gateway::http_client;

/// Counts since the process started.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Counts {
    /// SQL statements.
    pub(super) statements: f64,
    /// Requests to registries.
    pub(super) upstream: f64,
    /// GraphQL answers that were executed.
    pub(super) executed: f64,
    /// GraphQL answers given again without being executed.
    pub(super) reused: f64,
}

/// The counts by now; none where Fairway has no `/metrics`.
pub(super) async fn read(origin: &str) -> Option<Counts> {
    let answer = http_client().get(format!("{origin}/metrics")).send().await.ok()?;
    parse(&answer.error_for_status().ok()?.text().await.ok()?)
}

impl Counts {
    /// What was counted since `before`.
    pub(super) fn since(&self, before: &Self) -> Self {
        Self {
            statements: self.statements - before.statements,
            upstream: self.upstream - before.upstream,
            executed: self.executed - before.executed,
            reused: self.reused - before.reused,
        }
    }
}

/// None when the text has no count of statements: then it is not Fairway's.
fn parse(text: &str) -> Option<Counts> {
    let mut counts = Counts::default();
    let mut is_ours = false;
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let Some((series, value)) = line.rsplit_once(' ') else { continue };
        let Ok(value) = value.parse::<f64>() else { continue };
        let (name, labels) = series.split_once('{').unwrap_or((series, ""));
        match name {
            "fairway_sql_statements_total" => {
                is_ours = true;
                counts.statements += value;
            }
            "fairway_upstream_requests_total" => counts.upstream += value,
            "fairway_graphql_answers_total" if labels.contains("\"executed\"") => counts.executed += value,
            "fairway_graphql_answers_total" if labels.contains("\"reused\"") => counts.reused += value,
            _ => {}
        }
    }
    is_ours.then_some(counts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_summed_over_their_labels() {
        let text = "# HELP fairway_sql_statements_total …\nfairway_sql_statements_total 12\n\
                    fairway_upstream_requests_total{registry=\"a\"} 3\nfairway_upstream_requests_total{registry=\"b\"} 4\n\
                    fairway_graphql_answers_total{outcome=\"executed\"} 5\n\
                    fairway_graphql_answers_total{outcome=\"reused\"} 6\n";
        let counts = Counts { statements: 12.0, upstream: 7.0, executed: 5.0, reused: 6.0 };
        assert_eq!(parse(text), Some(counts));
    }

    #[test]
    fn another_text_is_no_count() {
        assert_eq!(parse("<html>\n"), None);
    }
}
