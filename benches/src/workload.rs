//! The workloads: what is measured, how often, for whom, and what Starlings should reach.

use crate::child::CALLERS;
use crate::subjects::Subject::{
    self, Erlang, Kameo, KameoRemote, Ractor, RactorCluster, Starlings, Tokio,
};

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bench {
    /// One sender, one actor, until the last is handled.
    LocalCast,
    /// Four senders, one actor, until the last is handled.
    LocalCastFanin,
    /// Request and reply, one after the other.
    LocalCall,
    /// Actors started, each called once and then told to stop.
    Spawn,
    /// Resident bytes of an actor that was called once and now waits.
    SpawnBytes,
    /// Casts of 64 bytes to an actor of another process, until the last is handled.
    RemoteCast64,
    /// The same with 4 KiB.
    RemoteCast4k,
    /// The same with 1 MiB.
    RemoteCast1m,
    /// Request and reply over the wire, one after the other.
    RemoteCall,
    /// The same for 64 callers at once.
    RemoteCall64,
    /// Actors started on the other node, each called once and then told to stop.
    RemoteSpawn,
    /// The same by 64 at once.
    RemoteSpawn64,
    /// How much longer calls over the wire take while messages of 100 MB go to the same process.
    LatencyUnderBulk,
    /// Monitors of actors of another process that is killed, until the last has ended.
    MonitorStorm,
    /// Timers set for long after, and all cancelled.
    TimersSet,
    /// Processor time of timers that are set for soon after and fire.
    TimersFire,
    /// A supervised child killed and restarted, and called once in each life.
    SupervisorRestart,
    /// Children started one after the other, and stopped with their supervisor.
    SupervisorChildren,
}

impl Bench {
    pub fn is_remote(self) -> bool {
        matches!(
            self,
            Self::RemoteCast64
                | Self::RemoteCast4k
                | Self::RemoteCast1m
                | Self::RemoteCall
                | Self::RemoteCall64
                | Self::RemoteSpawn
                | Self::RemoteSpawn64
                | Self::LatencyUnderBulk
                | Self::MonitorStorm
        )
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    PerSecond,
    BytesPerSecond,
    Bytes,
    Seconds,
    /// Microseconds of processor time, of all threads together.
    CpuMicros,
    /// How many times the other figure of the same subject.
    Ratio,
}

impl Unit {
    pub fn name(self) -> &'static str {
        match self {
            Self::PerSecond => "op/s",
            Self::BytesPerSecond => "B/s",
            Self::Bytes => "B",
            Self::Seconds => "s",
            Self::CpuMicros => "CPU us",
            Self::Ratio => "ratio",
        }
    }
}

/// What Starlings should reach.
#[derive(Debug, Clone, Copy)]
pub enum Target {
    /// So many times the figure of that subject, or more.
    Times(Subject, f64),
    /// So many times the figure of that subject, or less.
    AtMostTimes(Subject, f64),
    /// This figure, or less.
    AtMost(f64),
}

pub struct Workload {
    pub bench: Bench,
    pub name: &'static str,
    /// The row of the table of targets it belongs to.
    pub row: &'static str,
    pub unit: Unit,
    count: u64,
    pub subjects: &'static [Subject],
    pub targets: &'static [Target],
}

impl Workload {
    /// How many operations one measurement of a subject does.
    pub fn count(&self, subject: Subject, quick: bool) -> u64 {
        let count = match subject {
            KameoRemote => self.count / KAMEO_REMOTE_DIVISOR,
            _ => self.count,
        };
        let count = if quick { count / QUICK_DIVISOR } else { count };
        // Each caller of `remote_call_64` makes a call at least.
        count.max(if self.name == "remote_call_64" {
            CALLERS
        } else {
            1
        })
    }
}

const QUICK_DIVISOR: u64 = 10;

/// It does some 2000 casts and 700 calls a second: all of the work would take ten minutes.
const KAMEO_REMOTE_DIVISOR: u64 = 100;

const LOCAL: &[Subject] = &[Starlings, Tokio, Ractor, Kameo, Erlang];
const REMOTE: &[Subject] = &[Starlings, Tokio, RactorCluster, KameoRemote, Erlang];

pub static WORKLOADS: [Workload; 18] = [
    Workload {
        bench: Bench::LocalCast,
        name: "local_cast",
        row: "local_cast",
        unit: Unit::PerSecond,
        count: 2_000_000,
        subjects: LOCAL,
        targets: &[
            Target::Times(Tokio, 0.8),
            Target::Times(Ractor, 4.0),
            Target::Times(Erlang, 1.3),
        ],
    },
    Workload {
        bench: Bench::LocalCastFanin,
        name: "local_cast_fanin",
        row: "local_cast_fanin",
        unit: Unit::PerSecond,
        count: 2_000_000,
        subjects: LOCAL,
        targets: &[Target::Times(Tokio, 1.0), Target::Times(Ractor, 8.0)],
    },
    Workload {
        bench: Bench::LocalCall,
        name: "local_call",
        row: "local_call",
        unit: Unit::PerSecond,
        count: 200_000,
        subjects: LOCAL,
        targets: &[
            Target::Times(Tokio, 0.7),
            Target::Times(Ractor, 1.5),
            Target::Times(Kameo, 1.5),
        ],
    },
    Workload {
        bench: Bench::Spawn,
        name: "spawn",
        row: "spawn",
        unit: Unit::PerSecond,
        count: 100_000,
        subjects: LOCAL,
        targets: &[Target::Times(Ractor, 1.0), Target::Times(Kameo, 1.0)],
    },
    Workload {
        bench: Bench::SpawnBytes,
        name: "spawn_bytes",
        row: "spawn",
        unit: Unit::Bytes,
        count: 100_000,
        subjects: LOCAL,
        targets: &[Target::AtMost(2048.0)],
    },
    Workload {
        bench: Bench::RemoteCast64,
        name: "remote_cast_64",
        row: "remote_cast_64",
        unit: Unit::PerSecond,
        count: 1_000_000,
        subjects: REMOTE,
        targets: &[
            Target::Times(Tokio, 0.5),
            Target::Times(Erlang, 10.0),
            Target::Times(RactorCluster, 5.0),
        ],
    },
    Workload {
        bench: Bench::RemoteCast4k,
        name: "remote_cast_4k",
        row: "remote_cast_4k",
        unit: Unit::BytesPerSecond,
        count: 100_000,
        subjects: REMOTE,
        targets: &[Target::Times(Tokio, 0.7)],
    },
    Workload {
        bench: Bench::RemoteCast1m,
        name: "remote_cast_1m",
        row: "remote_cast_1m",
        unit: Unit::BytesPerSecond,
        count: 500,
        subjects: REMOTE,
        targets: &[Target::Times(Tokio, 0.7)],
    },
    Workload {
        bench: Bench::RemoteCall,
        name: "remote_call",
        row: "remote_call",
        unit: Unit::PerSecond,
        count: 20_000,
        subjects: REMOTE,
        targets: &[Target::Times(Tokio, 0.6), Target::Times(Erlang, 1.3)],
    },
    Workload {
        bench: Bench::RemoteCall64,
        name: "remote_call_64",
        row: "remote_call_64",
        unit: Unit::PerSecond,
        count: 128_000,
        subjects: REMOTE,
        targets: &[Target::Times(Tokio, 0.5), Target::Times(Erlang, 5.0)],
    },
    Workload {
        bench: Bench::RemoteSpawn,
        name: "remote_spawn",
        row: "remote_spawn",
        unit: Unit::PerSecond,
        count: 10_000,
        subjects: &[Starlings, Tokio, Erlang],
        // Three times Erlang is the bare limit itself, or more: decision D47.
        targets: &[Target::Times(Tokio, 0.6)],
    },
    Workload {
        bench: Bench::RemoteSpawn64,
        name: "remote_spawn_64",
        row: "remote_spawn",
        unit: Unit::PerSecond,
        count: 64_000,
        subjects: &[Starlings, Tokio, Erlang],
        targets: &[Target::Times(Erlang, 3.0)],
    },
    Workload {
        bench: Bench::LatencyUnderBulk,
        name: "latency_under_bulk",
        row: "latency_under_bulk",
        unit: Unit::Ratio,
        count: 20_000,
        subjects: &[Starlings, RactorCluster, KameoRemote, Erlang],
        targets: &[Target::AtMost(3.0)],
    },
    Workload {
        bench: Bench::MonitorStorm,
        name: "monitor_storm",
        row: "monitor_storm",
        unit: Unit::Seconds,
        count: 100_000,
        subjects: &[Starlings, Erlang],
        targets: &[Target::AtMostTimes(Erlang, 1.0 / 3.0)],
    },
    Workload {
        bench: Bench::TimersSet,
        name: "timers_set",
        row: "timers",
        unit: Unit::PerSecond,
        count: 100_000,
        subjects: &[Starlings, Tokio, Erlang],
        targets: &[],
    },
    Workload {
        bench: Bench::TimersFire,
        name: "timers_fire",
        row: "timers",
        unit: Unit::CpuMicros,
        count: 100_000,
        subjects: &[Starlings, Tokio, Erlang],
        targets: &[],
    },
    Workload {
        bench: Bench::SupervisorRestart,
        name: "supervisor_restart",
        row: "supervisor_restart",
        unit: Unit::PerSecond,
        count: 100_000,
        subjects: &[Starlings, Kameo, Erlang],
        targets: &[],
    },
    Workload {
        bench: Bench::SupervisorChildren,
        name: "supervisor_children",
        row: "supervisor_children",
        unit: Unit::PerSecond,
        count: 100_000,
        subjects: &[Starlings, Erlang],
        targets: &[],
    },
];
