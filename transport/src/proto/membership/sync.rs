//! What gossip cannot do: joining, finding those again that were cut off, and mending what was missed.

use std::time::Duration;

use starlings_runtime::NodeId;

use super::State;
use super::events::Output;
use super::seal::TAG_BYTES;
use super::wire::{self, Address, DATAGRAM_BYTES_MAX, Fact, Message};

/// Seeds that a node keeps. Further ones are dropped. One that answers is enough; 64 are more than
/// anybody lists.
pub const SEEDS_MAX: usize = 64;

/// Tables that are being sent at once. Who asks beyond that is not sent one, and asks again.
pub const TRANSFERS_MAX: usize = 32;

/// Datagrams of a table that are sent at once, and the pause after them: 1 MB/s at most, and no more at
/// once than the buffer of a socket holds.
const TRANSFER_BURST: usize = 8;
const TRANSFER_PAUSE: Duration = Duration::from_millis(10);

/// Seeds that a node asks at once while it is alone.
const SEEDS_AT_ONCE: usize = 3;

/// Members that are down that are asked at once whether they are back.
const LOST_AT_ONCE: usize = 8;

/// A table on its way to somebody.
#[derive(Debug)]
pub(super) struct Transfer {
    to: Address,
    /// The last one that was sent.
    after: Option<NodeId>,
}

impl State {
    pub(super) fn on_join(&mut self, now: Duration, seeds: Vec<Address>) {
        for seed in seeds {
            if self.seeds.len() >= SEEDS_MAX && !self.seeds.contains(&seed) {
                self.metrics.dropped += 1;
            } else if seed != self.me.address {
                self.seeds.insert(seed);
            }
        }
        self.rejoin_at = now;
    }

    /// Asks those who are not members, and might be.
    pub(super) fn rejoin(&mut self, now: Duration, outbox: &mut Vec<Output>) {
        if now < self.rejoin_at {
            return;
        }
        self.members.forget(now.saturating_sub(self.config.down_memory));
        let is_alone = self.members.up_len() == 0;
        let absent = self.seeds.iter().filter(|seed| !self.members.has_address(seed));
        let mut absent: Vec<_> = absent.cloned().collect();
        self.random.shuffle(&mut absent);
        absent.truncate(if is_alone { SEEDS_AT_ONCE } else { 1 });
        let sync = Message::Sync { digest: self.digest(), is_answer: false };
        for seed in absent {
            let datagram = wire::begin(&self.me, &sync);
            self.post(seed, datagram, outbox);
        }
        self.ask_lost(outbox);
        let pause = if is_alone { self.config.probe_interval } else { self.config.rejoin_interval };
        self.rejoin_at = now + self.random.around(pause);
    }

    /// Pings members that are down. They are told so in the same datagram, and refute it if they live.
    /// All members together ask each of them once per rejoin interval.
    fn ask_lost(&mut self, outbox: &mut Vec<Output>) {
        let mut lost = self.members.lost();
        let members = self.members_len();
        let chance = self.random.index(members);
        let share = (lost.len() + chance) / members;
        self.random.shuffle(&mut lost);
        for to in lost.into_iter().take(share.min(LOST_AT_ONCE)) {
            let (number, node) = (self.draw(), to.member.node.clone());
            self.send(&to, &Message::Ping { number, to: node }, outbox);
        }
    }

    /// Compares tables with somebody, at random.
    pub(super) fn sync(&mut self, now: Duration, outbox: &mut Vec<Output>) {
        if now < self.sync_at {
            return;
        }
        let is_settled = now >= self.settles_at;
        let every = match is_settled {
            true => self.config.sync_every(self.members_len()),
            false => self.config.rejoin_interval,
        };
        self.sync_at = now + self.random.around(every);
        for to in self.members.pick(1, None, &mut self.random) {
            let sync = Message::Sync { digest: self.digest(), is_answer: false };
            self.send(&to, &sync, outbox);
        }
    }

    pub(super) fn on_sync(
        &mut self,
        from: &Fact,
        digest: u64,
        is_answer: bool,
        outbox: &mut Vec<Output>,
    ) {
        let own = self.digest();
        if !is_answer {
            self.send(from, &Message::Sync { digest: own, is_answer: true }, outbox);
        }
        let is_served = self.transfers.iter().any(|transfer| transfer.to == from.address);
        if digest == own || is_served {
            return;
        }
        if self.transfers.len() >= TRANSFERS_MAX {
            self.metrics.dropped += 1;
            return;
        }
        self.transfers.push_back(Transfer { to: from.address.clone(), after: None });
    }

    /// Sends parts of tables to those who have others.
    pub(super) fn transfer(&mut self, now: Duration, outbox: &mut Vec<Output>) {
        if now < self.transfer_at || self.transfers.is_empty() {
            return;
        }
        for _ in 0..TRANSFER_BURST {
            let Some(mut transfer) = self.transfers.pop_front() else { break };
            let mut datagram = wire::begin(&self.me, &Message::Transfer);
            let mut is_done = true;
            let after = transfer.after.clone();
            for (node, member) in self.members.after(after.as_ref()) {
                let update = wire::encode(&member.update(node));
                if datagram.len() + update.len() > DATAGRAM_BYTES_MAX - TAG_BYTES {
                    is_done = false;
                    break;
                }
                datagram.extend_from_slice(&update);
                transfer.after = Some(node.clone());
            }
            self.post(transfer.to.clone(), datagram, outbox);
            if !is_done {
                // Round about: a long table does not hold up the others.
                self.transfers.push_back(transfer);
            }
        }
        self.transfer_at = now + TRANSFER_PAUSE;
    }

    /// Over all that are up, this node included. Two nodes with the same one have the same table, but
    /// for a chance of 2^-64.
    pub(super) fn digest(&self) -> u64 {
        let others = self.members.up().map(|(node, member)| member.fact(node));
        others.fold(hash(&self.me), |digest, fact| digest.wrapping_add(hash(&fact)))
    }
}

/// FNV-1a over what tells two statements apart, and mixed so that sums of it differ.
fn hash(fact: &Fact) -> u64 {
    let numbers = [fact.member.incarnation.0, u64::from(fact.refutation)];
    let numbers = numbers.into_iter().flat_map(u64::to_le_bytes);
    let bytes = fact.member.node.as_str().bytes().chain(numbers);
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    (hash ^ (hash >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9)
}
