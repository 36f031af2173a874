//! A cluster that is there from the start: without it, runs of a thousand hosts would mostly be joins.

#![expect(clippy::unwrap_used, reason = "a simulation that contradicts itself has to end")]

use std::time::Duration;

use starlings_transport::proto::membership::{Config, Input, Output};

use super::net::{BEGIN, Net, address};

impl Net {
    /// `len` hosts that know each other: all have said to the first one that they are there, and were
    /// told its table.
    pub(crate) fn cluster(seed: u64, len: usize, config: Config) -> Self {
        let mut net = Self::new(seed, len, config);
        (0..len).for_each(|host| net.boot(host));
        let mut idle = net.config.clone();
        idle.probe_interval = Duration::from_secs(3600);
        let mut first = net.state(0, Duration::ZERO, idle);
        let mut outbox = Vec::new();
        for host in 1..len {
            let outputs = net.ask(host, Input::Join(vec![address(0)]));
            for bytes in sent(net.ask(host, Input::Elapsed).into_iter().chain(outputs), 0) {
                first.handle(Duration::ZERO, Input::Received(bytes), &mut outbox);
            }
        }
        while let Some(due) = first.deadline().filter(|due| *due < BEGIN) {
            first.handle(due, Input::Elapsed, &mut outbox);
        }
        let table = sent(outbox, 1);
        for host in 1..len {
            table.iter().for_each(|bytes| net.tell(host, bytes));
        }
        // The first one was only there to hear them all; it begins now, too, and hears from the second.
        for bytes in sent(net.ask(0, Input::Join(vec![address(1)])), 1) {
            net.tell(1, &bytes);
        }
        for bytes in sent(net.ask(0, Input::Elapsed), 1) {
            net.tell(1, &bytes);
        }
        for _ in 0..=len.div_ceil(100) {
            for bytes in sent(net.ask(1, Input::Elapsed), 0) {
                net.tell(0, &bytes);
            }
            net.now += Duration::from_millis(10);
        }
        (0..len).for_each(|host| net.plan(host));
        net
    }

    /// A host hears something without the network.
    fn tell(&mut self, host: usize, bytes: &[u8]) {
        let me = self.instance(host);
        for output in self.ask(host, Input::Received(bytes.to_vec())) {
            self.oracle.observe(self.now, host, &me, &output).unwrap();
        }
    }
}

/// What of this goes to a host.
fn sent(outputs: impl IntoIterator<Item = Output>, to: usize) -> Vec<Vec<u8>> {
    let to = address(to);
    let mut all = Vec::new();
    for output in outputs {
        if let Output::Send { to: at, bytes } = output
            && at == to
        {
            all.push(bytes);
        }
    }
    all
}
