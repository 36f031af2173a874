//! Simulated datagrams and hosts: late, lost, repeated, cut off; crashed, starved, restarted.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a simulation that contradicts itself has to end"
)]

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt::Write;
use std::time::Duration;

use starlings_runtime::{Incarnation, NodeInstance};
use starlings_tests::world::Random;
use starlings_transport::Cookie;
use starlings_transport::proto::membership::{Address, Config, Input, Metrics, Output, State};

use super::oracle::Oracle;

/// When all hosts of a cluster that is there from the start begin.
pub(super) const BEGIN: Duration = Duration::from_secs(2);

/// Lines of a failure report.
const LINES_MAX: usize = 60;

#[derive(Debug)]
enum Event {
    /// To whom, from whom, what.
    Arrive(usize, usize, Vec<u8>),
    Wake(usize, u64),
    /// A starved host gets no time for a while.
    Stall(usize),
}

/// How a host is starved of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Starved {
    No,
    /// Its timers are on time, each datagram waits a second and more.
    Late,
    /// It stands still for seconds at a time, and runs in between.
    Stalls,
}

#[derive(Debug)]
pub(crate) struct Host {
    pub(crate) state: Option<State>,
    pub(crate) incarnation: u64,
    pub(crate) starved: Starved,
    stalled_until: Duration,
    wake_at: Option<Duration>,
    /// Hosts of different sides do not hear each other.
    side: usize,
}

#[derive(Debug)]
pub(crate) struct Net {
    pub(crate) now: Duration,
    pub(crate) random: Random,
    pub(crate) hosts: Vec<Host>,
    pub(crate) oracle: Oracle,
    pub(crate) steps: u64,
    /// Datagrams in a thousand that vanish, and that come twice.
    pub(crate) loss: u32,
    pub(crate) repeats: u32,
    /// One way: from, to.
    pub(crate) cuts: BTreeSet<(usize, usize)>,
    /// Datagrams of the past, to be played back.
    pub(crate) recorded: VecDeque<Vec<u8>>,
    pub(super) config: Config,
    latency: (Duration, Duration),
    queue: BTreeMap<(Duration, u64), Event>,
    inserted: u64,
    hash: u64,
    tail: VecDeque<String>,
    seed: u64,
}

impl Net {
    /// `len` hosts that do not run yet.
    pub(crate) fn new(seed: u64, len: usize, config: Config) -> Self {
        let host = || Host {
            state: None,
            incarnation: 0,
            starved: Starved::No,
            stalled_until: Duration::ZERO,
            wake_at: None,
            side: 0,
        };
        let ms = Duration::from_millis;
        Self {
            now: BEGIN,
            random: Random::new(seed),
            hosts: (0..len).map(|_| host()).collect(),
            oracle: Oracle::new(len),
            steps: 0,
            loss: 0,
            repeats: 0,
            cuts: BTreeSet::new(),
            recorded: VecDeque::new(),
            config,
            latency: (ms(1), ms(20)),
            queue: BTreeMap::new(),
            inserted: 0,
            hash: 0xcbf2_9ce4_8422_2325,
            tail: VecDeque::new(),
            seed,
        }
    }

    pub(super) fn state(&mut self, host: usize, now: Duration, config: Config) -> State {
        let cookie = Cookie::new(*b"secret");
        let seed = self.random.number();
        State::new(now, self.instance(host), address(host), &cookie, config, seed)
    }

    pub(super) fn boot(&mut self, host: usize) {
        let incarnation = self.hosts[host].incarnation + 1;
        self.hosts[host].incarnation = incarnation;
        self.hosts[host].state = Some(self.state(host, self.now, self.config.clone()));
        self.oracle.started(host, incarnation);
    }

    pub(super) fn ask(&mut self, host: usize, input: Input) -> Vec<Output> {
        let mut outbox = Vec::new();
        let state = self.hosts[host].state.as_mut().unwrap();
        state.handle(self.now, input, &mut outbox);
        outbox
    }

    /// Starts a host that does not run, as a new life of its name.
    pub(crate) fn start(&mut self, host: usize, seeds: &[usize]) {
        if self.hosts[host].state.is_some() {
            return;
        }
        self.line(&format!("start {host}"));
        self.boot(host);
        self.hosts[host].wake_at = None;
        let seeds = seeds.iter().map(|seed| address(*seed)).collect();
        self.feed(host, Input::Join(seeds));
    }

    /// The host is gone without a word.
    pub(crate) fn crash(&mut self, host: usize) {
        if self.hosts[host].state.take().is_some() {
            self.line(&format!("crash {host}"));
            self.oracle.ended(self.now, host, false);
        }
    }

    pub(crate) fn starve(&mut self, host: usize, starved: Starved) {
        self.line(&format!("starve {host} {starved:?}"));
        let was = std::mem::replace(&mut self.hosts[host].starved, starved);
        if starved == Starved::Stalls && was != Starved::Stalls {
            self.schedule(self.now, Event::Stall(host));
        }
    }

    /// Puts hosts on sides that do not hear each other.
    pub(crate) fn part(&mut self, side: impl Fn(usize) -> usize) {
        self.line("part");
        for host in 0..self.hosts.len() {
            self.hosts[host].side = side(host);
        }
    }

    /// All paths are whole.
    pub(crate) fn heal(&mut self) {
        self.part(|_| 0);
        self.cuts.clear();
    }

    pub(crate) fn running(&self) -> Vec<usize> {
        (0..self.hosts.len()).filter(|host| self.hosts[*host].state.is_some()).collect()
    }

    /// Bytes that have been sent by all that run.
    pub(crate) fn sum(&self, of: fn(Metrics) -> u64) -> u64 {
        self.hosts.iter().flat_map(|host| &host.state).map(|state| of(state.metrics())).sum()
    }

    /// What a host sends on average while the time goes on.
    pub(crate) fn bytes_per_host_in(&mut self, span: Duration) -> u64 {
        let bytes = |net: &Self| net.sum(|metrics| metrics.sent_bytes);
        let (before, hosts) = (bytes(self), self.running().len() as u64);
        self.run_for(span);
        (bytes(self).saturating_sub(before)) / hosts / span.as_secs()
    }

    pub(crate) fn trace_hash(&self) -> u64 {
        self.hash
    }

    pub(crate) fn run_for(&mut self, span: Duration) {
        let until = self.now + span;
        while let Some(entry) = self.queue.first_entry() {
            if entry.key().0 > until {
                break;
            }
            let ((at, _), event) = entry.remove_entry();
            self.now = at;
            self.happen(event);
        }
        self.now = until;
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Stall(host) => {
                if self.hosts[host].starved == Starved::Stalls {
                    let ms = Duration::from_millis;
                    let still = self.random.between(ms(1000), ms(5000));
                    let runs = self.random.between(ms(100), ms(3000));
                    self.hosts[host].stalled_until = self.now + still;
                    self.schedule(self.now + still + runs, Event::Stall(host));
                }
            }
            Event::Arrive(host, ..) | Event::Wake(host, _)
                if self.hosts[host].stalled_until > self.now =>
            {
                self.schedule(self.hosts[host].stalled_until, event);
            }
            Event::Arrive(host, from, bytes) => {
                self.oracle.heard(self.now, host, from);
                self.feed(host, Input::Received(bytes));
            }
            Event::Wake(host, incarnation) => {
                if self.hosts[host].incarnation != incarnation {
                    return;
                }
                self.hosts[host].wake_at = None;
                let state = self.hosts[host].state.as_ref();
                let due = state.and_then(State::deadline);
                if due.is_some_and(|due| due <= self.now) {
                    self.feed(host, Input::Elapsed);
                } else {
                    self.plan(host);
                }
            }
        }
    }

    /// Gives one input to a host, if it runs.
    pub(crate) fn feed(&mut self, host: usize, input: Input) {
        if self.hosts[host].state.is_none() {
            return;
        }
        self.steps += 1;
        if input == Input::Leave {
            self.oracle.ended(self.now, host, true);
        }
        let outputs = self.ask(host, input);
        let me = self.instance(host);
        for output in outputs {
            if let Output::Send { to, bytes } = output {
                self.transmit(host, index(&to), bytes);
                continue;
            }
            self.line(&format!("{:?} {host} {output:?}", self.now));
            if output == Output::Left {
                self.hosts[host].state = None;
            } else if let Err(why) = self.oracle.observe(self.now, host, &me, &output) {
                self.fail(&why);
            }
        }
        self.plan(host);
    }

    fn transmit(&mut self, from: usize, to: usize, bytes: Vec<u8>) {
        self.hash = (self.hash ^ (to as u64 + bytes.len() as u64)).wrapping_mul(0x0100_0000_01b3);
        if self.random.chance(20) {
            self.recorded.push_back(bytes.clone());
            self.recorded.truncate(200);
        }
        let is_cut = self.hosts[from].side != self.hosts[to].side;
        if is_cut || self.cuts.contains(&(from, to)) || self.random.chance(self.loss) {
            return;
        }
        let copies = if self.random.chance(self.repeats) { 2 } else { 1 };
        for _ in 0..copies {
            let mut after = self.random.between(self.latency.0, self.latency.1);
            if self.hosts[to].starved == Starved::Late {
                let seconds = Duration::from_secs;
                after += self.random.between(seconds(1), seconds(5));
            }
            self.schedule(self.now + after, Event::Arrive(to, from, bytes.clone()));
        }
    }

    /// Lets the host be woken at its deadline.
    pub(super) fn plan(&mut self, host: usize) {
        let at = &self.hosts[host];
        let Some(due) = at.state.as_ref().and_then(State::deadline) else { return };
        let due = due.max(self.now);
        if at.wake_at.is_none_or(|wake_at| due < wake_at) {
            let incarnation = at.incarnation;
            self.hosts[host].wake_at = Some(due);
            self.schedule(due, Event::Wake(host, incarnation));
        }
    }

    fn schedule(&mut self, at: Duration, event: Event) {
        self.inserted += 1;
        self.queue.insert((at, self.inserted), event);
    }

    pub(super) fn instance(&self, host: usize) -> NodeInstance {
        let incarnation = Incarnation(self.hosts[host].incarnation);
        NodeInstance { node: name(host), incarnation }
    }

    fn line(&mut self, line: &str) {
        for byte in line.bytes() {
            self.hash = (self.hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        if self.tail.len() == LINES_MAX {
            self.tail.pop_front();
        }
        self.tail.push_back(line.to_owned());
    }

    pub(crate) fn fail(&self, why: &str) -> ! {
        let mut report = format!("seed {}: {why}\nat {:?}\n", self.seed, self.now);
        for line in &self.tail {
            let _ = writeln!(report, "  {line}");
        }
        panic!("{report}");
    }
}

pub(crate) fn name(host: usize) -> starlings_runtime::NodeId {
    format!("n{host}@sim").parse().unwrap()
}

pub(crate) fn address(host: usize) -> Address {
    Address::new(&format!("sim:{host}")).unwrap()
}

fn index(address: &Address) -> usize {
    address.as_str().strip_prefix("sim:").unwrap().parse().unwrap()
}
