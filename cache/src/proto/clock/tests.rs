use super::{Clock, DRIFT_MAX_MS, Stamp};

const HOUR_MS: u64 = 3_600_000;

#[test]
fn it_rises_though_the_wall_goes_back() {
    let mut clock = Clock::default();
    let mut last = clock.stamp(HOUR_MS, None);
    for wall_ms in [HOUR_MS, HOUR_MS - 1, 0, HOUR_MS + 1] {
        let stamp = clock.stamp(wall_ms, None);
        assert!(stamp > last, "{wall_ms}");
        last = stamp;
    }
}

#[test]
fn it_follows_others_within_the_drift() {
    let mut clock = Clock::default();
    let ahead = Stamp((HOUR_MS + DRIFT_MAX_MS) << 16);
    clock.observe(HOUR_MS, ahead);
    assert!(clock.stamp(HOUR_MS, None) > ahead);
}

#[test]
fn a_clock_an_hour_ahead_drags_nobody_and_freezes_no_key() {
    let mut clock = Clock::default();
    let ahead = Stamp((2 * HOUR_MS) << 16);
    clock.observe(HOUR_MS, ahead);
    assert!(clock.stamp(HOUR_MS, Some(ahead)) > ahead, "the next write of that key wins");
    assert!(clock.stamp(HOUR_MS, None) < ahead, "other keys are stamped as before");
}

#[test]
fn the_end_of_time_is_no_panic() {
    let mut clock = Clock::default();
    assert_eq!(clock.stamp(u64::MAX, Some(Stamp(u64::MAX))), Stamp(u64::MAX));
    let last = clock.stamp(u64::MAX, None);
    assert!(clock.stamp(0, None) > last);
    assert!(Clock { last: Stamp(u64::MAX) }.stamp(0, None) == Stamp(u64::MAX));
}
