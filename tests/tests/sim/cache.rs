//! The cache under faults.

use std::time::Duration;

use starlings_cache::proto::map::Key;
use starlings_tests::invariants::cache_agreement::CacheAgreement;
use starlings_tests::invariants::cache_events::CacheEvents;
use starlings_tests::invariants::cache_oracle::CacheOracle;
use starlings_tests::invariants::context_bounded::ContextBounded;
use starlings_tests::machines::cache::{Command, Node};
use starlings_tests::world::{Chaos, Random, Weather, World, seeds};

/// Long enough for the slowest session to come up and for some intervals of repair.
const REST: Duration = Duration::from_secs(30);

/// Keys that are fought over and watched.
const WATCHED: u64 = 6;

/// Keys of one bulk load.
const BULK: usize = 300;

fn key(kind: &str, number: impl std::fmt::Display) -> Key {
    format!("{kind}{number}").into_bytes().into()
}

fn commands(random: &mut Random) -> Vec<Command> {
    let watched = key("k", random.below(WATCHED));
    let time = Duration::from_millis(random.below(20_000));
    match random.below(1000) {
        0..550 | 993.. => vec![Command::Put(watched, None)],
        550..620 => vec![Command::Put(watched, Some(time))],
        620..970 => vec![Command::Remove(watched)],
        970..985 => vec![Command::RestartCache],
        985..990 => (0..BULK).map(|number| Command::Put(key("b", number), None)).collect(),
        _ => (0..BULK).map(|number| Command::Remove(key("b", number))).collect(),
    }
}

/// One run: its hash and its steps.
fn run(label: &'static str, seed: u64, weather: fn(&mut Random) -> Weather) -> (u64, u64) {
    let mut random = Random::new(seed);
    let weather = weather(&mut random);
    let len = 2 + random.index(4);
    let mut world: World<Node> = World::new(label, seed, len, weather);
    world.check(CacheOracle::new((0..WATCHED).map(|number| key("k", number)).collect()));
    world.check(CacheEvents::default());
    world.check(CacheAgreement);
    world.check(ContextBounded::default());
    let mut chaos = Chaos::new(seed);
    let pause = Duration::from_millis(1 + random.below(400));
    for _ in 0..150 {
        chaos.strike(&mut world);
        let node = random.index(len);
        for command in commands(&mut random) {
            world.command(node, command);
        }
        world.run_for(random.between(Duration::ZERO, pause));
    }
    Chaos::calm(&mut world, REST);
    world.rest();
    (world.trace_hash(), world.steps())
}

fn swarm(label: &'static str, weather: fn(&mut Random) -> Weather) {
    let seeds = seeds(200);
    let steps: u64 = seeds.iter().map(|seed| run(label, *seed, weather).1).sum();
    say!("{label}: {} seeds, {steps} steps, 0 violations", seeds.len());
}

#[test]
fn cache() {
    swarm("cache", Weather::sessions);
}

#[test]
fn cache_lossy() {
    swarm("cache_lossy", Weather::lossy);
}

#[test]
fn cache_repeats_itself() {
    for weather in [Weather::sessions, Weather::lossy] {
        assert_eq!(run("cache", 3, weather), run("cache", 3, weather));
        assert_ne!(run("cache", 3, weather).0, run("cache", 4, weather).0);
    }
}
