//! The attributes `#[actor]`, which turns an `impl` block into an actor, and `#[remote]`, which makes a
//! function known to other nodes.
//!
//! `parse` reads the block and refuses what cannot be an actor, pointing at the line and saying what
//! to write; `expand` writes the message enum, the methods on the pid, and the trait impls.

#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "the syntax tree of Rust grows, and what is not asked for is refused as a whole"
)]

mod expand;
mod function;
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
///     #[cast] #[evolve(1)] fn sell(&mut self, what: Item, note: Option<String>)      see below
///     #[info] fn down(&mut self, down: Down)               events, by the type of the argument
///     async fn terminate(&mut self, reason: &ExitReason)   runs last
/// }
/// ```
///
/// `#[evolve(N)]` lets a method gain arguments: every version has the first N, with the same types, and
/// those behind them may be missing at the other end. There they are skipped, or made up by `Default`,
/// so their types are `Option<T>` or the like. One whose type was changed is refused with `BadMessage`.
/// The attribute has to be there from the first version on; `#[evolve]` takes all arguments as fixed.
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

/// Makes a function one that other nodes can run by its name.
///
/// ```text
/// #[remote(name = "shop.total")]
/// async fn total(cart: Vec<Item>, node: &Node) -> Result<u32, PriceError> { … }
/// ```
///
/// The function becomes a type without fields, `total`, that is also its only value:
/// `total::here(cart, &node)` calls the function as written, `node.on(&peer).run(total, cart)` runs it
/// on another node, and `.function(total)` on the builder of a node lets others run it there.
/// It may be `async`, and may take `node: &Node`, the node that it runs on; everything else is an
/// argument and travels, as does the output. A function that does not await blocks a thread of its
/// node while it computes.
///
/// Options: `name = "…"`, its stable name in the cluster; without it, the name of the package and of
/// the function, `package.total`, whatever module it stands in. `crate = path` (where the runtime is).
/// As of every constant, no local variable can be called like it.
#[proc_macro_attribute]
pub fn remote(options: TokenStream, item: TokenStream) -> TokenStream {
    let expanded = function::remote(options.into(), item.into());
    expanded.unwrap_or_else(|error| error.into_compile_error()).into()
}
