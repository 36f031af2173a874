use std::time::Duration;

use super::super::{
    ACCUSERS_MAX, ADDRESS_BYTES_MAX, Address, DATAGRAM_BYTES_MAX, DOWN_MAX, HEALTH_MULTIPLE_MAX,
    Input, MEMBERS_MAX, Message, NEWS_MAX, Output, RELAYS_MAX, SEEDS_MAX, TRANSFERS_MAX, Update,
};
use super::{Member, address, down, fact, is_up, suspect};

#[test]
fn health_gets_no_worse_than_its_bound() {
    let mut member = Member::knowing(&["a"]);
    for _ in 0..100 {
        member.handle(Input::Behind);
    }
    assert_eq!(member.metrics().health, HEALTH_MULTIPLE_MAX - 1);
}

#[test]
fn suspicion_keeps_no_more_accusers_than_its_bound() {
    let names = ["a", "b", "c", "d", "e", "f", "g"];
    let mut member = Member::knowing(&names);
    let charges: Vec<_> = names[1..].iter().map(|name| suspect("a", 1, 0, name)).collect();
    let outputs = member.hear(&fact("b", 1, 0), &Message::Gossip, &charges);
    let count = outputs.iter().filter(|it| matches!(it, Output::Suspected { .. })).count();
    assert_eq!(count, ACCUSERS_MAX);
}

#[test]
fn members_news_and_the_down_are_bounded() {
    let mut member = Member::knowing(&["a"]);
    let mut ups = 0;
    let a = fact("a", 1, 0);
    let many: Vec<_> = (0..MEMBERS_MAX + 10).map(|at| fact(&format!("n{at}"), 1, 0)).collect();
    for chunk in many.chunks(40) {
        let updates: Vec<_> = chunk.iter().cloned().map(Update::Up).collect();
        let outputs = member.hear(&a, &Message::Gossip, &updates);
        ups += outputs.iter().filter(|it| matches!(it, Output::Up { .. })).count();
    }
    assert_eq!(ups, MEMBERS_MAX - 1);
    assert_eq!(member.state.members_len(), MEMBERS_MAX + 1);
    let not_taken = 11;
    assert_eq!(member.metrics().dropped, (MEMBERS_MAX - NEWS_MAX + not_taken) as u64);
    let mut member = Member::knowing(&["a"]);
    for at in 0..DOWN_MAX + 10 {
        member.now += Duration::from_micros(1);
        let update = down(&format!("n{at:05}"), 1, 0, &["a", "b"]);
        member.hear(&a, &Message::Gossip, &[update]);
    }
    let says = |member: &mut Member, at: usize| {
        let up = Update::Up(fact(&format!("n{at:05}"), 1, 0));
        is_up(&member.hear(&a, &Message::Gossip, &[up]), &format!("n{at:05}"))
    };
    assert!(says(&mut member, 9), "the oldest are forgotten");
    assert!(!says(&mut member, DOWN_MAX + 9), "the newest are not");
}

#[test]
fn relays_transfers_and_seeds_are_bounded() {
    let mut member = Member::knowing(&["a"]);
    let request = |number| Message::PingRequest {
        number,
        target: "t@h".parse().unwrap(),
        address: address("t:1"),
    };
    for number in 0..=u32::try_from(RELAYS_MAX).unwrap() {
        member.hear(&fact("a", 1, 0), &request(number), &[]);
    }
    assert_eq!(member.metrics().dropped, 1, "relays");
    let mut member = Member::new();
    for at in 0..=TRANSFERS_MAX {
        let sync = Message::Sync { digest: 0, is_answer: false };
        member.hear(&fact(&format!("n{at}"), 1, 0), &sync, &[]);
    }
    assert_eq!(member.metrics().dropped, 1, "transfers");
    let mut member = Member::new();
    let seeds = (0..=SEEDS_MAX).map(|at| address(&format!("s{at}:1"))).collect();
    member.handle(Input::Join(seeds));
    assert_eq!(member.metrics().dropped, 1, "seeds");
}

#[test]
fn no_datagram_is_longer_than_its_bound() {
    let mut member = Member::new();
    let long = "x".repeat(120);
    let facts: Vec<_> = (0..400).map(|at| fact(&format!("{long}{at}"), 1, 0)).collect();
    let mut outputs = Vec::new();
    for fact in &facts {
        outputs.extend(member.hear(fact, &Message::Sync { digest: 0, is_answer: false }, &[]));
    }
    for _ in 0..200 {
        member.now += Duration::from_millis(20);
        outputs.extend(member.handle(Input::Elapsed));
    }
    let mut bytes = Vec::new();
    for output in &outputs {
        if let Output::Send { bytes: datagram, .. } = output {
            bytes.push(datagram.len());
        }
    }
    assert!(bytes.iter().all(|bytes| *bytes <= DATAGRAM_BYTES_MAX));
    assert!(bytes.iter().any(|bytes| *bytes > DATAGRAM_BYTES_MAX - 300), "and they are filled");
    let too_long = vec![0; DATAGRAM_BYTES_MAX + 1];
    member.handle(Input::Received(too_long));
    assert_eq!(member.metrics().bad, 1);
    assert!(Address::new(&"x".repeat(ADDRESS_BYTES_MAX)).is_ok());
    assert!(Address::new(&"x".repeat(ADDRESS_BYTES_MAX + 1)).is_err());
    assert!(Address::new("").is_err());
}
