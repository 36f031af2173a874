//! The table itself.

use super::Run::{Later, Now};
use super::{Command, actors, caches, control, groups, inspect, methods, names, nodes, spawning};

macro_rules! commands {
    ($($run:ident $target:path: $name:literal $args:literal $about:literal;)*) => {
        &[$(Command {
            name: $name,
            args: $args,
            about: $about,
            run: commands!(@ $run $target),
        }),*]
    };
    (@ now $target:path) => { Now($target) };
    (@ later $target:path) => { Later(|session, words| Box::pin($target(session, words))) };
}

/// Every command, in the order in which `help` lists them.
#[rustfmt::skip]
pub(crate) const COMMANDS: &[Command] = commands! {
    now control::help: "help" "[COMMAND]" "lists the commands, or explains one";
    now nodes::node: "node" "" "this node: its name, incarnation and address";
    now nodes::nodes: "nodes" "[hidden|all]" "the connected nodes";
    later nodes::connect: "connect" "NODE [ADDR]" "connects to a node, at host:port";
    now nodes::disconnect: "disconnect" "NODE" "ends the session with a node";
    later nodes::monitor_nodes: "monitor-nodes" "" "has nodes that come and go told to this shell: see flush";
    later nodes::types: "types" "[NODE]" "the types that can be spawned there";
    now actors::me: "self" "" "the pid of this shell";
    later spawning::spawn: "spawn" "TYPE ARGS… [on NODE] [link] [monitor] [name NAME] [timeout MS]" "starts an actor, here or on another node";
    later actors::send: "send" "PID TEXT" "sends a text to a shell or a relay";
    later methods::cast: "cast" "PID METHOD ARGS…" "has an actor do something, without waiting";
    later methods::call: "call" "PID METHOD ARGS… [timeout MS]" "asks an actor, and gives its reply";
    later methods::run: "run" "NODE MS [timeout MS]" "runs a function on a node: it waits so long, and says where it ran";
    later actors::link: "link" "PID" "links this shell with an actor: its end comes as an Exit";
    later actors::unlink: "unlink" "PID" "ends a link";
    later actors::monitor: "monitor" "PID" "watches an actor: its end comes as a Down";
    later actors::demonitor: "demonitor" "REF" "ends a monitor; false if it had ended";
    later actors::exit: "exit" "PID REASON" "sends an exit: Normal, Shutdown, Killed, kill, or any text, which is an Error";
    later actors::kill: "kill" "PID" "kills an actor";
    later actors::flush: "flush" "" "gives and forgets what came into this shell's mailbox";
    later names::register: "register" "NAME PID" "gives an actor of this node a name on this node";
    now names::whereis: "whereis" "NAME" "who has a name on this node";
    now names::unregister: "unregister" "NAME" "takes a name of this node back; false if nobody had it";
    now names::list: "names" "" "the names of this node, and who has them";
    later names::global_register: "global register" "NAME PID [strong]" "gives an actor of this node a name in the cluster";
    now names::global_whereis: "global whereis" "NAME" "who has a name in the cluster";
    later names::global_unregister: "global unregister" "NAME" "takes a name of the cluster back";
    now names::global_list: "global names" "" "the names of the cluster, and who has them";
    now control::locks: "lock" "KEY" "not available yet";
    now control::locks: "unlock" "KEY" "not available yet";
    later groups::join: "group join" "GROUP [PID]" "makes an actor of this node a member; this shell if no other is named";
    later groups::leave: "group leave" "GROUP [PID]" "takes one join back";
    now groups::members: "group members" "GROUP" "the members on all connected nodes";
    now groups::local: "group local" "GROUP" "the members on this node";
    now groups::list: "group list" "" "the groups that have members";
    now groups::monitor: "group monitor" "GROUP" "the members now; changes then come as Joined and Left";
    now groups::send: "group send" "GROUP TEXT" "sends a text to every member: shells and relays";
    later caches::open: "cache open" "CACHE" "opens a cache: this node gets a replica";
    now caches::put: "cache put" "CACHE KEY JSON [ttl MS]" "sets a key, on this node at once";
    now caches::get: "cache get" "CACHE KEY" "reads a key, on this node";
    now caches::del: "cache del" "CACHE KEY" "removes a key; false if there was nothing";
    now caches::keys: "cache keys" "CACHE" "the keys";
    now caches::size: "cache size" "CACHE" "how many keys there are";
    now caches::watch: "cache watch" "CACHE [PREFIX]" "keys and values now; changes then come as CacheChanged";
    later inspect::tree: "tree" "[NODE]" "the supervision tree of a node";
    later inspect::info: "info" "PID" "what is known of an actor";
    later inspect::stats: "stats" "[NODE]" "the counts of a node";
    later control::sleep: "sleep" "MS" "waits";
    later control::wait: "await" "MS COMMAND == JSON" "repeats a command until it answers this, at most so long";
    now control::quit: "quit" "" "shuts this node down in order";
};
