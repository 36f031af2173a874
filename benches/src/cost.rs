//! What messages cost beside their time, in both processes of a two-node workload.

use std::process::{self, Command};

use crate::child::Result;
use crate::figure::Figure;

/// Processor time of both processes, all threads, user and system. Seconds for each million messages.
pub const CPU: &str = "cpu_s_per_million";

/// What TCP carried between them, both ways, without its own headers. Bytes for each message.
pub const WIRE: &str = "wire_bytes";

/// Counts from its start until it is asked, which are outside of the time that is measured.
pub struct Meter {
    client: u32,
    server: u32,
    cpu_nanos: u64,
    /// `None` if this machine has no `ss`.
    wire_bytes: Option<u64>,
}

impl Meter {
    /// Of this process and its server.
    pub fn start(server: u32) -> Result<Self> {
        Self::start_of(process::id(), server)
    }

    pub fn start_of(client: u32, server: u32) -> Result<Self> {
        Ok(Self {
            client,
            server,
            wire_bytes: wire_bytes(client),
            // Last, so that the program above is not in it.
            cpu_nanos: cpu_nanos(client)? + cpu_nanos(server)?,
        })
    }

    /// The figure, with what each of `count` messages has cost.
    pub fn stop(self, figure: Figure, count: u64) -> Result<Figure> {
        let cpu_nanos = cpu_nanos(self.client)? + cpu_nanos(self.server)? - self.cpu_nanos;
        let figure = figure.beside(CPU, cpu_nanos as f64 / 1e3 / count as f64);
        let wire_bytes = self.wire_bytes.zip(wire_bytes(self.client));
        Ok(match wire_bytes {
            Some((before, after)) => figure.beside(WIRE, (after - before) as f64 / count as f64),
            None => figure,
        })
    }
}

/// Processor time that the threads of a process have taken so far. Threads that ended are not in it:
/// the runtimes measured here keep theirs. `/proc/PID/stat` counts in steps of 10 ms.
pub fn cpu_nanos(process: u32) -> Result<u64> {
    let mut nanos = 0;
    for thread in std::fs::read_dir(format!("/proc/{process}/task"))? {
        let schedstat = std::fs::read_to_string(thread?.path().join("schedstat"))?;
        let taken = schedstat.split(' ').next().ok_or("an empty schedstat")?;
        nanos += taken.parse::<u64>()?;
    }
    Ok(nanos)
}

/// What all open TCP sockets of a process have sent and received. Counted by the kernel for each
/// socket, so that other traffic of the machine is not in it.
fn wire_bytes(process: u32) -> Option<u64> {
    let output = Command::new("ss").arg("-tinpHO").output().ok()?;
    let listed = String::from_utf8(output.stdout).ok()?;
    let owner = format!("pid={process},");
    let sockets = listed.lines().filter(|socket| socket.contains(&owner));
    let counts = sockets.flat_map(str::split_whitespace).filter_map(|word| {
        let count = word.strip_prefix("bytes_acked:");
        count.or_else(|| word.strip_prefix("bytes_received:"))
    });
    counts.map(|count| count.parse::<u64>().ok()).sum()
}
