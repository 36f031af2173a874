//! The properties that simulated runs are checked against, one a file.
//!
//! | property | source | file |
//! |---|---|---|
//! | connected nodes see the union of their live facts | semantics, Groups; pg, "strong eventual" | `registry_agreement` |
//! | what is dead or down is not seen, and does not come back | design D9; `pg_SUITE` netsplits | `no_resurrection` |
//! | one owner of a name, the same everywhere | semantics, Names; `global_SUITE` partitions | `one_owner` |
//! | a loser learns of its conflict, once | semantics, Names; horde `registry_test` | `conflict_once` |
//! | events play back to the view, without gap or double | semantics, Groups; `pg:monitor/2` | `monitor_replay` |
//! | a node reads its own writes | semantics, Names | `registry_own_writes` |
//! | all replicas hold the same map and have seen the same | semantics, Cache; `causal_crdt_test` | `cache_agreement` |
//! | nothing a live replica held is lost, nothing replaced comes back | semantics, Cache; `delta_crdt_ex` #65 | `cache_oracle` |
//! | the context has no gaps but those left by dead replicas | design D12 | `context_bounded` |
//! | events play back to the map; own writes show at once | semantics, Cache; `delta_subscriber_test` | `cache_events` |

pub mod cache_agreement;
pub mod cache_events;
pub mod cache_oracle;
pub mod conflict_once;
pub mod context_bounded;
pub mod monitor_replay;
pub mod no_resurrection;
pub mod one_owner;
pub mod registry_agreement;
pub mod registry_own_writes;
