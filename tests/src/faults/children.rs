//! Children of a supervisor on several nodes, and what is seen of their end.

use serde::{Deserialize, Serialize};

/// A child that is to be started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChildSetup {
    /// What it is called: 1 and on, in start order.
    pub number: u32,
    /// On which node.
    pub on: String,
    /// How it is stopped.
    pub stop: Stop,
    /// Whether it ends when it is asked to, or goes on until it is killed.
    pub obeys: bool,
}

/// How a child is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stop {
    /// Killed at once.
    Brutal,
    /// Asked, and killed after so long.
    AfterMs(u64),
    /// Asked, and waited for.
    Infinity,
}

/// What a child says when it is stopped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Word {
    /// It was asked to stop; these are alive on its node then, itself included.
    Asked {
        /// Which child.
        number: u32,
        /// The children, in order.
        alive: Vec<u32>,
    },
    /// It has done what it does at the end.
    Done(u32),
}

/// What a node has seen of the children of its supervisor.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChildrenLog {
    /// What they said, as it came.
    pub words: Vec<Word>,
    /// Why each has ended, as it was told.
    pub downs: Vec<(u32, String)>,
    /// Why the supervisor has ended, and how many ms after it was told to.
    pub ended: Option<(String, u64)>,
    /// Children of whatever supervisor that are on this node.
    pub here: Vec<u32>,
}
