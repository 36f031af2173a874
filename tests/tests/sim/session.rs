//! Sessions between simulated nodes: dials that cross, silence, cuts, partitions, crashes and restarts.

use std::collections::BTreeSet;
use std::time::Duration;

use starlings_tests::world::{Random, seeds};
use starlings_transport::proto::peers::Side;

mod net;
mod node;
mod oracle;

use net::Net;
use node::Input;

/// What one run came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Run {
    hash: u64,
    steps: u64,
    delivered: u64,
    ups: u64,
    idle_ends: u64,
    carried: u64,
    partitions: u64,
}

/// Goal: whatever the network and the nodes do, sessions keep what the oracle says, and once all is
/// quiet every pair has exactly one.
/// Method: 1,000 seeds, every tenth run twice; 2 to 7 nodes, all of which dial all others all the time
/// and four senders on each send short and long messages to five receivers, in turns by their pids, their
/// names and the places for answers. Some close sessions that they do not use for some 100 to 1,000 ms,
/// and need them now and then; some speak an earlier version, which cannot.
#[test]
fn sessions_keep_their_promises_under_faults_and_recover() {
    let seeds = seeds(1000);
    let runs: Vec<_> = seeds.iter().map(|seed| run(*seed)).collect();
    for (seed, first) in seeds.iter().zip(&runs).step_by(10) {
        assert_eq!(run(*seed), *first, "seed {seed} is not deterministic");
    }
    let sum = |of: fn(&Run) -> u64| runs.iter().map(of).sum::<u64>();
    assert!(sum(|run| run.delivered) > 0 && sum(|run| run.ups) > 0);
    assert!(sum(|run| run.idle_ends) > 0 && sum(|run| run.carried) > 0);
    assert!(sum(|run| run.partitions) > 0);
    say!("session: {} seeds, {} steps, 0 violations", runs.len(), sum(|run| run.steps));
    say!(
        "         {} sessions made, {} envelopes delivered, {} partitions",
        sum(|run| run.ups),
        sum(|run| run.delivered),
        sum(|run| run.partitions)
    );
    say!(
        "         {} ends of one side for want of use, {} envelopes sent while they were agreed on",
        sum(|run| run.idle_ends),
        sum(|run| run.carried)
    );
}

/// Goal: two nodes that dial each other at the same moment end with one session, without another
/// try, however long each message takes.
/// Method: 200 seeds, each with latencies of its own; nobody dials again.
#[test]
fn dials_that_cross_make_one_session() {
    let mut made_by_the_greater = 0;
    let seeds = seeds(200);
    for seed in &seeds {
        let mut net = Net::new(*seed, 2);
        (0..2).for_each(|node| net.feed(node, Input::Need(true)));
        net.feed(0, Input::Connect(Net::name(1)));
        net.feed(1, Input::Connect(Net::name(0)));
        net.run_for(Duration::from_secs(4));
        all_are_connected_once(&net);
        assert_eq!(net.oracle.ups, 2, "seed {seed}");
        let greater = net.nodes[1].as_ref().unwrap();
        made_by_the_greater += usize::from(greater.sessions()[0].1.side == Side::Dialled);
    }
    assert!(made_by_the_greater * 2 > seeds.len(), "the greater name wins most races");
}

/// Goal: a partition ends all sessions across it, at both ends and by silence, and none within a side; once
/// it is over every pair has one again.
/// Method: 100 seeds; 3 to 7 nodes that dial all the time, and sides of any size.
#[test]
fn partition_ends_the_sessions_across_it_and_no_others() {
    for seed in seeds(100) {
        let mut random = Random::new(seed ^ 0x9a27);
        let len = 3 + random.index(5);
        let mut net = Net::new(seed, len);
        (0..len).for_each(|node| net.feed(node, Input::Need(true)));
        for _ in 0..40 {
            net.run_for(Duration::from_millis(500));
            connect_all(&mut net, &mut random);
        }
        all_are_connected_once(&net);
        let within = |net: &Net, side: &BTreeSet<usize>| {
            let sides = |node: usize| side.contains(&node);
            let mut within = Vec::new();
            for node in 0..len {
                for (peer, key) in net.nodes[node].as_ref().unwrap().sessions() {
                    let other = (0..len).find(|other| Net::name(*other) == peer.node).unwrap();
                    if sides(node) == sides(other) {
                        within.push((node, peer, key));
                    } else if net.partitions > 0 {
                        net.fail(&format!("seed {seed}: {node} is connected to {peer:?} still"));
                    }
                }
            }
            within
        };
        let side = any_side(&mut random, len);
        let before = within(&net, &side);
        net.part(&side);
        for _ in 0..20 {
            net.run_for(Duration::from_millis(500));
            connect_all(&mut net, &mut random);
            (0..len).for_each(|node| net.feed(node, Input::Say));
        }
        assert_eq!(within(&net, &side), before, "seed {seed}: those within a side go on");
        net.heal();
        for _ in 0..40 {
            net.run_for(Duration::from_millis(500));
            connect_all(&mut net, &mut random);
        }
        all_are_connected_once(&net);
    }
}

/// Some of the nodes, but not all.
fn any_side(random: &mut Random, len: usize) -> BTreeSet<usize> {
    let (first, size) = (random.index(len), 1 + random.index(len - 1));
    (first..first + size).map(|node| node % len).collect()
}

fn run(seed: u64) -> Run {
    let mut faults = Faults::new(seed);
    let len = 2 + faults.random.index(6);
    let mut net = Net::new(seed, len);
    net.loss_permille = faults.loss;
    for _ in 0..250 {
        let pause = faults.random.between(Duration::ZERO, Duration::from_millis(300));
        net.run_for(pause);
        faults.strike(&mut net);
        connect_all(&mut net, &mut faults.random);
        if faults.random.chance(faults.talk) {
            net.feed(faults.random.index(len), Input::Say);
        }
    }
    (0..len).for_each(|node| net.restart(node));
    (0..len).for_each(|node| net.feed(node, Input::Need(true)));
    net.heal();
    net.loss_permille = 0;
    for _ in 0..80 {
        net.run_for(Duration::from_millis(500));
        connect_all(&mut net, &mut faults.random);
        (0..len).for_each(|node| net.feed(node, Input::Say));
    }
    all_are_connected_once(&net);
    Run {
        hash: net.trace_hash(),
        steps: net.steps,
        delivered: net.oracle.delivered,
        ups: net.oracle.ups,
        idle_ends: net.oracle.idle_ends,
        carried: net.oracle.carried,
        partitions: net.partitions,
    }
}

/// Every node asks for a session with every other, in any order.
fn connect_all(net: &mut Net, random: &mut Random) {
    let len = net.nodes.len();
    let (first, step) = (random.index(len), random.index(len));
    for node in 0..len {
        for other in 0..len {
            let (from, to) = ((first + node) % len, (first + other + step) % len);
            if from != to && random.chance(500) {
                net.feed(from, Input::Connect(Net::name(to)));
            }
        }
    }
}

fn all_are_connected_once(net: &Net) {
    for node in net.nodes.iter().flatten() {
        let sessions = node.sessions();
        if sessions.len() != net.nodes.len() - 1 {
            net.fail(&format!("{:?} is connected to {sessions:?} only", node.me()));
        }
        for (peer, key) in sessions {
            let other = net.nodes.iter().flatten().find(|other| *other.me() == peer);
            let Some(other) = other else {
                net.fail(&format!("{:?} is connected to {peer:?}, which is gone", node.me()));
            };
            let mut theirs = other.sessions().into_iter();
            let same = theirs.any(|(back, theirs)| {
                let crossed = (key.side == Side::Dialled) != (theirs.side == Side::Dialled);
                back == *node.me() && theirs.id == key.id && crossed
            });
            if !same {
                net.fail(&format!("{:?} and {peer:?} have different sessions", node.me()));
            }
        }
    }
}

/// Which faults a run sees, and how often; each kind is absent from half of the runs.
struct Faults {
    random: Random,
    crash: u32,
    restart: u32,
    hold: u32,
    heal: u32,
    cut: u32,
    part: u32,
    disconnect: u32,
    stop: u32,
    loss: u32,
    need: u32,
    /// How often somebody says something.
    talk: u32,
}

impl Faults {
    fn new(seed: u64) -> Self {
        let mut random = Random::new(seed ^ 0x5e55_1045);
        let mut rate = |most: u64| match random.chance(500) {
            true => u32::try_from(random.below(most)).unwrap_or(0),
            false => 0,
        };
        Self {
            crash: rate(80),
            restart: 200,
            hold: rate(80),
            heal: 50,
            cut: rate(150),
            part: rate(20),
            disconnect: rate(100),
            stop: rate(30),
            loss: rate(10),
            need: rate(100),
            talk: 1000 - rate(900),
            random,
        }
    }

    fn strike(&mut self, net: &mut Net) {
        let len = net.nodes.len();
        let node = self.random.index(len);
        let other = (node + 1 + self.random.index(len - 1)) % len;
        if self.random.chance(self.crash) {
            net.crash(node);
        }
        if self.random.chance(self.restart) {
            (0..len).for_each(|node| net.restart(node));
        }
        if self.random.chance(self.hold) {
            net.hold(node, other);
            if self.random.chance(500) {
                net.hold(other, node);
            }
        }
        if self.random.chance(self.heal) {
            net.heal();
        }
        if self.random.chance(self.cut) {
            net.cut_any();
        }
        if self.random.chance(self.part) {
            let side = any_side(&mut self.random, len);
            net.part(&side);
            // Sometimes for longer than a peer may be silent, sometimes not.
            let lasts = self.random.between(Duration::ZERO, Duration::from_secs(12));
            net.run_for(lasts);
        }
        if self.random.chance(self.need) {
            let needs = self.random.chance(500);
            net.feed(node, Input::Need(needs));
        }
        if self.random.chance(self.disconnect) {
            net.feed(node, Input::Disconnect(Net::name(other)));
        }
        if self.random.chance(self.stop) {
            // A node that stops is gone shortly after; until then it lets nobody in.
            net.feed(node, Input::Stop);
            net.run_for(Duration::from_millis(300));
            net.crash(node);
        }
    }
}
