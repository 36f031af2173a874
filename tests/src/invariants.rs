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

pub mod conflict_once;
pub mod monitor_replay;
pub mod no_resurrection;
pub mod one_owner;
pub mod registry_agreement;
pub mod registry_own_writes;
