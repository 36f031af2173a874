//! Groups and names under faults.

use std::time::Duration;

use starlings_registry::Key;
use starlings_registry::proto::groups::Target;
use starlings_tests::invariants::conflict_once::ConflictOnce;
use starlings_tests::invariants::monitor_replay::MonitorReplay;
use starlings_tests::invariants::no_resurrection::NoResurrection;
use starlings_tests::invariants::one_owner::OneOwner;
use starlings_tests::invariants::registry_agreement::RegistryAgreement;
use starlings_tests::invariants::registry_own_writes::RegistryOwnWrites;
use starlings_tests::machines::registry::{Command, Node};
use starlings_tests::world::{Chaos, Random, Weather, World, seeds};

/// Long enough for the slowest repair: detection, a missed digest, and doubled retries.
const REST: Duration = Duration::from_secs(120);

/// Groups that one herd joins: more than one sync holds.
const HERD: usize = 600;

fn key(kind: &str, number: impl std::fmt::Display) -> Key {
    Key::new(&format!("{kind}{number}")).expect("a short key")
}

/// What the user of a node does next.
fn command(random: &mut Random, node: &Node) -> Vec<Command> {
    let actors: Vec<u64> = node.actors.iter().copied().collect();
    let Some(actor) = random.pick(&actors).copied() else {
        return vec![Command::Spawn];
    };
    let (group, name) = (key("g", random.below(4)), key("n", random.below(4)));
    let joins: Vec<_> = node.joins.keys().cloned().collect();
    vec![match random.below(1000) {
        100..170 => Command::Exit(actor),
        170..400 => Command::Join(group, actor),
        400..560 => match random.pick(&joins) {
            Some((group, member)) => Command::Leave(group.clone(), *member),
            None => Command::Spawn,
        },
        560..760 => Command::Register(name, actor),
        760..820 => Command::ReRegister(name, actor),
        820..890 => Command::Unregister(name),
        890..930 => {
            Command::Monitor(if random.chance(500) { Target::Scope } else { Target::Group(group) })
        }
        0..100 | 930..980 => Command::Spawn,
        980..996 => Command::RestartRegistries,
        _ => {
            return (0..HERD).map(|number| Command::Join(key("h", number), actor)).collect();
        }
    }]
}

/// One run: its hash and its steps.
fn run(label: &'static str, seed: u64, weather: fn(&mut Random) -> Weather) -> (u64, u64) {
    let mut random = Random::new(seed);
    let weather = weather(&mut random);
    let len = 2 + random.index(4);
    let mut world: World<Node> = World::new(label, seed, len, weather);
    world.check(NoResurrection::default());
    world.check(MonitorReplay::default());
    world.check(ConflictOnce::default());
    world.check(RegistryOwnWrites);
    world.check(RegistryAgreement);
    world.check(OneOwner);
    let mut chaos = Chaos::new(seed);
    let pause = Duration::from_millis(1 + random.below(400));
    for _ in 0..150 {
        chaos.strike(&mut world);
        let node = random.index(len);
        let commands = world.machine(node).map(|machine| command(&mut random, machine));
        for command in commands.unwrap_or_default() {
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
fn registry() {
    swarm("registry", Weather::sessions);
}

#[test]
fn registry_lossy() {
    swarm("registry_lossy", Weather::lossy);
}

#[test]
fn registry_repeats_itself() {
    for weather in [Weather::sessions, Weather::lossy] {
        assert_eq!(run("registry", 3, weather), run("registry", 3, weather));
        assert_ne!(run("registry", 3, weather).0, run("registry", 4, weather).0);
    }
}
