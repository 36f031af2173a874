//! How fast, how sure and how dear: what `docs/protocol/membership.md` has in its tables.
//!
//! More of it by hand: `STARLINGS_SEEDS=5`, and `STARLINGS_MEMBERSHIP=long` for longer runs.

#![expect(clippy::indexing_slicing, reason = "a simulation that contradicts itself has to end")]

use std::time::Duration;

use starlings_tests::world::seeds;
use starlings_transport::proto::membership::Config;

use super::net::{Net, Starved};
use super::secs;

/// From a crash to the last verdict on it: `(loss, hosts, seconds)`. A probe of it, 1 or 2 s; three that
/// fail, 3 s; the least time of a suspicion, 8 or 12 s; and what loss adds to that.
const DETECTED_WITHIN: [(u32, u64); 3] = [(0, 25), (100, 40), (300, 75)];

fn is_long() -> bool {
    std::env::var("STARLINGS_MEMBERSHIP").is_ok_and(|text| text == "long")
}

/// Goal: every member sees every crash in a bounded time, and nobody who runs is judged.
/// Method: 100 hosts, three of which crash, one after the other; loss of 0, 10 and 30 %.
#[test]
fn crash_is_seen_by_all_of_a_hundred() {
    for (loss, within) in DETECTED_WITHIN {
        let mut found = Found::default();
        for seed in seeds(2) {
            let mut net = Net::cluster(seed, 100, Config::default());
            net.loss = loss;
            net.run_for(secs(10));
            for host in [11, 57, 93] {
                net.crash(host);
                net.run_for(secs(within));
            }
            if let Err(why) = net.oracle.agreement() {
                net.fail(&why);
            }
            found.add(&net);
        }
        found.say(&format!("100 hosts, {:2} % loss", loss / 10));
        assert!(loss > 100 || found.false_verdicts == 0, "nobody who runs is judged");
    }
}

/// Goal: the same with a thousand, and what each of them sends meanwhile.
/// Method: a minute at rest; ten crash at once; then one restarts or crashes each second for a minute.
#[test]
fn crash_is_seen_by_all_of_a_thousand() {
    let len = 1000;
    for (loss, within) in &DETECTED_WITHIN[..if is_long() { 2 } else { 1 }] {
        let mut net = Net::cluster(seeds(1)[0], len, Config::default());
        net.loss = *loss;
        net.run_for(secs(30));
        let rest = net.bytes_per_host_in(secs(if is_long() { 60 } else { 10 }));
        (0..10).for_each(|host| net.crash(host * 97));
        net.run_for(secs(*within));
        if let Err(why) = net.oracle.agreement() {
            net.fail(&why);
        }
        let mut found = Found::default();
        found.add(&net);
        found.say(&format!("{len} hosts, {:2} % loss", loss / 10));
        say!("    {rest} bytes a host and second at rest");
        assert!(*loss > 100 || found.false_verdicts == 0, "nobody who runs is judged");
    }
}

/// Goal: what a host sends at rest, and while one in a hundred crashes or restarts each second.
/// Method: 100 hosts; with `long`, 1000 too.
#[test]
fn bytes_are_few_at_rest_and_bounded_in_churn() {
    for len in if is_long() { &[100, 1000][..] } else { &[100][..] } {
        let mut net = Net::cluster(seeds(1)[0], *len, Config::default());
        net.run_for(secs(30));
        let rest = net.bytes_per_host_in(secs(60));
        let mut churn = 0;
        let rounds = 30;
        for round in 0..rounds {
            for part in 0..len / 100 {
                let host = 3 + (round * 31 + part * 101) % (len - 3);
                match net.hosts[host].state {
                    Some(_) => net.crash(host),
                    None => net.start(host, &[0, 1, 2]),
                }
            }
            churn += net.bytes_per_host_in(secs(1));
        }
        let churn = churn / rounds as u64;
        say!("{len} hosts: {rest} bytes a host and second at rest, {churn} in churn");
        assert!(rest < 300, "at rest there are only probes");
        assert!(churn < 15 * 1400, "three datagrams, five times a second");
    }
}

/// Goal: nobody who runs is judged, with 10 % loss and a third of the hosts starved.
/// Method: 100 hosts, each third one late or standing still for 1 to 5 s at a time, all the time; with
/// `long` 1000 too, of which a few are judged in a minute.
#[test]
fn starved_third_and_loss_make_no_false_verdicts() {
    let span = secs(if is_long() { 600 } else { 60 });
    let (late, stalls) = starve(100, span, |_| {});
    say!("{span:?}: {late} false verdicts with late hosts, {stalls} with hosts that stand still");
    assert_eq!((late, stalls), (0, 0));
    if is_long() {
        let span = secs(60);
        let (late, stalls) = starve(1000, span, |_| {});
        say!("1000 hosts, {span:?}: {late} with late hosts, {stalls} with hosts that stand still");
        assert!(late + stalls < 10, "of a million pairs");
    }
}

/// Goal: what each part gives, where plain SWIM fails.
/// Method: the same with suspicions of a quarter of the time; then with one part off, and with all of
/// them off.
#[test]
fn each_part_makes_false_verdicts_fewer() {
    let span = secs(if is_long() { 60 } else { 25 });
    let variants = if is_long() { &VARIANTS[..] } else { &[VARIANTS[0], VARIANTS[7]][..] };
    let mut counts = Vec::new();
    for (name, change) in variants {
        let (late, stalls) = starve(100, span, |config| {
            config.suspicion_factor = 1;
            change(config);
        });
        say!("{span:?}, short suspicions, {name}: {late} late, {stalls} standing still");
        counts.push(late + stalls);
    }
    assert!(counts[0] * 10 < counts[counts.len() - 1], "all parts together: {counts:?}");
}

/// False verdicts with a third of late hosts, and with a third of hosts that stand still at times.
fn starve(len: usize, span: Duration, change: impl Fn(&mut Config)) -> (usize, usize) {
    let mut verdicts = [0, 0];
    for (at, starved) in [Starved::Late, Starved::Stalls].into_iter().enumerate() {
        for seed in seeds(1) {
            let mut config = Config::default();
            change(&mut config);
            let may_judge_alone = !config.parts.two_accusers;
            let mut net = Net::cluster(seed, len, config);
            net.oracle.may_judge_alone = may_judge_alone;
            net.loss = 100;
            (0..len).step_by(3).for_each(|host| net.starve(host, starved));
            let bytes = net.bytes_per_host_in(span);
            verdicts[at] += net.oracle.false_verdicts.len();
            say!("    {len} hosts, {starved:?}: {bytes} bytes a host and second");
        }
    }
    verdicts.into()
}

type Change = fn(&mut Config);

const VARIANTS: [(&str, Change); 8] = [
    ("all", |_| {}),
    ("no local health", |config| config.parts.local_health = false),
    ("no dynamic suspicion", |config| config.parts.dynamic_suspicion = false),
    ("no buddy", |config| config.parts.buddy = false),
    ("no vouching", |config| config.parts.vouching = false),
    ("no last call", |config| config.parts.last_call = false),
    ("one accuser enough", |config| config.parts.two_accusers = false),
    ("plain SWIM", |config| {
        config.parts.local_health = false;
        config.parts.dynamic_suspicion = false;
        config.parts.buddy = false;
        config.parts.vouching = false;
        config.parts.last_call = false;
        config.parts.two_accusers = false;
    }),
];

#[derive(Debug, Default)]
struct Found {
    after: Vec<Duration>,
    false_verdicts: usize,
}

impl Found {
    fn add(&mut self, net: &Net) {
        self.after.extend(&net.oracle.detections);
        self.false_verdicts += net.oracle.false_verdicts.len();
    }

    fn say(&mut self, what: &str) {
        self.after.sort();
        let at = |share: usize| {
            let found = self.after.get((self.after.len() * share / 100).min(self.after.len() - 1));
            found.copied().unwrap_or_default().as_secs_f64()
        };
        say!(
            "{what}: found after {:.1} s median, {:.1} s p99, {:.1} s max of {}; {} false verdicts",
            at(50),
            at(99),
            at(100),
            self.after.len(),
            self.false_verdicts
        );
    }
}
