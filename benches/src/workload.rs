//! The workloads: what is measured, how often, for whom, and what Starlings should reach.

use crate::subjects::Subject::{self, Erlang, Kameo, Ractor, RactorCluster, Starlings, Tokio};

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
    /// Request and reply over the wire, one after the other.
    RemoteCall,
    /// Actors started on the other node, each called once and then told to stop.
    RemoteSpawn,
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
            Self::RemoteCast64 | Self::RemoteCall | Self::RemoteSpawn | Self::MonitorStorm
        )
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    PerSecond,
    Bytes,
    Seconds,
    /// Microseconds of processor time, of all threads together.
    CpuMicros,
}

impl Unit {
    pub fn name(self) -> &'static str {
        match self {
            Self::PerSecond => "op/s",
            Self::Bytes => "B",
            Self::Seconds => "s",
            Self::CpuMicros => "CPU us",
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
    /// How many operations one measurement does.
    pub fn count(&self, quick: bool) -> u64 {
        if quick {
            self.count / QUICK_DIVISOR
        } else {
            self.count
        }
    }
}

const QUICK_DIVISOR: u64 = 10;

const LOCAL: &[Subject] = &[Starlings, Tokio, Ractor, Kameo, Erlang];
const REMOTE: &[Subject] = &[Starlings, Tokio, RactorCluster, Erlang];

pub static WORKLOADS: [Workload; 13] = [
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
        bench: Bench::RemoteCall,
        name: "remote_call",
        row: "remote_call",
        unit: Unit::PerSecond,
        count: 20_000,
        subjects: REMOTE,
        targets: &[Target::Times(Tokio, 0.6), Target::Times(Erlang, 1.3)],
    },
    Workload {
        bench: Bench::RemoteSpawn,
        name: "remote_spawn",
        row: "remote_spawn",
        unit: Unit::PerSecond,
        count: 10_000,
        subjects: &[Starlings, Erlang],
        targets: &[Target::Times(Erlang, 3.0)],
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
