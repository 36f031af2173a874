use super::{Claim, Dialler, Failure, Listener, ListenerInput, Output, Party};
use crate::cookie::Cookie;
use crate::wire::tests::instance;
use crate::wire::{
    CHANNEL_SINCE, Handshake, Opening, Pulse, Refusal, VERSION_MAX, VERSION_MIN, Versions,
};

fn party(name: &str, heartbeat_ms: u32) -> Party {
    Party {
        me: instance(name, 1),
        versions: Versions::ALL,
        hidden: false,
        pulse: Pulse { heartbeat_ms, silent_ms: 5 * heartbeat_ms },
        lanes: 3,
        unpacks: true,
    }
}

fn claim(lane: u8) -> Claim {
    Claim { peer: instance("a@h", 1), session: 5, lost: None, lane, lanes: 3 }
}

fn dialler(cookie: &[u8], wanted: &str) -> Dialler {
    let wanted = wanted.parse().unwrap();
    let greeting = b"from a".to_vec();
    Dialler::new(party("a@h", 100), Cookie::new(cookie), wanted, &claim(0), greeting, [1; 32])
}

fn listener(cookie: &[u8]) -> Listener {
    Listener::new(party("b@h", 300), Cookie::new(cookie), [2; 32])
}

fn listen(listener: &mut Listener, input: ListenerInput) -> Vec<Output> {
    let mut outbox = Vec::new();
    listener.handle(input, &mut outbox);
    outbox
}

fn dial(dialler: &mut Dialler, message: Handshake) -> Vec<Output> {
    let mut outbox = Vec::new();
    dialler.handle(Some(message), &mut outbox);
    outbox
}

fn opened(dialler: &Dialler) -> ListenerInput {
    ListenerInput::Opened(Opening::Hello(Box::new(dialler.hello().clone())))
}

fn sent(outputs: &[Output]) -> Handshake {
    outputs
        .iter()
        .find_map(|output| match output {
            Output::Send(message) => Some(message.clone()),
            Output::Challenged | Output::Proven(_) | Output::Done(_) | Output::Failed(_) => None,
        })
        .expect("a message is sent")
}

fn received(outputs: &[Output]) -> ListenerInput {
    ListenerInput::Received(Some(sent(outputs)))
}

fn refusing(refusal: Refusal) -> Vec<Output> {
    vec![
        Output::Send(Handshake::Refuse(refusal.clone())),
        Output::Failed(Failure::Refusing(refusal)),
    ]
}

#[test]
fn both_ends_agree_on_peer_pulse_and_greetings() {
    let (mut a, mut b) = (dialler(b"c", "b@h"), listener(b"c"));
    let challenged = listen(&mut b, opened(&a));
    let proved = dial(&mut a, sent(&challenged));
    assert_eq!(proved[0], Output::Challenged);
    let proven = listen(&mut b, received(&proved));
    assert_eq!(proven, [Output::Proven(claim(0))]);
    let greeting = b"from b".to_vec();
    let welcomed = listen(&mut b, ListenerInput::Admitted { greeting });
    let done = dial(&mut a, sent(&welcomed));
    let (Output::Done(at_a), [Output::Done(at_b)]) =
        (&done[1], &listen(&mut b, received(&done))[..])
    else {
        panic!("both are done");
    };
    assert_eq!((at_a.peer.node.as_str(), &at_a.greeting[..]), ("b@h", &b"from b"[..]));
    assert_eq!((at_b.peer.node.as_str(), &at_b.greeting[..]), ("a@h", &b"from a"[..]));
    for agreed in [at_a, at_b] {
        let mut beats = agreed.pulses.map(|pulse| pulse.heartbeat_ms);
        beats.sort_unstable();
        assert_eq!(beats, [100, 300]);
    }
}

#[test]
fn wrong_cookie_is_refused_before_the_listener_proves_anything() {
    let (mut a, mut b) = (dialler(b"guess", "b@h"), listener(b"c"));
    let challenged = listen(&mut b, opened(&a));
    let proved = dial(&mut a, sent(&challenged));
    assert_eq!(listen(&mut b, received(&proved)), refusing(Refusal::WrongCookie));
}

#[test]
fn listener_that_does_not_know_the_cookie_is_left() {
    let (mut a, mut b) = (dialler(b"c", "b@h"), listener(b"c"));
    let challenged = listen(&mut b, opened(&a));
    dial(&mut a, sent(&challenged));
    let faked = Handshake::Welcome { proof: [0; 32], greeting: vec![] };
    assert_eq!(dial(&mut a, faked), [Output::Failed(Failure::WrongCookie)]);
}

/// How a handshake begins in which each end has this channel: what the listener makes of the proof.
fn channels_meet(channels: [Option<[u8; 32]>; 2], versions: Versions) -> Vec<Output> {
    let with = |name| Party { versions, ..party(name, 100) };
    let (wanted, cookie) = ("b@h".parse().unwrap(), || Cookie::new(*b"c"));
    let a = Dialler::new(with("a@h"), cookie(), wanted, &claim(0), vec![], [1; 32]);
    let mut a = a.by(channels[0]);
    let mut b = Listener::new(with("b@h"), cookie(), [2; 32]).by(channels[1]);
    let challenged = listen(&mut b, opened(&a));
    let proved = dial(&mut a, sent(&challenged));
    listen(&mut b, received(&proved))
}

#[test]
fn proof_of_one_channel_does_not_hold_on_another() {
    let (one, other) = (Some([7; 32]), Some([8; 32]));
    let (all, before) = (Versions::ALL, Versions::up_to(CHANNEL_SINCE - 1).unwrap());
    let proven = [Output::Proven(claim(0))];
    assert_eq!(channels_meet([one, one], all), proven);
    for channels in [[one, other], [one, None], [None, one]] {
        assert_eq!(channels_meet(channels, all), refusing(Refusal::WrongCookie), "{channels:?}");
        assert_eq!(channels_meet(channels, before), proven, "{channels:?}");
    }
}

/// Else who sits in between could have both ends speak a version that does not look at the channel.
#[test]
fn version_that_is_lowered_on_the_way_is_refused() {
    let channel = |byte| Some([byte; 32]);
    let (mut a, mut b) = (dialler(b"c", "b@h").by(channel(7)), listener(b"c").by(channel(8)));
    let Handshake::Challenge(mut challenge) = sent(&listen(&mut b, opened(&a))) else {
        panic!("a challenge is sent");
    };
    challenge.version = CHANNEL_SINCE - 1;
    let proved = dial(&mut a, Handshake::Challenge(challenge));
    assert_eq!(listen(&mut b, received(&proved)), refusing(Refusal::WrongCookie));

    let (mut a, mut b) = (dialler(b"c", "b@h").by(channel(7)), listener(b"c").by(channel(8)));
    let mut lowered = a.hello().clone();
    lowered.preamble.version_max = CHANNEL_SINCE - 1;
    let opening = ListenerInput::Opened(Opening::Hello(Box::new(lowered)));
    let challenged = listen(&mut b, opening);
    let proved = dial(&mut a, sent(&challenged));
    assert_eq!(listen(&mut b, received(&proved)), refusing(Refusal::WrongCookie));
}

#[test]
fn own_proof_played_back_is_not_a_welcome() {
    let (mut a, mut b) = (dialler(b"c", "b@h"), listener(b"c"));
    let challenged = listen(&mut b, opened(&a));
    let Handshake::Proof(proof) = sent(&dial(&mut a, sent(&challenged))) else {
        panic!("a proof is sent");
    };
    let greeting = vec![];
    let reflected = Handshake::Welcome { proof, greeting };
    assert_eq!(dial(&mut a, reflected), [Output::Failed(Failure::WrongCookie)]);
}

#[test]
fn node_that_was_not_wanted_refuses_and_is_refused() {
    let c = dialler(b"c", "c@h");
    let node = || "b@h".parse().unwrap();
    let outputs = listen(&mut listener(b"c"), opened(&c));
    assert_eq!(outputs, refusing(Refusal::NotThisNode(node())));

    let (mut a, mut b) = (dialler(b"c", "b@h"), listener(b"c"));
    let challenged = sent(&listen(&mut b, opened(&a)));
    a.hello.wanted = "c@h".parse().unwrap();
    assert_eq!(dial(&mut a, challenged), [Output::Failed(Failure::OtherNode(node()))]);
}

#[test]
fn another_version_is_refused_with_ours() {
    let outputs = listen(&mut listener(b"c"), ListenerInput::Opened(Opening::Foreign));
    let refusal = Refusal::Version { version_min: VERSION_MIN, version_max: VERSION_MAX };
    assert_eq!(outputs, refusing(refusal));
}

/// Both ends of a handshake with these versions each; the outcome at the dialler, and at the listener.
fn versions_meet(dials: Versions, listens: Versions) -> [Output; 2] {
    let with = |name, versions| Party { versions, ..party(name, 100) };
    let (wanted, claim) = ("b@h".parse().unwrap(), claim(0));
    let cookie = || Cookie::new(*b"c");
    let mut a = Dialler::new(with("a@h", dials), cookie(), wanted, &claim, vec![], [1; 32]);
    let mut b = Listener::new(with("b@h", listens), cookie(), [2; 32]);
    let challenged = listen(&mut b, opened(&a));
    if let Some(failed @ Output::Failed(_)) = challenged.last() {
        let refused = dial(&mut a, sent(&challenged));
        return [refused[0].clone(), failed.clone()];
    }
    let proved = dial(&mut a, sent(&challenged));
    listen(&mut b, received(&proved));
    let welcomed = listen(&mut b, ListenerInput::Admitted { greeting: vec![] });
    let done = dial(&mut a, sent(&welcomed));
    let listened = listen(&mut b, received(&done));
    [done[1].clone(), listened[0].clone()]
}

#[test]
fn highest_version_that_both_speak_is_agreed_on() {
    let range = |min, max| Versions { min, max };
    for (dials, listens, agreed) in [
        (range(3, 4), range(3, 4), 4),
        (range(3, 3), range(3, 4), 3),
        (range(3, 4), range(3, 3), 3),
        (range(3, 9), range(3, 4), 4),
        (range(4, 9), range(3, 4), 4),
    ] {
        for done in versions_meet(dials, listens) {
            let Output::Done(agreement) = done else { panic!("{dials:?} {listens:?}: {done:?}") };
            assert_eq!(agreement.version, agreed, "{dials:?} {listens:?}");
        }
    }
    for (dials, listens) in [(range(4, 4), range(3, 3)), (range(3, 3), range(4, 4))] {
        let refusal = Refusal::Version { version_min: listens.min, version_max: listens.max };
        let at_b = Output::Failed(Failure::Refusing(refusal.clone()));
        let at_a = Output::Failed(Failure::Refused(refusal));
        assert_eq!(versions_meet(dials, listens), [at_a, at_b]);
    }
}

#[test]
fn version_that_was_not_offered_is_not_taken() {
    let (mut a, mut b) = (dialler(b"c", "b@h"), listener(b"c"));
    let Handshake::Challenge(mut challenge) = sent(&listen(&mut b, opened(&a))) else {
        panic!("a challenge is sent");
    };
    challenge.version = VERSION_MAX + 1;
    let failed = Output::Failed(Failure::OtherVersion(VERSION_MAX + 1));
    assert_eq!(dial(&mut a, Handshake::Challenge(challenge)), [failed]);
}

#[test]
fn garbage_gets_no_answer() {
    let outputs = listen(&mut listener(b"c"), ListenerInput::Opened(Opening::Garbage));
    assert_eq!(outputs, [Output::Failed(Failure::Malformed)]);
}

#[test]
fn impossible_lanes_are_refused() {
    for (lane, lanes) in [(2, 2), (0, 0), (0, 1), (0, 200)] {
        let mut a = dialler(b"c", "b@h");
        (a.hello.lane, a.hello.lanes) = (lane, lanes);
        let outputs = listen(&mut listener(b"c"), opened(&a));
        assert_eq!(outputs, refusing(Refusal::Malformed), "{lane} of {lanes}");
    }
}

#[test]
fn message_at_the_wrong_place_ends_the_handshake() {
    let ready = || Handshake::Ready { greeting: vec![] };
    let (mut a, mut b) = (dialler(b"c", "b@h"), listener(b"c"));
    listen(&mut b, opened(&a));
    let outputs = listen(&mut b, ListenerInput::Received(Some(ready())));
    assert_eq!(outputs, refusing(Refusal::Malformed));
    assert_eq!(dial(&mut a, ready()), [Output::Failed(Failure::Malformed)]);
    assert_eq!(dial(&mut a, ready()), [], "nothing follows the end");
}
