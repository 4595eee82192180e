//! What Harbor tells of a vulnerability scan.
//!
//! Read with leniency: what a scanner writes is never worth failing a list for.

use serde_json::Value;

use crate::upstream::{Report, Scan, Severity, time};

/// Whether a scan could be asked for. Harbor links to the report of what it scans; without a scanner it links to none.
pub(super) fn is_scannable(kind: &str, links: Option<&Value>) -> bool {
    kind == "IMAGE" || links.is_some_and(|links| links.get("vulnerabilities").is_some())
}

/// Reads an overview. It has one report, under a media type that depends on scanner and version; none until there was a
/// scan, and for an index until all its builds were scanned.
pub(super) fn read(overview: Option<&Value>, is_scannable: bool) -> Scan {
    let Some(report) = overview.and_then(Value::as_object).and_then(|reports| reports.values().next()) else {
        return if is_scannable { Scan::NotScanned } else { Scan::Unsupported };
    };
    let text = |key: &str| report.get(key).and_then(Value::as_str);
    match text("scan_status") {
        Some("Success") => Scan::Complete(complete(report)),
        Some("Pending" | "Scheduled") => Scan::Queued,
        Some("Running") => Scan::Running,
        Some("Error" | "Stopped") => Scan::Failed,
        // Of a state that is not known yet: something is going on.
        Some(_) => Scan::Running,
        None => Scan::NotScanned,
    }
}

fn complete(report: &Value) -> Report {
    let text = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
    let number = |value: Option<&Value>| value.and_then(Value::as_i64).unwrap_or(0).max(0);
    let summary = report.get("summary");
    let of = |key: &str| number(summary.and_then(|summary| summary.get(key)));
    // Zeros are left out.
    let counts = summary.and_then(|summary| summary.get("summary"));
    let count = |key: &str| number(counts.and_then(|counts| counts.get(key)));
    let scanner = report.get("scanner").and_then(|scanner| {
        let name = text(scanner, "name")?;
        Some(text(scanner, "version").map_or(name.clone(), |version| format!("{name} {version}")))
    });
    Report {
        severity: text(report, "severity").map(|severity| match severity.as_str() {
            "None" => Severity::None,
            "Negligible" | "Low" => Severity::Low,
            "Medium" => Severity::Medium,
            "High" => Severity::High,
            "Critical" => Severity::Critical,
            _ => Severity::Unknown,
        }),
        total: of("total"),
        fixable: of("fixable"),
        critical: count("Critical"),
        high: count("High"),
        medium: count("Medium"),
        low: count("Low").saturating_add(count("Negligible")),
        scanned_at: text(report, "end_time").and_then(|at| time::parse(&at)),
        scanner,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(report: Value, expected: &Scan) {
        let overview = json!({ "application/vnd.security.vulnerability.report; version=1.1": report });
        assert_eq!(&read(Some(&overview), true), expected);
    }

    #[test]
    fn every_state_is_told() {
        for (status, expected) in [
            ("Pending", Scan::Queued),
            ("Scheduled", Scan::Queued),
            ("Running", Scan::Running),
            ("Error", Scan::Failed),
            ("Stopped", Scan::Failed),
            ("Dreaming", Scan::Running),
        ] {
            check(json!({ "scan_status": status }), &expected);
        }
        check(json!({}), &Scan::NotScanned);
        check(json!("nonsense"), &Scan::NotScanned);
        assert_eq!(read(Some(&json!([])), true), Scan::NotScanned);
        assert_eq!(read(None, true), Scan::NotScanned);
        assert_eq!(read(None, false), Scan::Unsupported);
    }

    #[test]
    fn zeros_are_left_out_and_negligible_is_low() {
        check(
            json!({
                "scan_status": "Success", "severity": "Critical", "end_time": "2024-05-06T07:08:16.000Z",
                "scanner": { "name": "Trivy", "vendor": "Aqua Security", "version": "v0.50.1" },
                "summary": { "fixable": 2, "total": 6, "summary": { "Critical": 1, "Low": 2, "Negligible": 3 } },
            }),
            &Scan::Complete(Report {
                severity: Some(Severity::Critical),
                total: 6,
                fixable: 2,
                critical: 1,
                low: 5,
                scanned_at: time::parse("2024-05-06T07:08:16Z"),
                scanner: Some("Trivy v0.50.1".to_owned()),
                ..Report::default()
            }),
        );
        let nothing = Report { severity: Some(Severity::None), ..Report::default() };
        check(json!({ "scan_status": "Success", "severity": "None", "summary": null }), &Scan::Complete(nothing));
    }
}
