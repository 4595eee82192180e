//! The machine: what it is and how busy, and what a process on it has used. Linux tells by `/proc`; elsewhere nothing is
//! known, and reports say so.

use std::{fs, time::Duration};

/// The kernel counts CPU time for user space in hundredths of a second, on every architecture.
const TICK: Duration = Duration::from_millis(10);

/// What a process has used.
#[derive(Clone, Copy, Debug)]
pub(super) struct Usage {
    /// User and system time of all its threads since it started.
    pub(super) cpu: Duration,
    /// What it holds in memory now.
    pub(super) rss_bytes: u64,
    /// The most that it ever held.
    pub(super) peak_bytes: u64,
}

/// What the process has used by now; none where nobody tells.
pub(super) fn usage(process: u32) -> Option<Usage> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    Some(Usage {
        cpu: cpu_time(&stat)?,
        rss_bytes: status_bytes(&status, "VmRSS:")?,
        peak_bytes: status_bytes(&status, "VmHWM:")?,
    })
}

/// Cores and load, for whoever compares two reports.
pub(super) fn describe() -> String {
    let n_cores = std::thread::available_parallelism().map_or(0, usize::from);
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().filter(|load| !load.is_empty()).unwrap_or("unknown");
    let note = if cfg!(target_os = "linux") { "" } else { "; CPU time and memory are told on Linux alone" };
    format!("{n_cores} cores, load average before: {load}{note}")
}

/// The name in parentheses may hold anything, so fields are counted from behind it: `utime` and `stime` are the 12th and 13th.
fn cpu_time(stat: &str) -> Option<Duration> {
    let (_, fields) = stat.rsplit_once(") ")?;
    let mut ticks = fields.split(' ').skip(11).map(str::parse::<u32>);
    Some(TICK * (ticks.next()?.ok()? + ticks.next()?.ok()?))
}

fn status_bytes(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    Some(line.trim().strip_suffix(" kB")?.parse::<u64>().ok()? * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_time_is_read_past_a_name_with_spaces_and_parentheses() {
        let stat = "4711 (a) b (c)) S 1 4711 4711 0 -1 4194304 900 0 0 0 120 30 7 7 20 0 5 0 1000 1 1";
        assert_eq!(cpu_time(stat), Some(Duration::from_millis(1_500)));
    }

    #[test]
    fn memory_is_read_in_bytes() {
        assert_eq!(status_bytes("Name:\tfairway\nVmRSS:\t    2048 kB\n", "VmRSS:"), Some(2_097_152));
    }
}
