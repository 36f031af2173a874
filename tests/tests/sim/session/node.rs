//! One simulated node: the pure states of the transport, and as little around them as possible.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a simulation that contradicts itself has to end"
)]

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use starlings_runtime::{DownReason, NodeId, NodeInstance};
use starlings_tests::world::Random;
use starlings_transport::Cookie;
use starlings_transport::proto::bulk::{Incoming, Outgoing, Piece};
use starlings_transport::proto::handshake::{self, Claim, Dialler, Listener, ListenerInput, Party};
use starlings_transport::proto::peers::{self, SessionKey, Side};
use starlings_transport::proto::session::{self, Facts, IdleRules, Sequence};
use starlings_transport::wire::{
    After, CONTROL_LANE, FrameKind, Goodbye, Handshake, Hello, Idle, Opening, Pulse, Versions,
};

/// Lanes of every session here: control, two user lanes, bulk.
pub(crate) const LANES: u8 = 4;

const BULK_LANE: u8 = LANES - 1;

/// Senders on each node, and receivers.
const SENDERS: u64 = 4;
const RECEIVERS: u64 = 5;

/// Pieces of long messages that a node writes when it writes at all.
const PIECES: usize = 3;

/// Bytes of a long message, in pieces of 64 KiB.
const LONG_BYTES: usize = 150_000;

/// How long a dial or an accepted handshake may take.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);

/// One direction of one connection; the number of the connection and which end receives.
pub(crate) type ConnectionId = u64;

/// What travels on a connection.
#[derive(Debug, Clone)]
pub(crate) enum Message {
    Hello(Box<Hello>),
    Handshake(Handshake),
    Frame(u32, Frame),
}

#[derive(Debug, Clone)]
pub(crate) enum Frame {
    Envelope(Envelope),
    /// A part of a message, and what the whole of it is.
    Fragment(Piece, Envelope),
    Delivered(u32),
    Idle(Idle),
    Heartbeat,
    Goodbye(Goodbye),
}

/// What the workload sends: enough to tell whether it came where it should, when it should.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Envelope {
    pub(crate) from: NodeInstance,
    pub(crate) to: NodeInstance,
    pub(crate) sender: u64,
    pub(crate) receiver: u64,
    /// By what the receiver is reached.
    pub(crate) address: Address,
    /// Of all from this life to that node.
    pub(crate) number: u64,
    /// Of those of this sender to this receiver in this session, once it is sent.
    pub(crate) place: u64,
    pub(crate) is_long: bool,
}

/// The ways to one receiver: a sender uses all of them in turns, and they must not overtake each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Address {
    Pid,
    Name,
    /// The place where the receiver waits for the answer of a call.
    Answer,
}

impl Envelope {
    /// The key that the session gets with it, as the runtime makes it: that of its sender, whatever the
    /// address.
    fn lane_key(&self) -> u64 {
        self.sender
    }
}

#[derive(Debug, Clone)]
pub(crate) enum Input {
    /// Somebody dialled us.
    Accepted(ConnectionId),
    Received(ConnectionId, Message),
    /// The connection is no more.
    Ended(ConnectionId),
    /// The user wants a session.
    Connect(NodeId),
    Disconnect(NodeId),
    /// The user sends one envelope to each peer, and to those that sessions were closed with for want of
    /// use.
    Say,
    /// The user needs all sessions from now on, or none of them.
    Need(bool),
    Stop,
    Elapsed,
}

#[derive(Debug, Clone)]
pub(crate) enum Output {
    Open(ConnectionId, NodeId),
    Send(ConnectionId, Message),
    Close(ConnectionId),
    Up(NodeInstance, SessionKey),
    /// With what was accepted for that peer and goes by the next session: receivers and numbers.
    Down(NodeInstance, SessionKey, DownReason, BTreeSet<(u64, u64)>),
    /// The user's envelope was taken.
    Accepted(Envelope),
    /// What was taken for a peer cannot be sent any more.
    Dropped(NodeInstance),
    Delivered(SessionKey, Envelope),
}

#[derive(Debug)]
struct Pending {
    step: Step,
    expires: Duration,
}

#[derive(Debug)]
enum Step {
    Dialling(Box<Dialler>, NodeId, SessionKey, u8),
    Listening(Box<Listener>, Option<Claim>),
}

#[derive(Debug)]
struct Live {
    peer: NodeInstance,
    key: SessionKey,
    state: session::State,
    lanes: Vec<Lane>,
    /// How many envelopes each sender sent to each receiver.
    places: BTreeMap<(u64, u64), u64>,
    outgoing: Outgoing,
    /// What the messages are that go by the bulk lane.
    long: VecDeque<(u32, Envelope)>,
    sent_long: u32,
    incoming: Incoming,
    /// A long message that waits for a user lane; the bulk lane with all that follows waits with it.
    waiting: Option<(u32, After, Envelope)>,
    held: VecDeque<Option<Message>>,
    /// Whether no envelope is let in; and what is kept meanwhile.
    is_frozen: bool,
    kept: Vec<Envelope>,
    is_used: bool,
    /// Once it is closed: when its readers have stopped and its down is reported.
    down_at: Option<(Duration, DownReason)>,
}

#[derive(Debug, Default)]
struct Lane {
    connection: ConnectionId,
    out_seq: u32,
    is_finished: bool,
    incoming: Sequence,
    /// Frames that came in.
    delivered: u32,
}

type ParkKey = (NodeId, SessionKey);

#[derive(Debug)]
pub(crate) struct Node {
    party: Party,
    random: Random,
    peers: peers::State,
    pending: BTreeMap<ConnectionId, Pending>,
    /// Connections whose handshake is done, by lane, until their session is up.
    parked: BTreeMap<ParkKey, BTreeMap<u8, ConnectionId>>,
    /// What came in on those meanwhile; `None` is the end.
    unread: BTreeMap<ConnectionId, Vec<Option<Message>>>,
    /// Which version was agreed on for each session that is being made.
    versions: BTreeMap<ParkKey, u16>,
    live: BTreeMap<NodeId, Live>,
    /// What waits for a session with peers that the last one was closed with for want of use.
    kept: BTreeMap<NodeId, (NodeInstance, Vec<Envelope>)>,
    close_idle: Option<Duration>,
    needs: bool,
    numbers: BTreeMap<NodeId, u64>,
    next_connection: ConnectionId,
    now: Duration,
    out: Vec<Output>,
}

impl Node {
    pub(crate) fn new(me: NodeInstance, mut random: Random, first: ConnectionId) -> Self {
        let heartbeat_ms = 500 + u32::try_from(random.below(1000)).unwrap();
        let versions = match random.chance(100) {
            true => Versions::up_to(3).unwrap(),
            false => Versions::ALL,
        };
        let (shortest, longest) = (Duration::from_millis(100), Duration::from_millis(1000));
        let close_idle = random.chance(600).then(|| random.between(shortest, longest));
        Self {
            peers: peers::State::new(me.node.clone(), HANDSHAKE_TIMEOUT),
            party: Party {
                me,
                versions,
                hidden: false,
                pulse: Pulse { heartbeat_ms, silent_ms: 5 * heartbeat_ms },
                lanes: LANES,
                unpacks: false,
            },
            random,
            pending: BTreeMap::new(),
            parked: BTreeMap::new(),
            unread: BTreeMap::new(),
            versions: BTreeMap::new(),
            live: BTreeMap::new(),
            kept: BTreeMap::new(),
            close_idle,
            needs: false,
            numbers: BTreeMap::new(),
            next_connection: first,
            now: Duration::ZERO,
            out: Vec::new(),
        }
    }

    pub(crate) fn me(&self) -> &NodeInstance {
        &self.party.me
    }

    /// Whom it has a session with, and which.
    pub(crate) fn sessions(&self) -> Vec<(NodeInstance, SessionKey)> {
        let live = self.live.values();
        live.map(|live| (live.peer.clone(), live.key)).collect()
    }

    pub(crate) fn deadline(&self) -> Option<Duration> {
        let sessions = self.live.values().filter_map(|live| {
            let down_at = live.down_at.as_ref().map(|(at, _)| *at);
            down_at.or_else(|| live.state.deadline())
        });
        let pending = self.pending.values().map(|pending| pending.expires);
        sessions.chain(pending).chain(self.peers.deadline()).min()
    }

    pub(crate) fn handle(&mut self, now: Duration, input: Input) -> Vec<Output> {
        self.now = now;
        match input {
            Input::Accepted(connection) => {
                let nonce = self.nonce();
                let listener = Listener::new(self.party.clone(), cookie(), nonce);
                self.begin(connection, Step::Listening(Box::new(listener), None));
            }
            Input::Received(connection, message) => self.on_item(connection, Some(message)),
            Input::Ended(connection) => self.on_item(connection, None),
            Input::Connect(node) => self.connect(&node),
            Input::Disconnect(node) => {
                self.decide(peers::Input::Disconnect(node));
            }
            Input::Say => self.say(),
            Input::Need(needs) => self.needs = needs,
            Input::Stop => {
                self.decide(peers::Input::Stop);
            }
            Input::Elapsed => self.on_elapsed(),
        }
        std::mem::take(&mut self.out)
    }

    fn on_elapsed(&mut self) {
        let now = self.now;
        let due = self.pending.iter().filter(|(_, pending)| pending.expires <= now);
        let due: Vec<_> = due.map(|(connection, _)| *connection).collect();
        for connection in due {
            self.drop_pending(connection);
        }
        self.decide(peers::Input::Elapsed);
        let nodes: Vec<_> = self.live.keys().cloned().collect();
        for node in nodes {
            self.tell(&node, session::Input::Elapsed);
            let down_at = self.live.get(&node).and_then(|live| live.down_at.clone());
            if let Some((_, reason)) = down_at.filter(|(at, _)| *at <= now) {
                self.down(&node, reason);
            }
        }
    }

    fn begin(&mut self, connection: ConnectionId, step: Step) {
        let expires = self.now + HANDSHAKE_TIMEOUT;
        self.pending.insert(connection, Pending { step, expires });
    }

    fn on_item(&mut self, connection: ConnectionId, item: Option<Message>) {
        if let Some(unread) = self.unread.get_mut(&connection) {
            return unread.push(item);
        }
        if self.pending.contains_key(&connection) {
            return match item {
                Some(message) => self.on_handshake(connection, message),
                None => self.drop_pending(connection),
            };
        }
        let mut live = self.live.iter();
        let found = live.find_map(|(node, live)| {
            let mut lanes = (0..).zip(&live.lanes);
            let (lane, _) = lanes.find(|(_, lane)| lane.connection == connection)?;
            Some((node.clone(), lane))
        });
        if let Some((node, lane)) = found {
            self.on_frame(&node, lane, item);
        }
    }

    fn on_handshake(&mut self, connection: ConnectionId, message: Message) {
        let mut outbox = Vec::new();
        match self.pending.get_mut(&connection).map(|pending| &mut pending.step) {
            Some(Step::Dialling(dialler, ..)) => {
                let message = match message {
                    Message::Handshake(message) => Some(message),
                    Message::Hello(_) | Message::Frame(..) => None,
                };
                dialler.handle(message, &mut outbox);
            }
            Some(Step::Listening(listener, _)) => {
                let input = match message {
                    Message::Hello(hello) => ListenerInput::Opened(Opening::Hello(hello)),
                    Message::Handshake(message) => ListenerInput::Received(Some(message)),
                    Message::Frame(..) => ListenerInput::Received(None),
                };
                listener.handle(input, &mut outbox);
            }
            None => {}
        }
        for output in outbox {
            self.on_handshake_output(connection, output);
        }
    }

    fn on_handshake_output(&mut self, connection: ConnectionId, output: handshake::Output) {
        use handshake::Output as From;
        match output {
            From::Send(message) => self.send(connection, Message::Handshake(message)),
            From::Challenged => {
                if let Some((node, key, _)) = self.lane_of(connection) {
                    self.decide(peers::Input::Challenged { node, key });
                }
            }
            From::Proven(claim) => self.on_claim(connection, claim),
            From::Done(agreement) => {
                let Some((node, key, lane)) = self.lane_of(connection) else {
                    return;
                };
                self.pending.remove(&connection);
                self.versions.insert((node.clone(), key), agreement.version);
                let parked = self.parked.entry((node, key)).or_default();
                parked.insert(lane, connection);
                self.unread.insert(connection, Vec::new());
                let peer = agreement.peer;
                self.decide(peers::Input::Joined { peer: peer.clone(), key, lane, lanes: LANES });
                // The control lane first: only then does the listener know the session.
                let is_under_way = self.parked.contains_key(&(peer.node.clone(), key));
                if key.side == Side::Dialled && lane + 1 < LANES && is_under_way {
                    self.dial(peer.node, key, lane + 1);
                }
            }
            From::Failed(_) => self.drop_pending(connection),
        }
    }

    fn on_claim(&mut self, connection: ConnectionId, claim: Claim) {
        let verdict = self.decide(peers::Input::Claimed(claim.clone()));
        let mut outbox = Vec::new();
        if let Some(Pending { step: Step::Listening(listener, claimed), .. }) =
            self.pending.get_mut(&connection)
        {
            match verdict {
                Some(peers::Output::Refused(refusal)) => {
                    listener.handle(ListenerInput::Refused(refusal), &mut outbox);
                }
                _ => {
                    *claimed = Some(claim);
                    listener.handle(ListenerInput::Admitted { greeting: vec![] }, &mut outbox);
                }
            }
        }
        for output in outbox {
            self.on_handshake_output(connection, output);
        }
    }

    fn lane_of(&self, connection: ConnectionId) -> Option<(NodeId, SessionKey, u8)> {
        match &self.pending.get(&connection)?.step {
            Step::Dialling(_, node, key, lane) => Some((node.clone(), *key, *lane)),
            Step::Listening(_, claim) => claim.as_ref().map(|claim| {
                let key = SessionKey { side: Side::Accepted, id: claim.session };
                (claim.peer.node.clone(), key, claim.lane)
            }),
        }
    }

    fn drop_pending(&mut self, connection: ConnectionId) {
        let lane = self.lane_of(connection);
        self.pending.remove(&connection);
        self.out.push(Output::Close(connection));
        if let Some((node, key, _)) = lane {
            self.abandon(&node, key);
            self.decide(peers::Input::Failed { node, key });
        }
    }

    /// Tells `peers` what happened, does what it wants, and returns the answer if there is one.
    fn decide(&mut self, input: peers::Input) -> Option<peers::Output> {
        let mut outbox = Vec::new();
        self.peers.handle(self.now, input, &mut outbox);
        let mut answer = None;
        for output in outbox {
            match output {
                peers::Output::Dial { node, key } => self.dial(node, key, CONTROL_LANE),
                peers::Output::Abandon { node, key } => self.abandon(&node, key),
                peers::Output::Close { node, reason, .. } => {
                    self.tell(&node, session::Input::Close(reason));
                }
                peers::Output::Up { peer, key } => self.up(peer, key),
                peers::Output::Busy
                | peers::Output::Connected
                | peers::Output::Admitted
                | peers::Output::Refused(_) => answer = Some(output),
            }
        }
        answer
    }

    fn dial(&mut self, node: NodeId, key: SessionKey, lane: u8) {
        let lost = self.peers.last_ended(&node);
        let peer = self.party.me.clone();
        let claim = Claim { peer, session: key.id, lost, lane, lanes: LANES };
        let nonce = self.nonce();
        let (party, wanted) = (self.party.clone(), node.clone());
        let dialler = Dialler::new(party, cookie(), wanted, &claim, vec![], nonce);
        let connection = self.next_connection;
        self.next_connection += 1;
        let hello = Message::Hello(Box::new(dialler.hello().clone()));
        self.out.push(Output::Open(connection, node.clone()));
        self.send(connection, hello);
        self.begin(connection, Step::Dialling(Box::new(dialler), node, key, lane));
    }

    fn abandon(&mut self, node: &NodeId, key: SessionKey) {
        self.versions.remove(&(node.clone(), key));
        let parked = self.parked.remove(&(node.clone(), key)).unwrap_or_default();
        for connection in parked.into_values() {
            self.unread.remove(&connection);
            self.out.push(Output::Close(connection));
        }
        let connections: Vec<_> = self.pending.keys().copied().collect();
        for connection in connections {
            let lane = self.lane_of(connection);
            // An accepted connection still has to hear that its claim came to nothing.
            if key.side == Side::Dialled
                && lane.is_some_and(|(of, with, _)| of == *node && with == key)
            {
                self.pending.remove(&connection);
                self.out.push(Output::Close(connection));
            }
        }
    }

    fn up(&mut self, peer: NodeInstance, key: SessionKey) {
        let parked = self.parked.remove(&(peer.node.clone(), key)).unwrap();
        assert_eq!(parked.len(), usize::from(LANES), "a session is up without its lanes");
        let lane = |connection: &ConnectionId| Lane { connection: *connection, ..Lane::default() };
        let pulse = Pulse { heartbeat_ms: 1500, silent_ms: 7500 };
        let mut state = session::State::new(self.now, LANES, [pulse; 2]);
        let node = peer.node.clone();
        if self.versions.remove(&(node.clone(), key)).unwrap() >= FrameKind::Idle.since() {
            let is_dialler = key.side == Side::Dialled;
            state = state.with_idle(IdleRules { after: self.close_idle, is_dialler });
        }
        let live = Live {
            peer: peer.clone(),
            key,
            state,
            lanes: parked.values().map(lane).collect(),
            places: BTreeMap::new(),
            outgoing: Outgoing::default(),
            long: VecDeque::new(),
            sent_long: 0,
            incoming: Incoming::default(),
            waiting: None,
            held: VecDeque::new(),
            is_frozen: false,
            kept: Vec::new(),
            is_used: false,
            down_at: None,
        };
        let before = self.live.insert(node.clone(), live);
        assert!(before.is_none(), "up before the down of the last one");
        self.out.push(Output::Up(peer.clone(), key));
        match self.kept.remove(&node) {
            Some((of, kept)) if of == peer => {
                kept.into_iter().for_each(|envelope| self.transmit(&node, envelope));
            }
            Some((of, _)) => self.out.push(Output::Dropped(of)),
            None => {}
        }
        for connection in parked.into_values() {
            for item in self.unread.remove(&connection).unwrap_or_default() {
                self.on_item(connection, item);
            }
        }
    }

    fn on_frame(&mut self, node: &NodeId, lane: u8, item: Option<Message>) {
        let Some(live) = self.live.get_mut(node) else {
            return;
        };
        if lane == BULK_LANE && live.waiting.is_some() {
            return live.held.push_back(item);
        }
        let (Some(message), Some(at)) = (item, live.lanes.get_mut(usize::from(lane))) else {
            return self.tell(node, session::Input::LaneEnded { lane });
        };
        let Message::Frame(seq, frame) = message else {
            return self.tell(node, session::Input::Violated("a handshake".to_owned()));
        };
        if let Err(gap) = at.incoming.take(seq) {
            return self.tell(node, session::Input::Violated(gap.to_string()));
        }
        at.delivered += 1;
        let key = live.key;
        if lane == CONTROL_LANE {
            self.tell(node, session::Input::Heard);
        }
        match frame {
            Frame::Envelope(envelope) => {
                self.out.push(Output::Delivered(key, envelope));
                self.go_on(node);
            }
            Frame::Fragment(piece, envelope) => self.on_fragment(node, piece, envelope),
            Frame::Delivered(message) => {
                let live = self.live.get_mut(node).unwrap();
                assert!(live.outgoing.on_delivered(message), "{message} was never sent");
            }
            Frame::Idle(said) => self.hear_idle(node, said),
            Frame::Heartbeat => {}
            Frame::Goodbye(goodbye) => {
                self.tell(node, session::Input::GoodbyeHeard { lane, goodbye });
            }
        }
    }

    fn on_fragment(&mut self, node: &NodeId, piece: Piece, envelope: Envelope) {
        let live = self.live.get_mut(node).unwrap();
        match live.incoming.take(piece.head, &piece.message[piece.range]) {
            Ok(None) => {}
            Ok(Some(whole)) => {
                let after = whole.after.unwrap_or(After { lane: CONTROL_LANE, frames: 0 });
                live.waiting = Some((whole.message, after, envelope));
                self.go_on(node);
            }
            Err(error) => self.tell(node, session::Input::Violated(error.to_string())),
        }
    }

    /// Delivers the long message that waits, if its user lane has come so far, and what came after it.
    fn go_on(&mut self, node: &NodeId) {
        loop {
            let Some(live) = self.live.get_mut(node) else {
                return;
            };
            let is_due = |(_, after, _): &mut (u32, After, Envelope)| {
                live.lanes[usize::from(after.lane)].delivered >= after.frames
            };
            if let Some((message, _, envelope)) = live.waiting.take_if(is_due) {
                let key = live.key;
                self.out.push(Output::Delivered(key, envelope));
                self.write(node, CONTROL_LANE, Frame::Delivered(message));
                continue;
            }
            match live.held.pop_front() {
                Some(item) if live.waiting.is_none() => self.on_frame(node, BULK_LANE, item),
                Some(item) => return live.held.push_front(item),
                None => return,
            }
        }
    }

    /// Tells a session what happened, and does what it wants.
    fn tell(&mut self, node: &NodeId, input: session::Input) {
        let Some(live) = self.live.get_mut(node) else {
            return;
        };
        let mut outbox = Vec::new();
        live.state.handle(self.now, input, &mut outbox);
        for output in outbox {
            match output {
                session::Output::Heartbeat => self.write(node, CONTROL_LANE, Frame::Heartbeat),
                session::Output::Pulse(_) => panic!("nobody asks for other times here"),
                session::Output::Look => {
                    let facts = self.facts(node);
                    self.tell(node, session::Input::Looked(facts));
                }
                session::Output::Idle(said) => self.write(node, CONTROL_LANE, Frame::Idle(said)),
                session::Output::Thaw => {
                    let live = self.live.get_mut(node).unwrap();
                    live.is_frozen = false;
                    let kept = std::mem::take(&mut live.kept);
                    kept.into_iter().for_each(|envelope| self.transmit(node, envelope));
                }
                session::Output::Goodbye(goodbye) => {
                    self.write_pieces(node, usize::MAX);
                    for lane in 0..LANES {
                        self.write(node, lane, Frame::Goodbye(goodbye));
                        self.tell(node, session::Input::Flushed { lane });
                    }
                }
                session::Output::Closed(reason) => self.close(node, reason),
            }
        }
    }

    fn hear_idle(&mut self, node: &NodeId, said: Idle) {
        if matches!(said, Idle::Ask(_) | Idle::Agree(_)) {
            self.live.get_mut(node).unwrap().is_frozen = true;
        }
        let facts = self.facts(node);
        self.tell(node, session::Input::IdleHeard(said, facts));
    }

    fn facts(&mut self, node: &NodeId) -> Facts {
        let live = self.live.get_mut(node).unwrap();
        let is_used = std::mem::take(&mut live.is_used);
        Facts {
            needed: self.needs || is_used || !live.outgoing.is_empty(),
            sent: live.lanes[1..].iter().map(|lane| lane.out_seq).collect(),
            delivered: live.lanes[1..].iter().map(|lane| lane.delivered).collect(),
        }
    }

    fn close(&mut self, node: &NodeId, reason: DownReason) {
        let span = Duration::from_millis(50);
        let at = self.now + self.random.between(Duration::ZERO, span);
        if let Some(live) = self.live.get_mut(node) {
            live.down_at = Some((at, reason));
            let connections = live.lanes.iter().map(|lane| lane.connection);
            self.out.extend(connections.map(Output::Close));
        }
    }

    fn down(&mut self, node: &NodeId, reason: DownReason) {
        let Some(live) = self.live.remove(node) else {
            return;
        };
        let Live { key, peer, kept, .. } = live;
        self.decide(peers::Input::Ending { node: node.clone(), key });
        let numbers = kept.iter().map(|envelope| (envelope.receiver, envelope.number)).collect();
        self.out.push(Output::Down(peer.clone(), key, reason.clone(), numbers));
        let is_wanted = reason == DownReason::Idle && !kept.is_empty();
        if reason == DownReason::Idle {
            self.kept.insert(node.clone(), (peer, kept));
        }
        self.decide(peers::Input::Ended { node: node.clone(), key });
        if is_wanted {
            self.connect(node);
        }
    }

    fn connect(&mut self, node: &NodeId) {
        let id = self.random.number();
        self.decide(peers::Input::Connect { node: node.clone(), id, lanes: LANES });
    }

    fn say(&mut self) {
        let nodes: BTreeSet<_> = self.live.keys().chain(self.kept.keys()).cloned().collect();
        for node in nodes {
            let (sender, receiver) = (self.random.below(SENDERS), self.random.below(RECEIVERS));
            let address = [Address::Pid, Address::Name, Address::Answer][self.random.index(3)];
            let is_long = self.random.chance(60);
            let to = match (self.live.get(&node), self.kept.get(&node)) {
                (Some(live), _) => {
                    let is_finished = live.lanes.iter().any(|lane| lane.is_finished);
                    // What a session that ends in another way refuses is told to the user at once.
                    if is_finished && !live.is_frozen {
                        continue;
                    }
                    live.peer.clone()
                }
                (None, Some((to, _))) => to.clone(),
                (None, None) => continue,
            };
            let number = self.numbers.entry(node.clone()).or_default();
            *number += 1;
            let (from, number) = (self.party.me.clone(), *number);
            let envelope =
                Envelope { from, to, sender, receiver, address, number, place: 0, is_long };
            self.out.push(Output::Accepted(envelope.clone()));
            match (self.live.get_mut(&node), self.kept.get_mut(&node)) {
                (Some(live), _) if live.is_frozen => live.kept.push(envelope),
                (Some(_), _) => self.transmit(&node, envelope),
                (None, Some((_, kept))) => {
                    kept.push(envelope);
                    self.connect(&node);
                }
                (None, None) => {}
            }
            self.write_pieces(&node, PIECES);
        }
    }

    /// Hands an envelope to the session.
    fn transmit(&mut self, node: &NodeId, mut envelope: Envelope) {
        let live = self.live.get_mut(node).unwrap();
        let (key, is_long) = (envelope.lane_key(), envelope.is_long);
        live.is_used = true;
        let next = live.places.entry((envelope.sender, envelope.receiver)).or_default();
        envelope.place = *next;
        *next += 1;
        let lane = 1 + u8::try_from(key % u64::from(LANES - 2)).unwrap();
        if is_long || live.outgoing.has(key) {
            let frames = live.lanes[usize::from(lane)].out_seq;
            let bytes = vec![0; if is_long { LONG_BYTES } else { 10 }];
            live.outgoing.push(key, Some(After { lane, frames }), bytes);
            live.long.push_back((live.sent_long, envelope));
            live.sent_long += 1;
        } else {
            self.write(node, lane, Frame::Envelope(envelope));
        }
    }

    fn write_pieces(&mut self, node: &NodeId, most: usize) {
        for _ in 0..most {
            let Some(live) = self.live.get_mut(node) else {
                return;
            };
            let Some(piece) = live.outgoing.next_piece() else {
                return;
            };
            let message = piece.head.message;
            let of = live.long.iter().position(|(number, _)| *number == message).unwrap();
            let envelope = live.long[of].1.clone();
            if piece.range.end == piece.message.len() {
                live.long.remove(of);
            }
            self.write(node, BULK_LANE, Frame::Fragment(piece, envelope));
        }
    }

    fn write(&mut self, node: &NodeId, lane: u8, frame: Frame) {
        let Some(live) = self.live.get_mut(node) else {
            return;
        };
        let at = &mut live.lanes[usize::from(lane)];
        if at.is_finished {
            return;
        }
        at.is_finished = matches!(frame, Frame::Goodbye(_));
        let (connection, seq) = (at.connection, at.out_seq);
        at.out_seq += 1;
        self.send(connection, Message::Frame(seq, frame));
        if lane == CONTROL_LANE {
            self.tell(node, session::Input::Sent);
        }
    }

    fn send(&mut self, connection: ConnectionId, message: Message) {
        self.out.push(Output::Send(connection, message));
    }

    fn nonce(&mut self) -> [u8; 32] {
        std::array::from_fn(|_| self.random.number().to_le_bytes()[0])
    }
}

fn cookie() -> Cookie {
    Cookie::new(*b"simulated")
}
