//! The `#[actor]` attribute: turns an `impl` block into an actor.
//!
//! `parse` reads the block and refuses what cannot be an actor, pointing at the line and saying what
//! to write; `expand` writes the message enum, the methods on the pid, and the trait impls.

#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "the syntax tree of Rust grows, and what is not asked for is refused as a whole"
)]

mod expand;
mod parse;

use proc_macro::TokenStream;

/// Makes an actor of an `impl` block.
///
/// ```text
/// #[actor(name = "shop.counter")]          name: needed to be spawned from or sent to from other nodes
/// impl Counter {
///     async fn init(start: i64) -> Self                    makes the state; may take cx, may return Result
///     #[cast] fn add(&mut self, k: i64)                    one way; a Result's error ends the actor
///     #[call] fn get(&self) -> i64                         the return value is the reply
///     #[call] fn slow(&mut self, q: Query, reply: Reply<Answer>)     replies later
///     #[cast(when = is_open)] fn enter(&mut self, who: Guest)         waits until is_open(&self) is true
///     #[info] fn down(&mut self, down: Down)               events, by the type of the argument
///     async fn terminate(&mut self, reason: &ExitReason)   runs last
/// }
/// ```
///
/// Methods may be `async`, and may take `cx: &mut Cx<Self>`. For a type `Counter` this writes the
/// enum `CounterMessage` and the trait `CounterMethods`, whose methods stand on `Pid<Counter>`.
/// Options: `name = "…"`, `capacity = N` (messages in the mailbox), `overflow = DropOldest` (a variant
/// of `Overflow`: what happens when it is full), `thread = true` (it runs on a thread of its own and
/// may block), `spawnable = false` (reachable from other nodes, but started only here), `crate = path`
/// (where the runtime is).
#[proc_macro_attribute]
pub fn actor(options: TokenStream, item: TokenStream) -> TokenStream {
    let parsed = parse::actor(options.into(), item.into());
    let expanded = parsed.map(|actor| expand::actor(&actor));
    expanded.unwrap_or_else(|error| error.into_compile_error()).into()
}
