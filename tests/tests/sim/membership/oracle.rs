//! What must hold of membership, as those who use it see it.
//!
//! | property | source |
//! |---|---|
//! | ups and downs of a member alternate, its incarnations never fall | docs/protocol/membership.md |
//! | a verdict has two accusers, who have accused that very life | the same; Orleans, two votes |
//! | it has one only if the judge has heard no member for the time of a probe | the same |
//! | who has left has left, who is superseded has a later life | the same |
//! | a life that is over does not come back | the same |
//! | every member sees every crash, in a bounded time | SWIM, completeness |
//! | no member that runs and is reached gets a verdict (counted) | SWIM, accuracy |

#![expect(clippy::indexing_slicing, reason = "a simulation that contradicts itself has to end")]

use std::collections::BTreeSet;
use std::time::Duration;

use starlings_runtime::{NodeId, NodeInstance};
use starlings_transport::proto::membership::{Output, Reason};

/// After the end of a life, for how long who has seen it down may still hear old news of it that was
/// later than that: a refutation that crossed the verdict.
const STALE: Duration = Duration::from_secs(10);

/// What a probe takes at least, with the default times.
const PROBE: Duration = Duration::from_secs(1);

#[derive(Debug, Default, Clone)]
struct Life {
    /// When it ended, if it has; whether with a leave.
    ended: Option<(Duration, bool)>,
}

#[derive(Debug)]
pub(crate) struct Oracle {
    /// By host, all its lives: the first has incarnation 1.
    lives: Vec<Vec<Life>>,
    /// By observer and subject: the life that it has up, or 0; and the last one that it has had down.
    up: Vec<Vec<u64>>,
    down: Vec<Vec<u64>>,
    accused: BTreeSet<(usize, usize, u64)>,
    /// By observer: when it last heard somebody that it has up.
    heard: Vec<Duration>,
    /// From the crash to each observer's verdict.
    pub(crate) detections: Vec<Duration>,
    /// Verdicts of lives that ran: who was judged, and by whom.
    pub(crate) false_verdicts: Vec<(usize, usize)>,
    pub(crate) accusations: u64,
    pub(crate) ups: u64,
    /// For runs without the rule of two accusers.
    pub(crate) may_judge_alone: bool,
}

impl Oracle {
    pub(crate) fn new(len: usize) -> Self {
        Self {
            lives: vec![Vec::new(); len],
            up: vec![vec![0; len]; len],
            down: vec![vec![0; len]; len],
            accused: BTreeSet::new(),
            heard: vec![Duration::ZERO; len],
            detections: Vec::new(),
            false_verdicts: Vec::new(),
            accusations: 0,
            ups: 0,
            may_judge_alone: false,
        }
    }

    pub(crate) fn started(&mut self, host: usize, incarnation: u64) {
        self.lives[host].push(Life::default());
        assert_eq!(self.lives[host].len() as u64, incarnation);
        self.up[host].fill(0);
        self.down[host].fill(0);
    }

    pub(crate) fn ended(&mut self, now: Duration, host: usize, has_left: bool) {
        if let Some(life) = self.lives[host].last_mut() {
            life.ended.get_or_insert((now, has_left));
        }
        if !has_left {
            self.up[host].fill(0);
        }
    }

    /// A datagram has come through.
    pub(crate) fn heard(&mut self, now: Duration, observer: usize, from: usize) {
        if self.up[observer][from] != 0 {
            self.heard[observer] = now;
        }
    }

    pub(crate) fn observe(
        &mut self,
        now: Duration,
        observer: usize,
        me: &NodeInstance,
        output: &Output,
    ) -> Result<(), String> {
        match output {
            Output::Up { member, .. } => self.on_up(now, observer, member),
            Output::Suspected { member, accuser } => {
                if *accuser == me.node {
                    self.accusations += 1;
                    self.accused.insert((observer, index(&member.node), member.incarnation.0));
                }
                Ok(())
            }
            Output::Down { member, reason } => self.on_down(now, observer, member, reason),
            Output::Superseded { by } => {
                Err(format!("{observer} runs and takes itself for superseded by {by}"))
            }
            Output::Send { .. } | Output::Left => Ok(()),
        }
    }

    fn on_up(
        &mut self,
        now: Duration,
        observer: usize,
        member: &NodeInstance,
    ) -> Result<(), String> {
        let (subject, life) = (index(&member.node), member.incarnation.0);
        let what = format!("{observer} has {subject}, life {life}, up");
        let up = &mut self.up[observer][subject];
        if *up != 0 {
            return Err(format!("{what}, and has it up already as life {up}"));
        }
        *up = life;
        self.ups += 1;
        let down = self.down[observer][subject];
        if life < down {
            return Err(format!("{what} after life {down}"));
        }
        let ended = self.life(subject, life)?.ended;
        let is_over = |since: Duration| since + STALE < now;
        if life == down && ended.is_some_and(|(since, left)| left || is_over(since)) {
            return Err(format!("{what} again after its end: {ended:?}"));
        }
        Ok(())
    }

    fn on_down(
        &mut self,
        now: Duration,
        observer: usize,
        member: &NodeInstance,
        reason: &Reason,
    ) -> Result<(), String> {
        let (subject, life) = (index(&member.node), member.incarnation.0);
        let what = format!("{observer} has {subject}, life {life}, down for {reason:?}");
        let members = 1 + self.up[observer].iter().filter(|life| **life != 0).count();
        let up = std::mem::take(&mut self.up[observer][subject]);
        if up != life {
            return Err(format!("{what}, and has life {up} up"));
        }
        self.down[observer][subject] = life;
        let ended = self.life(subject, life)?.ended;
        match reason {
            Reason::Left if ended.is_some_and(|(_, left)| left) => Ok(()),
            Reason::Left => Err(format!("{what}, and it has not left")),
            Reason::Superseded { by } if by.0 > life => self.life(subject, by.0).map(drop),
            Reason::Superseded { .. } => Err(what),
            Reason::Verdict { accusers } => {
                let is_alone = self.heard[observer] + PROBE <= now;
                let least = if members >= 3 && !self.may_judge_alone && !is_alone { 2 } else { 1 };
                self.check_accusers(least, &what, (subject, life), accusers)?;
                match ended {
                    Some((since, _)) => self.detections.push(now - since),
                    None => self.false_verdicts.push((subject, observer)),
                }
                Ok(())
            }
        }
    }

    fn check_accusers(
        &self,
        least: usize,
        what: &str,
        (subject, life): (usize, u64),
        accusers: &[NodeId],
    ) -> Result<(), String> {
        let distinct: BTreeSet<_> = accusers.iter().map(index).collect();
        if distinct.len() < least || distinct.len() != accusers.len() {
            return Err(format!("{what}, which takes {least} accusers"));
        }
        for accuser in distinct {
            if accuser == subject || !self.accused.contains(&(accuser, subject, life)) {
                return Err(format!("{what}, and {accuser} has not accused it"));
            }
        }
        Ok(())
    }

    /// Whether everybody who runs has up who runs, and nobody else.
    pub(crate) fn agreement(&self) -> Result<(), String> {
        let running: Vec<_> = self.lives.iter().map(|lives| running(lives)).collect();
        for (observer, own) in running.iter().enumerate() {
            if *own == 0 {
                continue;
            }
            for (subject, life) in running.iter().enumerate() {
                let up = self.up[observer][subject];
                if subject != observer && up != *life {
                    return Err(format!("{observer} has life {up} of {subject} up, not {life}"));
                }
            }
        }
        Ok(())
    }

    /// Who has a subject up, of all that run.
    pub(crate) fn who_sees(&self, subject: usize) -> usize {
        self.up.iter().filter(|seen| seen[subject] != 0).count()
    }

    fn life(&self, host: usize, incarnation: u64) -> Result<&Life, String> {
        let life = incarnation.checked_sub(1).and_then(|at| usize::try_from(at).ok());
        let life = life.and_then(|at| self.lives[host].get(at));
        life.ok_or_else(|| format!("{host} has no life {incarnation}"))
    }
}

fn running(lives: &[Life]) -> u64 {
    match lives.last() {
        Some(life) if life.ended.is_none() => lives.len() as u64,
        _ => 0,
    }
}

fn index(node: &NodeId) -> usize {
    node.name().strip_prefix('n').and_then(|number| number.parse().ok()).unwrap_or(usize::MAX)
}
