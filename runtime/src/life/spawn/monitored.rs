//! A spawn together with a monitor.

use std::future::IntoFuture;
use std::time::Duration;

use super::Spawn;
use crate::actor::Actor;
use crate::actor::context::Cx;
use crate::actor::info::MonitorRef;
use crate::error::SpawnError;
use crate::pid::Pid;
use crate::remote::carrier::BoxFuture;

/// A spawn whose child is monitored from its first moment: gives the pid and the monitor. Everything
/// that can be asked of a [`Spawn`] can be asked of it.
#[must_use = "a spawn does nothing until it is awaited"]
#[derive(Debug)]
pub struct MonitoredSpawn<A: Actor> {
    spawn: Spawn<A>,
    monitor: MonitorRef,
}

impl<A: Actor> MonitoredSpawn<A> {
    pub(super) fn new(spawn: Spawn<A>, monitor: MonitorRef) -> Self {
        Self { spawn, monitor }
    }

    fn with(self, set: impl FnOnce(Spawn<A>) -> Spawn<A>) -> Self {
        Self { spawn: set(self.spawn), monitor: self.monitor }
    }

    /// See [`Spawn::from`].
    pub fn from<B: Actor>(self, cx: &Cx<B>) -> Self {
        self.with(|spawn| spawn.from(cx))
    }

    /// See [`Spawn::linked`].
    pub fn linked(self) -> Self {
        self.with(Spawn::linked)
    }

    /// See [`Spawn::name`].
    pub fn name(self, name: impl Into<String>) -> Self {
        self.with(|spawn| spawn.name(name))
    }

    /// See [`Spawn::group`].
    pub fn group(self, group: impl Into<String>) -> Self {
        self.with(|spawn| spawn.group(group))
    }

    /// See [`Spawn::group_in`].
    pub fn group_in(self, scope: impl Into<String>, group: impl Into<String>) -> Self {
        self.with(|spawn| spawn.group_in(scope, group))
    }

    /// See [`Spawn::timeout`].
    pub fn timeout(self, timeout: Duration) -> Self {
        self.with(|spawn| spawn.timeout(timeout))
    }

    /// See [`Spawn::capacity`].
    pub fn capacity(self, messages: usize) -> Self {
        self.with(|spawn| spawn.capacity(messages))
    }
}

impl<A: Actor> IntoFuture for MonitoredSpawn<A> {
    type Output = Result<(Pid<A>, MonitorRef), SpawnError>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        let monitor = self.monitor;
        Box::pin(async move { Ok((self.spawn.await?, monitor)) })
    }
}
