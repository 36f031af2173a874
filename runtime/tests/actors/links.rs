//! Links and exits by hand, on one node and on two.

use starlings_runtime::{AnyPid, ExitReason, Pid};

use crate::bridge::Bridge;
use crate::fixture::{eventually, node, node_at};
use crate::puppet::{
    ENDS, End, Puppet, PuppetMethods as _, Seen, both, busy, end, here, links, on, puppet, there,
    trapper,
};

/// Has one puppet link itself with another.
pub(crate) async fn bind(one: &Pid<Puppet>, other: &Pid<Puppet>) {
    let other = other.any().clone();
    on(one, move |cx| cx.link(&other)).await;
}

/// Has one puppet take the link with another back.
pub(crate) async fn unbind(one: &Pid<Puppet>, other: &Pid<Puppet>) {
    let other = other.any().clone();
    on(one, move |cx| cx.unlink(&other)).await;
}

fn exits(of: &Pid<Puppet>, reason: ExitReason) -> Vec<Seen> {
    vec![Seen::Exit(of.any().clone(), reason)]
}

/// erl_link_SUITE: links, dist_links
#[tokio::test]
async fn a_link_is_symmetric() {
    for places in both() {
        let (one, other) = (trapper(&places.a).await, trapper(&places.b).await);
        bind(&one, &other).await;
        assert_eq!(links(&places.a, &one), [other.any().clone()]);
        assert_eq!(links(&places.b, &other), [one.any().clone()]);
    }
    for places in both() {
        let (one, other) = (trapper(&places.a).await, trapper(&places.b).await);
        bind(&one, &other).await;
        let reason = end(&places.a, &one, End::Error).await;
        assert_eq!(other.seen().await, Ok(exits(&one, reason)), "the linked one hears of it");
    }
}

/// process_SUITE: t_exit_1; erl_link_SUITE: dist_links
#[tokio::test]
async fn a_trapped_exit_has_the_reason_of_every_end() {
    for (places, how) in ENDS.into_iter().flat_map(|how| both().map(|places| (places, how))) {
        let (one, other) = (trapper(&places.a).await, puppet(&places.b).await);
        bind(&one, &other).await;
        let reason = end(&places.b, &other, how).await;
        assert_eq!(one.seen().await, Ok(exits(&other, reason)), "{how:?}");
        assert_eq!(links(&places.a, &one), []);
    }
}

/// process_SUITE: t_exit_1; signal_SUITE: pending_exit_test
#[tokio::test]
async fn every_end_but_a_normal_one_takes_the_linked_along() {
    for (places, how) in ENDS.into_iter().flat_map(|how| both().map(|places| (places, how))) {
        let (one, other) = (puppet(&places.a).await, puppet(&places.b).await);
        bind(&one, &other).await;
        let ended = places.a.monitor(&one);
        let reason = end(&places.b, &other, how).await;
        if how == End::Normal {
            assert_eq!(one.seen().await, Ok(vec![]));
            assert_eq!(links(&places.a, &one), []);
        } else {
            assert_eq!(ended.await.reason, reason, "{how:?}");
        }
    }
}

/// erl_link_SUITE: links: "link is idempotent"
#[tokio::test]
async fn links_do_not_stack() {
    for places in both() {
        let (one, other) = (trapper(&places.a).await, trapper(&places.b).await);
        bind(&one, &other).await;
        bind(&one, &other).await;
        bind(&other, &one).await;
        assert_eq!(links(&places.a, &one).len(), 1);
        unbind(&other, &one).await;
        assert_eq!((links(&places.a, &one), links(&places.b, &other)), (vec![], vec![]));
        end(&places.b, &other, End::Kill).await;
        assert_eq!(one.seen().await, Ok(vec![]));
    }
}

/// erl_link_SUITE: links
#[tokio::test]
async fn a_link_that_was_made_twice_is_one_exit() {
    for places in both() {
        let (one, other) = (trapper(&places.a).await, trapper(&places.b).await);
        bind(&one, &other).await;
        bind(&other, &one).await;
        let reason = end(&places.b, &other, End::Panic).await;
        assert_eq!(one.seen().await, Ok(exits(&other, reason)));
    }
}

/// erl_link_SUITE: links: `link(self())`
#[tokio::test]
async fn a_link_with_oneself_is_none() {
    let places = here();
    let one = trapper(&places.a).await;
    bind(&one, &one).await;
    assert_eq!(links(&places.a, &one), []);
    unbind(&one, &one).await;
    assert_eq!(one.seen().await, Ok(vec![]));
}

/// erl_link_SUITE: otp_5772_link, otp_5772_dist_link
#[tokio::test]
async fn a_link_with_the_dead_is_an_exit_with_no_proc() {
    for places in both() {
        let (one, other) = (trapper(&places.a).await, puppet(&places.b).await);
        end(&places.b, &other, End::Error).await;
        bind(&one, &other).await;
        assert_eq!(one.seen().await, Ok(exits(&other, ExitReason::NoProc)));
        let (meek, ended) = (puppet(&places.a).await, places.a.monitor(&one));
        bind(&one, &meek).await;
        on(&one, |cx| cx.trap_exits(false)).await;
        let watched = places.a.monitor(&meek);
        let dead = other.any().clone();
        one.play(crate::puppet::script(move |cx| {
            cx.link(&dead);
            Box::pin(std::future::pending())
        }))
        .unwrap();
        assert_eq!(ended.await.reason, ExitReason::NoProc, "who does not trap ends");
        assert_eq!(watched.await.reason, ExitReason::NoProc, "and so on");
    }
}

/// erl_link_SUITE: dist_links, with an earlier life of the node
#[tokio::test]
async fn a_link_with_an_earlier_incarnation_is_an_exit_with_no_proc() {
    let (a, old, new) = (node("a@h"), node_at("b@h", 1), node_at("b@h", 2));
    let (one, before, after) = (trapper(&a).await, puppet(&old).await, puppet(&new).await);
    let _bridge = Bridge::between(&a, &new);
    assert_eq!(before.any().serial(), after.any().serial());
    bind(&one, &before).await;
    assert_eq!(one.seen().await, Ok(exits(&before, ExitReason::NoProc)));
    assert_eq!((links(&a, &one), links(&new, &after)), (vec![], vec![]));
}

/// process_SUITE: `link/1` to a node that is not there
#[tokio::test]
async fn a_link_with_an_unreachable_node_is_an_exit_with_no_connection() {
    let (a, b) = (node("a@h"), node("b@h"));
    let (one, other) = (trapper(&a).await, puppet(&b).await);
    bind(&one, &other).await;
    assert_eq!(one.seen().await, Ok(exits(&other, ExitReason::NoConnection)));
    let unknown: AnyPid = "<c@h#7.3>".parse().unwrap();
    let (meek, to) = (puppet(&a).await, unknown.clone());
    let ended = a.monitor(&meek);
    meek.play(crate::puppet::script(move |cx| {
        cx.link(&to);
        Box::pin(std::future::pending())
    }))
    .unwrap();
    assert_eq!(ended.await.reason, ExitReason::NoConnection);
}

/// erl_link_SUITE: dist_links: the session goes
#[tokio::test]
async fn a_cut_session_is_one_exit_on_both_sides() {
    let places = there();
    let (one, other) = (trapper(&places.a).await, trapper(&places.b).await);
    let meek = puppet(&places.b).await;
    bind(&one, &other).await;
    bind(&one, &meek).await;
    let ended = places.b.monitor(&meek);
    places.bridge().cut();
    let lost = |of: &Pid<Puppet>| Seen::Exit(of.any().clone(), ExitReason::NoConnection);
    assert_eq!(one.seen().await, Ok(vec![lost(&other), lost(&meek)]));
    assert_eq!(other.seen().await, Ok(vec![lost(&one)]));
    assert_eq!(ended.await.reason, ExitReason::NoConnection);
    let _again = Bridge::between(&places.a, &places.b);
    end(&places.a, &one, End::Panic).await;
    assert_eq!(other.seen().await, Ok(vec![lost(&one)]), "the link did not survive its session");
}

/// process_SUITE: t_exit_2_other_normal
#[tokio::test]
async fn an_exit_by_hand_with_normal_is_ignored_unless_trapped() {
    for places in both() {
        let (one, meek) = (puppet(&places.a).await, puppet(&places.b).await);
        let wary = trapper(&places.b).await;
        let (to, also) = (meek.any().clone(), wary.any().clone());
        on(&one, move |cx| {
            cx.exit(&to, ExitReason::Normal);
            cx.exit(&also, ExitReason::Normal);
        })
        .await;
        assert_eq!(meek.seen().await, Ok(vec![]));
        assert_eq!(wary.seen().await, Ok(exits(&one, ExitReason::Normal)));
    }
}

/// process_SUITE: t_exit_2_other
#[tokio::test]
async fn an_exit_by_hand_needs_no_link_and_makes_none() {
    for places in both() {
        let (one, wary) = (puppet(&places.a).await, trapper(&places.b).await);
        let to = wary.any().clone();
        let reason = ExitReason::custom("Moved", "x".repeat(starlings_runtime::REASON_BYTES_MAX));
        let sent = reason.clone();
        on(&one, move |cx| [(); 3].map(|()| cx.exit(&to, sent.clone()))).await;
        let seen = Seen::Exit(one.any().clone(), reason);
        assert_eq!(wary.seen().await, Ok(vec![seen.clone(), seen.clone(), seen]));
        assert_eq!(links(&places.b, &wary), []);
    }
}

/// signal_SUITE: kill2killed: a kill is not trapped, but the `killed` of others is
#[tokio::test]
async fn a_kill_is_not_trapped_and_an_exit_with_its_reason_is() {
    for places in both() {
        let (killer, wary) = (puppet(&places.a).await, trapper(&places.b).await);
        let (to, ended) = (wary.any().clone(), places.b.monitor(&wary));
        on(&killer, move |cx| cx.exit(&to, ExitReason::Killed)).await;
        assert_eq!(wary.seen().await, Ok(exits(&killer, ExitReason::Killed)));
        places.a.kill(&wary);
        assert_eq!(ended.await.reason, ExitReason::Killed);
    }
}

/// signal_SUITE: kill2killed, in lines of 1, 2, 9 and 10
#[tokio::test]
async fn a_kill_at_the_end_of_a_line_is_killed_all_along_it() {
    for (places, length) in
        [1, 2, 9, 10].into_iter().flat_map(|length| both().map(|places| (places, length)))
    {
        let mut line = vec![trapper(&places.a).await];
        for n in 0..length {
            let next = puppet(if n % 2 == 0 { &places.b } else { &places.a }).await;
            bind(line.last().unwrap(), &next).await;
            line.push(next);
        }
        places.b.kill(line.last().unwrap());
        let expected = exits(&line[1], ExitReason::Killed);
        eventually("the exit", async || line[0].seen().await.unwrap() == expected).await;
        assert_eq!(places.a.is_alive(line[1].any()), places.b.name() != places.a.name());
    }
}

/// process_SUITE: self_exit, normal_suicide_exit, abnormal_suicide_exit
#[tokio::test]
async fn an_exit_to_oneself_is_trapped_or_deadly() {
    let places = here();
    let wary = trapper(&places.a).await;
    let me = wary.any().clone();
    on(&wary, move |cx| cx.exit(&me, ExitReason::error("me"))).await;
    assert_eq!(wary.seen().await, Ok(exits(&wary, ExitReason::error("me"))));
    let meek = puppet(&places.a).await;
    let (me, ended) = (meek.any().clone(), places.a.monitor(&meek));
    on(&meek, move |cx| cx.exit(&me, ExitReason::error("me"))).await;
    assert_eq!(ended.await.reason, ExitReason::error("me"));
}

/// process_SUITE: exit_twice
#[tokio::test]
async fn of_two_exits_the_first_counts() {
    for places in both() {
        let (high, low) = (puppet(&places.a).await, puppet(&places.b).await);
        let (to, ended) = (low.any().clone(), places.b.monitor(&low));
        on(&high, move |cx| {
            cx.exit(&to, ExitReason::error("first"));
            cx.exit(&to, ExitReason::error("second"));
            cx.node().kill(&to);
        })
        .await;
        assert_eq!(ended.await.reason, ExitReason::error("first"));
    }
}

/// signal_SUITE: pending_exit_trap_exit: who traps after the exit came ends of it all the same
#[tokio::test]
async fn trapping_counts_from_when_it_is_switched() {
    for places in both() {
        let (one, other) = (puppet(&places.a).await, puppet(&places.b).await);
        bind(&one, &other).await;
        let go = busy(&one, |cx| cx.trap_exits(true)).await;
        let ended = places.a.monitor(&one);
        let reason = end(&places.b, &other, End::Error).await;
        drop(go);
        assert_eq!(ended.await.reason, reason);
    }
    for places in both() {
        let (one, other) = (trapper(&places.a).await, puppet(&places.b).await);
        bind(&one, &other).await;
        let go = busy(&one, |cx| cx.trap_exits(false)).await;
        let reason = end(&places.b, &other, End::Error).await;
        drop(go);
        assert_eq!(one.seen().await, Ok(exits(&other, reason)), "it was an event already");
        let last = puppet(&places.b).await;
        bind(&one, &last).await;
        let ended = places.a.monitor(&one);
        let reason = end(&places.b, &last, End::Custom).await;
        assert_eq!(ended.await.reason, reason, "and does not trap any more");
    }
}
