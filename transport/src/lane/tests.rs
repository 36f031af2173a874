use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use starlings_runtime::{OutletError, Urgency};
use tokio::time::timeout;

use super::{AppendError, LANE_BYTES_HARD, LANE_BYTES_SOFT, Lane, Work};
use crate::frame::FRAME_BYTES_MAX;
use crate::wire::FrameKind;

fn append(lane: &Lane, urgency: Urgency, bytes: usize) -> Result<(), AppendError> {
    lane.append(FrameKind::Envelope, urgency, &mut |out| {
        out.resize(out.len() + bytes, 0);
        Ok(())
    })
}

fn take(lane: &Lane) -> (Option<Work>, usize) {
    let mut batch = Vec::new();
    let work = lane.try_take(&mut batch);
    (work, batch.len())
}

#[test]
fn what_gathers_is_taken_at_once_and_in_sequence() {
    let lane = Lane::default();
    append(&lane, Urgency::Refusable, 0).unwrap();
    append(&lane, Urgency::Forced, 1).unwrap();
    let mut batch = Vec::new();
    assert_eq!(lane.try_take(&mut batch), Some(Work::Write));
    assert_eq!(batch[4..8], [0, 0, 0, 0]);
    assert_eq!(batch[9 + 4..9 + 8], [1, 0, 0, 0]);
    assert_eq!(take(&lane), (None, 0));
}

#[test]
fn message_that_does_not_encode_leaves_no_trace() {
    let lane = Lane::default();
    let error = lane.append(FrameKind::Envelope, Urgency::Forced, &mut |out| {
        out.push(1);
        Err(postcard::Error::SerializeSeqLengthUnknown)
    });
    assert!(matches!(error, Err(AppendError::Refused(OutletError::Encode(_)))));
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        lane.append(FrameKind::Envelope, Urgency::Forced, &mut |out| {
            out.push(1);
            panic!("a serializer of the user's");
        })
    }));
    assert!(panicked.is_err());
    append(&lane, Urgency::Forced, 1).unwrap();
    let mut batch = Vec::new();
    lane.try_take(&mut batch);
    assert_eq!(batch, [6, 0, 0, 0, 0, 0, 0, 0, 1, 0]);
}

#[test]
fn envelope_larger_than_a_frame_is_refused() {
    let lane = Lane::default();
    append(&lane, Urgency::Forced, FRAME_BYTES_MAX).unwrap();
    let error = OutletError::TooLarge { bytes: FRAME_BYTES_MAX + 1, bytes_max: FRAME_BYTES_MAX };
    let refused = append(&lane, Urgency::Forced, FRAME_BYTES_MAX + 1);
    assert_eq!(refused, Err(AppendError::Refused(error)));
    assert_eq!(take(&lane).1, FRAME_BYTES_MAX + 9);
}

#[tokio::test]
async fn soft_limit_refuses_until_the_writer_has_taken_what_waits() {
    let lane = Lane::default();
    append(&lane, Urgency::Refusable, LANE_BYTES_SOFT).unwrap();
    let overloaded = Err(AppendError::Refused(OutletError::Overloaded));
    assert_eq!(append(&lane, Urgency::Refusable, 1), overloaded);
    append(&lane, Urgency::Forced, 1).unwrap();
    let mut ready = Box::pin(lane.ready());
    let soon = Duration::from_millis(1);
    assert!(timeout(soon, &mut ready).await.is_err());
    take(&lane);
    timeout(Duration::from_secs(5), ready).await.expect("there is room");
    append(&lane, Urgency::Refusable, LANE_BYTES_SOFT).unwrap();
    assert_eq!(append(&lane, Urgency::Refusable, 1), overloaded, "the next batch is full too");
}

#[test]
fn hard_limit_overflows() {
    let lane = Lane::default();
    for _ in 0..3 {
        append(&lane, Urgency::Forced, FRAME_BYTES_MAX).unwrap();
    }
    let left = LANE_BYTES_HARD - 3 * (FRAME_BYTES_MAX + 9) - 9;
    assert_eq!(append(&lane, Urgency::Forced, left + 1), Err(AppendError::Overflowed));
    append(&lane, Urgency::Forced, left).unwrap();
    assert_eq!(append(&lane, Urgency::Forced, 0), Err(AppendError::Overflowed));
}

#[tokio::test]
async fn finished_lane_is_written_to_its_end_and_closed_one_is_not() {
    let closed = || Err(AppendError::Refused(OutletError::Closed));
    let lane = Lane::default();
    append(&lane, Urgency::Forced, 1).unwrap();
    lane.finish(&[0]);
    assert_eq!(append(&lane, Urgency::Forced, 1), closed());
    lane.ready().await;
    assert_eq!(take(&lane), (Some(Work::Write), 10 + 10), "the goodbye is the last frame");
    assert_eq!(take(&lane), (Some(Work::Finish), 0));

    let lane = Lane::default();
    append(&lane, Urgency::Forced, LANE_BYTES_SOFT).unwrap();
    lane.close();
    assert_eq!(append(&lane, Urgency::Forced, 1), closed());
    lane.ready().await;
    assert_eq!(take(&lane), (Some(Work::Stop), 0));
}
