//! Nodes in processes of their own that are killed, stopped, cut off and cut in two, and the oracle over
//! all that they sent and saw: `starlings_tests::faults`.
//!
//! `STARLINGS_FAULTS_MESSAGES` has the first test send so many messages in place of its usual share.

#![expect(
    clippy::disallowed_methods,
    reason = "what waits for processes has deadlines of real time"
)]

mod namespaces;
mod pair;
mod process;
mod quiet;
mod relay;
mod shutdown;
mod signals;
mod stopped;
mod strangers;

use std::time::Duration;

use pair::Pair;
use relay::{Fault, Way};

/// Messages of each stream in each epoch of the run that is part of the tests.
const MESSAGES: u64 = 5_000;

/// Epochs of that run.
const EPOCHS: u32 = 12;

/// A fault strikes at the latest after so many bytes for each message of a stream: before the epoch ends.
const BYTES: u64 = 2_500;

/// Messages of each stream in each epoch of a long run.
const MESSAGES_LONG: u64 = 20_000;

/// Goal: whatever a network does to the connections of two nodes that send to each other at once,
/// nothing comes twice, out of order, or behind a gap, and every monitor ends once.
/// Method: a relay resets, truncates, silences and delays connections after numbers of bytes that follow
/// from a seed; after each fault that ends the session the nodes meet again. The last epoch has no fault.
#[test]
fn a_network_that_cuts_truncates_delays_and_goes_silent_loses_order_of_nothing() {
    let long = std::env::var("STARLINGS_FAULTS_MESSAGES").ok().map(|n| n.parse::<u64>().unwrap());
    let messages = if long.is_some() { MESSAGES_LONG } else { MESSAGES };
    let seed = std::env::var("STARLINGS_FAULTS_SEED").map_or(1, |seed| seed.parse().unwrap());
    let mut pair = Pair::over_relay(200, seed);
    let mut random = Random(seed);
    let (mut epoch, mut strikes) = (0, 0);
    let goes_on = |epoch, pair: &Pair| long.map_or(epoch < EPOCHS, |most| pair.sent() < most);
    while goes_on(epoch, &pair) {
        let bytes = random.below(messages * BYTES);
        let fault = match epoch % 6 {
            0 | 3 => Fault::Reset(bytes),
            1 => Fault::Truncate(bytes),
            2 => Fault::Silence(Way::FromDialler, bytes),
            4 => Fault::Silence(Way::FromListener, bytes),
            _ => Fault::Delay(Duration::from_millis(2)),
        };
        pair.relay.set(fault);
        pair.drive_both(messages);
        strikes += u32::from(pair.relay.has_struck());
        epoch += 1;
    }
    let downs = pair.a.log().watcher.nodes_down;
    assert!(strikes > epoch / 3, "{strikes} faults in {epoch} epochs, and {downs:?}");
    pair.relay.set(Fault::None);
    pair.connect_and_drive_both(messages);
    let sent = pair.sent();
    let came = pair.judge();
    eprintln!("{sent} messages were sent and {came} came in {epoch} epochs with {strikes} faults");
}

/// Numbers that follow from a seed.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 24) % bound
    }
}
