//! Links that cross unlinks and ends on the way, and links in lines, circles and numbers.

use starlings_runtime::{ExitReason, Pid};

use crate::bridge::Bridge;
use crate::fixture::eventually;
use crate::links::{bind, unbind};
use crate::puppet::{
    End, Puppet, PuppetMethods as _, Seen, both, busy, end, links, on, puppet, there, trapper,
};

/// Neither is linked, and the end of one is nothing to the other.
async fn are_free(
    places: &crate::puppet::Places,
    one: &Pid<Puppet>,
    other: &Pid<Puppet>,
    seen: Vec<Seen>,
) {
    assert_eq!((links(&places.a, one), links(&places.b, other)), (vec![], vec![]));
    end(&places.b, other, End::Kill).await;
    assert_eq!(one.seen().await, Ok(seen));
}

/// erl_link_SUITE: otp_5772_link, otp_5772_dist_link
#[tokio::test]
async fn after_unlink_nothing_comes() {
    for places in both() {
        for by_the_other in [false, true] {
            let (one, other) = (trapper(&places.a).await, trapper(&places.b).await);
            bind(&one, &other).await;
            if by_the_other {
                unbind(&other, &one).await;
            } else {
                unbind(&one, &other).await;
            }
            are_free(&places, &one, &other, vec![]).await;
        }
    }
}

/// signal_SUITE: pending_exit_unlink_process, with the exit in the mailbox
#[tokio::test]
async fn unlink_takes_back_an_exit_that_waits() {
    for places in both() {
        let (one, other) = (trapper(&places.a).await, puppet(&places.b).await);
        bind(&one, &other).await;
        let peer = other.any().clone();
        let go = busy(&one, move |cx| cx.unlink(&peer)).await;
        end(&places.b, &other, End::Error).await;
        drop(go);
        assert_eq!(one.seen().await, Ok(vec![]));
    }
}

/// signal_SUITE: pending_exit_unlink_process: who does not trap has its exit already
#[tokio::test]
async fn unlink_does_not_save_who_has_been_taken_along() {
    for places in both() {
        let (one, other) = (puppet(&places.a).await, puppet(&places.b).await);
        bind(&one, &other).await;
        let peer = other.any().clone();
        let go = busy(&one, move |cx| cx.unlink(&peer)).await;
        let ended = places.a.monitor(&one);
        let reason = end(&places.b, &other, End::Panic).await;
        drop(go);
        assert_eq!(ended.await.reason, reason);
    }
}

/// signal_SUITE: pending_exit_unlink_dist_process, with the exit on the way
#[tokio::test]
async fn unlink_wins_over_an_exit_on_the_way() {
    for traps in [true, false] {
        let places = there();
        let (one, other) = (trapper(&places.a).await, puppet(&places.b).await);
        on(&one, move |cx| cx.trap_exits(traps)).await;
        bind(&one, &other).await;
        places.bridge().hold(&places.b);
        end(&places.b, &other, End::Panic).await;
        unbind(&one, &other).await;
        places.bridge().let_go(&places.b);
        assert_eq!(one.seen().await, Ok(vec![]));
        assert_eq!(links(&places.a, &one), []);
    }
}

/// process_SUITE: dist_unlink_ack_exit_leak: the end crosses the unlink and its acknowledgement
#[tokio::test]
async fn no_exit_leaks_around_an_unlink_on_the_way() {
    let places = there();
    let (one, other) = (trapper(&places.a).await, puppet(&places.b).await);
    bind(&one, &other).await;
    places.bridge().hold(&places.a);
    unbind(&one, &other).await;
    assert_eq!(places.bridge().held(&places.a), 1);
    end(&places.b, &other, End::Panic).await;
    assert_eq!(one.seen().await, Ok(vec![]), "the exit came after the unlink was called");
    places.bridge().let_go(&places.a);
    assert_eq!(one.seen().await, Ok(vec![]));
    assert_eq!(links(&places.a, &one), []);
}

/// process_SUITE: dist_unlink_ack_exit_leak: the acknowledgement is late, and an old one
#[tokio::test]
async fn a_link_made_again_is_not_undone_by_a_late_acknowledgement() {
    let places = there();
    let (one, other) = (trapper(&places.a).await, puppet(&places.b).await);
    bind(&one, &other).await;
    places.bridge().hold(&places.b);
    unbind(&one, &other).await;
    assert_eq!(places.bridge().held(&places.b), 1, "the acknowledgement");
    bind(&one, &other).await;
    places.bridge().let_go(&places.b);
    assert_eq!(links(&places.a, &one), [other.any().clone()]);
    assert_eq!(links(&places.b, &other), [one.any().clone()]);
    let reason = end(&places.b, &other, End::Error).await;
    assert_eq!(one.seen().await, Ok(vec![Seen::Exit(other.any().clone(), reason)]));
}

/// erl_link_SUITE: otp_5772_dist_link, over and over
#[tokio::test]
async fn a_link_may_be_made_and_taken_back_any_number_of_times() {
    for places in both() {
        let (one, other) = (trapper(&places.a).await, trapper(&places.b).await);
        let peer = other.any().clone();
        on(&one, move |cx| {
            for _ in 0..100 {
                cx.link(&peer);
                cx.unlink(&peer);
            }
            cx.link(&peer);
        })
        .await;
        assert_eq!(links(&places.b, &other), [one.any().clone()]);
        let peer = one.any().clone();
        on(&other, move |cx| cx.unlink(&peer)).await;
        are_free(&places, &one, &other, vec![]).await;
    }
}

/// The link comes after the end of whom it is for.
///
/// erl_link_SUITE: otp_5772_dist_link
#[tokio::test]
async fn a_link_that_arrives_after_the_end_is_no_proc() {
    let places = there();
    let (one, other) = (trapper(&places.a).await, puppet(&places.b).await);
    places.bridge().hold(&places.a);
    bind(&one, &other).await;
    end(&places.b, &other, End::Error).await;
    places.bridge().let_go(&places.a);
    let expected = vec![Seen::Exit(other.any().clone(), ExitReason::NoProc)];
    assert_eq!(one.seen().await, Ok(expected));
}

/// The link comes after its maker has ended: the end follows it on the same way.
///
/// erl_link_SUITE: otp_5772_dist_link
#[tokio::test]
async fn a_link_and_the_end_of_its_maker_arrive_in_order() {
    let places = there();
    let (one, other) = (trapper(&places.a).await, trapper(&places.b).await);
    places.bridge().hold(&places.a);
    bind(&one, &other).await;
    let reason = end(&places.a, &one, End::Error).await;
    places.bridge().let_one_go(&places.a);
    assert_eq!(links(&places.b, &other), [one.any().clone()]);
    places.bridge().let_go(&places.a);
    assert_eq!(other.seen().await, Ok(vec![Seen::Exit(one.any().clone(), reason)]));
    assert_eq!(links(&places.b, &other), []);
}

/// erl_link_SUITE: otp_5772_dist_link: both unlink before either hears of it
#[tokio::test]
async fn both_may_unlink_at_once() {
    let places = there();
    let (one, other) = (trapper(&places.a).await, trapper(&places.b).await);
    bind(&one, &other).await;
    places.bridge().hold(&places.a);
    places.bridge().hold(&places.b);
    unbind(&one, &other).await;
    unbind(&other, &one).await;
    places.bridge().let_go(&places.a);
    places.bridge().let_go(&places.b);
    bind(&other, &one).await;
    assert_eq!(links(&places.a, &one), [other.any().clone()], "nothing of the old is left");
    unbind(&one, &other).await;
    are_free(&places, &one, &other, vec![]).await;
}

/// erl_link_SUITE: otp_5772_dist_link: both link before either hears of it
#[tokio::test]
async fn both_may_link_at_once() {
    let places = there();
    let (one, other) = (trapper(&places.a).await, trapper(&places.b).await);
    places.bridge().hold(&places.a);
    places.bridge().hold(&places.b);
    bind(&one, &other).await;
    bind(&other, &one).await;
    places.bridge().let_go(&places.b);
    places.bridge().let_go(&places.a);
    assert_eq!((links(&places.a, &one).len(), links(&places.b, &other).len()), (1, 1));
    unbind(&one, &other).await;
    are_free(&places, &one, &other, vec![]).await;
}

/// A link of one side crosses the unlink of the other: there is none on either.
///
/// process_SUITE: dist_unlink_ack_exit_leak
#[tokio::test]
async fn a_link_that_crosses_an_unlink_is_none_on_both_sides() {
    for first in [true, false] {
        let places = there();
        let (one, other) = (trapper(&places.a).await, trapper(&places.b).await);
        bind(&one, &other).await;
        places.bridge().hold(&places.a);
        places.bridge().hold(&places.b);
        unbind(&one, &other).await;
        bind(&other, &one).await;
        let (before, after) = if first { (&places.a, &places.b) } else { (&places.b, &places.a) };
        places.bridge().let_go(before);
        places.bridge().let_go(after);
        are_free(&places, &one, &other, vec![]).await;
    }
}

/// erl_link_SUITE: dist_links: the session goes between unlink and acknowledgement
#[tokio::test]
async fn an_unlink_that_is_lost_with_its_session_holds_all_the_same() {
    let places = there();
    let (one, other) = (trapper(&places.a).await, trapper(&places.b).await);
    bind(&one, &other).await;
    places.bridge().hold(&places.a);
    unbind(&one, &other).await;
    places.bridge().cut();
    assert_eq!(one.seen().await, Ok(vec![]));
    let lost = Seen::Exit(one.any().clone(), ExitReason::NoConnection);
    assert_eq!(other.seen().await, Ok(vec![lost]), "it never heard of the unlink");
    let _again = Bridge::between(&places.a, &places.b);
    bind(&other, &one).await;
    assert_eq!(links(&places.a, &one), [other.any().clone()]);
}

/// erl_link_SUITE: dist_links: the end and the cut
#[tokio::test]
async fn an_end_and_a_cut_are_one_exit() {
    for cut_first in [true, false] {
        let places = there();
        let (one, other) = (trapper(&places.a).await, puppet(&places.b).await);
        bind(&one, &other).await;
        let go = busy(&one, |_| {}).await;
        if cut_first {
            places.bridge().hold(&places.b);
        }
        let reason = end(&places.b, &other, End::Error).await;
        places.bridge().cut();
        drop(go);
        let reason = if cut_first { ExitReason::NoConnection } else { reason };
        assert_eq!(one.seen().await, Ok(vec![Seen::Exit(other.any().clone(), reason)]));
    }
}

/// process_SUITE: t_exit_1, along a line
#[tokio::test]
async fn a_line_of_links_ends_with_one_reason() {
    for places in both() {
        let nodes = [&places.a, &places.b];
        let mut line = Vec::new();
        for n in 0..100 {
            line.push(puppet(nodes[n % 2]).await);
        }
        for pair in line.windows(2) {
            bind(&pair[0], &pair[1]).await;
        }
        let ends: Vec<_> =
            line.iter().enumerate().map(|(n, one)| nodes[n % 2].monitor(one)).collect();
        let reason = End::Panic.befall(nodes[50 % 2], &line[50]);
        for end in ends {
            assert_eq!(end.await.reason, reason);
        }
        assert_eq!(places.a.actors_count() + places.b.actors_count(), 0);
    }
}

/// process_SUITE: t_exit_1, around a circle
#[tokio::test]
async fn a_circle_of_links_ends_once_each() {
    for places in both() {
        let nodes = [&places.a, &places.b];
        let mut circle = Vec::new();
        for n in 0..10 {
            circle.push(puppet(nodes[n % 2]).await);
        }
        let wary = trapper(&places.a).await;
        for (n, one) in circle.iter().enumerate() {
            bind(one, &circle[(n + 1) % 10]).await;
            bind(&wary, one).await;
        }
        let reason = End::Error.befall(&places.a, &circle[0]);
        eventually("all exits", async || wary.seen().await.unwrap().len() >= 10).await;
        let mut seen = wary.seen().await.unwrap();
        let mut expected: Vec<_> =
            circle.iter().map(|one| Seen::Exit(one.any().clone(), reason.clone())).collect();
        seen.sort_by_key(|seen| format!("{seen:?}"));
        expected.sort_by_key(|seen| format!("{seen:?}"));
        assert_eq!(seen, expected);
    }
}

/// signal_SUITE: contended_signal_handling
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_linked_end_with_one() {
    for places in both() {
        let hub = puppet(&places.a).await;
        let spokes = 5_000;
        let mut wary = Vec::new();
        for n in 0..2 * spokes {
            let spoke = if n < spokes { puppet(&places.b).await } else { trapper(&places.b).await };
            let to = spoke.any().clone();
            hub.play(crate::puppet::script(move |cx| {
                cx.link(&to);
                Box::pin(async { Ok(()) })
            }))
            .unwrap();
            if n >= spokes {
                wary.push(spoke);
            }
        }
        let ended = places.a.monitor(&hub);
        eventually("all are linked", async || links(&places.a, &hub).len() == 2 * spokes).await;
        let reason = End::Error.befall(&places.a, &hub);
        assert_eq!(ended.await.reason, reason);
        eventually("the meek are gone", async || places.b.actors_count() == spokes).await;
        for one in wary {
            let expected = vec![Seen::Exit(hub.any().clone(), reason.clone())];
            assert_eq!(one.seen().await, Ok(expected));
        }
    }
}
