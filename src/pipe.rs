//! How nodes reach each other: what [`NodeBuilder::pipe`](crate::NodeBuilder::pipe) takes.
//!
//! All of them carry the same sessions, so what is promised is the same over each. `docs/pipes.md` has
//! more on certificates, proxies and files; a pipe of your own implements [`Pipe`].
//!
//! TCP is what a node uses without one. Nodes on one machine can do without ports:
//!
//! ```no_run
//! use starlings::pipe::UnixPipe;
//! use starlings::prelude::*;
//!
//! # async fn doc() -> Result<(), Box<dyn std::error::Error>> {
//! let builder = Node::builder("a@localhost").pipe(UnixPipe).cookie("secret");
//! let node = builder.listen("unix:/run/shop/a.sock").start().await?;
//! # Ok(()) }
//! ```
//!
//! In a network that others can read, TLS (feature `tls`), with certificates bound to names of nodes:
//!
#![cfg_attr(feature = "tls", doc = "```no_run")]
#![cfg_attr(not(feature = "tls"), doc = "```ignore")]
//! use starlings::pipe::{Binding, Credentials, TlsPipe};
//! use starlings::prelude::*;
//!
//! # async fn doc() -> Result<(), Box<dyn std::error::Error>> {
//! let credentials = Credentials::load("node.pem", "node.key", "ca.pem")?.bind(Binding::Node);
//! let builder = Node::builder("shop@h1").pipe(TlsPipe::new(credentials.clone())).cookie("secret");
//! let node = builder.listen("0.0.0.0:4040").peer("bank@h2", "10.0.0.2:4040").start().await?;
//! // When the files have changed; open connections stay as they are.
//! credentials.reload()?;
//! # Ok(()) }
//! ```
//!
//! The same over UDP, where connections outlive a change of address (feature `quic`):
//!
#![cfg_attr(feature = "quic", doc = "```no_run")]
#![cfg_attr(not(feature = "quic"), doc = "```ignore")]
//! use starlings::pipe::{Credentials, QuicPipe};
//! use starlings::prelude::*;
//!
//! # async fn doc() -> Result<(), Box<dyn std::error::Error>> {
//! let credentials = Credentials::load("node.pem", "node.key", "ca.pem")?;
//! let builder = Node::builder("shop@h1").pipe(QuicPipe::new(credentials)).cookie("secret");
//! let node = builder.listen("0.0.0.0:4040").start().await?;
//! # Ok(()) }
//! ```
//!
//! Where only HTTP passes, WebSocket (feature `websocket`; `wss://` with `tls` too):
//!
#![cfg_attr(feature = "websocket", doc = "```no_run")]
#![cfg_attr(not(feature = "websocket"), doc = "```ignore")]
//! use starlings::pipe::WebSocketPipe;
//! use starlings::prelude::*;
//!
//! # async fn doc() -> Result<(), Box<dyn std::error::Error>> {
//! let pipe = WebSocketPipe::new().proxy("proxy.example.org:3128");
//! let builder = Node::builder("shop@h1").pipe(pipe).cookie("secret");
//! let node = builder.peer("bank@h2", "ws://example.org/cluster/bank").start().await?;
//! # Ok(()) }
//! ```

pub use starlings_transport::pipe::*;
