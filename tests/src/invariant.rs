//! The form of a property that a simulated run must keep.

use crate::world::{Machine, Step, World};

/// A property of a run, checked after every step and again when the world is at rest.
pub trait Invariant<M: Machine> {
    /// What a failure report calls it.
    fn name(&self) -> &'static str;

    /// Looks at one step: who did what, and which events came of it.
    ///
    /// # Errors
    /// What is wrong, in words.
    fn after_step(&mut self, world: &World<M>, step: &Step<M>) -> Result<(), String> {
        let (_, _) = (world, step);
        Ok(())
    }

    /// Looks at a world whose paths are whole and in which nothing is left to be said.
    ///
    /// # Errors
    /// What is wrong, in words.
    fn at_rest(&mut self, world: &World<M>) -> Result<(), String> {
        let _ = world;
        Ok(())
    }
}
