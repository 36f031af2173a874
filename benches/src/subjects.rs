//! Who is measured. Each subject does the same work, in the words of its own API.

pub mod erlang;
mod kameo;
pub mod program;
mod ractor;
mod starlings;
mod tokio;

use crate::child::Result;
use crate::cost::cpu_nanos;
use crate::figure::Figure;
use crate::workload::Bench;

/// How many senders `local_cast_fanin` has.
const SENDERS: u64 = 4;

/// How many actors watch the others in `monitor_storm`.
const WATCHERS: u64 = 100;

/// `timers_fire` sets its timers for 1 ms ahead, 2 ms, and so on up to this, and then from 1 again.
const FIRE_MS_MAX: u64 = 100;

/// How often a child is restarted in `supervisor_restart` before there is another supervisor. OTP
/// walks through all restarts of the last second at each, so that with one supervisor for all the
/// row would show the length of that list.
const RESTARTS_EACH: u32 = 100;

/// Within so many seconds each supervisor allows `RESTARTS_EACH`.
const RESTARTS_SECONDS: u64 = 1;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    Starlings,
    /// The bare limit.
    Tokio,
    Ractor,
    Kameo,
    RactorCluster,
    KameoRemote,
    Erlang,
}

impl Subject {
    const ALL: [Self; 7] = [
        Self::Starlings,
        Self::Tokio,
        Self::Ractor,
        Self::Kameo,
        Self::RactorCluster,
        Self::KameoRemote,
        Self::Erlang,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Starlings => "starlings",
            Self::Tokio => "tokio",
            Self::Ractor => "ractor",
            Self::Kameo => "kameo",
            Self::RactorCluster => "ractor_cluster",
            Self::KameoRemote => "kameo_remote",
            Self::Erlang => "erlang",
        }
    }

    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|subject| subject.name() == name)
    }

    /// Does the work once, and gives the figure in the unit of the workload.
    pub fn measure(self, bench: Bench, count: u64) -> Result<Figure> {
        let is_remote = bench.is_remote();
        match self {
            Self::Starlings if is_remote => starlings::remote::measure(bench, count),
            Self::Starlings => starlings::measure(bench, count).map(Figure::from),
            Self::Tokio if is_remote => tokio::tcp::measure(bench, count),
            Self::Tokio => tokio::measure(bench, count).map(Figure::from),
            Self::Ractor => ractor::measure(bench, count).map(Figure::from),
            Self::Kameo => kameo::measure(bench, count).map(Figure::from),
            Self::Erlang => erlang::measure(bench, count),
            Self::RactorCluster | Self::KameoRemote => {
                Err(format!("{} is measured by its own program", self.name()).into())
            }
        }
    }

    /// Is the other node of the two-node workloads.
    pub fn serve(self) -> Result<()> {
        match self {
            Self::Starlings => starlings::remote::serve(),
            Self::Tokio => tokio::tcp::serve(),
            Self::Ractor | Self::Kameo | Self::RactorCluster | Self::KameoRemote | Self::Erlang => {
                Err(format!("{} has no server here", self.name()).into())
            }
        }
    }
}

fn not_measured<T>(subject: Subject, bench: Bench) -> Result<T> {
    Err(format!("{bench:?} is not measured for {}", subject.name()).into())
}

/// Processor time that this process has taken so far.
fn cpu_micros() -> Result<f64> {
    Ok(cpu_nanos(std::process::id())? as f64 / 1e3)
}

/// Memory of this process that is in use.
fn resident_bytes() -> Result<u64> {
    /// Of all machines these benchmarks are run on.
    const PAGE_BYTES: u64 = 4096;
    let statm = std::fs::read_to_string("/proc/self/statm")?;
    let pages: u64 = statm
        .split(' ')
        .nth(1)
        .ok_or("no resident pages in statm")?
        .parse()?;
    Ok(pages * PAGE_BYTES)
}

/// What each of `count` actors takes, when `before` was in use without them.
fn bytes_each(before: u64, count: u64) -> Result<f64> {
    Ok(resident_bytes()?.saturating_sub(before) as f64 / count as f64)
}
