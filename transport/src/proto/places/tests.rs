use super::*;

const MAX: usize = 8;

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// Places that all are held by these, who came 1 ms after one another, from 0 on.
fn full(sources: [&str; MAX]) -> Places {
    let mut places = Places::new(MAX);
    for (at, source) in (0..).zip(sources) {
        assert_eq!(places.room(ms(at)), Room::Now);
        let entered = places.enter(ms(at), source);
        assert_eq!(entered, Some(Entered { number: at, gives_way: None }));
    }
    places
}

#[test]
fn of_the_source_with_most_the_oldest_gives_way_first() {
    let mut places = full(["a", "b", "c", "b", "c", "c", "b", "d"]);
    // b and c have three each, and b was there first.
    for goes in [1, 2, 3] {
        assert_eq!(places.enter(ms(100), "e").and_then(|entered| entered.gives_way), Some(goes));
        assert_eq!(places.len(), MAX);
    }
    // e has three, and nobody else has more.
    assert_eq!(places.enter(ms(100), "e"), None);
    assert_eq!(places.room(ms(100)), Room::At(ms(100) + SPARED_OF_MANY));
    let at = ms(100) + SPARED_OF_MANY;
    assert_eq!(places.enter(at, "a").and_then(|entered| entered.gives_way), Some(8));
}

#[test]
fn nobody_gives_way_before_its_time() {
    let mut places = full(["a", "b", "c", "d", "e", "f", "g", "h"]);
    assert_eq!(places.room(ms(8)), Room::At(SPARED));
    assert_eq!(places.enter(ms(8), "i"), None, "each source has one place");
    assert_eq!(places.room(SPARED), Room::Now);
    assert_eq!(places.enter(SPARED, "h"), Some(Entered { number: 8, gives_way: Some(0) }));
    // Now h has two, of which the older one is there for long enough.
    assert_eq!(places.enter(SPARED, "j"), Some(Entered { number: 9, gives_way: Some(7) }));
    assert_eq!(places.room(SPARED), Room::At(ms(1) + SPARED));
}

#[test]
fn who_has_proven_itself_gives_way_to_nobody() {
    let mut places = full(["a"; MAX]);
    (0..7).for_each(|number| places.prove(number));
    let later = Duration::from_secs(9);
    assert_eq!(places.enter(later, "b").and_then(|entered| entered.gives_way), Some(7));
    places.prove(8);
    assert_eq!(places.room(later), Room::None);
    assert_eq!(places.enter(later, "b"), None);
    places.leave(3);
    assert_eq!(places.room(later), Room::Now);
    assert_eq!(places.enter(later, "b").and_then(|entered| entered.gives_way), None);
}

#[test]
fn what_has_left_is_forgotten() {
    let mut places = full(["a", "a", "b", "b", "c", "c", "d", "d"]);
    for number in 0..8 {
        assert!(places.has(number));
        if number % 3 == 0 {
            places.prove(number);
        }
        places.leave(number);
        places.leave(number);
        assert!(!places.has(number));
    }
    assert!(places.is_empty() && places.sources.is_empty());
}

/// Goal: whatever one source does, nobody of another source with one place gives way to it, and the
/// bound holds. Method: a source that connects as fast as it may, and others that come one after
/// another and stay for as long as a handshake may take.
#[test]
fn one_source_keeps_nobody_else_out() {
    let (mut places, mut now) = (Places::new(MAX), ms(0));
    let (mut others, mut entered) = (Vec::new(), 0);
    for n in 0..20_000_u32 {
        now += ms(u64::from(n % 3));
        if let Some(new) = places.enter(now, "stranger") {
            entered += 1;
            assert!(new.gives_way.is_none_or(|gone| !others.contains(&gone)), "at {now:?}");
        }
        if n % 50 == 0 {
            if let Some(done) = (others.len() > 3).then(|| others.remove(0)) {
                places.leave(done);
            }
            // At the latest when the one that came last has been there for its time.
            while let Room::At(then) = places.room(now) {
                assert!(then <= now + SPARED_OF_MANY);
                now = then;
            }
            let new = places.enter(now, &format!("peer {n}")).expect("there is room");
            assert!(new.gives_way.is_none_or(|gone| !others.contains(&gone)));
            others.push(new.number);
        }
        assert!(places.len() <= MAX);
    }
    assert!(entered > 1000, "{entered} strangers came");
}
