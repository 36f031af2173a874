//! What one node knows of another node's facts, and how much of that it can trust.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::time::Duration;

use super::{FACTS_MAX, RETRY_MAX, RETRY_MIN};
use crate::wire::Rest;

/// Changes of a copy: key, before, after.
pub(super) type Changes<K, V> = Vec<(K, Option<V>, Option<V>)>;

/// What has to be asked of the peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Need {
    /// Nothing.
    Nothing,
    /// What the copy still lacks.
    Rest,
    /// All of it again.
    All,
}

/// The facts of a sync: all there are from `after` on, up to the last of them or to the end.
pub(super) struct Range<K, V> {
    pub(super) number: u64,
    pub(super) after: Option<K>,
    pub(super) facts: Vec<(K, V)>,
    pub(super) rest: Rest,
}

/// How far a copy is.
#[derive(Debug)]
enum Progress<K> {
    /// The owner's facts at the delta `number` are known up to the key `cursor` (none of them, if
    /// `number` is unknown); the rest was asked for.
    Asking { number: Option<u64>, cursor: Option<K>, request: u64, retry_at: Duration, tries: u32 },
    /// All of the owner's facts at the delta `number`.
    Whole { number: u64 },
}

/// The copy of one peer's facts.
#[derive(Debug)]
pub(super) struct Peer<K, V> {
    /// Above the cursor they may be out of date; they stay until a sync replaces them.
    pub(super) facts: BTreeMap<K, V>,
    /// The peer's stream, once it has said it.
    stream: Option<u64>,
    progress: Progress<K>,
}

impl<K: Ord + Clone, V: Eq + Clone> Peer<K, V> {
    pub(super) fn new(now: Duration) -> Self {
        let progress =
            Progress::Asking { number: None, cursor: None, request: 0, retry_at: now, tries: 0 };
        Self { facts: BTreeMap::new(), stream: None, progress }
    }

    pub(super) fn retry_at(&self) -> Option<Duration> {
        match self.progress {
            Progress::Asking { retry_at, .. } => Some(retry_at),
            Progress::Whole { .. } => None,
        }
    }

    /// Notes that request number `request` is sent, and says after which key it asks; nothing if
    /// there is no need.
    pub(super) fn ask(&mut self, now: Duration, request: u64, need: Need) -> Option<Option<K>> {
        let (number, cursor, tries) = match (need, &self.progress) {
            (Need::Nothing, _) | (Need::Rest, Progress::Whole { .. }) => return None,
            (Need::All, _) => (None, None, 0),
            (Need::Rest, Progress::Asking { number, cursor, tries, .. }) => {
                (*number, cursor.clone(), *tries)
            }
        };
        let wait = RETRY_MAX.min(RETRY_MIN * 2_u32.saturating_pow(tries));
        let (retry_at, tries, after) = (now + wait, tries.saturating_add(1), cursor.clone());
        self.progress = Progress::Asking { number, cursor, request, retry_at, tries };
        Some(after)
    }

    /// The peer asks for our facts. If it has started anew, or did not answer before (its registry
    /// was not there yet), it is the moment to ask for its own.
    pub(super) fn on_discover(&mut self, stream: u64) -> Need {
        let known = self.stream.is_none_or(|known| known == stream);
        match self.progress {
            Progress::Asking { number: None, tries: 2.., .. } => Need::All,
            Progress::Asking { .. } | Progress::Whole { .. } if known => Need::Nothing,
            Progress::Asking { .. } | Progress::Whole { .. } => {
                self.stream = Some(stream);
                Need::All
            }
        }
    }

    pub(super) fn on_sync(
        &mut self,
        now: Duration,
        stream: u64,
        request: u64,
        range: Range<K, V>,
        changes: &mut Changes<K, V>,
    ) -> Need {
        let Progress::Asking { number, cursor, request: asked, retry_at, tries } =
            &mut self.progress
        else {
            return Need::Nothing;
        };
        if request != *asked || range.after != *cursor {
            return Need::Nothing;
        }
        match number {
            Some(_) if self.stream != Some(stream) => return Need::All,
            // Deltas are missing: what is known up to the cursor is out of date.
            Some(number) if range.number > *number => return Need::All,
            // It has been overtaken by a delta that it does not reflect.
            Some(number) if range.number < *number => return Need::Rest,
            Some(_) | None => {}
        }
        self.stream = Some(stream);
        let last = range.facts.last().map(|(key, _)| key.clone());
        let (next, need) = match range.rest {
            Rest::Nothing => (Progress::Whole { number: range.number }, Need::Nothing),
            // More is promised after no key at all: the peer is wrong, the retry asks again.
            Rest::Follows | Rest::OnRequest if last.is_none() => return Need::Nothing,
            Rest::Follows | Rest::OnRequest => {
                let (number, cursor, request) = (Some(range.number), last.clone(), *asked);
                let asks = range.rest == Rest::OnRequest;
                let (retry_at, tries) = ((*retry_at).max(now + RETRY_MIN), (*tries).min(1));
                let need = if asks { Need::Rest } else { Need::Nothing };
                (Progress::Asking { number, cursor, request, retry_at, tries }, need)
            }
        };
        self.progress = next;
        let last = if range.rest == Rest::Nothing { None } else { last };
        self.replace(range.after, last, range.facts, changes);
        need
    }

    pub(super) fn on_delta(
        &mut self,
        stream: u64,
        number: u64,
        news: Vec<(K, Option<V>)>,
        changes: &mut Changes<K, V>,
    ) -> Need {
        let same_stream = self.stream == Some(stream);
        let last = match &mut self.progress {
            // A delta before the first sync is part of that sync.
            Progress::Asking { number: None, .. } => return Need::Nothing,
            Progress::Asking { number: Some(last), .. } | Progress::Whole { number: last } => last,
        };
        if same_stream && number <= *last {
            return Need::Nothing;
        }
        if !same_stream || number != *last + 1 {
            return Need::All;
        }
        *last = number;
        for (key, after) in news {
            self.set(key, after, changes);
        }
        Need::Nothing
    }

    pub(super) fn on_digest(&self, stream: u64, number: u64, len: u64) -> Need {
        match self.progress {
            Progress::Asking { .. } => Need::Nothing,
            Progress::Whole { .. } if self.stream != Some(stream) => Need::All,
            Progress::Whole { number: known } => {
                let lacks = number > known || (number == known && len != self.facts.len() as u64);
                if lacks { Need::All } else { Need::Nothing }
            }
        }
    }

    /// Makes the facts after `after` and up to `last` (to the end, if there is none) equal `facts`.
    fn replace(
        &mut self,
        after: Option<K>,
        last: Option<K>,
        facts: Vec<(K, V)>,
        changes: &mut Changes<K, V>,
    ) {
        let lower = after.as_ref().map_or(Bound::Unbounded, Bound::Excluded);
        let upper = last.as_ref().map_or(Bound::Unbounded, Bound::Included);
        let within = |key: &K| {
            after.as_ref().is_none_or(|after| key > after)
                && last.as_ref().is_none_or(|last| key <= last)
        };
        let mut facts: BTreeMap<K, V> = facts.into_iter().filter(|(key, _)| within(key)).collect();
        let old: Vec<K> = match (&after, &last) {
            (Some(after), Some(last)) if after >= last => Vec::new(),
            _ => self.facts.range((lower, upper)).map(|(key, _)| key.clone()).collect(),
        };
        for key in old {
            let after = facts.remove(&key);
            self.set(key, after, changes);
        }
        for (key, value) in facts {
            self.set(key, Some(value), changes);
        }
    }

    fn set(&mut self, key: K, after: Option<V>, changes: &mut Changes<K, V>) {
        let before = match after.clone() {
            Some(_) if self.facts.len() >= FACTS_MAX && !self.facts.contains_key(&key) => return,
            Some(value) => self.facts.insert(key.clone(), value),
            None => self.facts.remove(&key),
        };
        if before != after {
            changes.push((key, before, after));
        }
    }
}
