//! Membership by gossip, with datagrams that are lost and late, hosts that crash and starve.

use std::time::Duration;

use starlings_tests::world::{Random, seeds};
use starlings_transport::proto::membership::{Config, Input};

mod cluster;
mod faults;
mod figures;
mod net;
mod oracle;

use faults::Faults;
use net::Net;

/// Within this, all agree again once all paths are whole: a member that is down is asked every 5 s on
/// average, at random; a probe that fails takes a suspicion of up to 48 s with it.
const REST: Duration = Duration::from_secs(200);

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Goal: whatever network and hosts do, what the oracle says holds; once all is quiet, everybody sees
/// who runs, and nobody else.
/// Method: swarm, every tenth run twice; 3 to 12 hosts; loss, repeats, datagrams of the past and
/// garbage, partitions, one-way cuts, crashes, restarts, leaves, starvation and flapping.
#[test]
fn membership_keeps_its_promises_under_faults() {
    let seeds = seeds(40);
    let mut steps = 0;
    for (at, seed) in seeds.iter().enumerate() {
        let first = swarm(*seed);
        if at % 10 == 0 {
            assert_eq!(swarm(*seed), first, "seed {seed} is not deterministic");
        }
        steps += first.1;
    }
    say!("membership: {} seeds, {steps} steps, 0 violations", seeds.len());
}

fn swarm(seed: u64) -> (u64, u64) {
    let mut faults = Faults::new(seed);
    let len = 3 + faults.random.index(10);
    let mut net = Net::new(seed, len, Config::default());
    for host in 0..len {
        net.start(host, &[0, 1]);
        net.run_for(faults.random.between(Duration::ZERO, secs(2)));
    }
    for _ in 0..60 {
        let pause = faults.random.between(Duration::ZERO, secs(12));
        net.run_for(pause);
        faults.strike(&mut net);
    }
    Faults::calm(&mut net);
    net.run_for(REST);
    if let Err(why) = net.oracle.agreement() {
        net.fail(&why);
    }
    (net.trace_hash(), net.steps)
}

/// Goal: two halves that were apart find each other again by themselves, all of them, whether or not
/// a seed is on either side.
/// Method: 40 hosts, halves for two minutes, so that each half has the other down; the only seed has
/// crashed before.
#[test]
fn halves_of_a_healed_partition_find_each_other() {
    for seed in seeds(3) {
        let mut net = Net::cluster(seed, 40, Config::default());
        net.crash(0);
        net.run_for(secs(40));
        net.part(|host| host % 2);
        net.run_for(secs(120));
        let verdicts = 2 * 19 * 20;
        assert_eq!(net.oracle.who_sees(1), 19, "its own half");
        assert_eq!(net.oracle.false_verdicts.len(), verdicts, "each by each of the other half");
        net.heal();
        net.run_for(secs(60));
        if let Err(why) = net.oracle.agreement() {
            net.fail(&why);
        }
        assert_eq!(net.oracle.false_verdicts.len(), verdicts, "no verdict comes of the heal");
    }
}

/// Goal: a partition that outlasts the memory of the dead is healed by a seed.
/// Method: the memory is 60 s, the partition takes 200 s; only one host has a seed.
#[test]
fn halves_that_have_forgotten_each_other_are_joined_by_a_seed() {
    let mut config = Config::default();
    config.down_memory = secs(60);
    let mut net = Net::new(1, 10, config);
    net.start(0, &[]);
    net.start(1, &[0]);
    (2..10).for_each(|host| net.start(host, &[0, 1]));
    net.run_for(secs(60));
    net.oracle.agreement().expect("all have joined");
    net.part(|host| host % 2);
    net.run_for(secs(200));
    net.heal();
    net.run_for(secs(120));
    if let Err(why) = net.oracle.agreement() {
        net.fail(&why);
    }
}

/// Goal: a host that only one other can reach stays a member, and one that only one other cannot
/// reach too: one accuser is not enough, and one friend is.
/// Method: all paths of host 0 are cut but those to host 1; then only that one is.
#[test]
fn one_friend_is_enough_and_one_accuser_is_not() {
    let mut net = Net::cluster(1, 10, Config::default());
    for other in 2..10 {
        net.cuts.extend([(0, other), (other, 0)]);
    }
    net.run_for(secs(300));
    assert_eq!(net.oracle.who_sees(0), 9, "{:?}", net.oracle.false_verdicts);
    net.heal();
    net.cuts.extend([(0, 1), (1, 0)]);
    net.run_for(secs(300));
    assert_eq!(net.oracle.false_verdicts, []);
}

/// Goal: a member that is cut off from all others judges nobody until it has asked all of them in vain:
/// for so long it alone accuses them. Then it is a side of a partition like any other.
/// Method: host 0 of 10 sends nothing and hears nothing; the others judge it, and take it back.
#[test]
fn member_that_is_cut_off_judges_nobody_until_it_has_asked_all() {
    for seed in seeds(5) {
        for (span, verdicts) in [(40, 9), (300, 18)] {
            let mut net = Net::cluster(seed, 10, Config::default());
            net.part(|host| usize::from(host == 0));
            net.run_for(secs(span));
            let by_it = |(subject, by): &&(usize, usize)| *subject != 0 && *by == 0;
            let of_it = net.oracle.false_verdicts.iter().filter(|(subject, _)| *subject == 0);
            assert_eq!(of_it.count(), 9, "{:?}", net.oracle.false_verdicts);
            let by_it = net.oracle.false_verdicts.iter().filter(by_it).count();
            assert_eq!(by_it + 9, verdicts, "after {span} s");
            net.heal();
            net.run_for(secs(60));
            net.oracle.agreement().expect("it is back");
        }
    }
}

/// Goal: who is left alone finds out: all others crash at once, and there is no second accuser.
/// Method: clusters of 3, 5 and 10, of which one host stays; then they are back, and none is judged.
#[test]
fn the_last_one_finds_that_all_others_have_crashed() {
    for seed in seeds(3) {
        for (len, within) in [(3, 60), (5, 120), (10, 200)] {
            let mut net = Net::cluster(seed, len, Config::default());
            net.run_for(secs(10));
            (1..len).for_each(|host| net.crash(host));
            net.run_for(secs(within));
            if let Err(why) = net.oracle.agreement() {
                net.fail(&why);
            }
            let last = net.oracle.detections.iter().max().copied().unwrap_or_default();
            say!("{len} hosts, of which one is left: all others found after {last:.1?}");
            assert_eq!(net.oracle.detections.len(), len - 1);
            (1..len).for_each(|host| net.start(host, &[0]));
            net.run_for(secs(60));
            net.oracle.agreement().expect("they are back");
            assert_eq!(net.oracle.false_verdicts, []);
        }
    }
}

/// Goal: of two members, one judges the other alone: there is nobody else.
#[test]
fn member_of_two_judges_alone() {
    let mut net = Net::cluster(1, 2, Config::default());
    net.run_for(secs(10));
    net.crash(1);
    net.run_for(secs(20));
    assert_eq!(net.oracle.detections.len(), 1);
    net.start(1, &[0]);
    net.run_for(secs(5));
    net.oracle.agreement().expect("it is back");
}

/// Goal: who leaves is gone at once everywhere, and stays away until its next life.
#[test]
fn leave_is_seen_by_all_and_nobody_is_accused() {
    let mut net = Net::cluster(1, 50, Config::default());
    net.loss = 100;
    net.run_for(secs(5));
    net.feed(7, Input::Leave);
    net.run_for(secs(6));
    assert_eq!(net.oracle.who_sees(7), 0);
    assert_eq!(net.oracle.detections.len(), 0, "a leave is no crash");
    net.start(7, &[0]);
    net.run_for(secs(6));
    net.oracle.agreement().expect("its next life is a member");
}

/// Goal: hosts that all start at the same moment, and know three seeds, know each other soon.
#[test]
fn hundred_that_start_at_once_find_each_other() {
    let mut net = Net::new(1, 100, Config::default());
    (0..100).for_each(|host| net.start(host, &[0, 1, 2]));
    net.run_for(secs(30));
    if let Err(why) = net.oracle.agreement() {
        net.fail(&why);
    }
    assert_eq!(net.oracle.false_verdicts, []);
}

/// Goal: a node that restarts under the same name is the new life for all within a second or two, long
/// before anybody could suspect the old one.
#[test]
fn restart_supersedes_the_life_before_at_once() {
    let mut net = Net::cluster(1, 50, Config::default());
    net.run_for(secs(5));
    net.crash(9);
    net.run_for(Duration::from_millis(300));
    net.start(9, &[0]);
    net.run_for(secs(3));
    net.oracle.agreement().expect("the new life is known to all");
    assert_eq!(net.oracle.detections.len(), 0, "nobody had to be judged");
    net.run_for(secs(60));
    assert_eq!(net.oracle.false_verdicts, []);
}

/// Goal: garbage and forgeries are counted and change nothing.
/// Method: random bytes, and true datagrams with one bit changed.
#[test]
fn garbage_is_counted_and_changes_nothing() {
    let mut net = Net::cluster(1, 10, Config::default());
    let mut random = Random::new(7);
    for _ in 0..2000 {
        net.run_for(Duration::from_millis(10));
        let bytes = match net.recorded.back() {
            Some(bytes) if random.chance(500) => {
                let mut bytes = bytes.clone();
                let at = random.index(bytes.len());
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 1 << random.index(8);
                }
                bytes
            }
            _ => (0..random.index(1600)).map(|_| random.number().to_le_bytes()[0]).collect(),
        };
        net.feed(random.index(10), Input::Received(bytes));
    }
    assert_eq!(net.sum(|metrics| metrics.bad), 2000);
    net.oracle.agreement().expect("nothing has changed");
    assert_eq!(net.oracle.accusations, 0);
}
