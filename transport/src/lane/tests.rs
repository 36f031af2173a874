use std::time::Duration;

use starlings_runtime::{LaneKey, Urgency};
use tokio::time::timeout;

use super::{AppendError, LANE_BYTES_HARD, LANE_BYTES_SOFT, Lane, Work};
use crate::frame::{ENVELOPE_BYTES_MAX, FRAME_BYTES_FULL};
use crate::wire::FrameKind;

fn append(lane: &Lane, urgency: Urgency, bytes: usize) -> Result<(), AppendError> {
    lane.append(LaneKey(1), urgency, &vec![7; bytes])
}

fn take(lane: &Lane) -> (Option<Work>, Vec<u8>) {
    let mut batch = Vec::new();
    let work = lane.take(&mut batch);
    (work, batch)
}

/// Appends until it is refused.
fn fill(lane: &Lane, urgency: Urgency) -> AppendError {
    loop {
        if let Err(error) = append(lane, urgency, ENVELOPE_BYTES_MAX) {
            return error;
        }
    }
}

#[test]
fn what_gathers_shares_a_frame_and_is_taken_at_once() {
    let lane = Lane::default();
    append(&lane, Urgency::Refusable, 0).unwrap();
    append(&lane, Urgency::Forced, 1).unwrap();
    lane.say(FrameKind::Heartbeat, &[]).unwrap();
    append(&lane, Urgency::Refusable, 2).unwrap();
    let first = [8, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1, 7];
    let second = [5, 0, 0, 0, 1, 0, 0, 0, 2];
    let third = [8, 0, 0, 0, 2, 0, 0, 0, 1, 2, 7, 7];
    let (work, batch) = take(&lane);
    assert_eq!(work, Some(Work::Write { is_busy: false }));
    assert_eq!(batch, [&first[..], &second, &third].concat());
    assert_eq!(take(&lane).0, None);
    assert_eq!(lane.frames_so_far(), 3);
}

#[test]
fn batch_is_busy_if_several_senders_or_a_stream_are_in_it() {
    let lane = Lane::default();
    let is_busy = |senders: &[u64]| {
        for sender in senders {
            lane.append(LaneKey(*sender), Urgency::Forced, &[7]).unwrap();
        }
        take(&lane).0 == Some(Work::Write { is_busy: true })
    };
    let seen = [&[0, 0][..], &[0, 1], &[1], &[2, 2, 1, 2], &[3; 7], &[3; 8]].map(is_busy);
    assert_eq!(seen, [false, true, false, true, false, true]);
}

#[test]
fn full_frame_takes_no_more() {
    let lane = Lane::default();
    append(&lane, Urgency::Forced, FRAME_BYTES_FULL).unwrap();
    append(&lane, Urgency::Forced, ENVELOPE_BYTES_MAX).unwrap();
    assert_eq!(lane.frames_so_far(), 2);
    append(&lane, Urgency::Forced, 1).unwrap();
    assert_eq!(lane.frames_so_far(), 3, "who asks ends the frame that is begun");
    assert_eq!(lane.frames_so_far(), 3);
}

#[test]
fn number_of_a_frame_is_given_out_only_when_all_before_is_taken() {
    let lane = Lane::default();
    assert_eq!(lane.next_seq(), Some(0));
    append(&lane, Urgency::Forced, 1).unwrap();
    assert_eq!(lane.next_seq(), None);
    take(&lane);
    assert_eq!(lane.next_seq(), Some(2));
    lane.finish(&[0]);
    take(&lane);
    assert_eq!(lane.next_seq(), None, "nothing comes after the goodbye");
}

#[tokio::test]
async fn soft_limit_refuses_until_the_writer_has_taken_what_waits() {
    let lane = Lane::default();
    assert_eq!(fill(&lane, Urgency::Refusable), AppendError::Overloaded);
    append(&lane, Urgency::Forced, 1).unwrap();
    let mut ready = Box::pin(lane.ready());
    let soon = Duration::from_millis(1);
    assert!(timeout(soon, &mut ready).await.is_err());
    let (_, batch) = take(&lane);
    assert!((LANE_BYTES_SOFT..LANE_BYTES_SOFT + 2 * ENVELOPE_BYTES_MAX).contains(&batch.len()));
    timeout(Duration::from_secs(5), ready).await.expect("there is room");
    assert_eq!(
        fill(&lane, Urgency::Refusable),
        AppendError::Overloaded,
        "the next batch is full too"
    );
}

#[test]
fn hard_limit_overflows_and_counts_what_is_being_written() {
    let lane = Lane::default();
    assert_eq!(fill(&lane, Urgency::Forced), AppendError::Overflowed);
    let (_, batch) = take(&lane);
    assert!((LANE_BYTES_HARD - 2 * ENVELOPE_BYTES_MAX..=LANE_BYTES_HARD).contains(&batch.len()));
    assert_eq!(fill(&lane, Urgency::Forced), AppendError::Overflowed);
    lane.written();
    append(&lane, Urgency::Forced, ENVELOPE_BYTES_MAX).unwrap();
}

#[tokio::test]
async fn finished_lane_is_written_to_its_end_and_closed_one_is_not() {
    let closed = || Err(AppendError::Closed);
    let lane = Lane::default();
    append(&lane, Urgency::Forced, 1).unwrap();
    lane.finish(&[0]);
    assert_eq!(append(&lane, Urgency::Forced, 1), closed());
    lane.ready().await;
    let (work, batch) = take(&lane);
    assert_eq!(
        (work, batch.len()),
        (Some(Work::Write { is_busy: false }), 11 + 10),
        "the goodbye is the last frame"
    );
    assert_eq!(take(&lane), (Some(Work::Finish), Vec::new()));

    let lane = Lane::default();
    fill(&lane, Urgency::Refusable);
    lane.close();
    assert_eq!(append(&lane, Urgency::Forced, 1), closed());
    lane.ready().await;
    assert_eq!(take(&lane), (Some(Work::Stop), Vec::new()));
}
